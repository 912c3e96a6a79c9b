"""What a beta client is told, what it may say, and what a half-migrated one is understood to mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.protocol import InvalidEvent, decode_client_event
from antiphon.protocol.dialects import AzureCaller, BetaCaller, Event, with_old_names
from wire_samples import REALTIME_SESSION, TRANSCRIPTION_SESSION


def update(caller: BetaCaller, kind: str = "session.update", **session: Any) -> Event:
    (event,) = caller.to_ga({"type": kind, "session": session}).events
    return event


def asked(**session: Any) -> Event:
    """The GA session that a beta client's update asks for, which GA accepts."""
    event = update(BetaCaller(), **session)
    decode_client_event(json.dumps(event))
    found: Event = event["session"]
    return found


def item_event(which: str, item_id: str = "item_1", **members: Any) -> Event:
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": [], **members}
    return {"type": f"conversation.item.{which}", "event_id": f"e_{which}", "previous_item_id": None, "item": item}


# ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_told_once_when_it_begins() -> None:
    caller = BetaCaller()
    (created,) = caller.from_ga(item_event("added")).events
    assert (created["type"], created["item"]["status"], created["item"]["content"]) == (
        "conversation.item.created",
        "in_progress",
        [],
    )
    done = item_event("done", status="completed", content=[{"type": "output_audio", "transcript": "Hi"}])
    assert caller.from_ga(done).events == ()


def test_an_item_that_began_before_the_connection_is_told_when_it_is_done() -> None:
    done = item_event("done", status="completed", content=[{"type": "output_text", "text": "Hi"}])
    (created,) = BetaCaller().from_ga(done).events
    assert created["type"] == "conversation.item.created"
    assert created["item"]["content"] == [{"type": "text", "text": "Hi"}]


def test_a_server_that_still_says_created_does_not_make_an_item_appear_twice() -> None:
    caller = BetaCaller()
    told = [event for which in ("created", "added", "done") for event in caller.from_ga(item_event(which)).events]
    assert [event["event_id"] for event in told] == ["e_created"]


def test_a_callers_item_is_complete_when_it_is_told() -> None:
    """Nothing would say so later: the assistant's items have `response.output_item.done`, a user's have nothing."""
    spoken = item_event("added", role="user", content=[{"type": "input_audio", "transcript": None}])
    (created,) = BetaCaller().from_ga(spoken).events
    assert created["item"]["status"] == "completed"
    assert created["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_items_that_never_end_do_not_fill_the_memory() -> None:
    caller = BetaCaller()
    for i in range(2000):
        caller.from_ga(item_event("added", item_id=f"item_{i}"))
    assert caller.from_ga(item_event("done", item_id="item_1999")).events == ()
    assert len(caller.from_ga(item_event("done", item_id="item_0")).events) == 1


def test_parts_keep_their_names_in_content_part_events() -> None:
    event = {"type": "response.content_part.added", "part": {"type": "audio", "transcript": ""}}
    assert BetaCaller().from_ga(event).events[0] is event


def test_a_function_is_named_with_its_arguments_even_if_the_server_did_not() -> None:
    caller = BetaCaller()
    call = {"id": "item_1", "type": "function_call", "name": "add", "arguments": "", "status": "in_progress"}
    caller.from_ga({"type": "response.output_item.added", "item": call})
    done = {"type": "response.function_call_arguments.done", "item_id": "item_1", "arguments": "{}"}
    assert caller.from_ga(done).events[0]["name"] == "add"
    assert "name" not in caller.from_ga(done).events[0], "the name was kept for a call that is over"


# ── temperature ───────────────────────────────────────────────────────────────────────────────────────────────────

UPDATED = {"type": "session.updated", "session": REALTIME_SESSION}


def shown_temperature(caller: BetaCaller) -> object:
    return caller.from_ga(UPDATED).events[0]["session"]["temperature"]


def test_a_temperature_is_dropped_reported_and_shown_again() -> None:
    caller = BetaCaller()
    told = caller.to_ga({"type": "session.update", "session": {"temperature": 1.1}})
    assert told.events[0]["session"] == {"type": "realtime"}
    assert [dropped.param for dropped in told.dropped] == ["session.temperature"]
    assert "1.1" not in str(told.dropped)
    created = {"type": "session.created", "session": REALTIME_SESSION}
    assert caller.from_ga(created).events[0]["session"]["temperature"] == 0.8, "it does not apply before the update"
    assert shown_temperature(caller) == 1.1
    response = {"type": "response.created", "response": {"id": "resp_1", "output": []}}
    assert caller.from_ga(response).events[0]["response"]["temperature"] == 1.1


@pytest.mark.parametrize("temperature", [0.1, 2, "hot", True, None])
def test_a_temperature_that_the_beta_did_not_have_is_not_shown(temperature: object) -> None:
    caller = BetaCaller()
    assert update(caller, temperature=temperature)["session"] == {"type": "realtime"}
    assert shown_temperature(caller) == 0.8


def test_the_temperature_of_a_refused_update_is_not_shown() -> None:
    caller = BetaCaller()
    update(caller, temperature=1.1, voice=7)
    caller.from_ga({"type": "error", "error": {"param": "session.audio.output.voice", "message": "no"}})
    assert shown_temperature(caller) == 0.8


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_beta_session_is_a_ga_session() -> None:
    assert asked(
        modalities=["text", "audio"],
        instructions="Be kind.",
        voice="verse",
        speed=1.2,
        input_audio_format="g711_ulaw",
        output_audio_format="g711_alaw",
        input_audio_transcription={"model": "whisper-1", "language": "de"},
        input_audio_noise_reduction={"type": "near_field"},
        turn_detection={"type": "semantic_vad", "eagerness": "low"},
        max_response_output_tokens=100,
        tools=[{"type": "function", "name": "add", "parameters": {}, "strict": True}],
        tool_choice="required",
        temperature=0.7,
        tracing="auto",
    ) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1", "language": "de"},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": "verse", "speed": 1.2},
        },
        "max_output_tokens": 100,
        "tools": [{"type": "function", "name": "add", "parameters": {}}],
        "tool_choice": "required",
        "tracing": "auto",
    }


