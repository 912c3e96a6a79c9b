"""Callers of another dialect: clients that speak the beta, or GA with Azure's habits. One translator per connection."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.protocol.dialects.errors import error_to_beta
from antiphon.protocol.dialects.items import item_to_beta, item_to_ga
from antiphon.protocol.dialects.responses import params_to_ga, response_to_beta
from antiphon.protocol.dialects.sessions import echoed_session_to_beta, session_to_ga
from antiphon.protocol.dialects.translation import Event, Translation, forget, recall, remember
from antiphon.protocol.dialects.vocabulary import (
    BETA_TEMPERATURE,
    LEAST_TEMPERATURE,
    MOST_TEMPERATURE,
    SERVER_EVENTS_TO_BETA,
    TRANSCRIPTION_EVENTS_TO_BETA,
    TRANSCRIPTION_EVENTS_TO_GA,
    SessionKind,
    turn_detection_to_ga,
)


class BetaCaller:
    """A client that speaks the beta, before a server that speaks GA. Only the connection's own task may touch it.

    It holds what one event alone does not tell: the session's kind, the temperature that the client asked for, which of
    the items that began it has been told of, and the names of the functions whose arguments are being written.
    """

    def __init__(self) -> None:
        self._kind: SessionKind = "realtime"
        self._temperature: float = BETA_TEMPERATURE
        self._asked_temperature: float | None = None
        self._told_items: dict[str, bool] = {}
        self._function_names: dict[str, str] = {}
        self._from_ga: dict[str, Callable[[Event], Translation]] = {
            "session.created": self._session,
            "session.updated": self._session,
            "conversation.item.added": self._item_began,
            "conversation.item.created": self._item_began,
            "conversation.item.done": self._item_ended,
            "conversation.item.retrieved": self._item,
            "response.output_item.added": self._output_item_added,
            "response.output_item.done": self._item,
            "response.created": self._response,
            "response.done": self._response,
            "response.function_call_arguments.done": self._arguments_done,
            "error": self._error,
        }

    # ── from the client ───────────────────────────────────────────────────────────────────────────────────────────

    def to_ga(self, event: Event) -> Translation:
        """A beta client's event, as GA has it."""
        match event:
            case {"type": "session.update", "session": dict()}:
                return self._update(event, "session.update")
            case {"type": "transcription_session.update"}:
                return self._update(event, "transcription_session.update")
            case {"type": "conversation.item.create", "item": dict() as item}:
                return Translation(({**event, "item": item_to_ga(item)},))
            case {"type": "response.create", "response": dict() as params}:
                translated, dropped = params_to_ga(params)
                return Translation(({**event, "response": translated},), tuple(dropped))
        return Translation((event,))

    def _update(self, event: Event, kind: str) -> Translation:
        renamed = {**event, "type": TRANSCRIPTION_EVENTS_TO_GA.get(kind, kind)}
        session = event.get("session")
        if not isinstance(session, dict):
            return Translation((renamed,))
        asked = session.get("temperature")
        if (
            isinstance(asked, int | float)
            and not isinstance(asked, bool)
            and LEAST_TEMPERATURE <= asked <= MOST_TEMPERATURE
        ):
            self._asked_temperature = asked
        translated, dropped = session_to_ga(session, self._kind if kind == "session.update" else "transcription")
        return Translation(({**renamed, "session": translated},), tuple(dropped))

    # ── to the client ─────────────────────────────────────────────────────────────────────────────────────────────

    def from_ga(self, event: Event) -> Translation:
        """A GA server's event, as the beta has it: none for what a beta client has been told already."""
        kind = event.get("type")
        if not isinstance(kind, str):
            return Translation((event,))
        renamed = SERVER_EVENTS_TO_BETA.get(kind)
        if renamed is not None:
            return Translation(({**event, "type": renamed},))
        translate = self._from_ga.get(kind)
        return Translation((event,)) if translate is None else translate(event)

    def _session(self, event: Event) -> Translation:
        kind = event["type"]
        if kind == "session.updated" and self._asked_temperature is not None:
            self._temperature, self._asked_temperature = self._asked_temperature, None
        session = event.get("session")
        transcribes = isinstance(session, dict) and session.get("type") == "transcription"
        self._kind = "transcription" if transcribes else "realtime"
        if transcribes:
            kind = TRANSCRIPTION_EVENTS_TO_BETA[kind]
        return Translation(({**event, "type": kind, "session": echoed_session_to_beta(session, self._temperature)},))

    def _item_began(self, event: Event) -> Translation:
        # The beta tells of an item once, when it begins. An assistant's is empty then, and is finished by
        # `response.output_item.done`; nothing else would say of a user's that it is complete.
        item = item_to_beta(event.get("item"))
        item_id = item.get("id") if isinstance(item, dict) else None
        if recall(self._told_items, item_id):
            return Translation(())
        remember(self._told_items, item_id, True)
        return _created(event)

    def _item_ended(self, event: Event) -> Translation:
        item = event.get("item")
        if forget(self._told_items, item.get("id") if isinstance(item, dict) else None):
            return Translation(())
        # Its beginning was before this connection, such as a sideband's: this is the first that the client hears of it.
        return _created(event)

    def _item(self, event: Event) -> Translation:
        return Translation(({**event, "item": item_to_beta(event.get("item"))},))

    def _output_item_added(self, event: Event) -> Translation:
        match event.get("item"):
            case {"type": "function_call", "id": item_id, "name": str(name)}:
                remember(self._function_names, item_id, name)
        return self._item(event)

    def _arguments_done(self, event: Event) -> Translation:
        # The beta's reference has no `name` here, but its service sent one, and clients run the function that it names.
        name = forget(self._function_names, event.get("item_id"))
        return Translation((event if name is None or "name" in event else {**event, "name": name},))

    def _response(self, event: Event) -> Translation:
        return Translation(({**event, "response": response_to_beta(event.get("response"), self._temperature)},))

    def _error(self, event: Event) -> Translation:
        error = error_to_beta(event.get("error"))
        param = error.get("param") if isinstance(error, dict) else None
        if isinstance(param, str) and param.startswith("session."):
            # The update was refused whole, and the temperature in it with it.
            self._asked_temperature = None
        return Translation(({**event, "error": error},))


def _created(event: Event) -> Translation:
    item = item_to_beta(event.get("item"))
    if isinstance(item, dict) and item.get("status") == "in_progress" and _is_not_generated(item):
        item = {**item, "status": "completed"}
    return Translation(({**event, "type": "conversation.item.created", "item": item},))


def _is_not_generated(item: Event) -> bool:
    return item.get("role") in ("user", "system") or item.get("type") == "function_call_output"


class AzureCaller:
    """A client that speaks GA as Azure's samples do: `{"type": "none"}` switches turns off. Holds nothing."""

    def to_ga(self, event: Event) -> Translation:
        match event:
            case {"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "none"}}}}}:
                audio = event["session"]["audio"]
                heard = {**audio["input"], "turn_detection": turn_detection_to_ga(audio["input"]["turn_detection"])}
                session = {**event["session"], "audio": {**audio, "input": heard}}
                return Translation(({**event, "session": session},))
        return Translation((event,))

    def from_ga(self, event: Event) -> Translation:
        return Translation((event,))
