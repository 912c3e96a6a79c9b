"""GA events beside themselves under their beta names, for clients that were migrated half-way.

Such a client opens its call as GA does, so that nothing says which dialect it speaks, but listens for the beta's event
names. A door that is known to have such clients may send each of these events under both names; a strict GA client
ignores the second. Audio itself is not among them: it would double the traffic of a WebSocket.
"""

from __future__ import annotations

from antiphon.protocol.dialects.translation import Event, Translation
from antiphon.protocol.dialects.vocabulary import SERVER_EVENTS_TO_BETA

_NOT_DOUBLED = frozenset({"response.output_audio.delta", "response.output_audio.done"})
OLD_NAMES = {ga: beta for ga, beta in SERVER_EVENTS_TO_BETA.items() if ga not in _NOT_DOUBLED}
SPOKEN_AS_TEXT = {
    "response.output_audio_transcript.delta": "response.text.delta",
    "response.output_audio_transcript.done": "response.text.done",
}
"""For clients that know an answer's words only as text, whether it is spoken or not."""


def with_old_names(event: Event, *, spoken_as_text: bool = False) -> tuple[Event, ...]:
    """The event, and again under its beta name when it had another. Each keeps the event's id.

    spoken_as_text: what was spoken is told as text too, for clients that listen to nothing else; a client that listens
    to both would show every word twice.
    """
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in OLD_NAMES:
        return (event,)
    if spoken_as_text and kind in SPOKEN_AS_TEXT:
        text = {**event, "type": SPOKEN_AS_TEXT[kind]}
        if "transcript" in text:
            text["text"] = text.pop("transcript")
        return (event, {**event, "type": OLD_NAMES[kind]}, text)
    return (event, {**event, "type": OLD_NAMES[kind]})


class HalfMigratedCaller:
    """The translator of such a client. Holds only whether it knows spoken words as text."""

    def __init__(self, *, spoken_as_text: bool = False) -> None:
        self._spoken_as_text = spoken_as_text

    def to_ga(self, event: Event) -> Translation:
        """What it sends is GA already."""
        return Translation((event,))

    def from_ga(self, event: Event) -> Translation:
        """The event, and beside it what the client listens for."""
        return Translation(with_old_names(event, spoken_as_text=self._spoken_as_text))
