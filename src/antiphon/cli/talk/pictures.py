"""A picture in a terminal: two pixels to a character, upper and lower half. Needs Pillow, and does without it."""

from __future__ import annotations

import base64
import binascii
import functools
import io
from typing import Any

from rich.color import Color
from rich.style import Style
from rich.text import Text

WIDTH, MOST_ROWS = 28, 8
"""Columns and rows of text at most."""

_HALF = "▀"
_MOST_PIXELS = 40_000_000


@functools.lru_cache(maxsize=32)
def thumbnail(url: str, *, paper: str) -> Text | None:
    """The picture behind a data URL, small; None where it cannot be drawn. paper: the colour behind what is clear."""
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    _, _, data = url.partition(";base64,")
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("RGB", (WIDTH * 2, MOST_ROWS * 4))
            image.thumbnail((WIDTH, MOST_ROWS * 2))
            small = Image.new("RGB", image.size, paper)
            clear = image.convert("RGBA")
            small.paste(clear, mask=clear)
    except (OSError, ValueError, binascii.Error, Image.DecompressionBombError):
        return None
    return _halves(small)


def _halves(image: Any) -> Text:
    text = Text(end="")
    pixels = image.load()
    for y in range(0, image.height - image.height % 2, 2):
        if y:
            text.append("\n")
        for x in range(image.width):
            upper, lower = pixels[x, y], pixels[x, y + 1]
            text.append(_HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
    return text