@pytest.mark.parametrize("off", [None, {"type": "none"}])
def test_turn_detection_is_off_in_either_way_of_saying_so(off: object) -> None:
    assert asked(turn_detection=off) == {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def test_an_update_without_modalities_leaves_them_alone() -> None:
    assert asked(instructions="Be kind.") == {"type": "realtime", "instructions": "Be kind."}


def test_text_only_stays_text_only() -> None:
    assert asked(modalities=["text"])["output_modalities"] == ["text"]


@pytest.mark.parametrize(
    ("mixed", "meant"),
    [
        # What half-migrated clients send: the GA type with beta fields, ...
        (
            {"type": "realtime", "modalities": ["audio", "text"], "voice": "alloy"},
            {"output_modalities": ["audio"], "audio": {"output": {"voice": "alloy"}}},
        ),
        # ... GA's nesting beside a flat field, and a detector under a name that never existed, ...
        (
            {
                "input_audio_transcription": {"model": "whisper-1"},
                "audio": {"input": {"vad": {"type": "server_vad"}}, "output": {"voice": "marin"}},
            },
            {
                "audio": {
                    "input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}},
                    "output": {"voice": "marin"},
                }
            },
        ),
        # ... GA's name with the beta's pair, ...
        ({"output_modalities": ["text", "audio"]}, {"output_modalities": ["audio"]}),
        # ... a detector without its type, and tools in the chat API's way.
        (
            {"turn_detection": {"threshold": 0.6}},
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.6}}}},
        ),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"tool_choice": {"type": "function", "name": "add"}},
        ),
        ({"tools": [{"name": "add"}]}, {"tools": [{"type": "function", "name": "add"}]}),
    ],
)
def test_what_a_half_migrated_client_means_is_understood(mixed: Event, meant: Event) -> None:
    assert asked(**mixed) == {"type": "realtime", **meant}


