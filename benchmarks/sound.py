"""What microphone and loudspeaker of the Python client add to a call: milliseconds and CPU; what the canceller does.

    python benchmarks/sound.py [--seconds 10] [--rate 48000]

Needs the [audio] extra, libportaudio2 and jackd2: the sound card is a JACK server with its dummy driver, in real time,
with a device that gives back what it is given. So nothing of a real card is in these figures, only what is between it
and the call. CPU is this process's, in percent of one core, without a call around it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import sound_card
from antiphon.audio import rms_dbfs
from antiphon.client.audio import EchoMode, open_devices
from antiphon.client.audio.devices import load_sounddevice
from speech_samples import noise, say

RATE = 24_000


async def latency_ms() -> list[float]:
    """From `Speaker.write` until the reader of the microphone has it: a click, twenty times."""
    microphone, speaker = await open_devices("loop", "loop", echo=EchoMode.OFF)
    click, took = noise(5, -6), []
    for _ in range(20):
        for _ in range(12):
            await anext(microphone)
        written = time.monotonic()
        speaker.write(click)
        speaker.end()
        while max(abs(np.frombuffer(await anext(microphone), "<i2").astype(int))) < 1000:
            pass
        took.append(1000 * (time.monotonic() - written))
    await microphone.aclose()
    await speaker.aclose()
    return took


async def cpu_percent(seconds: float, *, echo: EchoMode, talking: bytes) -> tuple[float, int]:
    """CPU of both devices with a reader, and how often one came late."""
    microphone, speaker = await open_devices("loop", "loop", echo=echo)
    for _ in range(25):
        await anext(microphone)
    late = microphone.xruns + speaker.xruns
    wall, busy = time.monotonic(), time.process_time()
    while time.monotonic() - wall < seconds:
        if talking and speaker.pending_samples < RATE:
            speaker.write(talking)
        await anext(microphone)
    percent = 100 * (time.process_time() - busy) / (time.monotonic() - wall)
    late = microphone.xruns + speaker.xruns - late
    await microphone.aclose()
    await speaker.aclose()
    return percent, late


async def attenuation(speech: bytes) -> list[float]:
    """dB taken from the echo of each of five times the same sentences."""
    microphone, speaker = await open_devices("loop", "loop", echo=EchoMode.CANCEL, volume=0.5)
    taken = []
    for _ in range(5):
        speaker.write(speech)
        speaker.end()
        heard = bytearray()
        while speaker.pending_samples:
            heard += await anext(microphone)
        taken.append(rms_dbfs(speech) - 6 - rms_dbfs(bytes(heard)))
    await microphone.aclose()
    await speaker.aclose()
    return taken


async def measure(seconds: float, results: dict[str, Any]) -> None:
    took = await latency_ms()
    results["latency"] = f"{statistics.median(took):.0f} ms ({min(took):.0f} to {max(took):.0f})"
    speech = await say("There is time to learn what room this is, and then nothing more is heard of what is said here.")
    for name, echo, talking in (
        ("listening, nobody talks, no canceller", EchoMode.OFF, b""),
        ("listening, nobody talks, canceller", EchoMode.CANCEL, b""),
        ("an answer plays, no canceller", EchoMode.OFF, speech),
        ("an answer plays, canceller", EchoMode.CANCEL, speech),
    ):
        percent, late = await cpu_percent(seconds, echo=echo, talking=talking)
        results[name] = f"{percent:.1f} % of a core, {late} late"
    results["echo, each time"] = ", ".join(f"{value:.0f}" for value in await attenuation(speech)) + " dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=48_000, help="of the device; at 24000 nothing is resampled")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with sound_card.sound_card(options.rate) as card:
        os.environ.update(card.environment)
        asyncio.run(measure(options.seconds, results))
        load_sounddevice()._terminate()  # before the card goes
    print(f"device at {options.rate} Hz (load of the machine: {os.getloadavg()[0]:.1f})")
    for name, result in results.items():
        print(f"  {name:40} {result}")


if __name__ == "__main__":
    main()
