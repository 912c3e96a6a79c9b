"""A beta upstream, as Azure's preview is, behind a GA client: what it is told, what strict GA clients hear."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.protocol.dialects import BetaUpstream, Event
from strict_parsers import assert_stock_clients_accept
from wire_samples import EVERY_SESSION_FIELD

_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def created(item_id: str = "item_1", **members: Any) -> Event:
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant", "content": [], **members}
    return {"type": "conversation.item.created", "event_id": "e_1", "previous_item_id": "item_0", "item": item}


def types(events: tuple[Event, ...]) -> list[str]:
    for event in events:
        assert_stock_clients_accept(json.dumps(event))
    return [event["type"] for event in events]


def test_a_complete_item_is_added_and_done_at_once() -> None:
    spoken = created(role="user", status="completed", content=[{"type": "input_audio", "transcript": None}])
    events = BetaUpstream().to_ga(spoken).events
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    assert events[0]["event_id"] != events[1]["event_id"]


def test_a_generated_item_is_done_when_its_output_is() -> None:
    upstream = BetaUpstream()
    assert types(upstream.to_ga(created(status="in_progress")).events) == ["conversation.item.added"]
    item = {**created()["item"], "status": "completed", "content": [{"type": "text", "text": "Hi"}]}
    output = {"type": "response.output_item.done", "event_id": "e_2", "response_id": "r", "output_index": 0}
    events = upstream.to_ga({**output, "item": item}).events
    assert types(events) == ["response.output_item.done", "conversation.item.done"]
    assert events[1]["previous_item_id"] == "item_0"
    assert events[1]["item"]["content"] == [{"type": "output_text", "text": "Hi"}]


def test_an_item_that_a_cancelled_response_left_open_is_done_before_the_response() -> None:
    upstream = BetaUpstream()
    upstream.to_ga(created(status="in_progress"))
    output = [{**created()["item"], "status": "incomplete"}]
    done = {"type": "response.done", "event_id": "e_2", "response": {"id": "resp_1", "output": output}}
    assert types(upstream.to_ga(done).events) == ["conversation.item.done", "response.done"]
    assert types(upstream.to_ga(done).events) == ["response.done"]


def test_an_item_beside_the_conversation_is_not_said_to_be_in_it() -> None:
    item = {**created()["item"], "status": "completed"}
    output = {"type": "response.output_item.done", "event_id": "e", "response_id": "r", "output_index": 0, "item": item}
    assert types(BetaUpstream().to_ga(output).events) == ["response.output_item.done"]


def test_arguments_carry_the_functions_name() -> None:
    upstream = BetaUpstream()
    ids = {"event_id": "e", "response_id": "r", "output_index": 0}
    call = {"id": "item_1", "type": "function_call", "name": "add", "arguments": "", "call_id": "call_1"}
    upstream.to_ga({"type": "response.output_item.added", **ids, "item": call})
    done = {"type": "response.function_call_arguments.done", **ids, "item_id": "item_1", "call_id": "call_1"}
    (told,) = upstream.to_ga({**done, "arguments": "{}"}).events
    assert told["name"] == "add"
    assert_stock_clients_accept(json.dumps(told))


@pytest.mark.parametrize("detected", [True, False])
def test_a_transcript_without_usage_gets_the_one_that_is_known(detected: bool) -> None:
    """Strict GA clients drop a transcript that has none, and with it all that the caller said."""
    upstream = BetaUpstream()
    if detected:
        upstream.to_ga({"type": "input_audio_buffer.speech_started", "item_id": "item_1", "audio_start_ms": 500})
        upstream.to_ga({"type": "input_audio_buffer.speech_stopped", "item_id": "item_1", "audio_end_ms": 1700})
    event = {"type": _TRANSCRIBED, "event_id": "e", "item_id": "item_1", "content_index": 0, "transcript": "Hi"}
    (told,) = upstream.to_ga(event).events
    assert told["usage"] == {"type": "duration", "seconds": 1.2 if detected else 0.0}
    assert_stock_clients_accept(json.dumps(told))
    counted = {**event, "usage": {"type": "duration", "seconds": 9.5}}
    assert upstream.to_ga(counted).events == (counted,)


def test_nulls_that_strict_clients_refuse_are_left_out() -> None:
    upstream = BetaUpstream()
    error = {"type": "server_error", "code": None, "message": "Broken.", "param": None, "event_id": None}
    part = {"type": "audio", "transcript": None}
    ids = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    call = created(type="function_call", name="add", arguments="{}", call_id="c", status="completed")
    call["item"] = {name: value for name, value in call["item"].items() if name != "content"} | {"role": None}
    for event in (
        {"type": "error", "event_id": "e", "error": error},
        {"type": "response.content_part.added", **ids, "part": part},
        created(status="completed", content=[{"type": "audio", "transcript": "Hi", "audio": None}]),
        call,
    ):
        types(upstream.to_ga(event).events)


def test_an_upstreams_session_is_a_whole_ga_session() -> None:
    session = {
        "id": "sess_1",
        "object": "realtime.session",
        "model": "gpt-4o-realtime-preview",
        "expires_at": 1790000000,
        "modalities": ["text", "audio"],
        "instructions": "Be brief.",
        "voice": "alloy",
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "input_audio_format": "pcm16",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": None,
        "tools": [],
        "tool_choice": "auto",
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "client_secret": None,
    }
    (told,) = BetaUpstream().to_ga({"type": "session.created", "event_id": "e", "session": session}).events
    assert_stock_clients_accept(json.dumps(told))
    assert told["session"] == {
        "type": "realtime",
        "id": "sess_1",
        "object": "realtime.session",
        "model": "gpt-4o-realtime-preview",
        "expires_at": 1790000000,
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": None},
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.0},
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
    }


@pytest.mark.parametrize("event", ["created", "updated"])
def test_a_transcription_session_is_told_as_ga_tells_it(event: str) -> None:
    session = {"id": "s", "object": "realtime.transcription_session", "input_audio_format": "pcm16", "modalities": []}
    told = BetaUpstream().to_ga({"type": f"transcription_session.{event}", "event_id": "e", "session": session})
    assert told.events[0]["type"] == f"session.{event}"
    assert told.events[0]["session"] == {
        "type": "transcription",
        "id": "s",
        "object": "realtime.transcription_session",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}},
    }
    types(told.events)


def test_what_a_beta_upstream_would_refuse_is_kept_from_it_and_reported() -> None:
    told = BetaUpstream(azure=True).from_ga({"type": "session.update", "session": EVERY_SESSION_FIELD})
    session = told.events[0]["session"]
    assert [tool["type"] for tool in session["tools"]] == ["function"]
    assert session["input_audio_transcription"] == {
        "model": "gpt-realtime-whisper",
        "language": "de",
        "prompt": "a call",
    }
    assert not session.keys() & {"type", "model", "audio", "reasoning", "truncation", "tracing", "prompt"}
    assert {dropped.param for dropped in told.dropped} == {
        "session.model",
        "session.reasoning",
        "session.parallel_tool_calls",
        "session.truncation",
        "session.prompt",
        "session.tracing",
        "session.input_audio_transcription.languages",
        "session.input_audio_transcription.keywords",
        "session.input_audio_transcription.delay",
        "session.input_audio_noise_reduction.strength",
        "session.tools[1]",
        "session.tools[2]",
        "session.tool_choice",
    }


def test_a_choice_among_an_mcp_servers_tools_is_dropped_without_tools_beside_it() -> None:
    response = {"tool_choice": {"type": "mcp", "server_label": "docs"}, "reasoning": {"effort": "low"}}
    told = BetaUpstream().from_ga({"type": "response.create", "response": response})
    assert told.events == ({"type": "response.create", "response": {}},)
    assert {dropped.param for dropped in told.dropped} == {"response.tool_choice", "response.reasoning"}


def test_an_update_of_nothing_that_the_upstream_knows_is_still_sent() -> None:
    """Stock clients wait for its `session.updated`."""
    event = {"type": "session.update", "session": {"type": "realtime", "model": "gpt-realtime-2.1", "tracing": "auto"}}
    told = BetaUpstream(azure=True).from_ga(event)
    assert told.events == ({"type": "session.update", "session": {}},)


@pytest.mark.parametrize(("azure", "off"), [(True, {"type": "none"}), (False, None)])
def test_no_turn_detection_is_said_as_the_upstream_knows_it(azure: bool, off: object) -> None:
    event = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}}
    assert BetaUpstream(azure=azure).from_ga(event).events[0]["session"] == {"turn_detection": off}


def test_a_transcription_update_has_its_own_event() -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    (told,) = BetaUpstream().from_ga({"type": "session.update", "session": session}).events
    assert told == {
        "type": "transcription_session.update",
        "session": {"input_audio_transcription": {"model": "whisper-1"}},
    }
