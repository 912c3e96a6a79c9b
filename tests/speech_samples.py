"""Speech for tests, made with our own embedded voice (so that no Debian package and no recording is needed).

Also the folder of real recordings, where there is one. All PCM is int16 mono at 24 kHz, as between session and stages.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from antiphon.audio import resample
from antiphon.audio.wav import read_wav, wav_bytes
from antiphon.engine.stages import SAMPLE_RATE, StageOptions
from antiphon.engine.tts.espeak import open_synthesizer

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
NO_CLIPS = f"no folder of real recordings at {CLIPS}"


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of a real person. pcm: 24 kHz. transcript: lower case words."""

    name: str
    transcript: str
    pcm: bytes


async def say(text: str, voice: str = "alloy", *, speed: float = 1.0) -> bytes:
    """Speak the text with the embedded voice; 24 kHz PCM, without the trailing pause's exact zeros being touched."""
    synthesizer = open_synthesizer(StageOptions())
    try:
        return b"".join([chunk.pcm async for chunk in synthesizer.speak(text, voice=voice, speed=speed)])
    finally:
        await synthesizer.aclose()


def say_with_flite(text: str) -> bytes | None:
    """Speak with flite's kal16 voice, which recognizers find easy; None where flite is not installed."""
    program = shutil.which("flite")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([program, "-voice", "kal16", "-t", text, "-o", str(path)], check=True, timeout=30)
        recording = read_wav(path)
    return resample(recording.pcm, recording.sample_rate, SAMPLE_RATE)


def silence(ms: float) -> bytes:
    """Digital silence."""
    return bytes(2 * int(ms * SAMPLE_RATE / 1000))


def noise(ms: float, dbfs: float, seed: int = 1) -> bytes:
    """White noise of the given level, the same for the same seed."""
    deviation = 32768 * 10 ** (dbfs / 20)
    source = random.Random(seed)
    samples = (int(source.gauss(0, deviation)) for _ in range(int(ms * SAMPLE_RATE / 1000)))
    return array("h", (min(max(sample, -32768), 32767) for sample in samples)).tobytes()


def write_wav(path: Path, pcm: bytes) -> Path:
    """Write 24 kHz PCM as a WAV file, and return its path."""
    path.write_bytes(wav_bytes(pcm, SAMPLE_RATE))
    return path


def clips() -> Iterator[Clip] | None:
    """The real recordings, or None when the folder is absent (skip with `NO_CLIPS` as the reason)."""
    manifest = CLIPS / "manifest.json"
    if not manifest.is_file():
        return None
    return (
        Clip(
            Path(entry["file"]).stem,
            entry["transcript"],
            resample(*_recorded(CLIPS / entry["file"]), SAMPLE_RATE),
        )
        for entry in json.loads(manifest.read_text(encoding="utf-8"))
    )


def _recorded(path: Path) -> tuple[bytes, int]:
    recording = read_wav(path)
    return recording.pcm, recording.sample_rate
