"""Between a device's rate and 24 kHz, with as little delay as can be: sound in real time, not files.

soxr's filter works on whole blocks of its own, so that it holds up to 38 ms back at either end, unevenly. Most devices
that cannot do 24 kHz do 48: for those a short filter of our own holds back under one millisecond.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

from antiphon.audio import Resampler
from antiphon.client.audio.errors import AudioUnavailable

_TAPS: Final = 63
_KAISER_BETA: Final = 6.0
"""With so many taps: flat to 10 kHz, and 60 dB down from 14 kHz on."""


class Converter(Protocol):
    """A stream of int16 mono PCM at one rate, turned into one at another."""

    def feed(self, pcm: bytes) -> bytes: ...


def open_converter(from_rate: int, to_rate: int) -> Converter:
    """The converter of least delay. Raises AudioUnavailable or StageUnavailable where what it needs is missing."""
    if to_rate == 2 * from_rate:
        return Doubler()
    if from_rate == 2 * to_rate:
        return Halver()
    return Resampler(from_rate, to_rate)


class Doubler:
    """Twice as many samples. Belongs to one stream."""

    def __init__(self) -> None:
        self._numpy = _library()
        response = 2 * _low_pass(self._numpy)
        self._even, self._odd = response[0::2], response[1::2]
        self._past = self._numpy.zeros(len(self._even) - 1, dtype="float32")

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples, return twice as many."""
        if not pcm:
            return b""
        np = self._numpy
        samples = np.concatenate([self._past, np.frombuffer(pcm, dtype="<i2").astype("float32")])
        out = np.empty(len(pcm), dtype="float32")
        out[0::2] = np.convolve(samples, self._even, "valid")
        # One tap fewer, so one sample of the past fewer.
        out[1::2] = np.convolve(samples[1:], self._odd, "valid")
        self._past = samples[len(samples) - len(self._past) :]
        return _int16(np, out)


class Halver:
    """Half as many samples. Belongs to one stream."""

    def __init__(self) -> None:
        self._numpy = _library()
        self._response = _low_pass(self._numpy)
        self._past = self._numpy.zeros(_TAPS - 1, dtype="float32")

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples, return half as many; an odd one waits for the next."""
        np = self._numpy
        samples = np.concatenate([self._past, np.frombuffer(pcm, dtype="<i2").astype("float32")])
        new = (len(samples) - _TAPS + 1) // 2
        out = np.zeros(new, dtype="float32")
        if new:
            # Only the samples that stay are computed: the even and the odd taps on every other sample.
            for phase in (0, 1):
                # Aligned so that output n sees the samples 2n to 2n + taps.
                part = samples[phase : phase + 2 * new + _TAPS - 1 : 2]
                taps = self._response[phase::2]
                out += np.convolve(part[: new + len(taps) - 1], taps[::-1], "valid")
        self._past = samples[2 * new :]
        return _int16(np, out)


def _low_pass(np: Any) -> Any:
    """A windowed sinc that passes the lower half of the band; its taps add up to one."""
    n = np.arange(_TAPS) - (_TAPS - 1) / 2
    response = np.sinc(n / 2) * np.kaiser(_TAPS, _KAISER_BETA)
    return (response / math.fsum(response)).astype("float32")


def _int16(np: Any, samples: Any) -> bytes:
    return bytes(np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes())


def _library() -> Any:
    try:
        import numpy as np  # noqa: PLC0415 -- only those who open a device need it
    except ImportError as error:
        raise AudioUnavailable(
            f"Sound devices need the Python package {error.name}: install antiphon with its [audio] extra."
        ) from error
    return np
