"""What a newer peer sends is passed on whole: unknown events, unknown fields at every depth, values not understood."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from antiphon.errors import RemoteProtocolError
from antiphon.protocol import (
    UNSET,
    Response,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerVad,
    SessionUpdated,
    UnknownEvent,
    UnknownFields,
    decode_event,
    decode_server_event,
    encode,
    to_builtins,
)
from antiphon.protocol.wire import Wire
from wire_samples import CLIENT_FRAMES, SERVER_FRAMES, frame_name, same_json


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a JSON value, the outermost first."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from objects(member)
    elif isinstance(value, list):
        for element in value:
            yield from objects(element)


@pytest.mark.parametrize("frame", [*SERVER_FRAMES, *CLIENT_FRAMES], ids=frame_name)
def test_an_unknown_field_in_any_object_of_an_event_is_kept(frame: dict[str, Any]) -> None:
    for position in range(len(list(objects(frame)))):
        newer = copy.deepcopy(frame)
        list(objects(newer))[position]["unheard-of"] = {"deep": [1, None, "\u0000"]}
        event = decode_event(json.dumps(newer))
        assert same_json(json.loads(encode(event)), newer)
        assert same_json(to_builtins(event), newer)


def test_an_event_with_unknown_fields_is_still_the_event() -> None:
    event = decode_server_event(
        '{"type":"response.done","event_id":"event_1","response":{"id":"resp_1","status":"completed","mood":"good"}}'
    )
    assert isinstance(event, ResponseDone)
    assert (event.response.id, event.response.status) == ("resp_1", "completed")
    assert event.response.unknown_fields == UnknownFields({"mood": "good"})


def test_an_optional_value_that_is_not_understood_is_set_aside_and_written_back() -> None:
    frame = '{"type":"response.done","response":{"id":"resp_1","status":"paused","output":[{"type":"hologram"}]}}'
    event = decode_server_event(frame)
    assert isinstance(event, ResponseDone)
    assert (event.response.id, event.response.status, event.response.output) == ("resp_1", UNSET, UNSET)
    assert json.loads(encode(event)) == json.loads(frame)


def test_what_is_assigned_later_wins_over_what_was_set_aside() -> None:
    event = decode_server_event('{"type":"response.done","response":{"status":"paused","x":1}}')
    assert isinstance(event, ResponseDone)
    event.response.status = "cancelled"
    assert to_builtins(event.response) == {"status": "cancelled", "x": 1}


def test_what_was_set_aside_survives_a_copy_with_changes() -> None:
    event = decode_server_event('{"type":"response.done","response":{"x":1}}')
    assert isinstance(event, ResponseDone)
    changed = msgspec.structs.replace(event.response, id="resp_2")
    assert to_builtins(changed) == {"id": "resp_2", "x": 1}


@pytest.mark.parametrize("seconds", ["true", "1" + 400 * "0", "null"])
def test_a_number_that_is_none_is_kept_as_it_came(seconds: str) -> None:
    frame = (
        '{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","content_index":0,'
        f'"transcript":"Hi","usage":{{"type":"duration","seconds":{seconds}}}}}'
    )
    event = decode_server_event(frame)
    assert isinstance(event, UnknownEvent)
    assert encode(event) == frame


def test_limits_are_no_business_of_the_lenient_side() -> None:
    event = decode_server_event(
        '{"type":"session.updated","session":{"type":"realtime","audio":{"input":{"turn_detection":'
        '{"type":"server_vad","threshold":7,"idle_timeout_ms":1}}}}}'
    )
    assert isinstance(event, SessionUpdated)
    assert event.session.audio.input.turn_detection == ServerVad(threshold=7.0, idle_timeout_ms=1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"response.sung","event_id":"event_1","notes":[1,2]}',
        '{"type":"error","error":"plain words"}',
        '{"type":"conversation.item.added","item":{"type":"hologram"}}',
        '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0}',
        '{"type":7}',
        "{}",
    ],
)
def test_an_event_of_another_kind_or_shape_is_kept_as_it_came(frame: str) -> None:
    event = decode_server_event(frame)
    kind = json.loads(frame).get("type")
    assert event == UnknownEvent(type=kind if isinstance(kind, str) else "", raw=json.loads(frame))
    assert json.loads(encode(event)) == to_builtins(event) == json.loads(frame)


def test_a_client_event_is_unknown_among_server_events_and_known_among_both() -> None:
    assert decode_server_event('{"type":"response.cancel"}') == UnknownEvent(
        "response.cancel", {"type": "response.cancel"}
    )
    assert decode_event('{"type":"response.cancel"}').type == "response.cancel"
    assert isinstance(decode_event('{"type":"response.cancel"}'), Wire)


@pytest.mark.parametrize("padded", ["QQ==", "QR==", "QUI=", "QUJ="])
@pytest.mark.parametrize("equals", ["=", "\\u003d", "\\u003D"])
def test_base64_that_nobody_should_write_comes_back_as_written(padded: str, equals: str) -> None:
    # "QR==" and "QQ==" are the same byte; only the second is what an encoder writes.
    frame = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "output_index": 0}
    text = json.dumps({**frame, "content_index": 0, "delta": padded}).replace("=", equals)
    event = decode_server_event(text)
    assert json.loads(encode(event)) == json.loads(text)
    assert isinstance(event, ResponseOutputAudioDelta) == (padded in ("QQ==", "QUI="))


def test_a_field_really_called_like_the_place_for_unknown_fields_is_an_unknown_field() -> None:
    for name in ("unknown fields", "unknown_fields"):
        frame = {"type": "response.done", "response": {name: {"a": 1}}}
        event = decode_server_event(json.dumps(frame))
        assert isinstance(event, ResponseDone)
        assert event.response == Response(unknown_fields=UnknownFields({name: {"a": 1}}))
        assert json.loads(encode(event)) == frame


def test_a_repr_names_unknown_fields_without_their_values() -> None:
    event = decode_server_event('{"type":"response.done","response":{"token":"secret"}}')
    assert repr(event) == "ResponseDone(response=Response(unknown_fields=UnknownFields(token)))"


@pytest.mark.parametrize("data", ["", "{", "[]", '"error"', b"\xff", "\ud800", "[" * 100_000, '{"x":1e999}'])
def test_only_what_is_no_json_object_is_refused(data: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_server_event(data)
    with pytest.raises(RemoteProtocolError):
        decode_event(data)
