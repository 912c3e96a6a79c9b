"""What a WebRTC call costs this process: CPU microseconds a call for 20 ms, beside the bare work that has to be done.

    python benchmarks/rtc.py --calls 8 --seconds 6 [--events 20] [--calling]

--calling measures calls that we make (`open_caller`), instead of calls that we answer.

"Bare" is one packet decoded and one encoded, decrypted, encrypted, received and sent, in a plain loop in the same run;
the ratio to it says how much the stack around it adds, on any machine and under any load. The other ends (stock
aiortc) run in a process of their own, which is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from array import array
from math import pi, sin
from pathlib import Path
from typing import Any

import pylibsrtp

from antiphon.audio.opus import Decoder, Encoder
from antiphon.rtc import RtcSettings, open_caller, open_transport
from antiphon.rtc.rtp import RtpPacket, parse_rtp, write_rtp

RATE = 24_000
FRAME = 960
TESTS = Path(__file__).resolve().parent.parent / "tests"


def speechlike(seconds: float) -> bytes:
    """Two gliding tones: enough for the codec to have work."""
    samples = range(int(RATE * seconds))
    return array(
        "h",
        [round(5000 * (sin(2 * pi * (160 + i / 900) * i / RATE) + sin(2 * pi * 900 * i / RATE) / 2)) for i in samples],
    ).tobytes()


def bare_microseconds(frames: int) -> float:
    """CPU of one packet each way without any stack around it: the smallest of five runs."""
    pcm = speechlike(1.0)
    encoder, decoder = Encoder(), Decoder()
    key = os.urandom(30)
    sending = pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
    receiving = pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND))
    best = float("inf")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        sequence = 0
        for _ in range(5):
            started = time.process_time()
            for index in range(frames // 5):
                at = index % 50 * FRAME
                sequence += 1
                packet = write_rtp(
                    RtpPacket(111, False, sequence & 0xFFFF, sequence * 960, 1, encoder.encode(pcm[at : at + FRAME]))
                )
                one.sendto(sending.protect(packet), one.getsockname())
                received = parse_rtp(receiving.unprotect(one.recvfrom(2048)[0]))
                assert received is not None
                decoder.decode(received.payload)
            best = min(best, (time.process_time() - started) / (frames // 5) * 1e6)
    return best


class Listener:
    """A CallHandler that counts."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.samples = self.events = 0

    def on_open(self) -> None:
        self.open.set()

    def on_event(self, data: str | bytes) -> None:
        self.events += 1

    def on_audio(self, pcm: bytes) -> None:
        self.samples += len(pcm) // 2

    def on_played(self, samples: int) -> None:
        pass

    def on_closed(self, reason: str) -> None:
        self.open.clear()


async def callers() -> None:
    """The other process: reads commands as JSON lines, holds the calling ends."""
    sys.path.insert(0, str(TESTS))
    from rtc_caller import Caller
    from stock_answerer import StockAnswerer

    speech = speechlike(10.0)
    loop = asyncio.get_running_loop()
    ends: list[Caller | StockAnswerer] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if command["do"] == "offer":
            ends.append(Caller())
            print(json.dumps(await ends[-1].offer()), flush=True)
        elif command["do"] == "answer":
            ends.append(StockAnswerer())
            print(json.dumps(await ends[-1].answer(command["offer"])), flush=True)
        elif command["do"] == "accept":
            caller = ends[-1]
            assert isinstance(caller, Caller)
            await caller.accept(command["answer"])
            await caller.opened()
            print(json.dumps("open"), flush=True)
        elif command["do"] == "talk":
            for end in ends:
                end.say(speech * (1 + int(command["seconds"] // 10)))
            await asyncio.gather(*(chatter(end, command["events"], command["seconds"]) for end in ends))
    await asyncio.gather(*(end.close() for end in ends))


async def chatter(end: Any, per_second: int, seconds: float) -> None:
    """Send small events for a while."""
    for _ in range(int(per_second * seconds)):
        if end.channel.readyState != "open":
            break
        end.send(json.dumps({"type": "input_audio_buffer.commit", "event_id": "event_0123456789"}))
        await asyncio.sleep(1 / per_second)


async def measure(
    calls: int, seconds: float, events: int, *, speaking: bool, calling: bool
) -> tuple[float, float, float]:
    """CPU microseconds a call-frame, the share of expected audio that came in, the slowest answer (or offer) in ms."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--callers", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None

    def tell(**command: object) -> None:
        assert child.stdin is not None
        child.stdin.write(json.dumps(command).encode() + b"\n")

    listeners, transports, slowest = [], [], 0.0
    for _ in range(calls):
        listener, settings = Listener(), RtcSettings(silence_timeout_s=60)
        if calling:
            caller = transport = open_caller(listener, settings)
            started = time.perf_counter()
            offer = await caller.offer()
            slowest = max(slowest, time.perf_counter() - started)
            tell(do="answer", offer=offer)
            await caller.accept(json.loads(await child.stdout.readline()))
        else:
            answerer = transport = open_transport(listener, settings)
            tell(do="offer")
            offer = json.loads(await child.stdout.readline())
            started = time.perf_counter()
            answer = await answerer.answer(offer)
            slowest = max(slowest, time.perf_counter() - started)
            tell(do="accept", answer=answer)
            await child.stdout.readline()
        await listener.open.wait()
        listeners.append(listener)
        transports.append(transport)
    pcm = speechlike(10.0) * (1 + int(seconds + 2) // 10)
    for transport in transports:
        if speaking:
            transport.send_audio(pcm)
    tell(do="talk", seconds=seconds + 1, events=events)
    await asyncio.sleep(1.0)
    heard = sum(listener.samples for listener in listeners)
    cpu, wall = time.process_time(), time.perf_counter()
    until = wall + seconds
    event = json.dumps(
        {"type": "response.output_audio_transcript.delta", "delta": "word ", "item_id": "item_" + "x" * 100}
    )
    while (left := until - time.perf_counter()) > 0:
        await asyncio.sleep(min(left, 1 / events if events else left))
        if events:
            for transport in transports:
                transport.send_event(event)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    heard = sum(listener.samples for listener in listeners) - heard
    for transport in transports:
        await transport.close()
    child.stdin.close()
    await child.wait()
    return cpu / (calls * wall / 0.02) * 1e6, heard / (calls * wall * RATE), slowest * 1000


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=8)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--events", type=int, default=0, help="data channel messages a second and call, each way")
    options.add_argument("--calling", action="store_true", help="measure calls that we make")
    options.add_argument("--callers", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.callers:
        asyncio.run(callers())
        return
    bare = bare_microseconds(2000)
    print(f"bare codec + SRTP + UDP: {bare:.0f} us a frame each way")
    for name, speaking in (("both talk", True), ("only the other side talks", False)):
        cost, share, slowest = asyncio.run(
            measure(chosen.calls, chosen.seconds, chosen.events, speaking=speaking, calling=chosen.calling)
        )
        print(
            f"{name}: {cost:.0f} us a call-frame, {cost / bare:.2f} x bare "
            f"({chosen.calls} calls, {chosen.events} events/s each way, {share:.0%} of the audio in, "
            f"slowest {'offer' if chosen.calling else 'answer'} {slowest:.1f} ms)"
        )


if __name__ == "__main__":
    main()
