"""The audio formats of the Realtime API's `audio.input.format` and `audio.output.format`, to and from 24 kHz PCM.

`audio/pcm` is int16 little-endian mono at 24 kHz, `audio/pcmu` and `audio/pcma` are G.711 at 8 kHz. Base64 is not
decoded here. Only the G.711 formats need the resampler, and so numpy and soxr (the `[local]` extra).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from antiphon.audio import g711
from antiphon.audio.resample import Resampler
from antiphon.errors import LocalProtocolError

PCM_RATE: Final = 24_000
"""Hz: the rate of `audio/pcm`, and of all PCM inside the house."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One wire format: its name, its rate in Hz, bytes a millisecond, and how to go from and to PCM at that rate."""

    name: str
    sample_rate: int
    bytes_per_ms: int
    to_pcm: Callable[[bytes], bytes] | None
    from_pcm: Callable[[bytes], bytes] | None


WIRE_FORMATS: Final[Mapping[str, WireFormat]] = {
    "audio/pcm": WireFormat("audio/pcm", PCM_RATE, 48, None, None),
    "audio/pcmu": WireFormat("audio/pcmu", 8_000, 8, g711.ulaw_to_pcm, g711.pcm_to_ulaw),
    "audio/pcma": WireFormat("audio/pcma", 8_000, 8, g711.alaw_to_pcm, g711.pcm_to_alaw),
}


class FormatDecoder:
    """A stream of bytes in one wire format, decoded to 24 kHz PCM. Belongs to one input stream."""

    def __init__(self, wire_format: WireFormat) -> None:
        self.format: Final = wire_format
        self._half = b""
        self._resampler = None if wire_format.to_pcm is None else Resampler(wire_format.sample_rate, PCM_RATE)

    @property
    def bytes_per_ms(self) -> int:
        """Bytes of this format that last one millisecond: 48 or 8."""
        return self.format.bytes_per_ms

    def decode(self, data: bytes) -> bytes:
        """Decode the next bytes; an odd byte at a block's end waits for its other half in the next block."""
        if self.format.to_pcm is not None and self._resampler is not None:
            return self._resampler.feed(self.format.to_pcm(data))
        if self._half:
            data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return data[:whole]

    def flush(self) -> bytes:
        """Return what the resampler still holds, and begin anew; half a sample left over is dropped."""
        self._half = b""
        return b"" if self._resampler is None else self._resampler.flush()


class FormatEncoder:
    """A stream of 24 kHz PCM, encoded to one wire format. Belongs to one output stream."""

    def __init__(self, wire_format: WireFormat) -> None:
        self.format: Final = wire_format
        self._half = b""
        self._resampler = None if wire_format.from_pcm is None else Resampler(PCM_RATE, wire_format.sample_rate)

    @property
    def bytes_per_ms(self) -> int:
        """Bytes of this format that last one millisecond: 48 or 8."""
        return self.format.bytes_per_ms

    def encode(self, pcm: bytes) -> bytes:
        """Encode the next 24 kHz PCM; what is less than a sample waits for the next block."""
        if self.format.from_pcm is not None and self._resampler is not None:
            return self.format.from_pcm(self._resampler.feed(pcm))
        if self._half:
            pcm = self._half + pcm
        whole = len(pcm) & ~1
        self._half = pcm[whole:]
        return pcm[:whole]

    def flush(self) -> bytes:
        """Return the stream's end, and begin anew; half a sample left over is dropped."""
        self._half = b""
        if self.format.from_pcm is None or self._resampler is None:
            return b""
        return self.format.from_pcm(self._resampler.flush())


def open_decoder(name: str) -> FormatDecoder:
    """A decoder of the wire format `name`. Raises LocalProtocolError for an unknown name, StageUnavailable where a
    G.711 format is asked for without numpy and soxr."""
    return FormatDecoder(_find(name))


def open_encoder(name: str) -> FormatEncoder:
    """An encoder of the wire format `name`; raises as `open_decoder` does."""
    return FormatEncoder(_find(name))


def _find(name: str) -> WireFormat:
    found = WIRE_FORMATS.get(name)
    if found is None:
        raise LocalProtocolError(f"no audio format {name!r}: it is one of {', '.join(WIRE_FORMATS)}")
    return found
