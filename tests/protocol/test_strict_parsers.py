"""The judges of our frames do refuse what is known to break stock clients: otherwise their approval means nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pydantic
import pytest

from strict_parsers import assert_stock_clients_accept
from wire_samples import REALTIME_SESSION, SERVER_FRAMES

_IDS = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
_TRANSCRIPT = {
    "type": "conversation.item.input_audio_transcription.completed",
    "item_id": "item_1",
    "content_index": 0,
    "transcript": "Hi",
}


def _message(**part: Any) -> dict[str, Any]:
    item = {"id": "item_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {"type": "conversation.item.done", "previous_item_id": None, "item": item}


BREAKING: dict[str, dict[str, Any]] = {
    "a session without a type": {
        "type": "session.created",
        "session": {name: value for name, value in REALTIME_SESSION.items() if name != "type"},
    },
    "a field of the beta session": {"type": "session.created", "session": {**REALTIME_SESSION, "voice": "alloy"}},
    "an unknown type": {"type": "response.text.delta", **_IDS, "content_index": 0, "delta": "Hi"},
    "the beta's text part in an item": _message(type="text", text="Hi"),
    "the beta's audio part in an item": _message(type="audio", transcript="Hi"),
    "audio in a done item": _message(type="output_audio", audio="AAAA", transcript="Hi"),
    "a null in a content part": _message(type="output_audio", transcript=None),
    "a number where a string belongs": _message(type="output_text", text=1),
    "a cancelled item": {
        "type": "conversation.item.done",
        "item": {"id": "item_1", "type": "message", "role": "assistant", "status": "cancelled", "content": []},
    },
    "a null in an item": {
        "type": "conversation.item.added",
        "item": {"id": "item_1", "type": "function_call", "name": "f", "arguments": "", "call_id": None},
    },
    "an item's part in a content_part event": {
        "type": "response.content_part.done",
        **_IDS,
        "content_index": 0,
        "part": {"type": "output_audio", "transcript": "Hi"},
    },
    "a null transcript in a content_part event": {
        "type": "response.content_part.added",
        **_IDS,
        "content_index": 0,
        "part": {"type": "audio", "transcript": None},
    },
    "a transcript without usage": _TRANSCRIPT,
    "a transcript with token usage but no details": {
        **_TRANSCRIPT,
        "usage": {"type": "tokens", "total_tokens": 1, "input_tokens": 1, "output_tokens": 0},
    },
    "a null in an error": {
        "type": "error",
        "error": {"type": "server_error", "message": "No.", "param": None},
    },
    "arguments done without a name": {
        "type": "response.function_call_arguments.done",
        **_IDS,
        "call_id": "call_1",
        "arguments": "{}",
    },
    "another rate limit": {"type": "rate_limits.updated", "rate_limits": [{"name": "minutes", "limit": 1}]},
}


@pytest.mark.parametrize("frame", BREAKING.values(), ids=BREAKING.keys())
def test_what_breaks_a_stock_client_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises((pydantic.ValidationError, AssertionError)):
        assert_stock_clients_accept(json.dumps({"event_id": "event_1", **frame}))


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=lambda frame: frame["type"])
def test_an_event_without_an_event_id_is_refused(frame: dict[str, Any]) -> None:
    if frame["type"] == "input_audio_buffer.dtmf_event_received":
        assert "event_id" not in frame  # the one event that has none
        return
    bare = {name: value for name, value in frame.items() if name != "event_id"}
    with pytest.raises((pydantic.ValidationError, AssertionError)):
        assert_stock_clients_accept(json.dumps(bare))


def test_a_member_that_no_client_knows_is_found_at_every_depth() -> None:
    done = next(frame for frame in SERVER_FRAMES if frame["type"] == "response.done")
    for path in ((), ("response",), ("response", "usage"), ("response", "output", 0), ("response", "audio", "output")):
        frame = copy.deepcopy(done)
        place: Any = frame
        for step in path:
            place = place[step]
        place["surprise"] = 1
        with pytest.raises(AssertionError, match="surprise"):
            assert_stock_clients_accept(json.dumps(frame))
