"""A seat at a call over a WebSocket: the driver between one connection and the caller's or a further peer's seat.

The reader never waits for the writer, and neither waits for the call. What the peer has not read yet is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.server.answering import LinkKind, Seat, expiry_message, session_expired
from antiphon.server.edge import Edge

logger = logging.getLogger("antiphon.server")

FAREWELL_SECONDS = 2.0
"""How long the last events and the close frame get to leave."""

NORMAL, GOING_AWAY, POLICY, INTERNAL = 1000, 1001, 1008, 1011


class SocketLink:
    """What the call writes to: a queue of events, bounded in bytes, and the wish to close.

    The call puts in (`send_event`, `close`), `run_socket_call` takes out. Only the first `close` counts. What travels
    is in the peer's dialect (`edge`), what the call sees is GA.
    """

    kind: LinkKind = "websocket"
    max_event_bytes: int | None = None

    def __init__(self, max_unsent_bytes: int, edge: Edge | None = None) -> None:
        self._max_unsent_bytes = max_unsent_bytes
        self._edge = edge or Edge()
        self._unsent: deque[str] = deque()
        self._unsent_bytes = 0
        self._changed = asyncio.Event()
        self._seat: Seat | None = None
        self.farewell: tuple[int, str] | None = None
        self.abandoned = False
        """What is unsent stays unsent: the peer reads nothing, or is gone."""

    def take_seat(self, seat: Seat) -> None:
        self._seat = seat

    def send_event(self, data: str) -> None:
        if self.farewell is not None:
            return
        for frame in self._edge.outgoing(data):
            self._unsent.append(frame)
            # Of a JSON text nearly all is ASCII: characters are counted, not encoded bytes, for that costs nothing.
            self._unsent_bytes += len(frame)
        if self._unsent_bytes > self._max_unsent_bytes:
            self.abandoned = True
            self._unsent.clear()
            self._unsent_bytes = 0
            self.close(POLICY, "Too many events are waiting to be read.")
        self._changed.set()

    def send_audio(self, pcm: bytes) -> None:
        raise RuntimeError("on a WebSocket audio travels inside events")

    def end_audio(self) -> None:
        """There is no audio queue on a WebSocket."""

    def flush_audio(self) -> None:
        """There is no audio queue on a WebSocket."""

    def close(self, code: int, reason: str) -> None:
        if self.farewell is not None:
            return
        # A close frame has room for 123 bytes of reason (RFC 6455, section 5.5).
        self.farewell = (code, reason.encode()[:123].decode(errors="ignore"))
        self._changed.set()
        if self._seat is not None:
            logger.info("call %s: a connection is closing: %d %s", self._seat.id, code, reason)
            self._seat.hang_up(reason)

    def receive(self, data: str | bytes) -> None:
        """One message from the peer."""
        seat = self._seat
        assert seat is not None, "a message before the seat was taken"
        for frame in self._edge.incoming(data):
            self.guard(seat.receive_event, frame)

    def guard(self, receive: Callable[..., None], *args: object) -> None:
        """Let the call take something in. Its failure ends that call and nothing else."""
        try:
            receive(*args)
        except Exception:
            logger.exception("call %s failed on what its peer sent", self._seat.id if self._seat else "")
            self.close(INTERNAL, "internal error")

    async def next_event(self) -> str | None:
        """The next event to send, or None when everything is sent and no more will come."""
        while not self._unsent:
            if self.farewell is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        data = self._unsent.popleft()
        self._unsent_bytes -= len(data)
        return data


async def run_socket_call(
    websocket: WebSocket,
    link: SocketLink,
    seat: Seat,
    *,
    subprotocol: str | None,
    opened: Callable[[], None] | None = None,
    max_seconds: float | None = None,
) -> None:
    """Accept the connection and sit at the call on it; returns when both are over. Being cancelled hangs up.

    opened: what to tell once events can be sent. max_seconds: after which the seat is given up, None for never.
    """
    link.take_seat(seat)
    try:
        await websocket.accept(subprotocol)
    except BaseException as error:
        # A call that was made must be run to its end, or what it holds stays held.
        link.close(NORMAL, "the peer is gone")
        await seat.run()
        if isinstance(error, (WebSocketDisconnect, RuntimeError, OSError)):
            return
        raise
    expiry = None
    if max_seconds is not None:
        expiry = asyncio.get_running_loop().call_later(max_seconds, _expire, link, max_seconds)
    reader = asyncio.create_task(_read(websocket, link), name=f"read-{seat.id}")
    writer = asyncio.create_task(_write(websocket, link), name=f"write-{seat.id}")
    try:
        if opened is not None:
            link.guard(opened)
        await seat.run()
        link.close(NORMAL, "")
    except Exception:
        logger.exception("call %s failed", seat.id)
        link.close(INTERNAL, "internal error")
    finally:
        if expiry is not None:
            expiry.cancel()
        link.close(GOING_AWAY, "The server is going down.")
        await _part(websocket, link, reader, writer)


def _expire(link: SocketLink, max_seconds: float) -> None:
    link.send_event(session_expired(max_seconds))
    link.close(GOING_AWAY, expiry_message(max_seconds))


async def _read(websocket: WebSocket, link: SocketLink) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            link.abandoned = True
            link.close(NORMAL, "the peer hung up")
            return
        data = message.get("text")
        link.receive(message["bytes"] if data is None else data)


async def _write(websocket: WebSocket, link: SocketLink) -> None:
    try:
        while (data := await link.next_event()) is not None:
            await websocket.send_text(data)
    except WebSocketDisconnect:
        link.abandoned = True
        link.close(NORMAL, "the peer is gone")


async def _part(websocket: WebSocket, link: SocketLink, reader: asyncio.Task[None], writer: asyncio.Task[None]) -> None:
    """Send what is left, say goodbye, and wait for both tasks; a peer that reads nothing cannot hold this up."""
    if link.abandoned:
        writer.cancel()
    await asyncio.wait([writer], timeout=FAREWELL_SECONDS)
    reader.cancel()
    writer.cancel()
    await asyncio.wait([reader, writer])
    code, reason = link.farewell or (NORMAL, "")
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await websocket.close(code, reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        # Gone already, or not reading: the connection itself ends when this returns (see `listening.py`).
        logger.debug("the close frame of a call did not leave")
