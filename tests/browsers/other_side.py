"""The scripted server's side of a call, with one face for WebRTC and for sound inside events: a test that runs in
every browser need not know which way its call has taken. Not here: the page.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np

from browsers.tab import Tab
from web.scripted_peer import ScriptedCall, ScriptedServer, ScriptedSocket
from web.wire import Event, answer_begins, delta, sound_begins

TRANSPORT = {"firefox": "webrtc", "webkit": "websocket"}
"""Debian's WebKitGTK is built without WebRTC."""

RATE = 24_000
SILENCE = 1e-3  # RMS; a codec leaves a trace of its own


def level(pcm: bytes) -> float:
    """RMS of 16 bit samples, 0 to 1."""
    samples = np.frombuffer(pcm, "<i2").astype(float) / 32768
    return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0


def spoken(response_id: str, item_id: str, seconds: float, amplitude: float) -> Event:
    """So much of a 440 Hz tone, as an answer's sound that travels inside events."""
    samples = np.sin(2 * np.pi * 440 * np.arange(int(RATE * seconds)) / RATE) * amplitude * 32767
    sound = base64.b64encode(samples.astype("<i2").tobytes()).decode()
    place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio.delta", **place, "delta": sound}


class OtherSide:
    """Of the newest call in `tab`, which is connected."""

    def __init__(self, tab: Tab, server: ScriptedServer) -> None:
        self._tab = tab
        self.line: ScriptedCall | ScriptedSocket
        if TRANSPORT[tab.browser] == "webrtc":
            self.line = server.call
        else:
            self.line = server.sockets[-1]

    async def send(self, *events: Event) -> None:
        if isinstance(self.line, ScriptedCall):
            self.line.send(*events)
        else:
            await self.line.send(*events)

    async def expect(self, kind: str) -> dict[str, Any]:
        """The first event of that type that the page has sent, waiting for it."""
        return await self.line.expect(kind)

    async def answer(self, words: str, *, amplitude: float = 0.5) -> None:
        """Begin to answer aloud, in a tone that goes on for longer than a test."""
        await self.send(*answer_begins("r1", "a1", None), delta("r1", "a1", words))
        if isinstance(self.line, ScriptedCall):
            self.line.tone.amplitude = amplitude
            self.line.send(sound_begins("r1"))
        else:
            await self.line.send(*[spoken("r1", "a1", 1, amplitude)] * 30)

    async def hears(self, at_least: float, *, seconds: float = 15) -> None:
        """Wait until the microphone has been so loud here."""
        async with asyncio.timeout(seconds):
            while await self._loudest_of_the_next() < at_least:
                pass

    async def hears_silence(self, *, seconds: float = 15) -> None:
        """Wait until nothing of the microphone is heard here any more."""
        async with asyncio.timeout(seconds):
            while await self._loudest_of_the_next() > SILENCE:
                pass

    async def lose(self, server: ScriptedServer) -> None:
        """The server is gone without a word, and takes calls again in a moment."""
        if isinstance(self.line, ScriptedCall):
            server.is_healthy = False  # or it would have hung up
            await self.line.connection.close()
        else:
            await self.line.socket.close(1012)

    async def _loudest_of_the_next(self) -> float:
        """How loud the microphone is here in the next quarter of a second or so."""
        if isinstance(self.line, ScriptedCall):
            self.line.loudest = 0.0
            await self._tab.call("() => new Promise((resolve) => setTimeout(resolve, 250))")
            return self.line.loudest
        blocks = self.line.blocks
        before = len(blocks)
        await self.line.until(lambda: len(blocks) >= before + 6)
        return max(level(block) for block in blocks[before:])


async def begin(page: Tab, server: ScriptedServer) -> OtherSide:
    """Press Start, and wait until the call is there and its microphone open."""
    await page.click("#start")
    return await connected(page, server)


async def connected(page: Tab, server: ScriptedServer) -> OtherSide:
    await page.until("antiphon.line === 'on' && antiphon.microphone !== 'off'")
    return OtherSide(page, server)
