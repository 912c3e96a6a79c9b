"""A caller for tests: the offering side of a WebRTC call, on stock aiortc, with PCM as its microphone.

It stands for "somebody else's client": it shares nothing with `antiphon.rtc` but the wire.

    caller = Caller()
    answer = await post(await caller.offer())
    await caller.accept(answer)
    await caller.opened()
    caller.send({"type": "session.update", ...})
    event = await caller.next_event("session.updated")
    caller.say(pcm)
    ...
    await caller.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

RATE = 24_000
_FRAME_SAMPLES = RATE // 50


class Microphone(MediaStreamTrack):
    """A track that plays queued PCM (24 kHz int16 mono) in real time, and silence when there is none."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.pending = bytearray()
        self.emptied = asyncio.Event()
        self.emptied.set()
        self._started: float | None = None
        self._sent = 0

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when their time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._started is None:
            self._started = time.monotonic()
        await asyncio.sleep(max(0.0, self._started + self._sent / RATE - time.monotonic()))
        block = bytes(self.pending[: 2 * _FRAME_SAMPLES])
        del self.pending[: 2 * _FRAME_SAMPLES]
        if not self.pending:
            self.emptied.set()
        samples = np.frombuffer(block.ljust(2 * _FRAME_SAMPLES, b"\0"), dtype="<i2")
        # Stereo, because aiortc's encoder would otherwise make it so, 3 dB softer.
        frame = AudioFrame.from_ndarray(np.repeat(samples, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += _FRAME_SAMPLES
        return frame


class Caller:
    """One call, from the caller's side.

    microphone: False offers recvonly audio. data_channel: its label, or None for none. events: every JSON event that
    came in, in order (text that is no JSON arrives as {"raw": text}). received_pcm: what was heard, 24 kHz int16 mono.
    """

    def __init__(self, *, microphone: bool = True, data_channel: str | None = "oai-events") -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.all_events: list[dict[str, Any]] = []
        self.received_pcm = bytearray()
        self.closed = asyncio.Event()
        self.channel: RTCDataChannel | None = None
        self._open = asyncio.Event()
        self._heard = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        if microphone:
            self.connection.addTrack(self.microphone)
        else:
            self.connection.addTransceiver("audio", direction="recvonly")
        if data_channel is not None:
            self.channel = self.connection.createDataChannel(data_channel)
            self.channel.on("open", self._open.set)
            self.channel.on("message", self._received)
            self.channel.on("close", self.closed.set)
        self.connection.on("track", self._track)
        self.connection.on("connectionstatechange", self._state)

    async def offer(self) -> str:
        """The SDP offer to post, complete with candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the SDP answer and begin to connect."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def opened(self, within: float = 10.0) -> None:
        """Wait for the data channel to open."""
        async with asyncio.timeout(within):
            await self._open.wait()

    def send(self, event: dict[str, Any] | str | bytes) -> None:
        """Send one event (or raw text, or a binary message)."""
        assert self.channel is not None, "this caller has no data channel"
        self.channel.send(json.dumps(event) if isinstance(event, dict) else event)

    async def next_event(self, kind: str | None = None, within: float = 10.0) -> dict[str, Any]:
        """The next event, or the next of type `kind`, dropping those before it (they stay in `all_events`)."""
        async with asyncio.timeout(within):
            while True:
                event = await self.events.get()
                if kind is None or event.get("type") == kind:
                    return event

    def say(self, pcm: bytes) -> None:
        """Queue PCM (24 kHz int16 mono) to be spoken into the microphone in real time."""
        self.microphone.pending += pcm
        self.microphone.emptied.clear()

    async def said(self, within: float = 60.0) -> None:
        """Wait until everything queued by `say` was spoken."""
        async with asyncio.timeout(within):
            await self.microphone.emptied.wait()

    async def heard(self, samples: int, within: float = 20.0) -> bytes:
        """Wait until so many samples were received in all, and return everything received."""
        async with asyncio.timeout(within):
            while len(self.received_pcm) < 2 * samples:
                self._heard.clear()
                await self._heard.wait()
        return bytes(self.received_pcm)

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def vanish(self) -> None:
        """Stop answering at once and without a word, as a machine does that lost its network.

        The connection is still to be closed (`close`) to free this side's resources.
        """
        for transceiver in self.connection.getTransceivers():
            ice = transceiver.receiver.transport.transport._connection
            for protocol in ice._protocols:
                protocol.datagram_received = lambda data, addr: None
                protocol.transport.sendto = lambda data, addr=None: None

    def _received(self, message: str | bytes) -> None:
        try:
            event = json.loads(message)
        except ValueError:
            event = {"raw": message}
        self.all_events.append(event)
        self.events.put_nowait(event)

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

    def _state(self) -> None:
        if self.connection.connectionState in ("closed", "failed"):
            self.closed.set()
