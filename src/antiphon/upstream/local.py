"""The embedded engine as an upstream: in this process, joined in memory, without a socket or a key.

Offers are not answered here: the peer connection of such a call is the server's own, for its audio does pass through
this process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, Protocol

from antiphon.client import ClosedError, ConnectError, Transport
from antiphon.client.transport import ABNORMAL_CLOSE, NORMAL_CLOSE
from antiphon.errors import LocalProtocolError
from antiphon.protocol import InvalidEvent
from antiphon.upstream.interface import UpstreamDescription

if TYPE_CHECKING:
    from antiphon.engine import Attachment, Call, Engine, Link

MAX_UNREAD_BYTES = 32 * 1024 * 1024
"""Events that a peer in memory has not read; one that lets more pile up is cut off, as a socket would be."""

_POLICY_CLOSE = 1008


class Peer(Protocol):
    """The engine's side of one peer: a call, or an attachment to one."""

    def receive_event(self, data: str | bytes) -> None: ...
    def hang_up(self, reason: str) -> None: ...


class LinkEnd:
    """The engine's end of a connection in memory: a `Link` that keeps events until they are read. Bounded in bytes."""

    kind: Literal["websocket", "webrtc"] = "websocket"
    max_event_bytes: int | None = None

    def __init__(self) -> None:
        self.closed: tuple[int, str] | None = None
        self._unread: deque[str] = deque()
        self._unread_bytes = 0
        self._changed = asyncio.Event()

    def send_event(self, data: str) -> None:
        if self.closed is not None:
            return
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > MAX_UNREAD_BYTES:
            self.close(_POLICY_CLOSE, "Too many events are waiting to be read.")
        self._changed.set()

    async def next_event(self) -> str:
        """The next event. Raises ClosedError when there will be none."""
        while not self._unread:
            if self.closed is not None:
                raise ClosedError(*self.closed)
            self._changed.clear()
            await self._changed.wait()
        data = self._unread.popleft()
        self._unread_bytes -= len(data)
        return data

    def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self._changed.set()

    def send_audio(self, pcm: bytes) -> None:
        raise LocalProtocolError("a peer in memory has no audio beside its events")

    def end_audio(self) -> None:
        """There is no audio queue here."""

    def flush_audio(self) -> None:
        """There is no audio queue here."""


class LinkedTransport:
    """A client transport whose other end is in the engine. One reader, one writer; it can be connected anew.

    join: takes part in a call over the given link; raises InvalidEvent when that cannot be. media: as of `Transport`.
    """

    def __init__(self, join: Callable[[Link], Peer], *, media: bool) -> None:
        self._join = join
        self._media = media
        self._end: LinkEnd | None = None
        self._peer: Peer | None = None

    @property
    def media(self) -> bool:
        return self._media

    async def connect(self) -> None:
        end = LinkEnd()
        try:
            self._peer = self._join(end)
        except InvalidEvent as refusal:
            raise ConnectError(refusal.error.message) from None
        self._end = end

    async def send(self, data: str) -> None:
        end, peer = self._opened()
        if end.closed is not None:
            raise ClosedError(*end.closed)
        peer.receive_event(data)
        # A socket, too, lets the others have their turn.
        await asyncio.sleep(0)

    async def receive(self) -> str | bytes:
        return await self._opened()[0].next_event()

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        if self._end is not None and self._peer is not None:
            self._end.close(code, reason)
            self._peer.hang_up(reason or "the peer left")

    def _opened(self) -> tuple[LinkEnd, Peer]:
        if self._end is None or self._peer is None:
            raise ClosedError(ABNORMAL_CLOSE, "it was never opened")
        return self._end, self._peer


class LocalUpstream:
    """An `Upstream` around an engine, which it starts and ends. The event loop's only.

    Calls that others open with the same engine (the server's, with their peer connections) are attached to by `beside`.
    """

    name = "local"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._runs: set[asyncio.Task[None]] = set()
        self._calls: dict[str, Call] = {}

    def describe(self) -> UpstreamDescription:
        described = self.engine.describe()
        return UpstreamDescription(
            name=self.name,
            summary="the embedded engine",
            where="in this process",
            model=described.model.name,
        )

    async def start(self) -> None:
        await self.engine.start()

    async def aclose(self) -> None:
        for call in list(self._calls.values()):
            call.hang_up("the upstream is closing")
        await asyncio.gather(*self._runs, return_exceptions=True)
        await self.engine.aclose()

    def connect(self, *, model: str | None = None) -> Transport:
        def join(link: Link) -> Peer:
            call = self.engine.open_call(link, model=model)
            self._calls[call.id] = call
            task = asyncio.get_running_loop().create_task(self._run(call), name=f"local-{call.id}")
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)
            call.opened()
            return call

        return LinkedTransport(join, media=False)

    def attach(self, call_id: str) -> Transport:
        def join(link: Link) -> Peer:
            call = self._calls.get(call_id)
            if call is None:
                raise ConnectError("There is no call of that id in this process.")
            return call.attach(link)

        return LinkedTransport(join, media=False)

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        finally:
            self._calls.pop(call.id, None)


def beside(attach: Callable[[Link], Attachment], *, media: bool) -> Transport:
    """The sideband of a running call in this process. attach: the call's own. media: whether it is a WebRTC call."""
    return LinkedTransport(attach, media=media)


@asynccontextmanager
async def open_engine_call(engine: Engine, *, model: str | None = None) -> AsyncIterator[Transport]:
    """A transport to an engine of one's own, without a server or a port: `RealtimeClient(transport=…)`.

    engine: one that was not started; it is started here, and ended with the block. Each connection is a new call.
    """
    upstream = LocalUpstream(engine)
    await upstream.start()
    try:
        yield upstream.connect(model=model)
    finally:
        await upstream.aclose()
