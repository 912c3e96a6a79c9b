"""What can be measured in a decoded picture: light, contrast, sharpness, colours. Pure functions on numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float64]
"""RGB, shape (height, width, 3), 0.0 to 1.0."""

_NAMED: Final[dict[str, tuple[tuple[int, int, int], ...]]] = {
    "black": ((0, 0, 0), (30, 30, 32)),
    "gray": ((128, 128, 128), (80, 82, 84), (180, 182, 184)),
    "white": ((255, 255, 255), (236, 238, 240)),
    "red": ((210, 30, 35), (150, 15, 25)),
    "orange": ((245, 130, 30), (225, 105, 40)),
    "yellow": ((250, 220, 50), (230, 200, 20)),
    "green": ((40, 150, 60), (110, 180, 70), (20, 80, 40)),
    "turquoise": ((40, 190, 190), (20, 130, 130)),
    "blue": ((40, 80, 200), (110, 170, 230), (20, 35, 110), (0, 0, 128), (0, 0, 255)),
    "purple": ((125, 50, 165), (85, 30, 110)),
    "pink": ((245, 130, 180), (235, 60, 140)),
    "brown": ((120, 75, 40), (80, 50, 30), (160, 115, 75)),
    "beige": ((225, 205, 175), (200, 175, 145)),
}
_LEAST_SHARE: Final = 0.12
_MOST_COLOURS: Final = 3
_SAMPLE_EDGE: Final = 160


@dataclass(frozen=True, slots=True)
class Measures:
    """brightness: mean lightness 0.0 to 1.0. contrast: between the 5th and 95th percentile of lightness, 0.0 to 1.0.
    sharpness: the step of the sharpest edge that crosses a quarter of the picture, 0.0 to 1.0. colours: names with
    their share of the area, largest first. colourless: no pixel of note has a hue. drawn: few exact colours in large
    even areas, as in a screenshot or a drawing and hardly ever in a photo. uniform: one single colour."""

    brightness: float
    contrast: float
    sharpness: float
    colours: tuple[tuple[str, float], ...]
    colourless: bool
    drawn: bool
    uniform: bool


def measure(pixels: Pixels) -> Measures:
    """Measure RGB pixels of any size above zero."""
    down, across = (-(-edge // _SAMPLE_EDGE) for edge in pixels.shape[:2])
    sample = pixels[down // 2 :: down, across // 2 :: across].reshape(-1, 3)
    lab = to_lab(sample)
    lightness = lab[:, 0] / 100.0
    low, high = np.percentile(lightness, [5, 95])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return Measures(
        brightness=float(lightness.mean()),
        contrast=float(high - low),
        sharpness=_sharpness(pixels),
        colours=_colours(lab),
        colourless=bool(np.percentile(chroma, 99) < 6.0),
        drawn=_drawn(pixels),
        uniform=bool(np.ptp(sample, axis=0).max() < 0.02),
    )


def to_lab(rgb: Pixels) -> Pixels:
    """sRGB (…, 3) in 0..1 to CIE L*a*b* under D65 (IEC 61966-2-1, CIE 15)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    shaped = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = shaped[..., 0], shaped[..., 1], shaped[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _colours(lab: Pixels) -> tuple[tuple[str, float], ...]:
    names = [name for name, samples in _NAMED.items() for _ in samples]
    references = to_lab(
        np.array([sample for samples in _NAMED.values() for sample in samples], dtype=np.float64) / 255.0
    )
    difference = lab[:, None, :] - references[None, :, :]
    difference[..., 0] *= 0.6  # the hue names a colour more than its lightness does
    nearest = np.argmin((difference**2).sum(axis=-1), axis=1)
    shares: dict[str, float] = {}
    for index, count in zip(*np.unique(nearest, return_counts=True), strict=True):
        shares[names[index]] = shares.get(names[index], 0.0) + float(count) / len(lab)
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return tuple((name, share) for name, share in ranked[:_MOST_COLOURS] if share >= _LEAST_SHARE)


def _sharpness(pixels: Pixels) -> float:
    gray = pixels @ np.array([0.299, 0.587, 0.114])
    if min(gray.shape) < 3:
        return 1.0
    steps = np.concatenate([np.abs(np.diff(gray, axis=1)).ravel(), np.abs(np.diff(gray, axis=0)).ravel()])
    # One sharp edge across a quarter of the picture is enough to call it sharp.
    rank = min(len(steps), max(gray.shape) // 4 + 1)
    return float(np.partition(steps, -rank)[-rank])


def _drawn(pixels: Pixels) -> bool:
    """Most neighbours exactly alike, and few colours that make up almost everything. Noise alone rules a photo out."""
    if min(pixels.shape[:2]) < 64:
        return False
    alike = float((np.abs(np.diff(pixels, axis=1)).max(axis=-1) == 0.0).mean())
    if alike <= 0.75:
        return False  # counting the colours is the dear part
    packed = (pixels * 255).astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    counts = np.sort(np.unique(packed, return_counts=True)[1])[::-1]
    return float(counts[:16].sum()) / packed.size > 0.8