def test_a_flat_field_stands_when_both_are_given() -> None:
    audio = {"output": {"voice": "marin", "speed": 1.0}}
    assert asked(voice="ash", audio=audio)["audio"]["output"] == {"voice": "ash", "speed": 1.0}
    assert audio == {"output": {"voice": "marin", "speed": 1.0}}, "the translator changed what it was given"


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"mood": "blue"}, "session.mood"),
        ({"modalities": ["video"]}, "session.modalities[0]"),
        ({"input_audio_format": "mp3"}, "session.input_audio_format"),
        ({"turn_detection": {"type": "server_vad", "threshold": 7}}, "session.turn_detection.threshold"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_clients_own_words(session: Event, param: str) -> None:
    caller = BetaCaller()
    with pytest.raises(InvalidEvent) as refused:
        decode_client_event(json.dumps(update(caller, **session)))
    error = {"message": refused.value.error.message, "param": refused.value.error.param}
    (told,) = caller.from_ga({"type": "error", "error": error}).events
    assert told["error"]["param"] == param
    assert "session.audio." not in told["error"]["message"]


def test_a_field_whose_place_is_taken_by_something_else_is_not_lost() -> None:
    session = update(BetaCaller(), voice="ash", audio="loud")["session"]
    assert session == {"type": "realtime", "voice": "ash", "audio": "loud"}


def test_a_transcription_session_is_asked_for_and_shown_by_its_own_events() -> None:
    caller = BetaCaller()
    event = update(
        caller,
        "transcription_session.update",
        input_audio_format="pcm16",
        input_audio_transcription={"model": "whisper-1"},
        modalities=["audio", "text"],
        include=["item.input_audio_transcription.logprobs"],
    )
    decode_client_event(json.dumps(event))
    assert event["type"] == "session.update"
    assert event["session"] == {
        "type": "transcription",
        "include": ["item.input_audio_transcription.logprobs"],
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "whisper-1"}}},
    }
    (told,) = caller.from_ga({"type": "session.updated", "session": TRANSCRIPTION_SESSION}).events
    assert told["type"] == "transcription_session.updated"
    assert told["session"] == {
        "object": "realtime.transcription_session",
        "id": "sess_2",
        "expires_at": 1790000000,
        "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": ""},
        "input_audio_noise_reduction": {"type": "near_field"},
        "client_secret": None,
        "include": None,
    }


def test_a_plain_update_of_a_transcription_session_is_one() -> None:
    caller = BetaCaller()
    caller.from_ga({"type": "session.created", "session": TRANSCRIPTION_SESSION})
    assert update(caller, turn_detection=None)["session"]["type"] == "transcription"


# ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_beta_response_is_asked_for_in_ga() -> None:
    params = {
        "modalities": ["audio", "text"],
        "voice": "sage",
        "output_audio_format": "pcm16",
        "temperature": 0.7,
        "max_response_output_tokens": "inf",
        "conversation": "default",
        "tools": [{"type": "function", "name": "add", "strict": False}],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Before."},
                    {"type": "item_reference", "id": "item_1"},
                    {"type": "text", "text": "After."},
                ],
            },
            {"type": "item_reference", "id": "item_2"},
            {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
        ],
    }
    told = BetaCaller().to_ga({"type": "response.create", "event_id": "e", "response": params})
    decode_client_event(json.dumps(told.events[0]))
    assert {dropped.param for dropped in told.dropped} == {"response.temperature", "response.tools[0].strict"}
    assert told.events[0]["response"] == {
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "sage", "format": {"type": "audio/pcm", "rate": 24000}}},
        "max_output_tokens": "inf",
        "conversation": "auto",
        "tools": [{"type": "function", "name": "add"}],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Before."}]},
            {"type": "item_reference", "id": "item_1"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "After."}]},
            {"type": "item_reference", "id": "item_2"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]},
        ],
    }


def test_a_picture_is_passed_on_though_the_beta_had_none() -> None:
    picture = {"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA"}
    event = {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [picture]}}
    assert BetaCaller().to_ga(event).events == (event,)


# ── other callers ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_azures_word_for_no_turn_detection_is_understood_in_ga() -> None:
    heard = {"turn_detection": {"type": "none"}, "format": {"type": "audio/pcmu"}}
    event = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": heard}}}
    (told,) = AzureCaller().to_ga(event).events
    assert told["session"]["audio"]["input"] == {"turn_detection": None, "format": {"type": "audio/pcmu"}}
    decode_client_event(json.dumps(told))


def test_old_names_come_beside_the_new_ones_for_clients_that_listen_for_those() -> None:
    delta = {"type": "response.output_audio_transcript.delta", "event_id": "e", "delta": "Hi"}
    done = {"type": "response.output_audio_transcript.done", "event_id": "e", "transcript": "Hi"}
    assert with_old_names(delta) == (delta, {**delta, "type": "response.audio_transcript.delta"})
    assert with_old_names(delta, spoken_as_text=True)[2] == {**delta, "type": "response.text.delta"}
    assert with_old_names(done, spoken_as_text=True)[2] == {"type": "response.text.done", "event_id": "e", "text": "Hi"}
    for event in ({"type": "response.output_audio.delta"}, {"type": "response.done"}, {"no": "type"}):
        assert with_old_names(event, spoken_as_text=True) == (event,)
