"""How a client reaches a server: the one small interface, and the pair that joins two ends in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from antiphon.client.errors import ClosedError, ConnectError

if TYPE_CHECKING:
    from antiphon.client.lifecycle import Stage
    from antiphon.rtc import ConnectionStats

NORMAL_CLOSE = 1000
ABNORMAL_CLOSE = 1006
_MOST_CLOSE_REASON_BYTES = 123
"""A close frame has no room for more (RFC 6455, section 5.5)."""


class Transport(Protocol):
    """One connection that carries events as text. Used by one reader and one writer.

    media: audio travels beside the events, so that the server plays it and knows what was heard.
    """

    @property
    def media(self) -> bool: ...

    async def connect(self) -> None:
        """Open the connection, anew when it was lost. Raises ConnectError."""
        ...

    async def send(self, data: str) -> None:
        """Hand one event over; waits while the peer takes no more. Raises ClosedError."""
        ...

    async def receive(self) -> str | bytes:
        """The next event. Raises ClosedError when there will be none."""
        ...

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        """End the connection. Never raises; closing twice is closing once."""
        ...


@runtime_checkable
class MediaTransport(Transport, Protocol):
    """A transport whose audio travels beside its events (WebRTC): the caller's seat of it. `media` is true.

    What is reported is reported on the event loop, and whoever is told returns at once.
    """

    on_audio: Callable[[bytes], None] | None
    """Is told what the server says: 24 kHz int16 mono, in order, at the pace it is played at. Kept over `connect`."""
    on_stage: Callable[[Stage, object], None] | None
    """Is told what is done on the way of the connection. Kept over `connect`."""
    on_shaky: Callable[[bool], None] | None
    """Is told True when the media path has fallen silent, False when it is back. Kept over `connect`."""

    @property
    def call_id(self) -> str | None:
        """The call's id, for whoever attaches to it; None while the server has told none."""
        ...

    def send_audio(self, pcm: bytes) -> None:
        """What the user says: 24 kHz int16 mono, any length. Dropped when there is no connection."""
        ...

    def flush_audio(self) -> None:
        """Drop what of it has not left yet."""
        ...

    async def stats(self) -> ConnectionStats:
        """How the connection is doing."""
        ...


async def stats_of(transport: Transport) -> ConnectionStats:
    """How a transport's connection is doing; nothing is known of one that does not measure it."""
    from antiphon.rtc import ConnectionStats  # noqa: PLC0415 - slow to load, and asked for by few

    measure = getattr(transport, "stats", None)
    found = ConnectionStats() if measure is None else await measure()
    assert isinstance(found, ConnectionStats)
    return found


class MemoryTransport:
    """One end of a pair in memory: what one end sends, the other receives. Made by `memory_pair`.

    Bounded like a socket: `send` waits while the other end has not read `limit` events. What was sent before a close is
    still received. An end that was closed cannot be connected again.
    """

    def __init__(self, incoming: _Lane, outgoing: _Lane, *, media: bool) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._media = media

    @property
    def media(self) -> bool:
        return self._media

    async def connect(self) -> None:
        if self._incoming.closed is not None:
            raise ConnectError("The other end in memory is gone.")

    async def send(self, data: str) -> None:
        await self._outgoing.put(data)

    async def receive(self) -> str | bytes:
        return await self._incoming.get()

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        reason = close_reason(reason)
        self._outgoing.close(code, reason)
        self._incoming.close(code, reason)

    def cut(self) -> None:
        """Break the connection without a close, as a network does."""
        self._outgoing.close(ABNORMAL_CLOSE, "")
        self._incoming.close(ABNORMAL_CLOSE, "")


class _Lane:
    """One direction of a pair: a bounded queue that can be closed. What is in it when it closes can still be taken."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[str] = deque()
        self._changed = asyncio.Event()
        self.closed: tuple[int, str] | None = None

    def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self._changed.set()

    async def put(self, data: str) -> None:
        while len(self._events) >= self._limit and self.closed is None:
            await self._change()
        if self.closed is not None:
            raise ClosedError(*self.closed)
        self._events.append(data)
        self._changed.set()

    async def get(self) -> str:
        while not self._events:
            if self.closed is not None:
                raise ClosedError(*self.closed)
            await self._change()
        self._changed.set()
        return self._events.popleft()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def memory_pair(*, limit: int = 256, media: bool = False) -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends that are connected: give one to a client, be the server at the other. limit: events on their way."""
    there, back = _Lane(limit), _Lane(limit)
    return MemoryTransport(back, there, media=media), MemoryTransport(there, back, media=media)


def close_reason(reason: str) -> str:
    """The reason, cut to what a close frame can carry."""
    return reason.encode()[:_MOST_CLOSE_REASON_BYTES].decode(errors="ignore")
