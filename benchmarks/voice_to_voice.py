"""How long a caller waits: from the end of their speech to the first sound of the answer, as the caller receives it.

    python benchmarks/voice_to_voice.py [--clips DIR] [--rounds 1] [--url http://127.0.0.1:3000]

Starts `antiphon serve` as its own process (or uses --url), calls it over WebRTC and over WebSocket in real time, once
for each clip and round. The clock starts when the last voiced sample leaves the caller and stops when the first audible
sample of the answer has arrived there: the silence that ends a turn, the network, both jitter buffers and any silence
that the voice begins with are all in it. Nothing is subtracted.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from antiphon.audio import rms_dbfs

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from rtc_caller import Caller  # noqa: E402 - the tests' caller, on stock aiortc
from speech_samples import Clip, clips, say  # noqa: E402

RATE = 24_000
FRAME = RATE // 50 * 2
AUDIBLE_DBFS = -45.0
SESSION = {
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}},
}
GIVE_UP_S = 20.0


def voiced(pcm: bytes) -> bytes:
    """The clip up to its last audible 10 ms."""
    step = RATE // 100 * 2
    end = len(pcm)
    while end > step and rms_dbfs(pcm[end - step : end]) < AUDIBLE_DBFS:
        end -= step
    return pcm[:end]


def first_audible(pcm: bytes) -> int | None:
    """Index of the first sample of the first audible 5 ms, or None."""
    step = RATE // 200 * 2
    for begin in range(0, len(pcm) - step + 1, step):
        if rms_dbfs(pcm[begin : begin + step]) > AUDIBLE_DBFS:
            return begin // 2
    return None


async def over_webrtc(base_url: str, speech: bytes) -> float | None:
    caller = Caller()
    try:
        async with httpx.AsyncClient(base_url=base_url) as http:
            answer = await http.post(
                "/v1/realtime/calls", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
            )
            answer.raise_for_status()
        await caller.accept(answer.text)
        await caller.opened()
        caller.send(SESSION)
        await caller.next_event("session.updated")
        await asyncio.sleep(0.5)
        quiet_until = len(caller.received_pcm)
        microphone = caller.microphone
        assert microphone._started is not None
        ended = microphone._started + (microphone._sent + len(speech) // 2) / RATE
        caller.say(speech)
        while time.monotonic() < ended + GIVE_UP_S:
            arrived = time.monotonic()
            if first_audible(bytes(caller.received_pcm[quiet_until:])) is not None:
                return arrived - ended
            quiet_until = max(quiet_until, len(caller.received_pcm) // FRAME * FRAME - FRAME)
            await asyncio.sleep(0.002)
        return None
    finally:
        await caller.close()


async def over_websocket(base_url: str, speech: bytes) -> float | None:
    url = base_url.replace("http", "ws", 1) + "/v1/realtime?model=antiphon"
    async with connect(url, compression=None, max_size=None) as connection:
        await connection.send(json.dumps(SESSION))
        begun = time.monotonic()
        ended = begun + len(speech) / 2 / RATE

        async def speak() -> None:
            sent = 0
            while True:
                block = speech[sent : sent + FRAME].ljust(FRAME, b"\0")
                await connection.send(
                    json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(block).decode()})
                )
                sent += FRAME
                await asyncio.sleep(max(0.0, begun + sent / 2 / RATE - time.monotonic()))

        speaking = asyncio.create_task(speak())
        try:
            received = b""
            began: float | None = None
            async with asyncio.timeout(len(speech) / 2 / RATE + GIVE_UP_S):
                async for message in connection:
                    event = json.loads(message)
                    if event["type"] != "response.output_audio.delta":
                        continue
                    began = began or time.monotonic()
                    received += base64.b64decode(event["delta"])
                    audible = first_audible(received)
                    if audible is not None:
                        # A player that starts at the first delta reaches the audible sample so much later.
                        return max(began + audible / RATE, time.monotonic()) - ended
        except TimeoutError:
            return None
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ready(base_url: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(300):
            try:
                if (await http.get(base_url + "/health")).json()["status"] == "ok":
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
    raise SystemExit("the server did not become healthy")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


async def spoken_here() -> list[Clip]:
    texts = ["what time is it", "go forward ten meters", "hello there how are you", "turn the light on please"]
    return [Clip(text, text, await say(text)) for text in texts]


async def measure(base_url: str, samples: list[Clip], rounds: int) -> None:
    print("| transport | turns | unanswered | median | p95 | max |\n|---|---|---|---|---|---|")
    for name, call in (("WebRTC", over_webrtc), ("WebSocket", over_websocket)):
        times: list[float] = []
        unanswered = 0
        for _ in range(rounds):
            for clip in samples:
                taken = await call(base_url, voiced(clip.pcm))
                if taken is None:
                    unanswered += 1
                else:
                    times.append(taken * 1000)
        if times:
            print(
                f"| {name} | {len(times) + unanswered} | {unanswered} | {statistics.median(times):.0f} ms "
                f"| {percentile(times, 0.95):.0f} ms | {max(times):.0f} ms |",
                flush=True,
            )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clips", action="store_true", help="use the folder of real recordings (default when it exists)"
    )
    parser.add_argument("--synthetic", action="store_true", help="use our own voice even when recordings are there")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--longest", type=float, default=6.0, help="leave out clips of more seconds than this")
    parser.add_argument("--url", help="a running server, instead of one of our own")
    wanted = parser.parse_args()
    recordings = None if wanted.synthetic else clips()
    if wanted.clips and recordings is None:
        raise SystemExit("there is no folder of recordings")
    samples = await spoken_here() if recordings is None else list(recordings)
    samples = [clip for clip in samples if len(clip.pcm) / 2 / RATE <= wanted.longest]
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {len(samples)} clips")
    if wanted.url:
        await measure(wanted.url.rstrip("/"), samples, wanted.rounds)
        return
    port = free_port()
    command = [sys.executable, "-m", "antiphon", "serve", "--port", str(port), "--no-discovery"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - once, before anything is timed
    try:
        await ready(f"http://127.0.0.1:{port}")
        await measure(f"http://127.0.0.1:{port}", samples, wanted.rounds)
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    asyncio.run(main())
