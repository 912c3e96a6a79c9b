"""How well and how fast the embedded recognizer understands recordings of real people.

    python benchmarks/recognizer_wer.py [--clips DIR] [--paced]

Prints a Markdown table: word error rate of each recording, how much of real time one core was busy, and how long the
text takes after the last audio. The folder holds 16-bit WAV files and a manifest.json, a list of objects with `file`
and `transcript` (lower case words). With --paced the audio arrives as a microphone would bring it, which is the only
way to learn what a caller waits; without it as fast as it is taken.

Each recording is put between 0.3 and 0.5 seconds of digital silence, as a turn has room in front and behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import jiwer

from antiphon.audio import resample
from antiphon.audio.wav import read_wav
from antiphon.engine.stages import SAMPLE_RATE, StageOptions
from antiphon.engine.stt import PocketsphinxRecognizer, open_pocketsphinx

FRAME_SECONDS = 0.02
FRAME = int(SAMPLE_RATE * FRAME_SECONDS) * 2
IN_FRONT = bytes(2 * (SAMPLE_RATE * 3 // 10))
BEHIND = bytes(SAMPLE_RATE)  # half a second
CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"


@dataclass(frozen=True, slots=True)
class Heard:
    """seconds: of audio. finish_ms: from the end of the audio to the text."""

    name: str
    said: str
    text: str
    seconds: float
    first_partial: float | None
    finish_ms: float

    @property
    def error(self) -> float:
        return float(jiwer.wer(self.said, self.text)) if self.text else 1.0


async def recognise(recognizer: PocketsphinxRecognizer, name: str, said: str, pcm: bytes, *, paced: bool) -> Heard:
    stream = recognizer.open(language="en")
    began = time.perf_counter()
    first_partial = None
    for number, start in enumerate(range(0, len(pcm), FRAME)):
        if paced:
            await asyncio.sleep(max(0.0, began + number * FRAME_SECONDS - time.perf_counter()))
        partial = await stream.feed(pcm[start : start + FRAME])
        if partial and first_partial is None:
            first_partial = time.perf_counter() - began
    ended = time.perf_counter()
    transcript = await stream.finish()
    finish_ms = (time.perf_counter() - ended) * 1000
    return Heard(name, said, transcript.text, len(pcm) / 2 / SAMPLE_RATE, first_partial, finish_ms)


async def measure(folder: Path, *, paced: bool) -> tuple[list[Heard], float]:
    """Every recording of the folder, and the CPU seconds that our own side took."""
    recognizer = open_pocketsphinx(StageOptions(extra={"workers": "1"}))
    await recognizer.start()
    found = []
    began = time.process_time()
    try:
        for entry in json.loads((folder / "manifest.json").read_text(encoding="utf-8")):
            recording = read_wav(folder / entry["file"])
            pcm = IN_FRONT + resample(recording.pcm, recording.sample_rate, SAMPLE_RATE) + BEHIND
            found.append(await recognise(recognizer, Path(entry["file"]).stem, entry["transcript"], pcm, paced=paced))
    finally:
        await recognizer.aclose()
    return found, time.process_time() - began


def report(found: list[Heard], cpu_seconds: float, *, paced: bool) -> str:
    lines = [
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"{platform.system()}, Python {platform.python_version()}, "
        f"{'as a microphone brings it' if paced else 'as fast as it is taken'}",
        "",
        "| recording | seconds | word error rate | first words after (s) | text after the end (ms) | heard |",
        "|---|---|---|---|---|---|",
    ]
    for heard in found:
        first = f"{heard.first_partial:.1f}" if heard.first_partial is not None else "-"
        measured = f"{heard.seconds:.1f} | {heard.error:.2f} | {first} | {heard.finish_ms:.0f}"
        lines.append(f"| {heard.name} | {measured} | {heard.text} |")
    seconds = sum(heard.seconds for heard in found)
    corpus = jiwer.wer([heard.said for heard in found], [heard.text for heard in found])
    finishes = sorted(heard.finish_ms for heard in found)
    lines += [
        "",
        f"Corpus word error rate {corpus:.3f}, mean over recordings {sum(h.error for h in found) / len(found):.3f}; "
        f"{sum(h.error == 0 for h in found)} of {len(found)} without an error.",
        f"Busy for {cpu_seconds / seconds:.2f} of real time (one core). "
        f"Text after the end: median {median(finishes):.0f} ms, worst {finishes[-1]:.0f} ms.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder with WAV files and manifest.json")
    parser.add_argument("--paced", action="store_true", help="bring the audio in real time")
    arguments = parser.parse_args()
    if not (arguments.clips / "manifest.json").is_file():
        sys.exit(f"there is no manifest.json in {arguments.clips}; give a folder of recordings with --clips DIR")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found, own_seconds = asyncio.run(measure(arguments.clips, paced=arguments.paced))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The worker has been reaped by now, so its time is counted; its start (about 0.3 s) with it.
    cpu_seconds = own_seconds + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(report(found, cpu_seconds, paced=arguments.paced))


if __name__ == "__main__":
    main()
