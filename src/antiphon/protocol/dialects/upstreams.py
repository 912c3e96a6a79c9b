"""Upstreams that speak the beta (Azure's preview, older compatible servers), for clients that speak GA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from antiphon.protocol.dialects.errors import error_to_ga
from antiphon.protocol.dialects.items import item_to_beta, server_item_to_ga, without_nulls
from antiphon.protocol.dialects.responses import params_to_beta, response_to_ga
from antiphon.protocol.dialects.sessions import echoed_session_to_ga, session_to_beta
from antiphon.protocol.dialects.translation import Event, Translation, forget, remember
from antiphon.protocol.dialects.vocabulary import (
    SERVER_EVENTS_TO_GA,
    TRANSCRIPTION_EVENTS_TO_BETA,
    TRANSCRIPTION_EVENTS_TO_GA,
)

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class BetaUpstream:
    """A server that speaks the beta, behind a client that speaks GA. Only the connection's own task may touch it.

    It holds what GA tells and one beta event alone does not: which items are still being generated and what comes
    before them, the names of the functions being called, and how long the caller spoke.

    azure: the preview service, which differs in a few words.
    """

    def __init__(self, *, azure: bool = False) -> None:
        self._azure = azure
        self._open_items: dict[str, Any] = {}
        self._function_names: dict[str, str] = {}
        self._speech_began_ms: dict[str, float] = {}
        self._speech_seconds: dict[str, float] = {}
        self._to_ga: dict[str, Callable[[Event], Translation]] = {
            "session.created": self._session,
            "session.updated": self._session,
            "transcription_session.created": self._session,
            "transcription_session.updated": self._session,
            "conversation.item.created": self._item_created,
            "conversation.item.retrieved": self._item,
            "response.output_item.added": self._output_item_added,
            "response.output_item.done": self._output_item_done,
            "response.content_part.added": self._part,
            "response.content_part.done": self._part,
            "response.created": self._response,
            "response.done": self._response_done,
            "response.function_call_arguments.done": self._arguments_done,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            f"{_TRANSCRIPTION}.completed": self._transcribed,
            f"{_TRANSCRIPTION}.failed": self._error,
            "error": self._error,
        }

    # ── to the upstream ───────────────────────────────────────────────────────────────────────────────────────────

    def from_ga(self, event: Event) -> Translation:
        """A GA client's event, as a beta server takes it."""
        match event:
            case {"type": "session.update", "session": dict() as session}:
                kind = event["type"]
                if session.get("type") == "transcription":
                    kind = TRANSCRIPTION_EVENTS_TO_BETA[kind]
                translated, dropped = session_to_beta(session, azure=self._azure)
                return Translation(({**event, "type": kind, "session": translated},), tuple(dropped))
            case {"type": "conversation.item.create", "item": dict() as item}:
                return Translation(({**event, "item": item_to_beta(item)},))
            case {"type": "response.create", "response": dict() as params}:
                translated, dropped = params_to_beta(params)
                return Translation(({**event, "response": translated},), tuple(dropped))
        return Translation((event,))

    # ── from the upstream ─────────────────────────────────────────────────────────────────────────────────────────

    def to_ga(self, event: Event) -> Translation:
        """A beta server's event, as strict GA clients accept it; two where GA also says that an item is done."""
        kind = event.get("type")
        if not isinstance(kind, str):
            return Translation((event,))
        renamed = SERVER_EVENTS_TO_GA.get(kind)
        if renamed is not None:
            return Translation(({**event, "type": renamed},))
        translate = self._to_ga.get(kind)
        return Translation((event,)) if translate is None else translate(event)

    def _session(self, event: Event) -> Translation:
        kind = TRANSCRIPTION_EVENTS_TO_GA.get(event["type"], event["type"])
        session = echoed_session_to_ga(event.get("session"), "realtime" if kind == event["type"] else "transcription")
        return Translation(({**event, "type": kind, "session": session},))

    def _item_created(self, event: Event) -> Translation:
        added = {**event, "type": "conversation.item.added", "item": server_item_to_ga(event.get("item"))}
        match added["item"]:
            case {"id": str(item_id), "status": "in_progress"} as item if _is_generated(item):
                remember(self._open_items, item_id, event.get("previous_item_id"))
                return Translation((added,))
        return Translation((added, _item_done(event, added["item"], event.get("previous_item_id"))))

    def _item(self, event: Event) -> Translation:
        return Translation(({**event, "item": server_item_to_ga(event.get("item"))},))

    def _output_item_added(self, event: Event) -> Translation:
        match event.get("item"):
            case {"type": "function_call", "id": item_id, "name": str(name)}:
                remember(self._function_names, item_id, name)
        return self._item(event)

    def _output_item_done(self, event: Event) -> Translation:
        done = self._item(event).events[0]
        return Translation((done, *self._close(event, done["item"])))

    def _response(self, event: Event) -> Translation:
        return Translation(({**event, "response": response_to_ga(event.get("response"))},))

    def _response_done(self, event: Event) -> Translation:
        done = self._response(event).events[0]
        match done["response"]:
            case {"output": list(items)}:
                # An item that a cancelled response left open without saying so.
                ends = [end for item in items for end in self._close(event, item)]
                return Translation((*ends, done))
        return Translation((done,))

    def _close(self, event: Event, item: Any) -> tuple[Event, ...]:
        item_id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(item_id, str) or item_id not in self._open_items:
            return ()
        return (_item_done(event, item, forget(self._open_items, item_id)),)

    def _part(self, event: Event) -> Translation:
        return Translation(({**event, "part": without_nulls(event.get("part"))},))

    def _arguments_done(self, event: Event) -> Translation:
        name = forget(self._function_names, event.get("item_id"))
        return Translation((event if name is None or "name" in event else {**event, "name": name},))

    def _speech_started(self, event: Event) -> Translation:
        if isinstance(began := event.get("audio_start_ms"), int | float):
            remember(self._speech_began_ms, event.get("item_id"), began)
        return Translation((event,))

    def _speech_stopped(self, event: Event) -> Translation:
        began = forget(self._speech_began_ms, event.get("item_id"))
        if began is not None and isinstance(ended := event.get("audio_end_ms"), int | float):
            remember(self._speech_seconds, event.get("item_id"), max(0.0, (ended - began) / 1000))
        return Translation((event,))

    def _transcribed(self, event: Event) -> Translation:
        spoken = forget(self._speech_seconds, event.get("item_id"))
        if event.get("usage") is not None:
            return Translation((event,))
        # Strict GA clients drop a transcript without its usage. Older beta servers did not count; how long the caller
        # spoke is known when the server detected it, and shown as nothing when it did not.
        return Translation(({**event, "usage": {"type": "duration", "seconds": spoken or 0.0}},))

    def _error(self, event: Event) -> Translation:
        return Translation(({**event, "error": error_to_ga(event.get("error"))},))


def _is_generated(item: Event) -> bool:
    return item.get("role") == "assistant" or item.get("type") == "function_call"


def _item_done(event: Event, item: Any, previous_item_id: Any) -> Event:
    """GA's word that an item is complete. It has an id of its own, made from the event that it came with."""
    done: Event = {"type": "conversation.item.done", "previous_item_id": previous_item_id, "item": item}
    if isinstance(event.get("event_id"), str):
        done["event_id"] = f"{event['event_id']}_done"
    return done
