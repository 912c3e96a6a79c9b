"""What a session accepts and refuses, and how it keeps its promises about time, configuration and truncation."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest

from antiphon.engine import SessionSettings
from antiphon.errors import LocalProtocolError
from session_rig import Rig, loud, quiet

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def refused(rig: Rig) -> dict[str, Any]:
    assert rig.types[-1] == "error"
    error: dict[str, Any] = rig.events[-1]["error"]
    return error


# ── configuration ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_really_applies_is_echoed() -> None:
    rig = Rig(settings=SessionSettings(model="our-model", recognizer="our-ears"))
    rig.update(
        model="gpt-realtime-2.1",
        tracing="auto",
        audio={
            "input": {
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"},
                "turn_detection": {"type": "semantic_vad"},
            },
            "output": {"voice": "ash", "speed": 1.2},
        },
    )
    session = rig.last("session.updated")["session"]
    assert session["model"] == "our-model"
    assert session["tracing"] is None
    assert session["audio"]["input"]["noise_reduction"] is None
    assert session["audio"]["input"]["transcription"] == {"model": "our-ears", "language": "en"}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["output"]["voice"] == "ash"
    assert session["audio"]["output"]["speed"] == 1.2


def test_an_update_changes_only_what_it_names() -> None:
    rig = Rig()
    rig.update(instructions="Be brief.")
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    session = rig.last("session.updated")["session"]
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"]["threshold"] == 0.7
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    rig.update(instructions="", audio={"input": {"turn_detection": None}})
    session = rig.last("session.updated")["session"]
    assert session["instructions"] == ""
    assert session["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"type": "transcription"}, "session.type"),
        ({"type": "realtime", "prompt": {"id": "pmpt_1"}}, "session.prompt"),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x", "server_url": "http://x"}]},
            "session.tools[0]",
        ),
        ({"type": "realtime", "max_output_tokens": 7, "voice": "ash"}, "session.voice"),
        ({"type": "realtime", "instructions": 7}, "session.instructions"),
    ],
)
def test_a_refused_update_changes_nothing(session: dict[str, Any], param: str) -> None:
    rig = Rig()
    before = rig.session.config
    rig.send("session.update", event_id="mine", session=session)
    error = refused(rig)
    assert error["param"] == param
    assert error["event_id"] == "mine"
    assert rig.session.config == before


def test_the_voice_is_locked_once_it_was_heard() -> None:
    rig = Rig()
    rig.update(audio={"output": {"voice": "ash"}})
    rig.send("conversation.item.create", item=USER)
    rig.send("response.create")
    rig.answer()
    rig.update(audio={"output": {"voice": "ash"}})
    assert rig.types[-1] == "session.updated"
    rig.update(audio={"output": {"voice": "coral"}})
    assert refused(rig)["code"] == "cannot_update_voice"


# ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_active_response_at_a_time() -> None:
    rig = Rig()
    rig.send("response.create")
    first = rig.last("response.created")["response"]["id"]
    rig.send("response.create", event_id="second")
    error = refused(rig)
    assert error["code"] == "conversation_already_has_active_response"
    assert first in error["message"]
    assert error["event_id"] == "second"


def test_cancelling_nothing_is_told_and_harmless() -> None:
    rig = Rig()
    rig.send("response.cancel")
    error = refused(rig)
    assert error["code"] == "response_cancel_not_active"
    assert error["message"].startswith("Cancellation failed")


def test_a_response_takes_an_item_reference_and_refuses_an_unknown_one() -> None:
    rig = Rig()
    rig.send("conversation.item.create", item={**USER, "id": "msg_1"})
    rig.send("conversation.item.create", item={**USER, "id": "msg_2"})
    rig.send("response.create", response={"input": [{"type": "item_reference", "id": "msg_1"}], "conversation": "none"})
    assert len(rig.to_generate[0].request.items) == 1
    rig.send("response.create", response={"input": [{"type": "item_reference", "id": "nope"}]})
    assert refused(rig)["param"] == "response.input[0].id"


# ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_items_are_ordered_by_their_predecessor() -> None:
    rig = Rig()
    for name, after in (("a", None), ("c", "a"), ("b", "a"), ("first", "root")):
        rig.send(
            "conversation.item.create",
            item={**USER, "id": name},
            **({} if after is None else {"previous_item_id": after}),
        )
    assert [entry.id for entry in rig.session.items] == ["first", "a", "b", "c"]
    assert [event["previous_item_id"] for event in rig.all("conversation.item.added")] == [None, "a", "a", None]


@pytest.mark.parametrize(
    ("item", "after", "param"),
    [
        ({**USER, "id": "taken"}, None, "item.id"),
        (USER, "nobody", "previous_item_id"),
        ({"type": "function_call_output", "call_id": "nobody", "output": "7"}, None, "item.call_id"),
        ({"type": "mcp_approval_response", "approval_request_id": "x", "approve": True}, None, "item.type"),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "http://example/x.png"}],
            },
            None,
            "item.content[0].image_url",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "AAAA"}]},
            None,
            "item.content[0].audio",
        ),
    ],
)
def test_items_that_cannot_be(item: dict[str, Any], after: str | None, param: str) -> None:
    rig = Rig()
    rig.send("conversation.item.create", item={**USER, "id": "taken"})
    rig.send("conversation.item.create", item=item, **({} if after is None else {"previous_item_id": after}))
    assert refused(rig)["param"] == param
    assert len(rig.session.items) == 1


def test_audio_in_an_item_is_transcribed_before_it_is_answered() -> None:
    rig = Rig()
    rig.update(audio={"input": {"transcription": {"model": "x"}}})
    audio = base64.b64encode(loud(200)).decode()
    rig.send(
        "conversation.item.create",
        item={"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]},
    )
    rig.send("response.create")
    assert not rig.to_generate
    rig.recognize("from a file")
    assert rig.last("conversation.item.input_audio_transcription.completed")["usage"] == {
        "type": "duration",
        "seconds": 0.2,
    }
    assert rig.to_generate[0].request.items[0].content[0].text == "from a file"  # type: ignore[union-attr]


def test_deleting_the_awaited_turn_lets_the_answer_begin() -> None:
    rig = Rig()
    item_id = rig.say_turn()
    rig.send("conversation.item.delete", item_id=item_id)
    assert rig.types[-1] == "conversation.item.deleted" or "response.done" in rig.types
    assert not rig.recognitions


def test_an_item_that_is_being_written_cannot_be_deleted() -> None:
    rig = Rig()
    rig.send("response.create")
    rig.text("Once")
    rig.send("conversation.item.delete", item_id=rig.last("conversation.item.added")["item"]["id"])
    assert refused(rig)["code"] == "invalid_value"


def test_the_oldest_items_give_way_and_it_is_told() -> None:
    rig = Rig(settings=SessionSettings(max_items=3))
    for number in range(5):
        rig.send("conversation.item.create", item={**USER, "id": f"msg_{number}"})
    assert [event["item_id"] for event in rig.all("conversation.item.deleted")] == ["msg_0", "msg_1"]


# ── truncation ────────────────────────────────────────────────────────────────────────────────────────────────────


def spoken(rig: Rig) -> str:
    rig.send("response.create")
    rig.text("one two three four five")
    rig.speech(1000, [(0, 0.0), (4, 200.0), (8, 400.0), (14, 600.0), (19, 800.0)])
    rig.done()
    return str(rig.last("conversation.item.done")["item"]["id"])


@pytest.mark.parametrize(
    ("ms", "heard"), [(0, ""), (60, ""), (210, "one"), (500, "one two three"), (1000, "one two three four five")]
)
def test_truncation_keeps_the_words_that_were_heard(ms: int, heard: str) -> None:
    rig = Rig()
    item_id = spoken(rig)
    rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms)
    assert rig.types[-1] == "conversation.item.truncated"
    rig.send("conversation.item.retrieve", item_id=item_id)
    part = rig.last("conversation.item.retrieved")["item"]["content"][0]
    assert part["transcript"] == heard
    assert len(base64.b64decode(part.get("audio", ""))) == ms * 48


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audio_end_ms": 1001}, "invalid_value"),
        ({"content_index": 1}, "invalid_value"),
        ({"item_id": "nobody"}, "item_truncate_invalid_item_id"),
        ({"item_id": "msg_1"}, "unsupported_content_type"),
    ],
)
def test_truncations_that_cannot_be(change: dict[str, Any], code: str) -> None:
    rig = Rig()
    rig.send("conversation.item.create", item={**USER, "id": "msg_1"})
    fields = {"item_id": spoken(rig), "content_index": 0, "audio_end_ms": 100, **change}
    rig.send("conversation.item.truncate", **fields)
    assert refused(rig)["code"] == code


def test_a_new_voice_turn_after_a_truncation_does_not_truncate_again() -> None:
    rig = Rig(media=True)
    spoken(rig)
    rig.play(12_000)
    rig.send("output_audio_buffer.clear")
    assert rig.types[-2:] == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    rig.hear(loud(300))
    assert len(rig.all("conversation.item.truncated")) == 1


# ── the input buffer ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ms", [0, 99])
def test_too_little_audio_cannot_be_committed(ms: int) -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": None}})
    rig.hear(loud(ms))
    rig.send("input_audio_buffer.commit")
    assert refused(rig)["code"] == "input_audio_buffer_commit_empty"


def test_a_commit_while_speaking_ends_the_speech_first() -> None:
    rig = Rig()
    rig.hear(loud(500))
    begin = len(rig.events)
    rig.send("input_audio_buffer.commit")
    assert rig.since(begin)[:2] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]


def test_clearing_while_speaking_forgets_the_turn() -> None:
    rig = Rig()
    rig.hear(loud(500))
    rig.send("input_audio_buffer.clear")
    assert rig.types[-1] == "input_audio_buffer.cleared"
    assert not rig.recognitions
    rig.hear(quiet(1000))
    assert "input_audio_buffer.committed" not in rig.types
    rig.say_turn()
    assert len(rig.all("input_audio_buffer.committed")) == 1


def test_a_full_buffer_refuses_and_keeps_what_it_has() -> None:
    rig = Rig(settings=SessionSettings(input_limit_ms=1000))
    rig.update(audio={"input": {"turn_detection": None}})
    rig.hear(loud(1000))
    rig.send("input_audio_buffer.append", audio=base64.b64encode(loud(20)).decode())
    assert refused(rig)["code"] == "input_audio_buffer_full"
    rig.send("input_audio_buffer.commit")
    assert rig.types[-2:] == ["conversation.item.added", "conversation.item.done"]
    assert len(rig.recognitions[rig.to_recognize[0]]) == 48_000


def test_the_clock_counts_appended_audio() -> None:
    rig = Rig()
    rig.hear(quiet(2000))
    rig.hear(loud(600) + quiet(700))
    started = rig.last("input_audio_buffer.speech_started")["audio_start_ms"]
    stopped = rig.last("input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert 2000 - 300 - 32 <= started <= 2000 - 300 + 32
    assert 2600 + 500 - 32 <= stopped <= 2600 + 500 + 64
    recognized = rig.recognitions[rig.to_recognize[0]]
    assert len(recognized) / 48 == pytest.approx(stopped - started, abs=2)


def test_audio_pushed_all_at_once_is_cut_into_its_turns() -> None:
    rig = Rig()
    whole = quiet(400) + loud(500) + quiet(1200) + loud(700) + quiet(900)
    rig.send("input_audio_buffer.append", audio=base64.b64encode(whole).decode())
    assert len(rig.all("input_audio_buffer.committed")) == 2
    durations = [len(pcm) / 48 for pcm in rig.recognitions.values()]
    assert durations[0] == pytest.approx(300 + 500 + 500, abs=70)
    assert durations[1] == pytest.approx(300 + 700 + 500, abs=70)


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio(name: str) -> None:
    rig = Rig()
    rig.update(audio={"input": {"format": {"type": name}}, "output": {"format": {"type": name}}})
    voice, silence = (b"\x90", b"\xff") if name == "audio/pcmu" else (b"\x90", b"\xd5")
    for piece in itertools.chain([voice] * 30, [silence] * 40):
        rig.send("input_audio_buffer.append", audio=base64.b64encode(piece * 160).decode())
    assert rig.last("input_audio_buffer.committed")
    rig.recognize()
    rig.answer("Good day.", 500)
    sent = b"".join(base64.b64decode(event["delta"]) for event in rig.all("response.output_audio.delta"))
    assert len(sent) == pytest.approx(500 * 8, abs=80)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_expires() -> None:
    rig = Rig(settings=SessionSettings(max_session_s=60))
    rig.advance(59)
    assert not rig.session.closed
    rig.advance(2)
    assert refused(rig)["code"] == "session_expired"
    assert rig.closes[-1].code == 1001
    assert rig.session.next_timeout() is None


def test_silence_after_an_answer_is_noticed() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    rig.advance(20)
    assert "input_audio_buffer.timeout_triggered" not in rig.types, "it counts from an answer"
    rig.send("response.create")
    rig.answer("Good day.", 2000)
    rig.hear(quiet(1000))
    rig.advance(5.9)
    assert "input_audio_buffer.timeout_triggered" not in rig.types, "the answer is still being heard"
    rig.advance(0.2)
    begin = rig.types.index("input_audio_buffer.timeout_triggered")
    assert rig.types[begin + 1 :] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    rig.recognize("")
    assert rig.to_generate, "the silence itself is answered"


def test_nothing_happens_before_the_session_is_open_or_after_it_is_closed() -> None:
    rig = Rig(open_now=False)
    rig.send("response.create")
    rig.close()
    rig.close()
    assert not rig.events
    assert len(rig.closes) == 1
    with pytest.raises(LocalProtocolError):
        rig.session.open(rig.now)


def test_closing_ends_what_is_open() -> None:
    rig = Rig(media=True)
    rig.say_turn()
    rig.recognize()
    rig.text("Once upon a time")
    rig.speech(500)
    rig.close()
    rig.watch.at_end()
    assert rig.last("response.done")["response"]["status"] == "cancelled"


# ── semantic turns ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("heard", "waits"), [("turn on the light", False), ("turn on the", True), ("and um", True)])
def test_semantic_turns_wait_for_the_unfinished_sentence(heard: str, waits: bool) -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    rig.hear(loud(600))
    rig.session.hypothesis(next(iter(rig.recognitions)), heard)
    rig.hear(quiet(1000))
    assert ("input_audio_buffer.committed" not in rig.types) is waits
    rig.hear(quiet(1500))
    assert "input_audio_buffer.committed" in rig.types


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "null", '{"type":"nonsense"}', '{"no":"type"}', b"\x00\x01", '{"type":"response.create","x":1}'],
)
def test_bad_input_is_answered_in_the_protocols_shape_and_loses_nothing(data: str | bytes) -> None:
    rig = Rig()
    rig.send_raw(data)
    error = refused(rig)
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    rig.send("response.create")
    assert rig.types[-1] == "response.created"
