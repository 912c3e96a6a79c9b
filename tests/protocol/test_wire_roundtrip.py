"""Every event of the API is known, and comes out of encoding as it went into decoding."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest

from antiphon import protocol
from antiphon.protocol import (
    CLIENT_EVENT_TYPES,
    SERVER_EVENT_TYPES,
    UNSET,
    AudioInput,
    ConversationItemAdded,
    ErrorDetail,
    ErrorEvent,
    InputAudioBufferAppend,
    InputText,
    Message,
    NoiseReduction,
    OutputAudio,
    RealtimeSession,
    ResponseOutputAudioDelta,
    ServerVad,
    SessionUpdate,
    UnknownEvent,
    decode_client_event,
    decode_event,
    decode_server_event,
    decode_session,
    encode,
    encode_bytes,
    new_id,
    to_builtins,
)
from strict_parsers import assert_stock_clients_accept
from wire_samples import CLIENT_FRAMES, REALTIME_SESSION, SERVER_FRAMES, frame_name, same_json


def test_all_11_client_and_46_server_events_are_there() -> None:
    assert len(set(CLIENT_EVENT_TYPES)) == 11
    assert len(set(SERVER_EVENT_TYPES)) == 46
    assert {frame["type"] for frame in CLIENT_FRAMES} == set(CLIENT_EVENT_TYPES)
    assert {frame["type"] for frame in SERVER_FRAMES} == set(SERVER_EVENT_TYPES)


def test_event_types_are_those_of_the_openai_package() -> None:
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

    def types(union: Any) -> set[str]:
        return {get_args(event.model_fields["type"].annotation)[0] for event in get_args(get_args(union)[0])}

    assert types(RealtimeClientEvent) == set(CLIENT_EVENT_TYPES)
    assert types(RealtimeServerEvent) == set(SERVER_EVENT_TYPES)


@pytest.mark.parametrize("frame", CLIENT_FRAMES, ids=frame_name)
def test_client_frames_survive_a_round_trip(frame: dict[str, Any]) -> None:
    event = decode_client_event(json.dumps(frame))
    assert event.type == frame["type"]
    assert same_json(json.loads(encode(event)), frame)
    assert same_json(to_builtins(event), frame)
    assert decode_event(encode(event)) == event


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=frame_name)
def test_server_frames_survive_a_round_trip_and_stock_clients_take_them(frame: dict[str, Any]) -> None:
    event = decode_server_event(json.dumps(frame).encode())
    assert not isinstance(event, UnknownEvent)
    assert event.type == frame["type"]
    assert _nothing_set_aside(event)
    assert same_json(json.loads(encode(event)), frame)
    assert same_json(to_builtins(event), frame)
    assert decode_event(encode_bytes(event)) == event
    assert_stock_clients_accept(encode(event))


def _nothing_set_aside(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_nothing_set_aside, value))
    if not isinstance(value, protocol.Wire):
        return True
    return value.unknown_fields is UNSET and all(
        _nothing_set_aside(getattr(value, name)) for name in value.__struct_fields__
    )


def test_absent_null_and_empty_stay_three_different_things() -> None:
    frame = '{"type":"session.update","session":{"type":"realtime","instructions":"","prompt":null}}'
    event = decode_client_event(frame)
    assert isinstance(event, SessionUpdate)
    assert isinstance(event.session, RealtimeSession)
    assert (event.session.instructions, event.session.prompt, event.session.tools) == ("", None, UNSET)
    assert encode(event) == frame


def test_audio_is_bytes_here_and_base64_on_the_wire() -> None:
    event = decode_client_event('{"type":"input_audio_buffer.append","audio":"AAABAP//"}')
    assert event == InputAudioBufferAppend(audio=b"\x00\x00\x01\x00\xff\xff")
    delta = ResponseOutputAudioDelta(
        response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta=b"\x00\x01"
    )
    assert to_builtins(delta)["delta"] == "AAE="


def test_optional_fields_are_left_out_instead_of_null() -> None:
    error = ErrorEvent(event_id="event_1", error=ErrorDetail(type="server_error", message="No."))
    assert json.loads(encode(error)) == {
        "type": "error",
        "event_id": "event_1",
        "error": {"type": "server_error", "message": "No."},
    }
    item = Message(id="item_1", role="assistant", content=[OutputAudio(transcript="Hi")])
    added = ConversationItemAdded(event_id="event_1", item=item)
    assert json.loads(encode(added))["item"] == {
        "type": "message",
        "id": "item_1",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Hi"}],
    }


def test_half_a_surrogate_pair_becomes_the_replacement_character_and_a_whole_one_its_character() -> None:
    item = Message(role="user", content=[InputText(text="é\ud83d and \ud83c\udfb7")])
    event = ConversationItemAdded(event_id="event_1", item=item)
    text = json.loads(encode(event))["item"]["content"][0]["text"]
    assert text == "é\ufffd and 🎷"
    assert json.loads(encode(event)) == to_builtins(event)
    assert encode(UnknownEvent("x", {"type": "x", "\udfb7": ["\ud83c"]})) == '{"type":"x","\ufffd":["\ufffd"]}'


def test_to_builtins_shares_nothing_with_the_object() -> None:
    session = RealtimeSession(tracing="auto", tools=[], output_modalities=["audio"])
    plain = to_builtins(session)
    plain["output_modalities"].append("text")
    assert session.output_modalities == ["audio"]


def test_a_session_decodes_from_json_and_from_a_dict() -> None:
    from_dict = decode_session(REALTIME_SESSION)
    assert from_dict == decode_session(json.dumps(REALTIME_SESSION).encode())
    assert isinstance(from_dict, RealtimeSession)
    assert isinstance(from_dict.audio, protocol.AudioConfig)
    assert isinstance(from_dict.audio.input, AudioInput)
    assert from_dict.audio.input.turn_detection == ServerVad(
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=200,
        idle_timeout_ms=None,
        create_response=True,
        interrupt_response=True,
    )


def test_type_is_told_by_the_tag_or_by_the_field_of_that_name() -> None:
    assert ServerVad().type == "server_vad"
    assert NoiseReduction(type="far_field").type == "far_field"
    assert AudioInput().type == ""


def test_a_repr_shows_neither_secrets_nor_audio_nor_what_is_absent() -> None:
    tool = protocol.McpTool(server_label="docs", authorization="secret-token", headers={"X-Key": "secret-header"})
    assert repr(tool) == "McpTool(server_label='docs', authorization=…, headers=…)"
    assert repr(InputAudioBufferAppend(audio=b"1234")) == "InputAudioBufferAppend(audio=<4 bytes>)"


def test_new_ids_are_short_distinct_and_tell_their_kind() -> None:
    ids = {new_id("item") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(id_.startswith("item_") and id_[5:].isalnum() and len(id_) <= 32 for id_ in ids)


def test_unknown_fields_cannot_be_written_by_the_fast_encoder_by_mistake() -> None:
    # `encode` relies on this refusal to know that something was set aside.
    event = decode_event('{"type":"response.cancel","later":1}')
    with pytest.raises(TypeError):
        msgspec.json.encode(event)


def test_the_package_exports_every_class_of_the_wire() -> None:
    defined: set[type] = set()
    pending: list[type] = [protocol.Wire]
    while pending:
        defined.add(found := pending.pop())
        pending += found.__subclasses__()
    names = {found.__name__ for found in defined if not found.__name__.endswith("Base")}
    assert names <= set(protocol.__all__)
    assert len(set(protocol.__all__)) == len(protocol.__all__)
    assert all(hasattr(protocol, name) for name in protocol.__all__)
