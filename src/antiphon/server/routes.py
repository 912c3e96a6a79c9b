"""The HTTP and WebSocket routes: what each address answers. Rules, bodies and calls have their own modules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from antiphon import __version__
from antiphon.protocol import AudioConfig, AudioInput, InputTranscription, RealtimeSession
from antiphon.server.bodies import CallRequest, read_call_request, read_offer
from antiphon.server.calls import Calls, Readiness
from antiphon.server.openapi import DOCUMENT
from antiphon.server.page import Page, packaged_page
from antiphon.server.peers import Peers
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings
from antiphon.server.socket_call import GOING_AWAY, SocketLink, run_socket_call

Handler = Callable[[Request], Awaitable[Response]]

_PLAIN_SESSION = RealtimeSession(
    audio=AudioConfig(input=AudioInput(transcription=InputTranscription(model="gpt-4o-mini-transcribe")))
)
"""What `POST /session` opens, whose caller sends no session: it wants to see its own words."""


class Resource:
    """One address and its methods. Starlette's `Route` would let a GET fall through to the page's files, so that a
    wrong method looked like a wrong address; this says 405 and names what is allowed."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = handlers
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self._handlers))})
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)


def make_routes(calls: Calls, peers: Peers, settings: ServerSettings) -> list[BaseRoute]:
    """All addresses of the app, the page last, for it is asked about every other one."""

    async def health(_request: Request) -> Response:
        ready = calls.readiness is Readiness.READY
        body = {
            "status": "ok" if ready else calls.readiness.value,
            "version": __version__,
            "calls": calls.active,
        }
        return _json(body, 200 if ready else 503, {"Cache-Control": "no-store"})

    async def about(_request: Request) -> Response:
        await calls.ready()
        described = calls.answerer.describe()
        body: dict[str, object] = {"name": "antiphon", "version": __version__}
        for stage in ("recognizer", "model", "voice", "detector", "vision"):
            description = getattr(described, stage)
            body[stage] = None if description is None else asdict(description)
        return _json(body, headers={"Cache-Control": "no-cache"})

    async def openapi(_request: Request) -> Response:
        return _json(DOCUMENT, headers={"Cache-Control": "no-cache"})

    async def open_call(request: Request) -> Response:
        await calls.ready()
        return await answer(request, await read_call_request(request, settings))

    async def open_session(request: Request) -> Response:
        await calls.ready()
        return await answer(request, CallRequest(await read_offer(request, settings), _PLAIN_SESSION))

    async def answer(request: Request, wanted: CallRequest) -> Response:
        answered = await peers.answer(wanted, model=request.query_params.get("model") or None)
        location = f"{request.scope.get('root_path', '')}/v1/realtime/calls/{answered.call_id}"
        headers = {"Location": location, "Cache-Control": "no-store"}
        return Response(answered.sdp, 201, headers, media_type="application/sdp")

    async def hang_up(request: Request) -> Response:
        if not calls.hang_up(request.path_params["call_id"], "the caller asked to hang up"):
            raise Refusal(404, "call_id_not_found", "No session found for the provided call_id", param="call_id")
        return Response(status_code=200)

    async def upgrade_wanted(_request: Request) -> Response:
        raise Refusal(
            426,
            "upgrade_required",
            "This address speaks WebSocket. To open a WebRTC call, POST the offer to /v1/realtime/calls.",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )

    async def realtime(websocket: WebSocket) -> None:
        query = websocket.query_params
        if "call_id" in query:
            raise Refusal(404, "call_id_not_found", "No session found for the provided call_id", param="call_id")
        intent = query.get("intent")
        if intent not in (None, "transcription", "conversation"):
            raise Refusal(400, "invalid_value", "`intent` must be 'conversation' or 'transcription'.", param="intent")
        await calls.ready()
        link = SocketLink(settings.max_unsent_bytes)
        with calls.slot():
            call = calls.answerer.open_call(
                link,
                model=query.get("model") or None,
                kind="transcription" if intent == "transcription" else "realtime",
            )
            # Only `realtime` is ever chosen: echoing a client's key back would put it into its logs.
            subprotocol = "realtime" if "realtime" in websocket.scope.get("subprotocols", ()) else None
            with calls.listed(call.id, lambda reason: link.close(GOING_AWAY, reason)):
                await run_socket_call(
                    websocket, link, call, subprotocol=subprotocol, max_seconds=settings.max_call_seconds
                )

    return [
        Route("/health", Resource(GET=health)),
        Route("/api/health", Resource(GET=health)),
        Route("/about", Resource(GET=about)),
        Route("/openapi.json", Resource(GET=openapi)),
        Route("/session", Resource(POST=open_session)),
        WebSocketRoute("/v1/realtime", realtime),
        Route("/v1/realtime", Resource(GET=upgrade_wanted)),
        Route("/v1/realtime/calls", Resource(POST=open_call)),
        Route("/v1/realtime/calls/{call_id}/hangup", Resource(POST=hang_up)),
        Mount("/", Page(settings.page or packaged_page())),
    ]


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
