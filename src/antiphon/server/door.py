"""The door: one ASGI middleware that every request passes, which checks host, origin and token and sets the headers.

The rules themselves are in `access.py`. Refusals have the house's JSON shape, on a WebSocket too (as its denial).
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.server.access import cookie_name, host_allowed, origin_allowed, presented_tokens, token_accepted
from antiphon.server.refusals import Refusal, unexpected
from antiphon.server.settings import ServerSettings

ALLOWED_HEADERS = "Authorization, Content-Type, X-OpenAI-Agents-SDK, OpenAI-Beta"
"""What stock browser clients send; the agents SDK adds its own header to the POST of its offer."""
EXPOSED_HEADERS = "Location"
"""A browser client learns its call's id from it."""
_OPEN_PATHS = frozenset({"/health", "/api/health"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_LOCKED = (
    "This server asks for an access token. Open the address that it printed when it started,"
    " or send the token as a bearer token."
)


def route_path(scope: Scope) -> str:
    """The path below the place where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(root + "/") else path


class Door:
    """Holds nothing but the settings; safe for any number of requests at once."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings
        self._cookie = cookie_name(settings.access_token) if settings.access_token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        friendly = origin is not None and origin_allowed(
            origin, headers.get("host", ""), self._settings.allowed_origins
        )

        answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                ours = MutableHeaders(scope=message)
                ours.setdefault("X-Content-Type-Options", "nosniff")
                ours.setdefault("Referrer-Policy", "no-referrer")
                if origin is not None:
                    ours.add_vary_header("Origin")
                    if friendly:
                        ours["Access-Control-Allow-Origin"] = origin
                        ours["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            await send(message)

        try:
            response = self._decide(scope, headers, origin, friendly)
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

    def _decide(self, scope: Scope, headers: Headers, origin: str | None, friendly: bool) -> Response | None:
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
        return self._check_token(scope, headers) if self._settings.access_token else None

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._settings.access_token or ""
        path = route_path(scope)
        if path in _OPEN_PATHS:
            return None
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        query_token = next((value for name, value in query if name == "token"), None)
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        presented = presented_tokens(headers, query_token, cookie, scope.get("subprotocols", ()))
        wants_page = scope["type"] == "http" and path in ("", "/") and scope["method"] in _SAFE_METHODS
        if not token_accepted(presented, token):
            if wants_page:
                return PlainTextResponse(_LOCKED, 401)
            raise Refusal(401, "invalid_api_key", _LOCKED, headers={"WWW-Authenticate": "Bearer"})
        if wants_page and query_token is not None and token_accepted([query_token], token):
            return self._move_into_cookie(scope, token, [pair for pair in query if pair[0] != "token"])
        return None

    def _move_into_cookie(self, scope: Scope, token: str, query: list[tuple[str, str]]) -> Response:
        """The token leaves the address bar (and so the history) and goes on in a cookie that scripts cannot read.

        SameSite is Lax, not Strict, so that the printed address also works when it is followed from a chat or a mail;
        what changes anything is a POST or a WebSocket, to which a stranger's page cannot add a Lax cookie.
        """
        root = scope.get("root_path", "") + "/"
        response = Response(status_code=303, headers={"Location": root + (f"?{urlencode(query)}" if query else "")})
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            self._cookie, token, path=root, httponly=True, samesite="lax", secure=scope.get("scheme") == "https"
        )
        return response


async def deny(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Give `response` instead of what was asked for. A WebSocket whose server cannot send one is closed with 1008."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        return
    await response(scope, receive, send)
