"""A client event that is wrong is refused whole, with the Realtime API's own code, param and words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from antiphon.errors import RemoteProtocolError
from antiphon.protocol import (
    MAX_APPEND_BYTES,
    UNSET,
    ErrorDetail,
    ErrorEvent,
    InputAudioBufferAppend,
    InvalidEvent,
    decode_client_event,
    decode_session,
    encode,
)
from strict_parsers import assert_stock_clients_accept


def refusal(data: str | bytes | dict[str, Any]) -> ErrorDetail:
    """The error for a client event that must be refused; it is one that stock clients can read."""
    with pytest.raises(InvalidEvent) as caught:
        decode_client_event(json.dumps(data) if isinstance(data, dict) else data)
    assert isinstance(caught.value, RemoteProtocolError)
    assert caught.value.error.type == "invalid_request_error"
    assert str(caught.value) == caught.value.error.message
    assert_stock_clients_accept(encode(ErrorEvent(event_id="event_1", error=caught.value.error)))
    return caught.value.error


def session_update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def audio_input(**members: Any) -> dict[str, Any]:
    return session_update(audio={"input": members})


def message(role: str, *content: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": list(content)}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("hello", "not valid JSON"),
        ("", "not valid JSON"),
        ('{"type":"response.cancel"', "not valid JSON"),
        ('{"type":"response.cancel"}{}', "not valid JSON"),
        ('{"type":"response.cancel","x":NaN}', "not valid JSON"),
        ('{"type":"response.cancel","x":1e999}', "not valid JSON"),
        ('{"type":"response.cancel","x":"\\ud800"}', "not valid JSON"),
        ('{"type":"response.cancel","x":"\ud800"}', "not valid UTF-8"),
        (b'{"type":"response.cancel","x":"\xff"}', "not valid UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ('{"type":"response.cancel","x":' + '{"x":' * 100_000, "nested too deeply"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "The 'type' field is missing."),
        ('{"Type":"response.cancel"}', "The 'type' field is missing."),
    ],
)
def test_what_is_no_event_at_all_is_an_invalid_event(data: str | bytes, words: str) -> None:
    error = refusal(data)
    assert error.code == "invalid_event"
    assert words in error.message
    assert error.param is UNSET


@pytest.mark.parametrize(
    ("event", "code", "param", "words"),
    [
        ({"type": "response.begin"}, "invalid_value", "type", "and 'output_audio_buffer.clear'."),
        ({"type": "session.created", "session": {}}, "invalid_value", "type", "'session.created'"),
        ({"type": ["session.update"]}, "invalid_type", "type", "expected a string, but got an array"),
        ({"type": "session.update"}, "missing_required_parameter", "session", "parameter: 'session'."),
        ({"type": "session.update", "session": []}, "invalid_type", "session", "expected an object, but got an array"),
        (
            {"type": "session.update", "session": {"instructions": "Hi"}},
            "missing_required_parameter",
            "session.type",
            "Missing required parameter: 'session.type'.",
        ),
        (
            {"type": "session.update", "session": {"type": "translation"}},
            "invalid_value",
            "session.type",
            "Supported values are: 'realtime' and 'transcription'.",
        ),
        (session_update(voice="ash"), "unknown_parameter", "session.voice", "Unknown parameter: 'session.voice'."),
        (session_update(modalities=["audio", "text"]), "unknown_parameter", "session.modalities", "Unknown parameter"),
        (session_update(temperature=0.8), "unknown_parameter", "session.temperature", "Unknown parameter"),
        (
            session_update(tools=[{"type": "function", "name": "f", "strict": True}]),
            "unknown_parameter",
            "session.tools[0].strict",
            "Unknown parameter: 'session.tools[0].strict'.",
        ),
        (
            audio_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
            "Unknown parameter",
        ),
        (
            {"type": "session.update", "session": {"type": "transcription", "instructions": "Hi"}},
            "unknown_parameter",
            "session.instructions",
            "Unknown parameter",
        ),
        (
            session_update(output_modalities=["audio", "text"]),
            "invalid_value",
            "session.output_modalities",
            "Supported combinations are: ['text'] and ['audio'].",
        ),
        (session_update(output_modalities=[]), "invalid_value", "session.output_modalities", "combinations"),
        (
            session_update(output_modalities=["video"]),
            "invalid_value",
            "session.output_modalities[0]",
            "Invalid value: 'video'.",
        ),
        (session_update(instructions=None), "invalid_type", "session.instructions", "expected a string, but got null"),
        (session_update(instructions=7), "invalid_type", "session.instructions", "a string, but got an integer"),
        (session_update(tools={}), "invalid_type", "session.tools", "expected an array, but got an object"),
        (
            session_update(tools=[{"type": "function", "name": "f", "description": "x" * 1025}]),
            "string_above_max_length",
            "session.tools[0].description",
            "maximum length 1024, but got a string with length 1025",
        ),
        (
            session_update(tools=[{"type": "function", "name": ""}]),
            "string_below_min_length",
            "session.tools[0].name",
            "string too short",
        ),
        (session_update(tools=[{"name": "f"}]), "missing_required_parameter", "session.tools[0].type", "Missing"),
        (
            session_update(tools=[{"type": "mcp", "server_label": "docs"}]),
            "missing_required_parameter",
            "session.tools[0].server_url",
            "Missing",
        ),
        (session_update(tool_choice="never"), "invalid_value", "session.tool_choice", "'auto', 'none', and 'required'"),
        (session_update(tool_choice=True), "invalid_type", "session.tool_choice", "or an object, but got a boolean"),
        (
            session_update(max_output_tokens=0),
            "integer_below_min_value",
            "session.max_output_tokens",
            ">= 1, but got 0",
        ),
        (session_update(max_output_tokens=9999), "integer_above_max_value", "session.max_output_tokens", "<= 4096"),
        (session_update(max_output_tokens="all"), "invalid_value", "session.max_output_tokens", "'inf'"),
        (session_update(max_output_tokens=1.5), "invalid_type", "session.max_output_tokens", "a decimal number"),
        (
            session_update(audio={"output": {"speed": 1.75}}),
            "decimal_above_max_value",
            "session.audio.output.speed",
            "Expected a value <= 1.5, but got 1.75 instead.",
        ),
        (
            audio_input(format={"type": "audio/pcm", "rate": 16000}),
            "invalid_value",
            "session.audio.input.format.rate",
            "Invalid value: 16000. Supported values are: 24000.",
        ),
        (audio_input(format="pcm16"), "invalid_type", "session.audio.input.format", "expected an object"),
        (
            audio_input(turn_detection={"type": "server_vad", "threshold": -0.5}),
            "decimal_below_min_value",
            "session.audio.input.turn_detection.threshold",
            "but got -0.5",
        ),
        (
            audio_input(turn_detection={"type": "server_vad", "idle_timeout_ms": 4999}),
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
            ">= 5000",
        ),
        (
            audio_input(turn_detection={"type": "server_vad", "prefix_padding_ms": 10**30}),
            "integer_above_max_value",
            "session.audio.input.turn_detection.prefix_padding_ms",
            "<= 2147483647",
        ),
        (
            audio_input(noise_reduction={"type": "near_field", "strength": 10**400}),
            "invalid_value",
            "session.audio.input.noise_reduction.strength",
            "too large",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio", "'audio'"),
        ({"type": "input_audio_buffer.append", "audio": "AAA"}, "invalid_value", "audio", "base64"),
        ({"type": "input_audio_buffer.append", "audio": "A-_A"}, "invalid_value", "audio", "base64"),
        ({"type": "input_audio_buffer.append", "audio": None}, "invalid_type", "audio", "a string, but got null"),
        (
            message("user", {"type": "input_text", "text": "Hi", "foo": 1}),
            "unknown_parameter",
            "item.content[0].foo",
            "Unknown parameter: 'item.content[0].foo'.",
        ),
        (
            message("user", {"type": "input_text", "text": "Hi"}, {"type": "output_text", "text": "Hi"}),
            "invalid_value",
            "item.content[1].type",
            "Supported values are: 'input_text', 'input_audio', and 'input_image'",
        ),
        (
            message("assistant", {"type": "input_text", "text": "Hi"}),
            "invalid_value",
            "item.content[0].type",
            "'output_text' and 'output_audio'",
        ),
        (
            message("system", {"type": "input_audio", "audio": ""}),
            "invalid_value",
            "item.content[0].type",
            "'input_text' in a message with role 'system'",
        ),
        (message("user", {"type": "text", "text": "Hi"}), "invalid_value", "item.content[0].type", "Invalid value"),
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text", "Missing"),
        (message("critic"), "invalid_value", "item.role", "'assistant', 'system', and 'user'"),
        (
            {"type": "conversation.item.create", "item": {"type": "item_reference", "id": "item_1"}},
            "invalid_value",
            "item.type",
            "'item_reference'",
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "{}"}},
            "missing_required_parameter",
            "item.call_id",
            "Missing",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 1.5},
            "invalid_type",
            "audio_end_ms",
            "expected an integer, but got a decimal number",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
            "audio_end_ms",
            ">= 0",
        ),
        (
            {"type": "response.create", "response": {"audio": {"input": {}}}},
            "unknown_parameter",
            "response.audio.input",
            "Unknown parameter",
        ),
        (
            {"type": "response.create", "response": {"output_modalities": ["text", "audio"]}},
            "invalid_value",
            "response.output_modalities",
            "combinations",
        ),
        (
            {"type": "response.create", "response": {"metadata": {str(i): "" for i in range(17)}}},
            "object_above_max_properties",
            "response.metadata",
            "at most 16 properties",
        ),
        (
            {"type": "response.create", "response": {"metadata": {"topic": 1}}},
            "invalid_type",
            "response.metadata.topic",
            "expected a string",
        ),
        (
            {
                "type": "response.create",
                "response": {"input": [message("user", {"type": "output_text", "text": ""})["item"]]},
            },
            "invalid_value",
            "response.input[0].content[0].type",
            "role 'user'",
        ),
        (
            {"type": "response.create", "response": {"tools": [{"type": "mcp", "server_label": "docs"}]}},
            "missing_required_parameter",
            "response.tools[0].server_url",
            "Missing",
        ),
        ({"type": "response.cancel", "unknown fields": {}}, "unknown_parameter", "unknown fields", "Unknown parameter"),
        ({"type": "response.cancel", "unknown_fields": {}}, "unknown_parameter", "unknown_fields", "Unknown parameter"),
    ],
)
def test_each_fault_has_its_code_its_param_and_its_words(
    event: dict[str, Any], code: str, param: str, words: str
) -> None:
    error = refusal(event)
    assert (error.code, error.param) == (code, param)
    assert words in error.message


@pytest.mark.parametrize(
    "event",
    [
        {"type": "nonsense", "event_id": "mine"},
        {"event_id": "mine"},
        {"event_id": "mine", **session_update(voice="ash")},
        {"event_id": "mine", **session_update(output_modalities=["audio", "text"])},
        {"event_id": "mine", **message("system", {"type": "output_text", "text": "Hi"})},
        {"type": "input_audio_buffer.append", "audio": "?", "event_id": "mine"},
    ],
)
def test_the_clients_event_id_comes_back_in_the_error(event: dict[str, Any]) -> None:
    assert refusal(event).event_id == "mine"


def test_an_event_id_that_is_none_or_too_long_is_refused_and_not_echoed() -> None:
    too_long = refusal({"type": "response.cancel", "event_id": "e" * 513})
    assert (too_long.code, too_long.param, too_long.event_id) == ("string_above_max_length", "event_id", UNSET)
    number = refusal({"type": "response.cancel", "event_id": 7})
    assert (number.code, number.param, number.event_id) == ("invalid_type", "event_id", UNSET)


@pytest.mark.parametrize(
    ("event", "param"),
    [
        (
            audio_input(
                format={"type": "audio/pcm", "rate": 24000},
                turn_detection={"type": "server_vad", "threshold": 1},
                echo=True,
            ),
            "session.audio.input.echo",
        ),
        ({"type": "input_audio_buffer.append", "audio": "AAAA", "echo": True}, "echo"),
        ({"type": "response.create", "response": {"metadata": {"a": "b"}, "echo": True}}, "response.echo"),
        ({"type": "response.create", "response": {"input": [], "tool_choice": "none", "echo": 1}}, "response.echo"),
    ],
)
def test_the_fault_is_found_behind_what_is_right(event: dict[str, Any], param: str) -> None:
    error = refusal(event)
    assert (error.code, error.param) == ("unknown_parameter", param)


def test_a_member_that_is_there_twice_and_wrong_once_refuses_the_event() -> None:
    error = refusal('{"type":"response.cancel","event_id":"mine","response_id":1,"response_id":"resp_1"}')
    assert (error.code, error.event_id) == ("invalid_value", "mine")


def test_up_to_15_mib_of_audio_fit_into_one_append_and_no_byte_more() -> None:
    def append(size: int) -> str:
        return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(size)).decode()})

    event = decode_client_event(append(MAX_APPEND_BYTES))
    assert isinstance(event, InputAudioBufferAppend)
    assert len(event.audio) == 15 * 1024 * 1024
    error = refusal(append(MAX_APPEND_BYTES + 1))
    assert (error.code, error.param) == ("invalid_value", "audio")
    assert "15 MiB" in error.message


def test_an_error_repeats_only_a_little_of_what_the_client_sent() -> None:
    for event in (
        {"type": "x" * 1_000_000},
        session_update(**{"y" * 1_000_000: 1}),
        session_update(max_output_tokens=int("9" * 4000)),
    ):
        error = refusal(event)
        assert len(error.message) < 1000
        assert isinstance(error.param, str)
        assert len(error.param) < 200


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "voice": "ash"}, "unknown_parameter", "session.voice"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        (
            {"type": "realtime", "audio": {"output": {"speed": float("nan")}}},
            "invalid_type",
            "session.audio.output.speed",
        ),
        ({"type": "realtime", "instructions": "\ud800"}, "invalid_event", UNSET),
        (b"[]", "invalid_type", "session"),
        (b"{", "invalid_event", UNSET),
        (b"", "invalid_event", UNSET),
    ],
)
def test_a_session_in_an_http_body_is_checked_like_a_session_update(
    session: dict[str, Any] | bytes, code: str, param: str
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode_session(session)
    assert (caught.value.error.code, caught.value.error.param) == (code, param)
