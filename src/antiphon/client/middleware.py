"""What an app puts between the wire and everything else: it may look, change, stop, and send of its own.

A middleware is a plain function that returns at once: nothing that is read ever waits. What takes time belongs into a
handler, or into a task of the app.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.client.client import RealtimeClient

logger = logging.getLogger("antiphon.client")

EventT = TypeVar("EventT")


class Stop(Enum):
    """What a middleware returns to let an event go no further."""

    STOP = "stop"


STOP: Final = Stop.STOP

Middleware = Callable[[EventT, "RealtimeClient"], EventT | Literal[Stop.STOP] | None]
"""Is given the event and the call. Returns another event, STOP, or None to let it pass as it is."""


def checked(middleware: Iterable[Middleware[EventT]]) -> tuple[Middleware[EventT], ...]:
    """The middleware in order. Raises ConfigurationError for a coroutine function, whose answer would never come."""
    found = tuple(middleware)
    for one in found:
        if inspect.iscoroutinefunction(one):
            raise ConfigurationError(
                f"middleware {getattr(one, '__name__', one)!r} is async: what is read waits for nobody."
                " Make it a plain function, and do what takes time in a handler (`call.on`)."
            )
    return found


def passed(
    middleware: tuple[Middleware[EventT], ...], event: EventT, call: RealtimeClient
) -> EventT | Literal[Stop.STOP]:
    """The event after all of them, or STOP. One that raises is logged and leaves the event as it was."""
    for one in middleware:
        try:
            answer = one(event, call)
        except Exception:
            logger.exception("a middleware failed on %s", getattr(event, "type", "an event"))
            continue
        if answer is STOP:
            return STOP
        if answer is not None:
            event = answer
    return event
