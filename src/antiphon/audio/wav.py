"""WAV files of int16 PCM, read and written as bytes. No other encodings, and no resampling."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import AntiphonError


class UnreadableAudio(AntiphonError):
    """A WAV file that is none, or holds something else than int16 PCM."""


@dataclass(frozen=True, slots=True)
class Recording:
    """pcm: int16 little-endian mono at `sample_rate` Hz."""

    pcm: bytes
    sample_rate: int


def read_wav(source: Path | bytes) -> Recording:
    """Read a WAV file (a path, or its bytes); of several channels only the first is kept. Raises UnreadableAudio."""
    try:
        with wave.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise UnreadableAudio(f"not a WAV file of PCM: {error}") from error
    if width != 2:
        raise UnreadableAudio(f"a WAV file of {8 * width}-bit samples: only 16-bit ones can be read")
    if channels > 1:
        mono = bytearray(len(pcm) // channels)
        mono[0::2] = pcm[0 :: 2 * channels]
        mono[1::2] = pcm[1 :: 2 * channels]
        pcm = bytes(mono)
    return Recording(pcm, rate)


def wav_bytes(pcm: bytes, sample_rate: int, *, channels: int = 1) -> bytes:
    """A WAV file with the given int16 PCM, its channels' samples in turn."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm)
    return buffer.getvalue()
