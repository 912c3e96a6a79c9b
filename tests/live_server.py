"""A real server for tests: uvicorn in this process and this event loop, on a free loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette

from antiphon.server import Answerer, Calls, ServerSettings, bind, create_app, listening
from antiphon.server.rtc_call import OpenTransport


@dataclass(frozen=True)
class LiveServer:
    """base_url: "http://host:port", without a slash at the end. calls: what the server knows of its calls."""

    base_url: str
    app: Starlette

    @property
    def ws_url(self) -> str:
        return self.base_url.replace("http://", "ws://", 1)

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    @property
    def calls(self) -> Calls:
        calls = self.app.state.calls
        assert isinstance(calls, Calls)
        return calls


@asynccontextmanager
async def live_server(
    answerer: Answerer,
    settings: ServerSettings | None = None,
    *,
    open_transport: OpenTransport | None = None,
    wait_until_ready: bool = True,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[LiveServer]:
    """Serve `answerer` (an engine that was not started) while the block runs. port: 0 for any free one.

    Raises what the answerer's start raised, unless wait_until_ready is False.
    """
    app = create_app(answerer, settings, open_transport=open_transport)
    async with live_app(app, host, port) as base_url:
        server = LiveServer(base_url, app)
        if wait_until_ready:
            await server.calls.settled()
        yield server


@asynccontextmanager
async def live_app(app: Starlette, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve any ASGI app the same way; yields its base URL."""
    sockets = bind(host, port)
    async with listening(app, sockets):
        yield f"http://{host}:{sockets[0].getsockname()[1]}"
