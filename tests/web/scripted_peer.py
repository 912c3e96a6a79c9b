"""The other side of the page, played: a small server with a real WebRTC peer, whose every event a test sends itself.

The page's own files are served exactly as the product serves them (same headers, same content security policy);
nothing in the page is replaced. What the engine does with a call is tested elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.server.page import Page
from antiphon.server.page_texts import packaged_page
from live_server import live_app

RATE = 48_000
FRAME = 960  # samples, 20 ms

ABOUT: dict[str, Any] = {
    "name": "antiphon",
    "version": "0.1.0",
    "recognizer": {
        "name": "pocketsphinx",
        "summary": "short, clear English",
        "improve": "Start with --stt URL to use any server that speaks /v1/audio/transcriptions.",
        "embedded": True,
    },
    "model": {
        "name": "embedded",
        "summary": "no language model yet: it repeats what it heard and calls tools",
        "improve": "Start with --llm URL --llm-model NAME. An Ollama on this machine is found by itself.",
        "embedded": True,
    },
    "voice": {"name": "espeak-ng", "summary": "a plain voice, many languages", "improve": None, "embedded": True},
    "detector": {"name": "silero", "summary": "hears when you begin and stop", "improve": None, "embedded": True},
    "vision": {"name": "measured", "summary": "size, light and colours of a photo", "improve": None, "embedded": True},
}


class Tone(MediaStreamTrack):
    """A 440 Hz tone, paced in real time. amplitude: 0 to 1, may change while it plays."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.amplitude = 0.0
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._sent / RATE - loop.time()))
        time = (self._sent + np.arange(FRAME)) / RATE
        tone = (np.sin(2 * math.pi * 440 * time) * self.amplitude * 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += FRAME
        return frame


@dataclass(eq=False)
class ScriptedCall:
    """One call that the page made. received: its events, oldest first. loudest: RMS of its microphone, 0 to 1."""

    id: str
    connection: RTCPeerConnection
    tone: Tone = field(default_factory=Tone)
    received: list[dict[str, Any]] = field(default_factory=list)
    longest_message: int = 0
    loudest: float = 0.0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    _channel: RTCDataChannel | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _listening: asyncio.Task[None] | None = None

    async def answer(self, offer: str, *, confirms: bool, session: dict[str, Any]) -> str:
        @self.connection.on("datachannel")
        def opened(channel: RTCDataChannel) -> None:
            self._channel = channel
            self.send({"type": "session.created", "session": {"type": "realtime", **session}})

            @channel.on("message")
            async def message(data: str) -> None:
                self.longest_message = max(self.longest_message, len(data))
                event = json.loads(data)
                if event["type"] == "session.update" and confirms:
                    self.send(updated(event, session))
                async with self._news:
                    self.received.append(event)
                    self._news.notify_all()

        @self.connection.on("track")
        def track(incoming: MediaStreamTrack) -> None:
            self._listening = asyncio.create_task(self._listen(incoming))

        self.connection.addTrack(self.tone)
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                samples = frame.to_ndarray().astype(np.float64) / 32768
                self.loudest = max(self.loudest, float(np.sqrt(np.mean(samples**2))))

    def send(self, *events: dict[str, Any]) -> None:
        assert self._channel is not None, "the data channel is not open"
        for number, event in enumerate(events):
            self._channel.send(json.dumps({"event_id": f"event_{number}", **event}))

    async def expect(self, kind: str, *, nth: int = 1, seconds: float = 10) -> dict[str, Any]:
        """The nth event of that type that the page has sent, waiting for it."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.received if event["type"] == kind]

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(found()) >= nth)
        return found()[nth - 1]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.received]

    async def close(self) -> None:
        await self.connection.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)


def updated(update: dict[str, Any], session: dict[str, Any]) -> dict[str, Any]:
    """What the server says to a `session.update`: turns are its own business."""
    audio = {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}}
    return {"type": "session.updated", "session": {**session, **update["session"], "audio": audio}}


@dataclass(eq=False)
class ScriptedSocket:
    """A call whose sound travels inside events. received: what the page sent, but for its sound; blocks: of that."""

    socket: WebSocket
    received: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        await self.socket.accept("realtime")
        await self.send({"type": "session.created", "session": {"type": "realtime"}})
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                event = json.loads(await self.socket.receive_text())
                if event["type"] == "session.update":
                    await self.send(updated(event, {}))
                async with self._news:
                    if event["type"] == "input_audio_buffer.append":
                        self.blocks.append(base64.b64decode(event["audio"]))
                    else:
                        self.received.append(event)
                    self._news.notify_all()
        self.over.set()

    async def send(self, *events: dict[str, Any]) -> None:
        for number, event in enumerate(events):
            await self.socket.send_text(json.dumps({"event_id": f"event_{number}", **event}))

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(condition)

    async def expect(self, kind: str) -> dict[str, Any]:
        """The first event of that type that the page has sent, waiting for it."""
        await self.until(lambda: any(event["type"] == kind for event in self.received))
        return next(event for event in self.received if event["type"] == kind)


class ScriptedServer:
    """Serves the page and plays its calls. refuse_with: (status, error) answers every offer with that error."""

    def __init__(self) -> None:
        self.base_url = ""
        self.calls: list[ScriptedCall] = []
        self.refuse_with: tuple[int, dict[str, Any]] | None = None
        self.answers = asyncio.Event()  # clear: offers wait
        self.answers.set()
        self.confirms_updates = True
        self.message_limit = 262_144  # bytes, announced in the answer
        self.asked = asyncio.Event()
        self.ice_servers: list[dict[str, Any]] = []
        self.sockets: list[ScriptedSocket] = []
        self.session: dict[str, Any] = {}  # of what a session begins with
        self.is_healthy = True
        self.app = Starlette(
            routes=[
                Route("/about", self._about),
                Route("/ice-servers", self._ice_servers),
                Route("/health", self._health),
                WebSocketRoute("/v1/realtime", self._socket),
                Route("/v1/realtime/calls", self._open, methods=["POST"]),
                Route("/v1/realtime/calls/{call_id}/hangup", self._hang_up, methods=["POST"]),
                Mount("/", Page(packaged_page())),
            ]
        )

    @property
    def call(self) -> ScriptedCall:
        return self.calls[-1]

    async def reset(self) -> None:
        for call in self.calls:
            await call.close()
        self.calls.clear()
        self.refuse_with = None
        self.confirms_updates = True
        self.message_limit = 262_144
        self.ice_servers = []
        self.sockets.clear()
        self.session = {}
        self.is_healthy = True
        self.answers.set()
        self.asked.clear()

    async def _about(self, _request: Request) -> Response:
        return JSONResponse(ABOUT)

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({}, 200 if self.is_healthy else 503)

    async def _socket(self, websocket: WebSocket) -> None:
        self.sockets.append(ScriptedSocket(websocket))
        await self.sockets[-1].run()

    async def _ice_servers(self, _request: Request) -> Response:
        return JSONResponse({"iceServers": self.ice_servers})

    async def _open(self, request: Request) -> Response:
        # Without a microphone a browser tells its addresses as names; this peer is a bare aiortc, which gives up where
        # no name can be looked up. Ours needs none (tests/rtc).
        offer = re.sub(r"[\w-]+\.local\b", "127.0.0.1", (await request.body()).decode())
        self.asked.set()
        await self.answers.wait()
        if self.refuse_with is not None:
            status, error = self.refuse_with
            return JSONResponse({"error": error}, status)
        assert request.headers["content-type"] == "application/sdp"
        call = ScriptedCall(f"rtc_{len(self.calls) + 1}", RTCPeerConnection())
        self.calls.append(call)
        answer = await call.answer(offer, confirms=self.confirms_updates, session=self.session)
        answer = re.sub(r"a=max-message-size:\d+", f"a=max-message-size:{self.message_limit}", answer)
        location = f"/v1/realtime/calls/{call.id}"
        return Response(answer, 201, {"Location": location}, media_type="application/sdp")

    async def _hang_up(self, request: Request) -> Response:
        call_id = request.path_params["call_id"]
        for call in self.calls:
            if call.id == call_id:
                call.hung_up.set()
        return Response(status_code=200)


@contextlib.asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    async with live_app(server.app) as base_url:
        server.base_url = base_url
        try:
            yield server
        finally:
            server.answers.set()
            await server.reset()
