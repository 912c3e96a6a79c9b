"""The door: one ASGI middleware that every request passes, which checks host, origin and key and sets the headers.

The rules themselves are in `access.py`. Refusals have the house's JSON shape, on a WebSocket too (as its denial).
"""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.protocol.dialects import Purpose, find_address
from antiphon.server.access import (
    cookie_name,
    host_allowed,
    host_name,
    is_loopback,
    is_own_origin,
    origin_allowed,
    presented_tokens,
    token_accepted,
)
from antiphon.server.answering import CURRENT_USER
from antiphon.server.client_secrets import PREFIX, ClientSecret, ClientSecrets
from antiphon.server.page import locked_page
from antiphon.server.refusals import Refusal, unexpected
from antiphon.server.settings import ServerSettings

logger = logging.getLogger("antiphon.server")

ALLOWED_HEADERS = "Authorization, Content-Type, X-OpenAI-Agents-SDK, OpenAI-Beta, api-key"
"""What stock browser clients send; the agents SDK adds its own header to the POST of its offer."""
EXPOSED_HEADERS = "Location"
"""A browser client learns its call's id from it."""
_OPEN_PATHS = frozenset({"/health", "/api/health"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_LOCKED = (
    "This server asks for an access token. Open the address that it printed when it started,"
    " or send the token as a bearer token."
)
ENTER_PATH = "/enter"
"""Where the locked page brings the token that it was opened with."""
_MOST_STRANGERS = 32
_COOKIE_SECONDS = 90 * 24 * 3600
_SHOWN_LOCKED = frozenset({"/tokens.css", "/access.js", "/kept.js", "/icon.svg", "/manifest.webmanifest"})
"""Files of the page that are shown without a token, beside those of the locked page itself and its icons."""
_STRANGER = "This server asks who is calling, and does not know you."
ICE_SERVERS_PATH = "/ice-servers"
_CHECKED = "antiphon.client_secret"


def route_path(scope: Scope) -> str:
    """The path below the place where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(root + "/") else path


def presented_secret(scope: Scope) -> ClientSecret | None:
    """The ephemeral key that a request for a call came with; the door has checked it."""
    secret = scope.get(_CHECKED)
    assert secret is None or isinstance(secret, ClientSecret)
    return secret


def shows_access_token(scope: Scope, settings: ServerSettings) -> bool:
    """Whether a request presents the access token itself; an app's token is none."""
    token = settings.access_token
    return token is not None and token_accepted(_presented(scope, settings), token)


def may_inspect(connection: HTTPConnection, settings: ServerSettings) -> bool:
    """Whether whoever asks may look at calls: the holder of the access token, or, where nobody is asked for one, this
    machine itself. An app's token, an ephemeral key or a user's face opens calls, not other people's; and no page of
    another origin may, whoever allowed it to call.
    """
    headers = connection.headers
    if not settings.inspect or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and not is_own_origin(origin, host):
        return False
    if settings.access_token is not None:
        return shows_access_token(connection.scope, settings)
    if settings.tokens or settings.authenticate is not None:
        return False
    # A reverse proxy on this machine is loopback too; what it passes on has another host, or says whom it stands for.
    address = connection.client.host if connection.client is not None else ""
    return is_loopback(host_name(host)) and is_loopback(address) and "x-forwarded-for" not in headers


def _presented(scope: Scope, settings: ServerSettings) -> list[str]:
    headers = Headers(scope=scope)
    token = settings.access_token
    cookies = cookie_parser(headers.get("cookie", ""))
    cookie = None if token is None else cookies.get(cookie_name(token))
    query = dict(reversed(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)))
    return presented_tokens(headers, query.get("token"), cookie, scope.get("subprotocols", ()), query)


def _opens_calls(scope: Scope, path: str) -> bool:
    """Whether an ephemeral key is good for this address."""
    address = find_address(scope.get("method", "GET"), path)
    return path == ICE_SERVERS_PATH or (address is not None and address.purpose in (Purpose.SOCKET, Purpose.CALL))


class Door:
    """Holds the settings and the ephemeral keys; safe for any number of requests at once on one event loop."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, client_secrets: ClientSecrets) -> None:
        self._app = app
        self._settings = settings
        self._client_secrets = client_secrets
        self._cookie = cookie_name(settings.access_token) if settings.access_token else ""
        self._strangers: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        friendly = origin is not None and origin_allowed(
            origin, headers.get("host", ""), self._settings.allowed_origins
        )

        if origin is not None and not friendly:
            self._tell_of_stranger(origin, scope)
        answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                ours = MutableHeaders(scope=message)
                ours.setdefault("X-Content-Type-Options", "nosniff")
                ours.setdefault("Referrer-Policy", "no-referrer")
                # Whether somebody is there, every page may see: it is how a widget tells a refusal from a silence.
                shared = friendly or route_path(scope) in _OPEN_PATHS
                ours.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if shared else "same-origin")
                if origin is not None or self._settings.allowed_origins:
                    ours.add_vary_header("Origin")
                if origin is not None and friendly:
                    ours["Access-Control-Allow-Origin"] = origin
                    ours["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            await send(message)

        try:
            response = await self._decide(scope, headers, origin, friendly)
        except Refusal as refusal:
            response = refusal.response()
        if response is not None:
            await deny(scope, receive, send_with_headers, response)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if not answered:
                # Here and not in Starlette's own handler, which is further out: a page of another origin is not
                # shown an answer without these headers. It is raised on for the log.
                await deny(scope, receive, send_with_headers, unexpected())
            raise

    def _tell_of_stranger(self, origin: str, scope: Scope) -> None:
        """Once for each origin: its browser tells the page's developer nothing but "CORS", so the log has to."""
        if origin in self._strangers or len(self._strangers) >= _MOST_STRANGERS or len(origin) > 200:
            return
        self._strangers.add(origin)
        logger.warning(
            "a page of %r asked for %s and may not have it: --allow-origin lets such pages call",
            origin,
            route_path(scope)[:100],
        )

    async def _decide(self, scope: Scope, headers: Headers, origin: str | None, friendly: bool) -> Response | None:
        """The response that the door itself gives, or None to let the request in. Raises Refusal."""
        if not host_allowed(headers.get("host", ""), self._settings.allowed_hosts):
            raise Refusal(
                403,
                "host_not_allowed",
                "This server does not answer to that host name."
                " Allow it with the allowed_hosts setting (--allow-host).",
                param="Host",
            )
        method = scope.get("method", "WEBSOCKET")
        if origin is not None and not friendly and method not in _SAFE_METHODS:
            raise Refusal(
                403,
                "origin_not_allowed",
                "Pages of this origin may not call this server."
                " Allow it with the allowed_origins setting (--allow-origin).",
                param="Origin",
            )
        if method == "OPTIONS" and origin is not None and "access-control-request-method" in headers:
            return Response(
                status_code=204,
                headers={
                    "Access-Control-Allow-Methods": "GET, POST",
                    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                    "Access-Control-Max-Age": "600",
                },
            )
        return await self._check_key(scope, headers)

    async def _check_key(self, scope: Scope, headers: Headers) -> Response | None:
        """Let in who shows an ephemeral key (to a call), a token, or, to the app's own check, a face."""
        settings, path = self._settings, route_path(scope)
        if path in _OPEN_PATHS:
            return None
        pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        query = dict(reversed(pairs))
        presented = _presented(scope, settings)
        if _opens_calls(scope, path):
            ephemeral = next((entry for entry in presented if entry.startswith(PREFIX)), None)
            if ephemeral is not None:
                # Also where nobody asks for a key: who shows one means its session, and must not get another.
                secret = scope[_CHECKED] = self._client_secrets.check(ephemeral, time.time())
                CURRENT_USER.set(secret.user)
                return None
        if not settings.tokens and settings.authenticate is None:
            return None
        wants_page = scope["type"] == "http" and path in ("", "/") and scope["method"] in _SAFE_METHODS
        if token_accepted(presented, *settings.tokens):
            token = settings.access_token
            if wants_page and token is not None and token_accepted([query.get("token", "")], token):
                return self._move_into_cookie(scope, token, [pair for pair in pairs if pair[0] != "token"])
            if path == ENTER_PATH and scope.get("method") == "POST" and token is not None:
                if token_accepted(presented, token):
                    return self._with_cookie(Response(status_code=204), scope, token)
                raise Refusal(403, "not_for_the_page", "An app's token does not open the page.")
            return None
        if settings.access_token is not None and scope.get("method") in _SAFE_METHODS and shown_locked(path):
            return None
        if settings.authenticate is not None and await self._knows(scope):
            return None
        message = _LOCKED if settings.tokens else _STRANGER
        if wants_page:
            asks = settings.access_token is not None and "text/html" in headers.get("accept", "")
            return (locked_page(settings.page) if asks else None) or PlainTextResponse(message, 401)
        raise Refusal(401, "invalid_api_key", message, headers={"WWW-Authenticate": "Bearer"})

    async def _knows(self, scope: Scope) -> bool:
        """Ask the app's own check. What goes wrong in it stands in the log, and lets nobody in."""
        authenticate = self._settings.authenticate
        assert authenticate is not None
        try:
            async with asyncio.timeout(self._settings.authenticate_seconds):
                user = await authenticate(HTTPConnection(scope))
        except Exception:
            logger.exception("the app's own authentication failed")
            raise Refusal(503, "authentication_unavailable", "The server cannot tell now who is calling.") from None
        CURRENT_USER.set(user)
        return user is not None

    def _move_into_cookie(self, scope: Scope, token: str, query: list[tuple[str, str]]) -> Response:
        """The token leaves the address bar (and so the history) and goes on in a cookie that scripts cannot read.

        SameSite is Lax, not Strict, so that the printed address also works when it is followed from a chat or a mail;
        what changes anything is a POST or a WebSocket, to which a stranger's page cannot add a Lax cookie.
        """
        root = scope.get("root_path", "") + "/"
        response = Response(status_code=303, headers={"Location": root + (f"?{urlencode(query)}" if query else "")})
        return self._with_cookie(response, scope, token)

    def _with_cookie(self, response: Response, scope: Scope, token: str) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            self._cookie,
            token,
            max_age=_COOKIE_SECONDS,
            path=scope.get("root_path", "") + "/",
            httponly=True,
            samesite="lax",
            secure=scope.get("scheme") == "https",
        )
        return response


def shown_locked(path: str) -> bool:
    return path in _SHOWN_LOCKED or (path.startswith(("/locked/", "/icons/")) and ".." not in path)


async def deny(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Give `response` instead of what was asked for. A WebSocket whose server cannot send one is closed with 1008."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        return
    await response(scope, receive, send)
