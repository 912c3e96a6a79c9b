"""What a page complains of in a browser whose driver tells nothing of the console: kept in the tab by a script that the
test's server puts before all others. Only such browsers get it; the others see the page as it is.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADDRESS = "/complaints.js"
DOCTYPE = b"<!doctype html>"
TAG = f'<script src="{ADDRESS}"></script>'.encode()
SCRIPT = """{
  const keep = (...words) => {
    const kept = JSON.parse(sessionStorage.complaints ?? "[]");
    sessionStorage.complaints = JSON.stringify([...kept, words.map(String).join(" ")]);
  };
  const log = console.error.bind(console);
  console.error = (...words) => {
    keep(...words);
    log(...words);
  };
  addEventListener("unhandledrejection", ({ reason }) => keep("unhandled:", reason));
  addEventListener("error", ({ message, target }) => keep(message ?? `not loaded: ${target.src ?? target.href}`), true);
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    keep(`content security policy: ${violatedDirective} forbids ${blockedURI}`));
}"""


class ComplaintsKept:
    """ASGI middleware around a server of pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "Firefox" in Headers(scope=scope).get("user-agent", ""):
            await self._app(scope, receive, send)
        elif scope["path"] == ADDRESS:
            await Response(SCRIPT, media_type="text/javascript")(scope, receive, send)
        else:
            await self._app(_plain(scope), receive, _with_script(send))


def _plain(scope: Scope) -> Scope:
    """The same request from a browser that takes nothing compressed."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers}


def _with_script(send: Send) -> Send:
    page: Message | None = None  # the beginning of a page, until its text has come

    async def sent(message: Message) -> None:
        nonlocal page
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                page = message
                return
        elif page is not None:
            message["body"] = message["body"].replace(DOCTYPE, DOCTYPE + TAG, 1)
            MutableHeaders(scope=page)["content-length"] = str(len(message["body"]))
            await send(page)
            page = None
        await send(message)

    return sent
