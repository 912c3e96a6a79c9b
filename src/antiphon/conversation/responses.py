"""The responses that the router knows: which are being made, and that each begins once and ends once. Pure."""

from __future__ import annotations

from antiphon.conversation.events import AssistantCompleted, AssistantResponseStarted, CompletionStatus, FriendlyEvent
from antiphon.conversation.items import Items
from antiphon.conversation.playout import Playout
from antiphon.protocol import Usage

MOST_RESPONSES = 4096
"""Of which it is known that they were; the oldest are forgotten, and ended if they never did."""


class Responses:
    """The responses of a conversation, across its sessions. The router alone writes them."""

    def __init__(self, items: Items, playout: Playout) -> None:
        self.active: list[str] = []
        """Those that are being made, oldest first."""
        self._known: dict[str, None] = {}
        self._items = items
        self._playout = playout

    @property
    def newest(self) -> str:
        """The last one that is being made, "" when there is none."""
        return self.active[-1] if self.active else ""

    @property
    def only_active(self) -> str | None:
        return self.active[0] if len(self.active) == 1 else None

    def begin(self, response_id: str, *, aside: bool = False) -> list[FriendlyEvent]:
        """A response is seen. Nothing when it is known, or when nobody said which it is ("")."""
        if response_id in self._known or not response_id:
            return []
        self._known[response_id] = None
        self.active.append(response_id)
        events: list[FriendlyEvent] = [AssistantResponseStarted(response_id=response_id, aside=aside)]
        while len(self._known) > MOST_RESPONSES:
            oldest = next(iter(self._known))
            events += self.end(oldest, "cancelled", reason="forgotten")
            del self._known[oldest]
        return events

    def end(
        self,
        response_id: str,
        status: CompletionStatus,
        *,
        reason: str | None = None,
        error: str | None = None,
        usage: Usage | None = None,
    ) -> list[FriendlyEvent]:
        """A response ended, and with it what its items still had open. Nothing when it had ended before."""
        if response_id not in self.active:
            return []
        self.active.remove(response_id)
        events: list[FriendlyEvent] = []
        for item in self._items.of_response(response_id):
            if item.kind == "call" and status == "completed" and item.is_announced:
                events += self._items.call_done(item, "")
            events += self._items.close(item, is_complete=status == "completed")
        if status == "cancelled" and reason != "disconnected":
            events += self._playout.interrupt(response_id)
        events.append(
            AssistantCompleted(response_id=response_id, status=status, reason=reason, error=error, usage=usage)
        )
        return events + self._playout.complete(response_id)

    def end_session(self) -> list[FriendlyEvent]:
        """The connection is gone: what was being made ends unfinished."""
        events: list[FriendlyEvent] = []
        for response_id in tuple(self.active):
            events += self.end(response_id, "cancelled", reason="disconnected")
        return events
