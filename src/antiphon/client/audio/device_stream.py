"""One open device: PortAudio's stream, brought to 24 kHz mono in pieces of 10 ms. And a stand-in that is silent.

What to do when a device goes away is `device_slot`'s; what the sound is for is `microphone`'s and `speaker`'s.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar, cast

from antiphon.audio import PCM_RATE
from antiphon.client.audio.devices import OPEN_STREAMS, Device, Direction, load_sounddevice, portaudio_alone
from antiphon.client.audio.echo import PIECE_BYTES, PIECE_MS, PIECE_SAMPLES
from antiphon.client.audio.errors import DeviceError
from antiphon.client.audio.rates import open_converter

T = TypeVar("T")

logger = logging.getLogger("antiphon.client.audio")

CALLBACK_MS: Final = 20
"""How often Python is called: less often costs latency, more often costs CPU and underruns."""

STALLED_S: Final = 1.0
"""A device that has not asked for or given sound for so long is gone, whatever PortAudio says of it."""

MOST_LATENCY_S: Final = 2.0

CLOSING_S: Final = 1.0
"""Closing a device that has gone away can hang in the system's sound libraries. Then it is left behind."""

Captured = Callable[[bytes], None]
"""Is given 10 ms that were captured, from the device's thread."""

Wanted = Callable[[float], bytes]
"""Gives the next 10 ms to play, to the device's thread; the argument: when they will be heard, of `time.monotonic`."""


