"""Draws the page's icons from its mark, `src/antiphon/web/icon.svg`: run it after the mark has changed.

PNG files for what cannot take SVG: the installed app (plain and maskable) and iOS's home screen.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image, ImageDraw

WEB = Path(__file__).resolve().parent.parent / "src" / "antiphon" / "web"
PAPER = "#FBFAF7"
BOX = 32  # of the mark's viewBox
OVERSAMPLING = 8
STEPS = 400


def arcs(svg: str) -> tuple[float, list[tuple[str, list[float]]]]:
    """The mark's stroke width, and each arc's colour and quadratic curve (x0 y0 x1 y1 x2 y2)."""
    width = re.search(r'stroke-width="([\d.]+)"', svg)
    found = re.findall(r'stroke="(#\w+)" d="M([\d. ]+)Q([\d. ]+)"', svg)
    if width is None or len(found) != 2:
        raise SystemExit("icon.svg is no longer two arcs: draw it anew here too.")
    return float(width[1]), [(colour, [float(n) for n in f"{start} {curve}".split()]) for colour, start, curve in found]


def draw(size: int, *, mark: float, paper: str | None) -> Image.Image:
    """The mark in a square of `size` pixels. mark: its share of the square; paper: None for a transparent ground."""
    large = size * OVERSAMPLING
    image = Image.new("RGBA", (large, large), paper or "#00000000")
    pen = ImageDraw.Draw(image)
    scale = large * mark / BOX
    offset = large * (1 - mark) / 2
    width, curves = arcs((WEB / "icon.svg").read_text(encoding="utf-8"))
    radius = width * scale / 2
    for colour, (x0, y0, x1, y1, x2, y2) in curves:
        for step in range(STEPS + 1):
            t = step / STEPS
            x = offset + scale * ((1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t**2 * x2)
            y = offset + scale * ((1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t**2 * y2)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    icons = WEB / "icons"
    icons.mkdir(exist_ok=True)
    wanted = {
        "icon-192": draw(192, mark=0.86, paper=None),
        "icon-512": draw(512, mark=0.86, paper=None),
        # A system cuts its own shape out of these: the mark stays within the middle 80 % (W3C: the safe zone).
        "maskable-192": draw(192, mark=0.62, paper=PAPER).convert("RGB"),
        "maskable-512": draw(512, mark=0.62, paper=PAPER).convert("RGB"),
        "apple-touch-icon": draw(180, mark=0.66, paper=PAPER).convert("RGB"),
    }
    for name, image in wanted.items():
        image.save(icons / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
