"""Pictures made to fit what a transport carries. Pure but for Pillow, which is loaded when a picture is too large."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from typing import Final

from antiphon.errors import LocalProtocolError

LARGEST_SIDE: Final = 1024
"""Pixels. Models look at no more than about this."""

_REST_BYTES: Final = 2048
"""What an event with a picture holds besides it, a question of usual length included."""


async def fitting(image: bytes | str, max_event_bytes: int | None) -> bytes | str:
    """The picture, small enough to be sent in one event. image: a PNG or JPEG file, or its data URL.

    A data channel that is given more than it carries closes without a word (`protocol.md` A.7). Raises
    LocalProtocolError for one that is too large where Pillow is not installed, or that cannot be read.
    """
    if max_event_bytes is None:
        return image
    most = (max_event_bytes - _REST_BYTES) * 3 // 4
    size = len(image) if isinstance(image, bytes) else len(image) * 3 // 4
    if size <= most:
        return image
    return await asyncio.to_thread(_smaller, _bytes_of(image), most)


def _smaller(image: bytes, most: int) -> bytes:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - an extra, and only for large pictures
    except ImportError:
        raise LocalProtocolError(
            f"This picture has {len(image)} bytes and the connection carries {most} in one event. Make it smaller, or"
            " install Pillow, which does that: pip install Pillow."
        ) from None
    try:
        with Image.open(io.BytesIO(image)) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise LocalProtocolError("An image must be a PNG or JPEG file, or a data URL of one.") from None
    side = LARGEST_SIDE
    while side >= 64:
        picture.thumbnail((side, side))
        for quality in (85, 70, 50):
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality)
            if out.tell() <= most:
                return out.getvalue()
        side = side * 3 // 4
    raise LocalProtocolError(f"This picture cannot be made to fit into {most} bytes.")


def _bytes_of(image: bytes | str) -> bytes:
    if isinstance(image, bytes):
        return image
    try:
        return base64.b64decode(image.partition(",")[2], validate=True)
    except binascii.Error:
        raise LocalProtocolError("An image must be a PNG or JPEG file, or a data URL of one.") from None
