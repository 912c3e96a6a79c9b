"""Friendly events for one reader of an app, bounded: the oldest give way, and are counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from antiphon.conversation import FriendlyEvent, Handlers


class Subscription:
    """Events of some patterns, waiting to be read: iterate over it, as often as one likes.

    It ends when the call does, or with `close`.
    """

    def __init__(self, handlers: Handlers, patterns: tuple[str, ...], most: int) -> None:
        self._waiting: deque[FriendlyEvent] = deque()
        self._most = most
        self._changed = asyncio.Event()
        self._closed = False
        self.dropped = 0
        """How many events the reader never saw."""
        self._off: list[Callable[[], None]] = [handlers.on(pattern, self._put) for pattern in patterns or ("*",)]
        self._newest: FriendlyEvent | None = None

    def close(self) -> None:
        """Nothing more will come."""
        for off in self._off:
            off()
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FriendlyEvent:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def _put(self, event: FriendlyEvent) -> None:
        if event is self._newest:
            return  # two of the patterns fit it
        self._newest = event
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(event)
        self._changed.set()
