"""A WAV file read while it arrives: the rate from its header, then its samples. No other encodings than int16 PCM."""

from __future__ import annotations

import struct
from typing import Final

_LONGEST_HEADER: Final = 1 << 16
_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE


class WaveError(ValueError):
    """It is no WAV file, or not one of int16 PCM."""


class WaveStream:
    """Bytes in, samples out. `rate` is None until the header has come (Hz), and `channels` too.

    Streaming servers write a length of 0 or of 4 GB into the header, as they do not know it: 0 counts as "to the end".
    """

    def __init__(self) -> None:
        self.rate: int | None = None
        self.channels = 1
        self._waiting = bytearray()
        self._left: int | None = None  # bytes of samples still to come, None until they begin

    def feed(self, data: bytes) -> bytes:
        """Returns what there is of samples, interleaved. Raises WaveError."""
        self._waiting += data
        if self._left is None and not self._read_header():
            if len(self._waiting) > _LONGEST_HEADER:
                raise WaveError("its header has no end")
            return b""
        assert self._left is not None
        samples = bytes(self._waiting[: self._left])
        self._left -= len(samples)
        self._waiting.clear()  # what follows the samples are notes about the file
        return samples

    def _read_header(self) -> bool:
        waiting = self._waiting
        if len(waiting) < 12:
            return False
        if waiting[:4] != b"RIFF" or waiting[8:12] != b"WAVE":
            raise WaveError("it does not begin like a WAV file")
        at = 12
        while len(waiting) >= at + 8:
            name, size = struct.unpack_from("<4sI", waiting, at)
            if name == b"data":
                if self.rate is None:
                    raise WaveError("it has samples before their format")
                del waiting[: at + 8]
                self._left = size or 1 << 62
                return True
            if len(waiting) < at + 8 + size:
                return False
            if name == b"fmt ":
                self._read_format(bytes(waiting[at + 8 : at + 8 + size]))
            at += 8 + size + size % 2
        return False

    def _read_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise WaveError("its format is cut off")
        encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
        if encoding not in {_PCM, _EXTENSIBLE} or bits != 16 or not channels or not 4_000 <= rate <= 192_000:
            raise WaveError(
                f"it has {bits} bits for a sample, {rate} Hz and {channels} channels in encoding {encoding}"
            )
        self.rate, self.channels = rate, channels
