"""WAV files of any rate, width and number of channels, as 24 kHz mono. Only the resampling needs more than Python.

`audio/wav.py` reads what our own tools write; here is what people have on disk.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from antiphon.audio import PCM_RATE, resample
from antiphon.audio.wav import UnreadableAudio
from antiphon.client.audio.errors import AudioUnavailable
from antiphon.errors import StageUnavailable

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_MOST_CHANNELS: Final = 64


def read_speech(source: Path | bytes) -> bytes:
    """A WAV file (a path, or its bytes) as int16 mono PCM at 24 kHz; several channels are mixed.

    Integers of 8 to 32 bits and floats of 32 and 64 are known. Raises UnreadableAudio for anything else, OSError where
    there is no such file, AudioUnavailable where a file needs resampling and the [audio] extra is not installed.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    chunks = dict(_chunks(data))
    layout, samples = chunks.get(b"fmt "), chunks.get(b"data")
    if layout is None or len(layout) < 16 or samples is None:
        raise UnreadableAudio("not a WAV file: it has no format, or no data")
    kind, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", layout)
    if kind == _EXTENSIBLE and len(layout) >= 26:
        (kind,) = struct.unpack_from("<H", layout, 24)
    if not 0 < channels <= _MOST_CHANNELS or not rate or frame_bytes != channels * ((bits + 7) // 8):
        raise UnreadableAudio(f"a WAV file of {channels} channels at {rate} Hz, {bits} bits: that cannot be")
    samples = samples[: len(samples) // frame_bytes * frame_bytes]
    mono = _mixed(_as_int16(samples, kind, bits), channels)
    try:
        return resample(mono, rate, PCM_RATE)
    except StageUnavailable as error:
        raise AudioUnavailable(
            f"A WAV file at {rate} Hz has to be resampled: install antiphon with its [audio] extra, or convert it to "
            f"{PCM_RATE} Hz."
        ) from error


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file; of two with one name the later counts. The last may be cut off."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UnreadableAudio("not a WAV file: it does not begin like one")
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _as_int16(samples: bytes, kind: int, bits: int) -> bytes:
    if kind == _FLOAT and bits in (32, 64):
        values = array("f" if bits == 32 else "d", samples)
        if sys.byteorder == "big":
            values.byteswap()
        # `not >` and `not <`, so that what is no number becomes silence.
        scaled = (0 if value != value else round(32767 * max(-1.0, min(1.0, value))) for value in values)  # noqa: PLR0124
        return _little_endian(array("h", scaled))
    width = (bits + 7) // 8
    if kind != _PCM or width not in (1, 2, 3, 4):
        raise UnreadableAudio(f"a WAV file in the encoding {kind} of {bits} bits: only integers and floats can be read")
    if width == 2:
        return samples
    out = bytearray(2 * (len(samples) // width))
    if width == 1:
        out[1::2] = samples.translate(_UNSIGNED_TO_SIGNED)
    else:
        # The two upper bytes of each sample; what is below is not heard.
        out[0::2] = samples[width - 2 :: width]
        out[1::2] = samples[width - 1 :: width]
    return bytes(out)


_UNSIGNED_TO_SIGNED: Final = bytes(value ^ 0x80 for value in range(256))


def _mixed(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    frames = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return _little_endian(array("h", (sum(frame) // channels for frame in frames)))


def _little_endian(samples: array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
