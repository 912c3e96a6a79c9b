"""Stand-ins for OpenAI's and Azure's Realtime services, on loopback: as strict as they are, and as unreliable.

Behind them is our own engine with stages that need no audio, so that sessions, sidebands and errors are real. What a
browser would do with its data channel, a test does with `HostedCall.browser`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.engine import Call, Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.protocol import InvalidEvent, RealtimeSession, decode_session, to_builtins
from engine_bench import Detector, Link, Recognizer, Voice
from live_server import live_app

KEY = "sk-proj-Zx81mmSECRETkeyNEVERshown00000000"
ENTRA = "eyJ0eXAiOiJKV1Qi.SECRETentraTOKEN.0000000000000000"
ANSWER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\n"
OFFER = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


class Browser(Link):
    """The caller of a WebRTC call: what it is sent is heard at once."""

    def __init__(self) -> None:
        super().__init__("webrtc")
        self.call: Call | None = None

    def send_audio(self, pcm: bytes) -> None:
        super().send_audio(pcm)
        if self.call is not None:
            asyncio.get_running_loop().call_soon(self.call.audio_played, len(self.audio) // 2)


@dataclass
class HostedCall:
    """A call that the fake has answered. secret: the ephemeral key that opened it, None for the standard key."""

    id: str
    call: Call
    browser: Browser
    running: asyncio.Task[None]
    session: dict[str, Any]
    secret: str | None = None
    sockets: list[WebSocket] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    def from_browser(self, event: dict[str, Any]) -> None:
        """What the browser sends on its data channel."""
        self.call.receive_event(json.dumps(event))

    def types(self) -> list[str]:
        return [event["type"] for event in self.browser.events]


class HostedFake:
    """The service. azure: speaks and authorises as Azure does. Attributes named below inject faults.

    create_errors: (status, code, headers) for the next offers, in order. hold_answer: offers are answered once it is
    set. not_found: so many sidebands are answered 404 first. forgets_sessions: calls are opened without theirs.
    seen: every request, as (method, path, headers). media: offers are answered with real peer connections.
    """

    def __init__(self, *, azure: bool = False, media: bool = False, max_session_s: float | None = None) -> None:
        self.azure = azure
        self.media = media
        self.max_session_s = max_session_s
        self.base_url = ""
        self.calls: dict[str, HostedCall] = {}
        self.sessions: list[Call] = []
        self.secrets: dict[str, RealtimeSession] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.create_errors: deque[tuple[int, str, dict[str, str]]] = deque()
        self.hold_answer: asyncio.Event | None = None
        self.not_found = 0
        self.forgets_sessions = False
        self.offers = 0
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()
        self.attached = asyncio.Event()
        self.sideband_attempts = 0
        self.engine = Engine(
            Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05))  # type: ignore[arg-type]
        )
        prefix = "/openai/v1" if azure else "/v1"
        self.app = Starlette(
            routes=[
                Route(f"{prefix}/realtime/calls", self._create, methods=["POST"]),
                Route(f"{prefix}/realtime/calls/{{call_id}}/hangup", self._hang_up, methods=["POST"]),
                Route(f"{prefix}/realtime/client_secrets", self._mint, methods=["POST"]),
                WebSocketRoute(f"{prefix}/realtime", self._socket),
            ],
            lifespan=self._lifespan,
        )

    @property
    def last(self) -> HostedCall:
        return list(self.calls.values())[-1]

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await self.engine.start()
        yield
        for hosted in self.calls.values():
            hosted.call.hang_up("the fake is closing")
            await hosted.running
        await self.engine.aclose()

    # ── HTTP ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _create(self, request: Request) -> Response:
        self._note(request)
        self.offers += 1
        self.asked.set()
        if refused := self._beta(request.headers):
            return refused
        if self.create_errors:
            status, code, headers = self.create_errors.popleft()
            return _error(status, code, f"Trouble with {KEY} at https://internal.example/x?api-key={KEY}", headers)
        secret = _bearer(request.headers)
        bound = self.secrets.get(secret or "")
        if self.azure or bound is not None:
            if bound is None:
                return _error(401, "invalid_api_key", f"Access denied due to invalid key {secret}.")
            if request.headers.get("content-type") != "application/sdp":
                return _error(415, "unsupported_content_type", "Send application/sdp.")
            if self.azure and request.query_params.get("webrtcfilter") not in (None, "on"):
                return _error(400, "invalid_value", "webrtcfilter must be 'on'.")
            offer, session = (await request.body()).decode(), bound
        else:
            if not self._standard_key(request.headers):
                return _error(401, "invalid_api_key", f"Incorrect API key provided: {secret}.")
            if request.query_params:
                return _error(400, "unknown_parameter", "Unknown query parameter.")
            parsed = await self._parts(request)
            if isinstance(parsed, Response):
                return parsed
            offer, session = parsed
            secret = None
        if not offer.startswith("v=0"):
            return _error(400, "invalid_offer", "Failed to parse SessionDescription.")
        if self.hold_answer is not None:
            await self.hold_answer.wait()
        answer = ANSWER
        if self.media:
            hosted, answer = await self._open_media(offer, session, secret)
        else:
            hosted = self._open(session, secret)
        return Response(
            answer,
            201,
            {"Location": f"/v1/realtime/calls/{hosted.id}"},
            media_type="application/sdp",
        )

    async def _parts(self, request: Request) -> tuple[str, RealtimeSession] | Response:
        body = await request.body()
        form = await request.form()
        offer, offer_type = await _part(form, "sdp", body)
        session, session_type = await _part(form, "session", body)
        if offer_type != "application/sdp" or session_type != "application/json":
            return _error(400, "invalid_multipart", f"Parts are {offer_type} and {session_type}.")
        return self._session(offer, session)

    def _session(self, offer: str, session: str) -> tuple[str, RealtimeSession] | Response:
        try:
            decoded = decode_session(session)
        except InvalidEvent as invalid:
            return JSONResponse({"error": to_builtins(invalid.error)}, 400)
        assert isinstance(decoded, RealtimeSession)
        if not decoded.model:
            return _error(400, "missing_required_parameter", "Missing required parameter: 'session.model'.")
        return offer, decoded

    async def _hang_up(self, request: Request) -> Response:
        self._note(request)
        if not self._standard_key(request.headers):
            return _error(401, "invalid_api_key", f"Incorrect API key provided: {_bearer(request.headers)}.")
        hosted = self.calls.get(request.path_params["call_id"])
        if hosted is None or hosted.hung_up.is_set():
            return _error(404, "call_id_not_found", "No session found for the provided call_id")
        hosted.call.hang_up("hung up")
        hosted.hung_up.set()
        return Response(status_code=200)

    async def _mint(self, request: Request) -> Response:
        self._note(request)
        if not self._standard_key(request.headers) or "api-version" in request.query_params:
            return _error(401, "invalid_api_key", "Access denied due to invalid subscription key.")
        body = await request.json()
        if set(body) - {"session", "expires_after"}:
            return _error(400, "unknown_parameter", "Unknown parameter.")
        parsed = self._session("", json.dumps(body["session"]))
        if isinstance(parsed, Response):
            return parsed
        value = f"ek_{len(self.secrets)}SECRETephemeral0000"
        self.secrets[value] = parsed[1]
        return JSONResponse({"value": value, "expires_at": 4_000_000_000, "session": to_builtins(parsed[1])})

    # ── WebSocket ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _socket(self, websocket: WebSocket) -> None:
        self._note(websocket)
        query = websocket.query_params
        token = _bearer(websocket.headers)
        if websocket.headers.get("openai-beta"):
            await websocket.accept()
            await websocket.close(4000, "The Realtime Beta API is no longer supported. Please use /v1/realtime.")
            return
        if self.azure and "api-version" in query:
            await websocket.send_denial_response(_error(401, "invalid_api_key", "No api-version here."))
            return
        call_id = query.get("call_id")
        if call_id is None:
            if not self._standard_key(websocket.headers) or not query.get("model"):
                await websocket.send_denial_response(_error(401, "invalid_api_key", f"Incorrect API key: {token}."))
                return
            await self._serve_session(websocket)
            return
        self.sideband_attempts += 1
        hosted = self.calls.get(call_id)
        lost = self.not_found > 0
        self.not_found = max(0, self.not_found - 1)
        if lost or hosted is None or hosted.hung_up.is_set() or (hosted.secret is not None and token == hosted.secret):
            await websocket.send_denial_response(
                _error(404, "call_id_not_found", "No session found for the provided call_id")
            )
            return
        if not self._standard_key(websocket.headers) or "model" in query:
            await websocket.send_denial_response(_error(401, "invalid_api_key", f"Incorrect API key: {token}."))
            return
        await websocket.accept()
        hosted.sockets.append(websocket)
        link = Link()
        attachment = hosted.call.attach(link)
        self.attached.set()
        await _pump(websocket, link, attachment.receive_event)
        attachment.hang_up("the sideband left")

    async def _serve_session(self, websocket: WebSocket) -> None:
        await websocket.accept()
        link = Link()
        call = self.engine.open_call(link)
        self.sessions.append(call)
        self.opened.set()
        running = asyncio.create_task(call.run())
        expiry = None
        if self.max_session_s is not None:
            loop = asyncio.get_running_loop()
            expiry = loop.call_later(self.max_session_s, link.close, 1001, "Your session hit the maximum duration.")
        call.opened()
        await _pump(websocket, link, call.receive_event)
        if expiry is not None:
            expiry.cancel()
        call.hang_up("the peer left")
        await running

    async def drop_sidebands(self, call: HostedCall, code: int = 1011) -> None:
        """Close every sideband, as a deployment of theirs does."""
        sockets, call.sockets = call.sockets, []
        self.attached.clear()
        for socket in sockets:
            await socket.close(code, "going away")

    # ── helpers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, session: RealtimeSession, secret: str | None) -> HostedCall:
        browser = Browser()
        call = browser.call = self.engine.open_call(browser, session=None if self.forgets_sessions else session)
        hosted = HostedCall(call.id, call, browser, asyncio.create_task(call.run()), to_builtins(session), secret)
        self.calls[call.id] = hosted
        call.opened()
        self.opened.set()
        return hosted

    async def _open_media(self, offer: str, session: RealtimeSession, secret: str | None) -> tuple[HostedCall, str]:
        from antiphon.rtc import open_transport
        from antiphon.server.rtc_call import RtcCall

        peer = RtcCall(open_transport)
        answer = await peer.answer(offer)
        call = self.engine.open_call(peer, session=None if self.forgets_sessions else session)

        async def run() -> None:
            try:
                await peer.run(call, channel_seconds=10, max_seconds=self.max_session_s or 600)
            finally:
                await peer.aclose()

        hosted = HostedCall(call.id, call, Browser(), asyncio.create_task(run()), to_builtins(session), secret)
        self.calls[call.id] = hosted
        self.opened.set()
        return hosted, answer

    def _note(self, connection: Request | WebSocket) -> None:
        method = connection.method if isinstance(connection, Request) else "WS"
        query = f"?{connection.url.query}" if connection.url.query else ""
        self.seen.append((method, connection.url.path + query, dict(connection.headers)))

    def _standard_key(self, headers: Any) -> bool:
        if self.azure:
            return bool(headers.get("api-key") == KEY or _bearer(headers) == ENTRA)
        return _bearer(headers) == KEY

    def _beta(self, headers: Any) -> Response | None:
        if headers.get("openai-beta"):
            return _error(400, "beta_api_shape_disabled", "The Realtime Beta API is no longer supported.")
        return None


async def _pump(websocket: WebSocket, link: Link, receive: Callable[[str], None]) -> None:
    """Events both ways until either side is done."""

    async def send() -> None:
        sent = 0
        while True:
            link._news.clear()
            if sent == len(link.events) and not link.closes:
                await link._news.wait()
            while sent < len(link.events):
                await websocket.send_text(json.dumps(link.events[sent]))
                sent += 1
            if link.closes:
                await websocket.close(*link.closes[0])
                return

    async def take() -> None:
        while True:
            receive(await websocket.receive_text())

    tasks = [asyncio.create_task(send()), asyncio.create_task(take())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | RuntimeError | KeyError):
            raise result


async def _part(form: FormData, name: str, body: bytes) -> tuple[str, str]:
    """A part's text and its content type, which Starlette drops for parts that are no files."""
    value = form.get(name)
    text = (await value.read()).decode() if isinstance(value, UploadFile) else str(value or "")
    head = body.partition(f'name="{name}"'.encode())[2].partition(b"\r\n\r\n")[0].decode()
    kind = head.lower().partition("content-type:")[2].strip()
    return text, kind


def _bearer(headers: Any) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else None


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "code": code, "param": None}}
    return JSONResponse(body, status, headers)


@asynccontextmanager
async def hosted_fake(*, azure: bool = False, max_session_s: float | None = None) -> AsyncIterator[HostedFake]:
    """A running fake; its `base_url` is that of its API (Azure: the resource's endpoint)."""
    fake = HostedFake(azure=azure, max_session_s=max_session_s)
    async with live_app(fake.app) as root:
        fake.base_url = root if azure else f"{root}/v1"
        yield fake


class Wire:
    """A TCP relay in front of a server, which can go dead without closing: a half-open connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.dead = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, there_writer]
        born_dead = self.dead
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink, born_dead))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, fresh: bool) -> None:
        while data := await source.read(65536):
            if self.dead and not fresh:
                continue
            sink.write(data)
            await sink.drain()
        sink.close()
