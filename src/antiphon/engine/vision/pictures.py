"""A data URL to a decoded picture of bounded size. Pure work on bytes, for a worker thread; nothing is fetched."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from PIL import Image, ImageFile, UnidentifiedImageError

from antiphon.errors import StageError

LARGEST_FILE: Final = 20 * 1024 * 1024
"""Bytes of an encoded picture."""
LARGEST_PICTURE: Final = 40_000_000
"""Pixels of a picture as it says it has; decoding one takes some four bytes each."""
WORKING_EDGE: Final = 1600
"""Pixels of the longer edge that is measured; larger pictures are scaled down to it."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
_EXIF_ORIENTATION: Final = 0x0112
_TURNS: Final = {  # EXIF 2.32, orientation: how to turn the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE: Final = frozenset(turn for orientation, turn in _TURNS.items() if orientation >= 5)
_DATA_URL: Final = re.compile(r"data:(?P<kind>[^;,]*)(?P<parameters>(?:;[^;,]*)*),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, upright.

    width, height: pixels of the original, upright. image: RGB, or RGBA when something shines through, its longer edge
    at most WORKING_EDGE. animated: it is the first frame of several.
    """

    width: int
    height: int
    image: Image.Image
    animated: bool = False


def read_picture(url: str) -> Picture:
    """Decode a data URL. Raises StageError in plain words for everything that is not a whole picture of sane size."""
    data = _bytes_of(url)
    try:
        with Image.open(io.BytesIO(data), formats=_available(_FORMATS)) as opened:
            return _decoded(opened)
    except StageError:
        raise
    except UnidentifiedImageError:
        raise StageError("This is not a picture in a format that can be read here (JPEG, PNG, WebP, GIF).") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise StageError("The picture is too large to be looked at.") from None
    except Exception:  # noqa: BLE001 - decoders raise anything on broken data (struct.error, IndexError, …)
        raise StageError("The picture is broken or cut off: it could not be decoded.") from None


def _bytes_of(url: str) -> bytes:
    found = _DATA_URL.match(url)
    if found is None:
        if url[:8].casefold().startswith(("http:", "https:")):
            raise StageError(
                "The picture is only linked to, and nothing is fetched from the web here; send it as a data URL."
            )
        raise StageError("The picture must come as a data URL, such as data:image/jpeg;base64,…")
    kind = found["kind"].casefold()
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        raise StageError("The data that was sent is not a picture.")
    if len(url) > LARGEST_FILE * 4 // 3 + 200:
        raise StageError(f"The picture's file is larger than {LARGEST_FILE // 1024 // 1024} megabytes.")
    body = url[found.end() :]
    if ";base64" not in found["parameters"].casefold():
        data = unquote_to_bytes(body)
    else:
        # White space and the URL alphabet are what real senders get wrong, and both are harmless.
        plain = re.sub(r"\s+", "", body).replace("-", "+").replace("_", "/").replace("%2B", "+").replace("%3D", "=")
        try:
            data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise StageError("The picture's data is not valid base64.") from None
    if not data:
        raise StageError("The picture is empty.")
    return data


def _available(formats: tuple[str, ...]) -> list[str]:
    Image.init()
    return [name for name in formats if name in Image.OPEN]


def _decoded(opened: ImageFile.ImageFile) -> Picture:
    width, height = opened.size
    if width * height > LARGEST_PICTURE:
        raise StageError(f"The picture is too large to be looked at ({width} by {height} pixels).")
    turn = _TURNS.get(_orientation(opened))
    animated = bool(getattr(opened, "is_animated", False))
    # A JPEG is decoded at a fraction of its size where that is enough.
    opened.draft("RGB", (WORKING_EDGE, WORKING_EDGE))
    opened.load()
    shines_through = "A" in opened.getbands() or "transparency" in opened.info
    eight_bit = _eight_bit(opened) if opened.mode.startswith(("I", "F")) else opened
    image = eight_bit.convert("RGBA" if shines_through else "RGB")
    image.thumbnail((WORKING_EDGE, WORKING_EDGE), Image.Resampling.BOX)
    if turn is not None:
        image = image.transpose(turn)
        if turn in _ON_ITS_SIDE:
            width, height = height, width
    return Picture(width, height, image, animated)


def _orientation(opened: ImageFile.ImageFile) -> int:
    """The EXIF orientation, 1 when there is none; broken EXIF does not spoil a whole picture."""
    try:
        return int(opened.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - the EXIF parser raises anything on broken data
        return 1


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit and float pictures scaled into eight bits; a plain conversion would clip them to white."""
    low, high = image.convert("F").getextrema()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return image
    scale = 255.0 / (high - low) if high > low else 0.0
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
