"""What was sent lately, so that an error can be told what it is about. Pure and bounded."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.conversation.events import Scope
from antiphon.protocol import ClientEvent, ConversationItemCreate, UnknownEvent

MOST_SENT = 512
"""Client events that are remembered; an error about an older one is about nothing known."""

_SCOPES: tuple[tuple[str, Scope], ...] = (
    ("session.", "session"),
    ("conversation.item.", "item"),
    ("response.", "response"),
    ("input_audio_buffer.", "input_audio"),
    ("output_audio_buffer.", "output_audio"),
)


@dataclass(frozen=True, slots=True)
class About:
    """What an error is about. event_type: of our event; created: the item that it should have created."""

    scope: Scope = "server"
    event_type: str | None = None
    created: str | None = None


class SentEvents:
    """Client events by their `event_id`; those without one cannot be found again."""

    def __init__(self) -> None:
        self._sent: dict[str, About] = {}

    def remember(self, event: ClientEvent | UnknownEvent) -> None:
        if isinstance(event, UnknownEvent) or not isinstance(event.event_id, str):
            return
        created: str | None = None
        if isinstance(event, ConversationItemCreate) and isinstance(event.item.id, str):
            created = event.item.id
        scope = next(scope for prefix, scope in _SCOPES if event.type.startswith(prefix))
        self._sent[event.event_id] = About(scope, event.type, created)
        while len(self._sent) > MOST_SENT:
            del self._sent[next(iter(self._sent))]

    def about(self, event_id: object) -> About:
        """What the event with this id was; an event is refused once."""
        return self._sent.pop(event_id, About()) if isinstance(event_id, str) else About()
