"""Pictures from files, as they are shown to the other side."""

from __future__ import annotations

from pathlib import Path

from antiphon.errors import ConfigurationError

MOST_PHOTO_BYTES = 20 * 2**20


def read_photo(path: Path) -> bytes:
    """A picture's file. Raises ConfigurationError, in words for people."""
    try:
        if path.stat().st_size > MOST_PHOTO_BYTES:
            raise ConfigurationError(f"{path} is larger than {MOST_PHOTO_BYTES // 2**20} MB.")
        image = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None
    if not image.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise ConfigurationError(f"{path} is no PNG or JPEG picture.")
    return image
