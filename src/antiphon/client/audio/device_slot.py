"""Which device a microphone or a loudspeaker uses just now, and what happens when it goes away.

The rule: the chosen device; if that is lost, the system's default one; if that cannot be had either, silence, with
another try every few seconds. Each step is told. Another device chosen during a call is opened before the old one is
closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from antiphon.client.audio.device_stream import DeviceStream, PortAudioStream, SilentStream, in_thread
from antiphon.client.audio.devices import Device, Direction, choose, list_devices
from antiphon.client.audio.errors import AudioError, DeviceError

logger = logging.getLogger("antiphon.client.audio")

LOOK_EVERY_S: Final = 0.25
TRY_AGAIN_S: Final = 5.0

OPENING_S: Final = 8.0
"""Opening a device takes some hundred ms at most; a sound system whose server has died may never answer."""


class SlotState(Enum):
    """CHOSEN: the device that was asked for. FALLEN_BACK: that one is gone, the default one is used. SILENT: none."""

    CLOSED = "closed"
    CHOSEN = "chosen"
    FALLEN_BACK = "fallen back"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What is told when the device changes. device: None in silence. reason: a sentence for people."""

    direction: Direction
    state: SlotState
    device: Device | None
    reason: str


OpenStream = Callable[[Device, Callable[[], bool]], PortAudioStream]
"""Opens that device, blocking; its sound only counts while the second argument says that it is the current one."""


class DeviceSlot:
    """The one place that says which device is in use. tick: gives or takes 10 ms while there is none."""

    def __init__(
        self,
        direction: Direction,
        choice: int | str | None,
        *,
        open_stream: OpenStream,
        tick: Callable[[float], object],
        on_change: Callable[[DeviceChange], None] | None,
    ) -> None:
        self._direction = direction
        self._choice = choice
        self._open_stream = open_stream
        self._tick = tick
        self._on_change = on_change
        self._state = SlotState.CLOSED
        self._device: Device | None = None
        self._stream: DeviceStream | None = None
        self._changing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._past_xruns = 0

    @property
    def state(self) -> SlotState:
        return self._state

    @property
    def device(self) -> Device | None:
        return self._device

    @property
    def latency_ms(self) -> float:
        return 0.0 if self._stream is None else self._stream.latency_ms

    @property
    def xruns(self) -> int:
        return self._past_xruns + (0 if self._stream is None else self._stream.xruns)

    async def open(self) -> None:
        """Open the chosen device. Raises DeviceError or AudioUnavailable; nothing is fallen back to here."""
        async with self._changing:
            if self._state is not SlotState.CLOSED:
                return
            device, stream = await self._opened(self._choice)
            await self._use(SlotState.CHOSEN, device, stream, "")
            self._start_watch()

    async def open_silent(self, reason: str) -> None:
        """Go on without a device, because of `reason`; it is told, and the default device is tried again later."""
        async with self._changing:
            if self._state is SlotState.CLOSED:
                reason = f"There is silence instead of the {self._direction.noun}. {reason}"
                await self._use(SlotState.SILENT, None, SilentStream(self._tick), reason)
                self._start_watch()

    async def switch(self, choice: int | str | None) -> None:
        """Use another device from now on. Where it cannot be opened, DeviceError, and the one in use stays."""
        async with self._changing:
            if self._state is SlotState.CLOSED:
                self._choice = choice
                return
            device, stream = await self._opened(choice)
            self._choice = choice
            await self._use(SlotState.CHOSEN, device, stream, f"The {self._direction.noun} is {device.name!r} now.")

    async def aclose(self) -> None:
        """Close the device. Never raises."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        async with self._changing:
            self._state, self._device = SlotState.CLOSED, None
            stream, self._stream = self._stream, None
            if stream is not None:
                self._past_xruns += stream.xruns
                await stream.aclose()

    def _start_watch(self) -> None:
        self._watch = asyncio.create_task(self._look_after(), name=f"antiphon-{self._direction.noun}")

    async def _look_after(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            async with self._changing:
                if self._state is SlotState.SILENT:
                    waited += LOOK_EVERY_S
                    if waited >= TRY_AGAIN_S:
                        waited = 0.0
                        await self._fall_back(rescan=True)
                elif self._stream is not None and not self._stream.is_alive():
                    waited = 0.0
                    await self._fall_back(rescan=False)

    async def _fall_back(self, *, rescan: bool) -> None:
        lost, noun = self._device, self._direction.noun
        try:
            device, stream = await self._opened(None, rescan=rescan)
        except AudioError as error:
            if lost is not None:
                reason = f"The {noun} {lost.name!r} is gone; silence instead, for there is no other one. {error}"
                await self._use(SlotState.SILENT, None, SilentStream(self._tick), reason)
        else:
            before = f"{lost.name!r} is gone" if lost is not None else "was missing"
            reason = f"The {noun} {before}: the default one, {device.name!r}, is used now."
            await self._use(SlotState.FALLEN_BACK, device, stream, reason)

    async def _opened(self, choice: int | str | None, *, rescan: bool = False) -> tuple[Device, PortAudioStream]:
        noun = self._direction.noun
        opened: list[PortAudioStream] = []

        def is_current() -> bool:
            return bool(opened) and opened[0] is self._stream

        def find_and_open() -> PortAudioStream:
            device = choose(list_devices(rescan=rescan), choice, self._direction)
            opened.append(self._open_stream(device, is_current))
            return opened[0]

        try:
            async with asyncio.timeout(OPENING_S):
                stream = await in_thread(find_and_open, unwanted=PortAudioStream.leave)
        except TimeoutError as error:
            raise DeviceError(f"The {noun} cannot be opened: the sound system does not answer.") from error
        except AudioError:
            raise
        except Exception as error:
            raise DeviceError(f"The {noun} cannot be opened: {error}") from error
        return stream.device, stream

    async def _use(self, state: SlotState, device: Device | None, stream: DeviceStream, reason: str) -> None:
        old, self._stream = self._stream, stream  # from here on, only the new one's sound counts
        self._state, self._device = state, device
        if old is not None:
            self._past_xruns += old.xruns
            await old.aclose()
        if not reason:
            return
        (logger.info if state is SlotState.CHOSEN else logger.warning)("%s", reason)
        if self._on_change is not None:
            self._on_change(DeviceChange(self._direction, state, device, reason))
