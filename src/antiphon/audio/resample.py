"""Sample rate conversion of int16 mono PCM, streaming and in one go. The filter is soxr's; nothing else lives here.

numpy and soxr are imported when a resampler is opened, not when this module is: the core install has neither.
"""

from __future__ import annotations

from typing import Any, Final

from antiphon.errors import StageUnavailable

_QUALITY: Final = "HQ"


class Resampler:
    """A stream of PCM at one rate turned into a stream at another. Belongs to one stream; not for two threads at once.

    The filter holds some samples back (about 10 to 20 ms); `flush` gives the rest and starts the stream anew. Half a
    sample at the end of a block is kept for the next one. With equal rates the bytes pass through as they are.

    from_rate, to_rate: Hz. Raises StageUnavailable when numpy or soxr is missing, ValueError for a rate that is not
    positive.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        if from_rate <= 0 or to_rate <= 0:
            raise ValueError(f"sample rates must be positive, not {from_rate} and {to_rate}")
        self.from_rate: Final = from_rate
        self.to_rate: Final = to_rate
        self._half = b""
        self._stream: Any = None
        if from_rate != to_rate:
            self._numpy, soxr = _libraries()
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality=_QUALITY)

    def feed(self, pcm: bytes) -> bytes:
        """Take a block of int16 PCM of any length, return what is ready at the new rate (possibly nothing)."""
        if self._half:
            pcm = self._half + pcm
        whole = len(pcm) & ~1
        self._half, pcm = pcm[whole:], pcm[:whole]
        if self._stream is None or not pcm:
            return pcm
        return self._run(pcm, last=False)

    def flush(self) -> bytes:
        """Return what the filter still holds, and begin anew. Half a sample left over is dropped."""
        self._half = b""
        if self._stream is None:
            return b""
        rest = self._run(b"", last=True)
        self._stream.clear()
        return rest

    def _run(self, pcm: bytes, *, last: bool) -> bytes:
        out = self._stream.resample_chunk(self._numpy.frombuffer(pcm, dtype="<i2"), last=last)
        return bytes(out.astype("<i2", copy=False).tobytes())


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole piece of int16 mono PCM; the result has round(samples * to_rate / from_rate) samples."""
    if len(pcm) % 2:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of int16 samples")
    resampler = Resampler(from_rate, to_rate)
    return resampler.feed(pcm) + resampler.flush()


def _libraries() -> tuple[Any, Any]:
    try:
        import numpy as np  # noqa: PLC0415 -- only those who resample need it
        import soxr  # noqa: PLC0415
    except ImportError as error:
        raise StageUnavailable(
            f"resampling audio needs the Python package {error.name}: install antiphon with its [local] extra"
        ) from error
    return np, soxr
