"""A CallHandler that remembers what a transport told it, and calls between one and a `Caller` on this machine."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from antiphon.rtc import RtcSettings
from antiphon.rtc.aiortc_transport import AiortcTransport
from rtc_caller import Caller

RATE = 24_000


class CallRecorder:
    """Everything a transport told its owner, in order."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.reasons: list[str] = []
        self.events: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.pcm = bytearray()
        self.played: list[int] = []
        self.after_close: list[str] = []
        self._changed = asyncio.Event()

    def on_open(self) -> None:
        self._note("on_open")
        assert not self.opened.is_set()
        self.opened.set()

    def on_event(self, data: str | bytes) -> None:
        self._note("on_event")
        self.events.put_nowait(data)

    def on_audio(self, pcm: bytes) -> None:
        self._note("on_audio")
        self.pcm += pcm

    def on_played(self, samples: int) -> None:
        self._note("on_played")
        self.played.append(samples)

    def on_closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self.closed.set()

    async def heard(self, seconds: float, within: float = 20.0) -> bytes:
        """Wait until so much audio arrived in all, and return all of it."""
        await self._until(lambda: len(self.pcm) >= 2 * RATE * seconds, within)
        return bytes(self.pcm)

    async def has_played(self, samples: int, within: float = 20.0) -> None:
        """Wait until `on_played` told of so many samples."""
        await self._until(lambda: bool(self.played) and self.played[-1] >= samples, within)

    async def _until(self, condition, within: float) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _note(self, what: str) -> None:
        self._changed.set()
        if self.closed.is_set():
            self.after_close.append(what)


@dataclass
class Call:
    """Both ends of one call."""

    recorder: CallRecorder
    transport: AiortcTransport
    caller: Caller


@asynccontextmanager
async def call(
    settings: RtcSettings | None = None, *, microphone: bool = True, data_channel: str | None = "oai-events"
) -> AsyncIterator[Call]:
    """A connected call; both ends are closed afterwards."""
    recorder = CallRecorder()
    transport = AiortcTransport(recorder, settings)
    caller = Caller(microphone=microphone, data_channel=data_channel)
    try:
        await caller.accept(await transport.answer(await caller.offer()))
        if data_channel is not None:
            await caller.opened()
            async with asyncio.timeout(10):
                await recorder.opened.wait()
        yield Call(recorder, transport, caller)
    finally:
        await transport.close()
        await caller.close()


def tone(frequency: float, seconds: float, amplitude: int = 8000) -> bytes:
    """A sine at 24 kHz."""
    return array(
        "h", [round(amplitude * math.sin(2 * math.pi * frequency * i / RATE)) for i in range(round(RATE * seconds))]
    ).tobytes()


def sweep(seconds: float, amplitude: int = 8000) -> bytes:
    """A tone that climbs from 200 to 3000 Hz, so that it correlates with itself at one delay only."""
    count = round(RATE * seconds)
    t = np.arange(count) / RATE
    phase = 2 * np.pi * (200 * t + (3000 - 200) / (2 * seconds) * t**2)
    return (amplitude * np.sin(phase)).astype("<i2").tobytes()


def loudest_frequency(pcm: bytes) -> float:
    """Hz of the strongest component of 24 kHz PCM."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * RATE / len(samples)


def rms(pcm: bytes) -> float:
    """Root mean square of int16 PCM."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.sqrt((samples**2).mean())) if len(samples) else 0.0


def arrived(sent: bytes, received: bytes) -> float:
    """The share of `sent`, in pieces of 0.1 s, that is found in `received`.

    A machine that stood still for a moment costs a piece or two, where `likeness` would be spoilt by the shift.
    """
    size = 2 * RATE // 10
    pieces = [sent[at : at + size] for at in range(0, len(sent) - size + 1, size)]
    return sum(likeness(piece, received) > 0.9 for piece in pieces) / len(pieces)


def likeness(sent: bytes, received: bytes) -> float:
    """The highest correlation of `sent` with any equally long stretch of `received`, -1 to 1."""
    x, y = np.frombuffer(sent, "<i2").astype(float), np.frombuffer(received, "<i2").astype(float)
    size = 1 << (len(x) + len(y)).bit_length()
    products = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size)[: len(y) - len(x) + 1]
    energy = np.concatenate([[0.0], np.cumsum(y**2)])
    windows = np.sqrt(np.maximum(energy[len(x) :] - energy[: len(energy) - len(x)], 1.0))
    return float((products / (windows * np.sqrt((x**2).sum()))).max())
