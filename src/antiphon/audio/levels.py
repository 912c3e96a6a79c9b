"""How loud a block of PCM is. Numbers only: whether that is speech is a detector's business."""

from __future__ import annotations

import math
import operator
import sys
from array import array
from typing import Final

FULL_SCALE: Final = 32768.0

SILENCE_DBFS: Final = -100.0
"""What `rms_dbfs` returns for digital silence and for no samples at all; a single bit of noise is about -90."""


def rms_dbfs(pcm: bytes) -> float:
    """Root mean square of int16 PCM in dB relative to full scale: 0.0 is a full-scale square wave, never below -100."""
    samples = _samples(pcm)
    if not samples:
        return SILENCE_DBFS
    power = sum(map(operator.mul, samples, samples)) / len(samples)
    if power == 0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 10.0 * math.log10(power / (FULL_SCALE * FULL_SCALE)))


def peak(pcm: bytes) -> float:
    """The largest magnitude in int16 PCM, 0.0 to 1.0."""
    samples = _samples(pcm)
    if not samples:
        return 0.0
    highest, lowest = max(samples), min(samples)
    return max(highest, -lowest) / FULL_SCALE


def _samples(pcm: bytes) -> array[int]:
    if len(pcm) % 2:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of int16 samples")
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
