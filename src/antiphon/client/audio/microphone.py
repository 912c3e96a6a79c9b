"""The microphone as an `AudioSource`. Which device it is on is `device_slot`'s, who may be heard is `gate`'s."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from antiphon.client.audio.device_slot import DeviceChange, DeviceSlot, SlotState
from antiphon.client.audio.device_stream import PortAudioStream, open_input
from antiphon.client.audio.devices import Device, Direction
from antiphon.client.audio.echo import PIECE_BYTES, PIECE_MS, EchoControl
from antiphon.client.audio.gate import Gate, GateEffect
from antiphon.client.audio.interfaces import BLOCK_MS
from antiphon.client.audio.meter import Levels, measure

DEFAULT_LATENCY_MS: Final = 40.0
"""What is asked of the device: less is had at the price of gaps, for the callback is Python's."""

MOST_WAITING_MS: Final = 500
"""So much waits for a reader that is late; then the oldest gives way, for stale speech is worse than a gap."""


class Microphone:
    """A microphone: 24 kHz mono in blocks of 20 ms, opened by `open` or by the first read.

    device: its index, its name or a part of that; None is the system's default. gate: mute and push-to-talk; on_gate is
    told its effects, each when the blocks before it have been read. echo: shared with the loudspeaker. on_change: is
    told when the device changes. Errors while opening are raised; a device that is lost later is replaced, see
    `device_slot`.
    """

    def __init__(
        self,
        device: int | str | None = None,
        *,
        gate: Gate | None = None,
        on_gate: Callable[[GateEffect], None] | None = None,
        echo: EchoControl | None = None,
        on_change: Callable[[DeviceChange], None] | None = None,
        latency_ms: float = DEFAULT_LATENCY_MS,
    ) -> None:
        self.gate: Final = gate or Gate()
        self.on_gate = on_gate
        self.overruns = 0
        """Pieces of 10 ms that were dropped because nobody read them in time."""
        self._echo = echo
        self._latency_ms = latency_ms
        self._slot = DeviceSlot(
            Direction.INPUT, device, open_stream=self._open_stream, tick=self._silence, on_change=on_change
        )
        self._pieces: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._block = b""
        self._closed = False

    @property
    def state(self) -> SlotState:
        return self._slot.state

    @property
    def device(self) -> Device | None:
        """The device in use; None while there is none."""
        return self._slot.device

    @property
    def latency_ms(self) -> float:
        """From the ear of the microphone to this process, as the device tells."""
        return self._slot.latency_ms

    @property
    def levels(self) -> Levels:
        """How loud the last block was, before the gate: so that somebody who is muted can be told so."""
        return measure(self._block)

    @property
    def xruns(self) -> int:
        """How often the device lost sound because this process was late."""
        return self._slot.xruns

    async def open(self) -> None:
        """Open the device. Raises DeviceError, and AudioUnavailable where something is not installed."""
        self._loop = asyncio.get_running_loop()
        await self._slot.open()

    async def switch(self, device: int | str | None) -> None:
        """Use another microphone from now on; raises DeviceError, and then the one in use stays."""
        await self._slot.switch(device)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.state is SlotState.CLOSED and not self._closed:
            await self.open()
        while True:
            self._tell_effects()
            while len(self._pieces) < BLOCK_MS // PIECE_MS:
                if self._closed:
                    raise StopAsyncIteration
                self._arrived.clear()
                await self._arrived.wait()
            block = b"".join(self._pieces.popleft() for _ in range(BLOCK_MS // PIECE_MS))
            self._block = block
            if (passed := self.gate.feed(block)) is not None:
                return passed

    async def aclose(self) -> None:
        self._closed = True
        self._arrived.set()
        await self._slot.aclose()
        self._tell_effects()

    def _open_stream(self, device: Device, is_current: Callable[[], bool]) -> PortAudioStream:
        def captured(pcm: bytes) -> None:
            if is_current():
                self._put(pcm if self._echo is None else self._echo.process(pcm))

        stream = open_input(device, captured, self._latency_ms)
        if self._echo is not None:
            self._echo.latency(capture_ms=stream.latency_ms)
        return stream

    def _silence(self, _now: float) -> None:
        self._put(bytes(PIECE_BYTES))

    def _put(self, pcm: bytes) -> None:
        """Called from the device's thread; both ends of a deque may be used by two threads at once."""
        self._pieces.append(pcm)
        if len(self._pieces) * PIECE_MS > MOST_WAITING_MS:
            self._pieces.popleft()
            self.overruns += 1
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._arrived.set)

    def _tell_effects(self) -> None:
        for effect in self.gate.effects():
            if self.on_gate is not None:
                self.on_gate(effect)
