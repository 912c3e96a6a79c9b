"""The parsers of stock Realtime clients, as judges of what a server sends.

`assert_stock_clients_accept(frame)` is for every frame that any part of the project sends as a server. Three judges:

1. `openai`'s pydantic types under strict validation. They allow unknown members, so what they did not know is looked
   for afterwards.
2. `openai-agents`, exactly as its event handler parses.
3. The rules of the JavaScript SDK's zod schemas that go beyond both (`null`s that it refuses, `event_id` on
   everything, `usage` on every transcript), written down here because it does not run in Python. A frame that breaks
   one of them is silently ignored by that client.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import Annotated  # noqa: UP035 - the same Annotated that openai's types use

# What every server sends in a session and openai's types, made for requests, have no field for.
_KNOWN_EXTRAS = {
    "RealtimeSessionCreateRequest": {"id", "object", "expires_at"},
    "RealtimeTranscriptionSessionCreateRequest": {"id", "object", "expires_at"},
}
_WITHOUT_EVENT_ID = {"input_audio_buffer.dtmf_event_received"}
_WITH_AUDIO = {"conversation.item.retrieved", "response.output_audio.delta"}


def assert_stock_clients_accept(frame: str) -> None:
    """Fail with the reason when a stock client would refuse, drop or misread this server event."""
    event = json.loads(frame)
    openai_event = _openai_adapter().validate_json(frame, strict=True)
    extras = list(_extras(openai_event, event["type"]))
    assert not extras, f"openai's types know no {', '.join(extras)} in {frame}"
    _openai_agents_accepts(event)
    broken = list(_broken_javascript_rules(event))
    assert not broken, f"the JavaScript SDK would drop this frame: {'; '.join(broken)}: {frame}"


@functools.cache
def _openai_adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])


def _extras(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        known = _KNOWN_EXTRAS.get(type(value).__name__, set())
        yield from (f"{path}.{name}" for name in (value.model_extra or {}) if name not in known)
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for i, element in enumerate(value):
            yield from _extras(element, f"{path}[{i}]")


def _openai_agents_accepts(event: dict[str, Any]) -> None:
    from agents.realtime.openai_realtime import get_server_event_type_adapter

    # Its handler replaces this one null before it parses.
    if "previous_item_id" in event and event["previous_item_id"] is None:
        event = {**event, "previous_item_id": ""}
    get_server_event_type_adapter().validate_python(event)


def _broken_javascript_rules(event: dict[str, Any]) -> Iterator[str]:
    kind = event["type"]
    if kind not in _WITHOUT_EVENT_ID and not isinstance(event.get("event_id"), str):
        yield "no event_id"
    if "error" in event:
        yield from _nulls(event["error"], "error")
    if kind.startswith("response.content_part."):
        yield from _nulls(event["part"], "part")
    items = [event["item"]] if "item" in event else event.get("response", {}).get("output", [])
    for item in items:
        yield from _broken_item_rules(item, keeps_audio=kind in _WITH_AUDIO)
    if kind.endswith("input_audio_transcription.completed") and event["usage"]["type"] == "tokens":
        missing = {"text_tokens", "audio_tokens"} - event["usage"].get("input_token_details", {}).keys()
        yield from (f"usage.input_token_details has no {name}" for name in sorted(missing))


def _broken_item_rules(item: dict[str, Any], *, keeps_audio: bool) -> Iterator[str]:
    yield from _nulls(item, "item")
    for i, part in enumerate(item.get("content", [])):
        if not (part["type"] == "input_audio" and "transcript" in part and part["transcript"] is None):
            yield from _nulls(part, f"item.content[{i}]")
        if "audio" in part and not keeps_audio:
            yield f"item.content[{i}] carries its audio"


def _nulls(members: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{name} is null" for name, value in members.items() if value is None)
