"""From an ASGI app to open sockets: uvicorn, set up the way a voice server needs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from antiphon.errors import ConfigurationError
from antiphon.server.settings import MIB
from antiphon.server.tls import Tls

MAX_FRAME_BYTES = 32 * MIB
"""More than the protocol's largest event (15 MiB of base64), so that a frame too large for the protocol is answered
with its own error and the call lives on; only what is larger still costs the connection (1009)."""
PING_SECONDS = 20.0
GRACE_SECONDS = 1
"""How long connections get to end when the server stops, in whole seconds (uvicorn's own type)."""
_CLOSE_SECONDS = 2.0
_LINGER_SECONDS = 3.0


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, with an end to it: a peer that reads nothing cannot keep its socket open.

    Closing a transport whose buffer is full waits for the peer, for ever. Once the app is done with a connection, it
    has a few seconds to go.
    """

    _lost = False

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # A refusal ends the handshake too; otherwise uvicorn logs each one as an error of the app.
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        self.close_timeout = _CLOSE_SECONDS
        try:
            await super().run_asgi()
        finally:
            if not self._lost:
                self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals alone and says when it listens.

    uvicorn ends the process by raising its signals again; whoever runs this decides about signals and exit codes.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def bind(host: str | Sequence[str], port: int) -> list[socket.socket]:
    """Bind every address that `host` means ("localhost" is two), or each of several. Raises ConfigurationError in plain
    words.

    port: 0 takes any free one, the same for all addresses.
    """
    hosts = [host] if isinstance(host, str) else host
    found = []
    for name in hosts:
        try:
            found += socket.getaddrinfo(name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError):
            raise ConfigurationError(f"The host {name!r} is not known on this machine.") from None
    sockets: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in dict.fromkeys(found):
            bound = socket.socket(family, kind, proto)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address[0], port, *address[2:]))
            port = bound.getsockname()[1]
            bound.listen(128)
            bound.setblocking(False)
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise ConfigurationError(_bind_message(", ".join(hosts), port, error)) from None
    return sockets


def _bind_message(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is already in use. Stop what uses it, or choose another with --port {port + 1}."
        case errno.EACCES:
            return f"This user may not listen on port {port}. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"The address {host!r} does not belong to this machine. Choose another with --host."
        case _:
            return f"Cannot listen on {host!r}, port {port}: {error.strerror}."


def make_listener(app: ASGIApp, *, tls: Tls | None = None, lifespan: bool = True) -> Listener:
    """A server for `app`, to be given bound sockets. lifespan: whether it starts and ends the app."""
    return Listener(
        uvicorn.Config(
            app,
            http="h11",
            ws=BoundedSocketProtocol,
            ws_max_size=MAX_FRAME_BYTES,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            # Audio hardly shrinks: deflating costs more CPU than the rest of a call's WebSocket work together.
            ws_per_message_deflate=False,
            lifespan="on" if lifespan else "off",
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
            loop="none",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


@asynccontextmanager
async def listening(
    app: ASGIApp, sockets: Sequence[socket.socket], *, tls: Tls | None = None, lifespan: bool = True
) -> AsyncIterator[Listener]:
    """Serve `app` on bound sockets while the block runs; afterwards every connection is closed.

    tls: what to serve https with. lifespan: False for a further listener of an app that runs already.
    """
    listener = make_listener(app, tls=tls, lifespan=lifespan)
    serving = asyncio.create_task(listener.serve(list(sockets)), name="antiphon-listener")
    opened = asyncio.create_task(listener.listening.wait())
    try:
        await asyncio.wait([serving, opened], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
            raise RuntimeError("the server stopped before it listened")
        yield listener
    finally:
        opened.cancel()
        listener.should_exit = True
        await serving
