"""An answerer for tests: the other side of a call that we make, on stock aiortc.

It shares nothing with `antiphon.rtc` but the wire.

answerer = StockAnswerer()
await caller.accept(await answerer.answer(await caller.offer()))
await answerer.opened()
answerer.say(pcm)
...
await answerer.close()
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioResampler

from rtc_caller import RATE, Microphone


class StockAnswerer:
    """One call, from the answering side. messages: what came on the data channel. received_pcm: what was heard."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.received_pcm = bytearray()
        self.channel: RTCDataChannel | None = None
        self._open = asyncio.Event()
        self._heard = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connection.addTrack(self.microphone)
        self.connection.on("datachannel", self._channel_came)
        self.connection.on("track", self._track)

    async def answer(self, offer: str) -> str:
        """The SDP answer, complete with candidates."""
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return str(self.connection.localDescription.sdp)

    async def opened(self, within: float = 10.0) -> None:
        """Wait for the caller's data channel."""
        async with asyncio.timeout(within):
            await self._open.wait()

    def send(self, text: str) -> None:
        """Send one message."""
        assert self.channel is not None
        self.channel.send(text)

    def say(self, pcm: bytes) -> None:
        """Queue PCM (24 kHz int16 mono) to be spoken in real time."""
        self.microphone.pending += pcm
        self.microphone.emptied.clear()

    async def said(self, within: float = 60.0) -> None:
        """Wait until everything queued by `say` was spoken."""
        async with asyncio.timeout(within):
            await self.microphone.emptied.wait()

    async def heard(self, seconds: float, within: float = 20.0) -> bytes:
        """Wait until so much audio was received in all, and return all of it."""
        async with asyncio.timeout(within):
            while len(self.received_pcm) < 2 * RATE * seconds:
                self._heard.clear()
                await self._heard.wait()
        return bytes(self.received_pcm)

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _channel_came(self, channel: Any) -> None:
        self.channel = channel
        channel.on("message", self.messages.put_nowait)
        self._open.set()

    def _track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._listen(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                for frame in resampler.resample(await track.recv()):
                    self.received_pcm += frame.to_ndarray().astype("<i2").tobytes()
                self._heard.set()
