"""What waits inside a client: events for the server (`Outbox`), and events for the app (`Inbox`). Both are bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from antiphon.client.errors import ClosedError, OverflowingError
from antiphon.client.kept import Kept
from antiphon.protocol import ClientEvent, ServerEvent, UnknownEvent

Event = ServerEvent | UnknownEvent


class SlowConsumer(Enum):
    """What happens to an app that reads events more slowly than they come. The reading itself never waits for it.

    DROP_OLDEST: it loses the oldest ones, counted. FAIL: its iteration ends with an OverflowingError.
    """

    DROP_OLDEST = "drop_oldest"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Unsent:
    """One event on its way out. fleeting: of no use on another connection; its sender makes another one then.

    kept: the event itself, if it must arrive and the server says so when it has. event: what the app said, if anything,
    for whoever has to be told that it never went out.
    """

    data: str
    fleeting: bool = False
    kept: Kept | None = None
    event: ClientEvent | None = None


class Outbox:
    """Events on their way out, bounded in bytes. Those of the machinery always fit: they are few and small."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._unsent: deque[Unsent] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._closed: ClosedError | None = None
        self._in_hand = False
        self._away = False
        self.dropped = 0
        """How many fleeting events were dropped because there was no connection."""

    async def put(self, event: Unsent) -> None:
        """Add an event of the app's; waits while there is no room. Raises ClosedError."""
        while (
            self._closed is None
            and self._unsent
            and self._bytes + len(event.data) > self._max_bytes
            and not (self._away and event.fleeting)
        ):
            await self._change()
        self.put_now(event)

    def put_now(self, event: Unsent) -> None:
        """Add an event without waiting. Raises ClosedError."""
        if self._closed is not None:
            raise self._closed
        if self._away and event.fleeting:
            self.dropped += 1
            return
        self._unsent.append(event)
        # Of a JSON text nearly all is ASCII: characters are counted, not encoded bytes, for that costs nothing.
        self._bytes += len(event.data)
        self._changed.set()

    @property
    def unsent_bytes(self) -> int:
        """How much waits."""
        return self._bytes

    @property
    def empty(self) -> bool:
        """Whether nothing waits, and nothing is being written."""
        return not self._unsent and not self._in_hand

    def kept(self) -> list[Kept]:
        """Of what waits, what must arrive."""
        return [event.kept for event in self._unsent if event.kept is not None]

    def said(self) -> list[ClientEvent]:
        """Of what waits, what the app said."""
        return [event.event for event in self._unsent if event.event is not None]

    async def at_rest(self) -> None:
        """Wait until nothing is being written."""
        while self._in_hand:
            await self._change()

    async def take(self) -> Unsent:
        """The next event to send; `sent` or `put_back` must follow."""
        while not self._unsent:
            await self._change()
        self._in_hand = True
        event = self._unsent.popleft()
        self._bytes -= len(event.data)
        return event

    def sent(self) -> None:
        self._in_hand = False
        self._changed.set()

    def put_back(self, event: Unsent, *, tried: bool = True) -> None:
        """It was not sent: it is the next one again, unless it is fleeting and was tried, or there is nowhere to go."""
        self._in_hand = False
        if event.fleeting and (tried or self._away):
            self.dropped += 1
        else:
            self._unsent.appendleft(event)
            self._bytes += len(event.data)
        self._changed.set()

    def put_first(self, events: Sequence[Unsent]) -> None:
        """These come before everything that waits."""
        self._unsent.extendleft(reversed(events))
        self._bytes += sum(len(event.data) for event in events)
        self._changed.set()

    def leave(self) -> None:
        """The connection was lost. What is fleeting is dropped, and until `back` it is not even taken."""
        kept = [event for event in self._unsent if not event.fleeting]
        self.dropped += len(self._unsent) - len(kept)
        self._unsent = deque(kept)
        self._bytes = sum(len(event.data) for event in self._unsent)
        self._away = True
        self._changed.set()

    def back(self) -> None:
        """There is a connection again."""
        self._away = False

    async def drained(self) -> None:
        """Wait until everything has been sent."""
        while self._unsent or self._in_hand:
            await self._change()

    def close(self, error: ClosedError) -> None:
        """Nothing more is sent; whoever waits for room gets the error."""
        if self._closed is None:
            self._closed = error
            self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Inbox:
    """Events that came and that the app has not read; and those who wait for a certain one.

    max_events: how many are kept; 0 keeps none, for an app that only listens with `on_event`.
    """

    def __init__(self, max_events: int, slow: SlowConsumer) -> None:
        self._max_events = max_events
        self._slow = slow
        self._unread: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._waiting: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []
        self._closed: ClosedError | None = None
        self._overflowed = False
        self.dropped = 0
        """How many events the app never saw."""

    def put(self, event: Event) -> None:
        if self._waiting:
            for predicate, future in self._waiting:
                if not future.done() and predicate(event):
                    future.set_result(event)
            self._waiting = [(predicate, future) for predicate, future in self._waiting if not future.done()]
        if self._max_events == 0 or self._overflowed:
            return
        if len(self._unread) >= self._max_events:
            if self._slow is SlowConsumer.FAIL:
                self._overflowed = True
                self._changed.set()
                return
            self._unread.popleft()
            self.dropped += 1
        self._unread.append(event)
        self._changed.set()

    def expect(self, predicate: Callable[[Event], bool]) -> asyncio.Future[Event]:
        """The next event for which `predicate` is true. Await it, or cancel it."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        if self._closed is not None:
            future.set_exception(self._closed)
        else:
            self._waiting.append((predicate, future))
        return future

    async def next(self) -> Event | None:
        """The next unread event; None when the call has ended as calls end. Raises ClosedError, OverflowingError."""
        while not self._unread:
            if self._overflowed:
                raise OverflowingError(f"More than {self._max_events} events were waiting to be read.")
            if self._closed is not None:
                if self._closed.code == 1000:
                    return None
                raise self._closed
            self._changed.clear()
            await self._changed.wait()
        return self._unread.popleft()

    def close(self, error: ClosedError) -> None:
        """No more events will come: whoever waits gets the error."""
        if self._closed is not None:
            return
        self._closed = error
        for _predicate, future in self._waiting:
            if not future.done():
                future.set_exception(error)
                # Somebody may have stopped waiting; that nobody reads the error then is no error.
                future.exception()
        self._waiting.clear()
        self._changed.set()
