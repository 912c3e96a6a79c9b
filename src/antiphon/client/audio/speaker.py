"""The loudspeaker as an `AudioSink`. What waits and what was heard is `playout`'s, which device `device_slot`'s."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from antiphon.audio import PCM_RATE
from antiphon.client.audio.device_slot import DeviceChange, DeviceSlot, SlotState
from antiphon.client.audio.device_stream import PortAudioStream, open_output
from antiphon.client.audio.devices import Device, Direction
from antiphon.client.audio.echo import PIECE_BYTES, PIECE_SAMPLES, EchoControl
from antiphon.client.audio.errors import AudioError
from antiphon.client.audio.meter import Levels, measure
from antiphon.client.audio.microphone import DEFAULT_LATENCY_MS
from antiphon.client.audio.playout import PlayoutBuffer

logger = logging.getLogger("antiphon.client.audio")

LOUDEST: Final = 2.0


class Speaker:
    """A loudspeaker, opened by `open` or by the first `write`; 24 kHz mono.

    device, echo, on_change, latency_ms: as for `Microphone`. volume: 1.0 as it comes, 0.0 silent (it plays on,
    unheard), up to 2.0. prebuffer_ms: see `PlayoutBuffer`. When the first `write` finds no device to open, that is told
    as a change to silence; `open` raises instead.
    """

    def __init__(
        self,
        device: int | str | None = None,
        *,
        volume: float = 1.0,
        echo: EchoControl | None = None,
        on_change: Callable[[DeviceChange], None] | None = None,
        latency_ms: float = DEFAULT_LATENCY_MS,
        prebuffer_ms: int = 40,
    ) -> None:
        self._buffer = PlayoutBuffer(prebuffer_ms=prebuffer_ms)
        self._echo = echo
        self._latency_ms = latency_ms
        self._slot = DeviceSlot(
            Direction.OUTPUT, device, open_stream=self._open_stream, tick=self._next, on_change=on_change
        )
        self._opening: asyncio.Task[None] | None = None
        self._playing = bytes(PIECE_BYTES)
        self._closed = False
        self.volume = volume

    @property
    def state(self) -> SlotState:
        return self._slot.state

    @property
    def device(self) -> Device | None:
        """The device in use; None while there is none."""
        return self._slot.device

    @property
    def latency_ms(self) -> float:
        """From this process to the ear, as the device tells."""
        return self._slot.latency_ms

    @property
    def volume(self) -> float:
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume = min(LOUDEST, max(0.0, volume))

    @property
    def levels(self) -> Levels:
        """How loud the last 10 ms were that went to the device, after the volume."""
        return measure(self._playing)

    @property
    def xruns(self) -> int:
        """How often the device had to wait because this process was late."""
        return self._slot.xruns

    @property
    def ran_dry(self) -> int:
        """How often the sound ran out in the middle of an utterance."""
        return self._buffer.ran_dry

    async def open(self) -> None:
        """Open the device. Raises DeviceError, and AudioUnavailable where something is not installed."""
        await self._slot.open()

    async def switch(self, device: int | str | None) -> None:
        """Use another loudspeaker from now on; raises DeviceError, and then the one in use stays."""
        await self._slot.switch(device)

    def write(self, pcm: bytes) -> int:
        if self._closed:
            return 0
        if self._opening is None and self.state is SlotState.CLOSED:
            self._opening = asyncio.get_running_loop().create_task(self._open_or_be_silent())
        return self._buffer.write(pcm)

    def end(self) -> None:
        self._buffer.end()

    def flush(self) -> None:
        self._buffer.flush()

    @property
    def played_samples(self) -> int:
        return self._buffer.played(time.monotonic())

    @property
    def pending_samples(self) -> int:
        return self._buffer.pending(time.monotonic())

    async def drained(self) -> None:
        while not self._closed and (pending := self.pending_samples):  # noqa: ASYNC110 -- what is awaited is the ear
            await asyncio.sleep(max(0.005, pending / PCM_RATE))

    async def aclose(self) -> None:
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._buffer.flush()
        await self._slot.aclose()

    async def _open_or_be_silent(self) -> None:
        try:
            await self._slot.open()
        except AudioError as error:
            await self._slot.open_silent(str(error))

    def _open_stream(self, device: Device, is_current: Callable[[], bool]) -> PortAudioStream:
        def wanted(heard_at: float) -> bytes:
            return self._next(heard_at) if is_current() else bytes(PIECE_BYTES)

        stream = open_output(device, wanted, self._latency_ms)
        if self._echo is not None:
            self._echo.latency(playout_ms=stream.latency_ms)
        return stream

    def _next(self, heard_at: float) -> bytes:
        """The next 10 ms. Called from the device's thread."""
        pcm = self._buffer.take(PIECE_SAMPLES, heard_at=heard_at, now=time.monotonic())
        if self._volume != 1.0:
            pcm = _scaled(pcm, self._volume)
        self._playing = pcm
        if self._echo is not None:
            self._echo.played(pcm)
        return pcm


def _scaled(pcm: bytes, volume: float) -> bytes:
    import numpy as np  # noqa: PLC0415 -- in the [audio] extra, as is all that plays

    samples: Any = np.frombuffer(pcm, dtype="<i2").astype(np.float32) * volume
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())
