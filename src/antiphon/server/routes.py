"""The HTTP and WebSocket routes: what each address answers. Rules, bodies and calls have their own modules."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from antiphon import __version__
from antiphon.protocol import AudioConfig, AudioInput, InputTranscription, RealtimeSession
from antiphon.protocol.dialects import ADDRESSES, Address, Dialect, HalfMigratedCaller, Purpose, choose_dialect
from antiphon.server.bodies import CallRequest, read_call_request, read_offer
from antiphon.server.callers import CallerRates
from antiphon.server.calls import Calls, Readiness
from antiphon.server.client_secrets import ClientSecrets
from antiphon.server.door import ICE_SERVERS_PATH, may_inspect, presented_secret
from antiphon.server.edge import Edge
from antiphon.server.ice_servers import ice_servers
from antiphon.server.minting import Mint
from antiphon.server.offers import Offers
from antiphon.server.openapi import DOCUMENT
from antiphon.server.page import Page
from antiphon.server.page_texts import packaged_page
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings
from antiphon.server.shell import WORKER, Worker
from antiphon.server.sockets import Sockets, unknown_call, version_wanted

if TYPE_CHECKING:
    from antiphon.server.inspecting import Inspector

Handler = Callable[[Request], Awaitable[Response]]

PLAIN_SESSION = RealtimeSession(
    audio=AudioConfig(input=AudioInput(transcription=InputTranscription(model="gpt-4o-mini-transcribe")))
)
"""What the founding routes open, whose callers send no session: they want to see their own words."""


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


def make_routes(
    calls: Calls,
    peers: Offers,
    client_secrets: ClientSecrets,
    settings: ServerSettings,
    inspector: Inspector | None = None,
) -> list[BaseRoute]:
    """All addresses of the app, the page last, for it is asked about every other one."""
    rates = CallerRates(settings)
    folder = settings.page or packaged_page()
    return [
        *_own_routes(calls, settings),
        *_inspection(inspector, settings),
        *_call_routes(calls, peers, Mint(calls, client_secrets, rates, settings), rates, settings),
        Route(f"/{WORKER}", Worker(folder)),
        Mount("/", Page(folder)),
    ]


def _inspection(inspector: Inspector | None, settings: ServerSettings) -> list[BaseRoute]:
    if inspector is None:
        # The page's own files of it are not there either.
        return [Route("/inspect", _nothing), Mount("/inspect", _Nothing())]
    from antiphon.server.inspection_routes import inspection_routes  # noqa: PLC0415 - only where it is wanted

    return inspection_routes(inspector, settings)


async def _nothing(_request: Request) -> Response:
    raise HTTPException(404)


class _Nothing:
    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        raise HTTPException(404)


def _own_routes(calls: Calls, settings: ServerSettings) -> list[BaseRoute]:
    """What only this server has: health, about, the description of itself, and what its page needs."""

    async def health(_request: Request) -> Response:
        ready = calls.readiness is Readiness.READY
        body = {
            "status": "ok" if ready else calls.readiness.value,
            "version": __version__,
            "calls": calls.active,
        }
        return _json(body, 200 if ready else 503, {"Cache-Control": "no-store"})

    async def about(request: Request) -> Response:
        await calls.ready()
        described = calls.answerer.describe()
        body: dict[str, object] = {"name": "antiphon", "version": __version__}
        if may_inspect(request, settings):
            body["inspect"] = "inspect/"
        for stage in ("recognizer", "model", "voice", "detector", "vision"):
            description = getattr(described, stage)
            body[stage] = None if description is None else asdict(description)
        return _json(body, headers={"Cache-Control": "no-cache"})

    async def openapi(_request: Request) -> Response:
        return _json(DOCUMENT, headers={"Cache-Control": "no-cache"})

    async def ice(_request: Request) -> Response:
        servers = ice_servers(settings, time.time())
        return _json({"iceServers": servers.for_browser()}, headers={"Cache-Control": "no-store"})

    return [
        Route("/health", Resource(GET=health)),
        Route("/api/health", Resource(GET=health)),
        Route("/about", Resource(GET=about)),
        Route("/openapi.json", Resource(GET=openapi)),
        Route(ICE_SERVERS_PATH, Resource(GET=ice)),
    ]


def _call_routes(
    calls: Calls, peers: Offers, mint: Mint, rates: CallerRates, settings: ServerSettings
) -> list[BaseRoute]:
    """Where calls are opened and ended and keys are minted, at OpenAI's, Azure's and the founding addresses."""
    sockets = Sockets(calls, rates, settings)

    async def answer(request: Request, wanted: CallRequest, model: str | None, edge: Edge | None = None) -> Response:
        answered = await peers.answer(wanted, model=model, edge=edge)
        azure = "/openai" if edge is not None and edge.dialect is Dialect.AZURE else ""
        location = f"{request.scope.get('root_path', '')}{azure}/v1/realtime/calls/{answered.call_id}"
        headers = {"Location": location, "Cache-Control": "no-store"}
        return Response(answered.sdp, 201, headers, media_type="application/sdp")

    async def open_call(request: Request, address: Address) -> Response:
        rates.may_call(request)
        await calls.ready()
        query = request.query_params
        dialect = choose_dialect(request.headers.items(), (), query, address.path, method="POST")
        wanted = await read_call_request(request, settings, dialect)
        secret = presented_secret(request.scope)
        if secret is not None:
            if wanted.session is not None:
                raise Refusal(
                    400, "session_bound", "The session is that of the client secret: send none.", param="session"
                )
            wanted = CallRequest(wanted.offer, secret.session)
        half_migrated = secret is not None and secret.old_names and dialect is Dialect.GA
        edge = Edge(dialect, HalfMigratedCaller() if half_migrated else None)
        return await answer(request, wanted, query.get(address.model) or None, edge)

    async def open_session(request: Request) -> Response:
        rates.may_call(request)
        await calls.ready()
        wanted = CallRequest(await read_offer(request, settings), PLAIN_SESSION)
        # The founding app of this address shows an answer's words only where they come as text.
        edge = Edge(translator=HalfMigratedCaller(spoken_as_text=True))
        return await answer(request, wanted, request.query_params.get("model") or None, edge)

    async def key_for_page(request: Request) -> Response:
        return await mint.mint_for_page(request, PLAIN_SESSION)

    async def hang_up(request: Request) -> Response:
        if not calls.hang_up(request.path_params["call_id"], "the caller asked to hang up"):
            raise unknown_call()
        return Response(status_code=200)

    async def upgrade_wanted(_request: Request) -> Response:
        raise Refusal(
            426,
            "upgrade_required",
            "This address speaks WebSocket. To open a WebRTC call, POST the offer to /v1/realtime/calls.",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )

    def handler_of(address: Address) -> Handler:
        async def handle(request: Request) -> Response:
            if address.needs_version and not request.query_params.get("api-version"):
                raise version_wanted()
            match address.purpose:
                case Purpose.SOCKET:
                    return await upgrade_wanted(request)
                case Purpose.CALL:
                    return await open_call(request, address)
                case _:
                    return await mint.mint(request, address.purpose, address.dialect)

        return handle

    paths: dict[str, dict[str, Handler]] = {}
    for address in ADDRESSES:
        paths.setdefault(address.path, {})[address.method] = handler_of(address)
    return [
        Route("/session", Resource(POST=open_session)),
        Route("/realtime/session", Resource(GET=key_for_page)),
        Route("/api/realtime/token", Resource(POST=key_for_page)),
        *[WebSocketRoute(entry.path, sockets.serve) for entry in ADDRESSES if entry.purpose is Purpose.SOCKET],
        *[Route(path, Resource(**handlers)) for path, handlers in paths.items()],
        Route("/v1/realtime/calls/{call_id}/hangup", Resource(POST=hang_up)),
        Route("/openai/v1/realtime/calls/{call_id}/hangup", Resource(POST=hang_up)),
    ]


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
