"""Who is speaking, and whose turn it is: driven by what is really heard."""

from __future__ import annotations

import pytest

from antiphon.conversation import Activity, Conversation
from antiphon.conversation.activity import PATIENCE_MS
from conversation.replaying import replay
from conversation.wire_script import Script, spoken_answer


def after(script: Script) -> Activity:
    conversation = Conversation()
    replay(conversation, script.lines)
    return conversation.activity.now


def phases(script: Script) -> list[str]:
    seen: list[str] = []
    for state in replay(Conversation(), script.lines)["activity"]:
        if not seen or seen[-1] != state["phase"]:
            seen.append(state["phase"])
    return seen


def answered(script: Script, response_id: str = "r1") -> Script:
    script.response(response_id).answer_item(response_id, "a1", "u1").audio_part(response_id, "a1")
    return script.heard("started", response_id).says(response_id, "a1", "Hello.")


def ended(script: Script) -> Script:
    return script.answer_done("r1", "a1", "u1", "Hello.").response_done("r1", spoken_answer("a1", "Hello."))


def test_a_spoken_turn_goes_through_every_state_and_back() -> None:
    script = ended(answered(Script().session().speech("u1", None)))
    script.after(900).heard("stopped", "r1")
    assert phases(script) == ["listening", "hearing", "thinking", "speaking", "listening"]


def test_speaking_lasts_until_the_sound_ends_not_until_the_text_does() -> None:
    script = ended(answered(Script().session()))
    assert after(script).is_assistant_speaking
    assert not after(script.heard("stopped", "r1")).is_assistant_speaking


def test_an_answer_in_text_alone_ends_with_the_response() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).writes("r1", "a1", "Hi")
    assert phases(script.response_done("r1")) == ["listening", "thinking", "listening"]


def test_a_user_who_interrupts_is_heard_while_the_answer_still_sounds() -> None:
    script = answered(Script().session())
    script.server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u2")
    now = after(script)
    assert (now.phase, now.is_user_speaking, now.is_assistant_speaking, now.input_buffered) == (
        "hearing",
        True,
        True,
        True,
    )
    assert not after(script.heard("cleared", "r1")).is_assistant_speaking


def test_speech_is_buffered_until_it_is_an_item() -> None:
    script = Script().session()
    script.server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
    script.server("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id="u1")
    now = after(script)
    assert (now.is_user_speaking, now.input_buffered, now.phase) == (False, True, "thinking")
    assert not after(script.committed("u1", None)).input_buffered


def test_what_is_cleared_is_buffered_no_more() -> None:
    script = Script().session()
    script.server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
    assert after(script.server("input_audio_buffer.cleared")) == Activity(last_user_event_at=1000)


def test_a_cough_without_words_goes_back_to_listening() -> None:
    assert phases(Script().session().speech("u1", None).recognised("u1")) == [
        "listening",
        "hearing",
        "thinking",
        "listening",
    ]


@pytest.mark.parametrize("what", ["spoken", "asked"])
def test_a_turn_that_brings_no_answer_is_given_up_after_a_while(what: str) -> None:
    script = Script(at=0).session()
    script = script.speech("u1", None) if what == "spoken" else script.client("response.create")
    conversation = Conversation()
    replay(conversation, script.lines)
    began = script.at
    assert conversation.tick(began + PATIENCE_MS - 1) is False
    assert conversation.activity.phase == "thinking"
    assert conversation.tick(began + PATIENCE_MS + 1) is True
    assert conversation.activity.phase == "listening"
    assert conversation.tick(began + 2 * PATIENCE_MS) is False


def test_a_response_that_is_refused_is_not_waited_for() -> None:
    script = Script().session().client("response.create", event_id="ask")
    script.server("error", error={"type": "invalid_request_error", "message": "No.", "event_id": "ask"})
    assert phases(script) == ["listening", "thinking", "listening"]


def test_a_response_beside_the_conversation_is_nobodys_turn() -> None:
    assert phases(Script().session().response("rx", None)) == ["listening"]


def test_without_output_buffer_events_the_player_says_what_is_heard() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).sound("r1", "a1", 300)
    assert (after(script).output_buffered, after(script).is_assistant_speaking) == (True, False)
    script.played("a1", 20)
    assert after(script).is_assistant_speaking
    script.response_done("r1").played("a1", 200)
    assert after(script).is_assistant_speaking
    assert not after(script.played("a1", 300)).output_buffered


def test_where_nobody_plays_sound_it_is_buffered_only_while_it_comes() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).sound("r1", "a1", 300)
    assert not after(script.response_done("r1")).output_buffered


def test_a_player_that_is_flushed_is_heard_no_more() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).sound("r1", "a1", 300).played("a1", 20)
    assert not after(script.flushed()).output_buffered
    assert not after(script.played("a1", 40)).is_assistant_speaking


def test_one_response_is_heard_at_a_time() -> None:
    script = answered(Script().session())
    script.response("r2").heard("started", "r2").heard("stopped", "r1")
    assert after(script).is_assistant_speaking
    assert not after(script.heard("stopped", "r2")).is_assistant_speaking


def test_times_of_the_last_events_are_kept() -> None:
    script = Script(at=1000).session().speech("u1", None, length_ms=500)
    script.after(100).response("r1")
    now = after(script)
    assert (now.last_user_event_at, now.last_assistant_event_at) == (1505, 1605)


def test_when_the_connection_goes_nobody_speaks() -> None:
    script = answered(Script().session()).server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u2")
    now = after(script.disconnected())
    assert (now.phase, now.is_user_speaking, now.output_buffered, now.input_buffered) == (
        "listening",
        False,
        False,
        False,
    )