def in_thread(work: Callable[[], T], *, unwanted: Callable[[T], object] | None = None) -> asyncio.Future[T]:
    """What `work` returns, done in a thread of its own. Cancelling the future leaves the thread to itself; what it
    returns then is given to `unwanted`.

    Not `asyncio.to_thread`: at its end the interpreter waits for those threads, and these may never come back.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.done():
            if error is None and unwanted is not None:
                unwanted(cast("T", result))
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", result))

    def run() -> None:
        result: T | None = None
        failed: Exception | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 -- given on to whoever waits
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="antiphon-sound-device", daemon=True).start()
    return future


class DeviceStream(Protocol):
    """Sound that runs, from a device or from nothing."""

    latency_ms: float
    xruns: int
    """How often the device, or this process, came too late."""

    def is_alive(self) -> bool: ...

    async def aclose(self) -> None: ...


class PortAudioStream:
    """A device that is open and runs. Made by `open_input` and `open_output`; not restarted."""

    def __init__(self, device: Device, rate: int, channels: int, latency_ms: float) -> None:
        self.device: Final = device
        self.rate: Final = rate
        self.channels: Final = channels
        self.latency_ms = latency_ms  # as asked for, until the device tells
        self.xruns = 0
        self._stream: Any = None
        self._called = time.monotonic()
        self._finished = False

    def run(self, stream: Any) -> None:
        """Start; raises sounddevice.PortAudioError."""
        self._stream = stream
        self._called = time.monotonic()
        stream.start()
        self.latency_ms = self.sane_latency(stream.latency) * 1000

    def sane_latency(self, seconds: float) -> float:
        """What the device tells, where that can be: JACK has been seen to tell of two days, others of nothing."""
        return seconds if 0 < seconds < MOST_LATENCY_S else self.latency_ms / 1000

    def called(self, status: Any) -> float:
        """The device asked for or gave sound now."""
        self.xruns += bool(status)
        self._called = time.monotonic()
        return self._called

    def finished(self) -> None:
        self._finished = True

    def is_alive(self) -> bool:
        return not self._finished and time.monotonic() - self._called < STALLED_S

    def leave(self) -> asyncio.Future[None]:
        """Stop at once, whether anybody waits for it or not."""
        stream, self._stream = self._stream, None

        def close() -> None:
            if stream is not None:
                # Not `portaudio_alone`, for it may never come back.
                stream.close(ignore_errors=True)  # aborts it first
                OPEN_STREAMS.closed()

        return in_thread(close)

    async def aclose(self) -> None:
        """Stop at once; gives up waiting after a second, for a device that is gone may never let go."""
        try:
            async with asyncio.timeout(CLOSING_S):
                await self.leave()
        except TimeoutError:
            logger.warning("The sound device %r does not let go; it is left behind.", self.device.name)


def open_input(device: Device, captured: Captured, latency_ms: float) -> PortAudioStream:
    """Open and start a microphone. Blocks for up to some hundred ms: not for the event loop. Raises DeviceError."""

    def callback_of(stream: PortAudioStream) -> Callable[..., None]:
        converter = open_converter(stream.rate, PCM_RATE)
        channels, waiting = stream.channels, bytearray()

        def callback(data: Any, _frames: int, _time: Any, status: Any) -> None:
            stream.called(status)
            waiting.extend(converter.feed(_first_channel(bytes(data), channels)))
            while len(waiting) >= PIECE_BYTES:
                captured(bytes(waiting[:PIECE_BYTES]))
                del waiting[:PIECE_BYTES]

        return callback

    return _open(device, Direction.INPUT, callback_of, latency_ms)


def open_output(device: Device, wanted: Wanted, latency_ms: float) -> PortAudioStream:
    """Open and start a loudspeaker; otherwise as `open_input`."""

    def callback_of(stream: PortAudioStream) -> Callable[..., None]:
        converter = open_converter(PCM_RATE, stream.rate)
        channels, ready = stream.channels, bytearray()
        taken = given = 0  # samples at 24 kHz, frames of the device

        def callback(data: Any, frames: int, times: Any, status: Any) -> None:
            nonlocal taken, given
            latency = stream.sane_latency(times.outputBufferDacTime - times.currentTime)
            begins = stream.called(status) + latency
            while len(ready) < 2 * frames:
                # What was taken beyond what was given is in the converter or in `ready`, ahead of this piece.
                pcm = wanted(begins + taken / PCM_RATE - given / stream.rate)
                taken += PIECE_SAMPLES
                ready.extend(converter.feed(pcm))
            data[:] = _all_channels(bytes(ready[: 2 * frames]), channels)
            del ready[: 2 * frames]
            given += frames

        return callback

    return _open(device, Direction.OUTPUT, callback_of, latency_ms)


def _open(
    device: Device,
    direction: Direction,
    callback_of: Callable[[PortAudioStream], Callable[..., None]],
    latency_ms: float,
) -> PortAudioStream:
    sounddevice = load_sounddevice()
    make = sounddevice.RawInputStream if direction is Direction.INPUT else sounddevice.RawOutputStream
    refused: Exception | None = None
    # 24 kHz mono if the device can: then nothing has to be converted. Else its own rate, and two channels if need be.
    for rate, channels in dict.fromkeys([(PCM_RATE, 1), (device.sample_rate, 1), (device.sample_rate, 2)]):
        if channels > device.channels(direction):
            continue
        stream = PortAudioStream(device, rate, channels, latency_ms)
        with portaudio_alone():
            raw: Any = None
            try:
                raw = make(
                    samplerate=rate,
                    blocksize=math.ceil(rate * CALLBACK_MS / 1000),
                    device=device.index,
                    channels=channels,
                    dtype="int16",
                    latency=latency_ms / 1000,
                    callback=callback_of(stream),
                    finished_callback=stream.finished,
                )
                stream.run(raw)
            except sounddevice.PortAudioError as error:
                refused = error
                if raw is not None:
                    raw.close(ignore_errors=True)
            else:
                OPEN_STREAMS.opened()
                return stream
    raise DeviceError(f"The {direction.noun} {device.name!r} cannot be opened: {refused}.") from refused


class SilentStream:
    """Instead of a device: 10 ms every 10 ms, from a task. For when there is none, so that time still goes on."""

    def __init__(self, tick: Callable[[float], object]) -> None:
        self.latency_ms = 0.0
        self.xruns = 0
        self._tick = tick
        self._task = asyncio.get_running_loop().create_task(self._run(), name="antiphon-silent-sound-device")

    def is_alive(self) -> bool:
        return not self._task.done()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += PIECE_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() - due > STALLED_S:  # the loop stood still, or the machine slept: do not catch up
                due = time.monotonic()
            self._tick(due)


def _first_channel(data: bytes, channels: int) -> bytes:
    if channels == 1:
        return data
    mono = bytearray(len(data) // channels)
    mono[0::2] = data[0 :: 2 * channels]
    mono[1::2] = data[1 :: 2 * channels]
    return bytes(mono)


def _all_channels(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    data = bytearray(len(pcm) * channels)
    for channel in range(channels):
        data[2 * channel :: 2 * channels] = pcm[0::2]
        data[2 * channel + 1 :: 2 * channels] = pcm[1::2]
    return bytes(data)
