"""Who is told of friendly events. Pure: it calls handlers, and hands what they leave behind to its driver.

A handler is named with a pattern: a type ("user.completed"), a group ("user.*") or everything ("*"). Handlers are
called in the order in which they were added. One that returns `CONSUME` keeps the event for itself: later handlers and
the chat are not told. A handler may be a coroutine function; what it returns is handed to `own`, and cannot consume.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from antiphon.conversation.events import FRIENDLY_TYPES, FriendlyEvent
from antiphon.conversation.messages import ChatChange
from antiphon.errors import ConfigurationError

CONSUME: Final = "consume"
"""What a handler returns to keep an event for itself."""

Handler = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class HandlerFailure:
    """A handler, or a listener of the chat, raised. The others were called all the same. event: what it was told of."""

    handler: Handler
    event: FriendlyEvent | ChatChange
    error: Exception


class Handlers:
    """The handlers of one conversation. Its driver sets `own` and `failed`; anybody may add and remove, at any time."""

    def __init__(self) -> None:
        self.own: Callable[[Awaitable[Any]], object] | None = None
        """Takes what coroutine handlers return, to await it."""
        self.failed: Callable[[HandlerFailure], object] | None = None
        """Told of handlers that raised. Without it, what a handler raises reaches whoever told the event."""
        self._patterns: list[tuple[int, str, Handler]] = []
        self._added = 0
        self._by_type: dict[str, tuple[tuple[int, Handler], ...]] = {}
        self._live: set[int] = set()

    def on(self, pattern: str, handler: Handler) -> Callable[[], None]:
        """Adds a handler; what is returned removes it again. Raises ConfigurationError for a pattern of no event."""
        _check(pattern)
        self._added += 1
        number = self._added
        self._patterns.append((number, pattern, handler))
        self._live.add(number)
        self._by_type.clear()

        def off() -> None:
            if number in self._live:
                self._live.discard(number)
                self._patterns = [entry for entry in self._patterns if entry[0] != number]
                self._by_type.clear()

        return off

    def clear(self) -> None:
        """Removes every handler."""
        self._patterns.clear()
        self._live.clear()
        self._by_type.clear()

    def tell(self, event: FriendlyEvent) -> bool:
        """Calls the handlers of an event. Returns False when one of them consumed it."""
        kind = event.type
        handlers = self._by_type.get(kind)
        if handlers is None:
            handlers = tuple((number, handler) for number, pattern, handler in self._patterns if _fits(pattern, kind))
            self._by_type[kind] = handlers
        for number, handler in handlers:
            if number not in self._live:
                continue  # removed by a handler before it
            try:
                result = handler(event)
            except Exception as error:  # an app's handler must not end the call
                if self.failed is None:
                    raise
                self.failed(HandlerFailure(handler, event, error))
                continue
            if result is None:
                continue
            if isinstance(result, str) and result == CONSUME:
                return False
            if inspect.isawaitable(result):
                self._hand_over(result, handler, event)
        return True

    def _hand_over(self, awaitable: Awaitable[Any], handler: Handler, event: FriendlyEvent) -> None:
        if self.own is not None:
            self.own(awaitable)
            return
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        refusal = ConfigurationError("A coroutine was given as a handler where nobody awaits it: use a plain function.")
        if self.failed is None:
            raise refusal
        self.failed(HandlerFailure(handler, event, refusal))


def _fits(pattern: str, kind: str) -> bool:
    return pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1]))


def _check(pattern: str) -> None:
    if any(_fits(pattern, kind) for kind in FRIENDLY_TYPES):
        return
    near = difflib.get_close_matches(pattern.replace(":", "."), FRIENDLY_TYPES, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise ConfigurationError(
        f'No friendly event is called "{pattern}".{hint} Allowed: "*", "user.*", "user.completed", …'
    )
