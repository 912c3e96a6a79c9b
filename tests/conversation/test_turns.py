"""How long each turn took, step by step."""

from __future__ import annotations

import pytest

from antiphon.conversation import Conversation, Turn
from antiphon.conversation.turns import MOST_TURNS
from conversation.replaying import replay
from conversation.wire_script import Script, spoken_answer


def turns(script: Script) -> list[Turn]:
    conversation = Conversation()
    replay(conversation, script.lines)
    return conversation.turns.all


def spoken_turn(script: Script, number: int = 1, *, thinking_ms: int = 200) -> Script:
    script.speech(f"u{number}", None).after(50).recognised(f"u{number}", "Hi.").after(thinking_ms)
    script.response(f"r{number}").after(60).answer_item(f"r{number}", f"a{number}", f"u{number}")
    script.says(f"r{number}", f"a{number}", "Hello.", every_ms=40).heard("started", f"r{number}").after(300)
    script.response_done(f"r{number}", spoken_answer(f"a{number}", "Hello."))
    return script.after(1000).heard("stopped", f"r{number}").after(500)


def test_a_spoken_turn_is_a_waterfall_from_the_last_word() -> None:
    # The server waits 500 ms of silence before it says that speech stopped.
    (turn,) = turns(spoken_turn(Script().session()))
    assert turn.kind == "spoken"
    steps = {step: turn.ms(step) for step in ("recognized", "response", "first_delta", "first_audio", "done")}
    assert steps == {"recognized": 575, "response": 775, "first_delta": 835, "first_audio": 875, "done": 1175}
    assert (turn.heard_at, turn.answer_ms, turn.response_ids, turn.item_id) == (None, 875, ("r1",), "u1")


def test_what_was_heard_here_is_what_the_user_waited_for() -> None:
    script = Script(at=0).session().speech("u1", None, length_ms=1000).response("r1").answer_item("r1", "a1", "u1")
    script.after(100).sound("r1", "a1", 300).after(150).played("a1", 20).after(20).played("a1", 40)
    (turn,) = turns(script)
    assert (turn.ms("first_audio"), turn.ms("heard"), turn.answer_ms) == (605, 755, 755)


def test_on_a_media_transport_the_driver_says_when_sound_is_heard() -> None:
    conversation = Conversation()
    script = Script(at=0).session().speech("u1", None, length_ms=1000).response("r1").heard("started", "r1")
    replay(conversation, script.lines)
    conversation.sounded(1400)
    conversation.sounded(1900)
    assert conversation.turns.all[0].ms("heard") == 900


def test_a_typed_turn_begins_when_it_is_sent() -> None:
    script = Script(at=0).session().after(100).typed("u1", None, {"type": "input_text", "text": "Hi."})
    script.client("response.create").after(85).response("r1").writes("r1", "a1", "Hello.")
    (turn,) = turns(script)
    assert (turn.kind, turn.started_at, turn.ms("response"), turn.answer_ms) == ("typed", 100, 100, 100)


def test_without_voice_detection_a_turn_begins_with_its_item() -> None:
    script = Script(at=0).session().after(500).committed("u1", None).after(90).response("r1")
    (turn,) = turns(script)
    assert (turn.kind, turn.started_at, turn.ms("response")) == ("spoken", 500, 90)


def test_a_greeting_was_not_asked_for() -> None:
    conversation = Conversation()
    script = Script(at=0).session().after(100).response("r1").after(50).says("r1", "a1", "Hello.")
    replay(conversation, script.response_done("r1").lines)
    (turn,) = conversation.turns.all
    assert (turn.kind, turn.ms("first_delta")) == ("unasked", 50)
    assert conversation.turns.medians() == {}


def test_with_tools_between_several_responses_are_one_turn() -> None:
    script = Script(at=0).session().speech("u1", None, length_ms=1000).response("r1")
    script.call("r1", "f1", "call_1", "u1", pieces=["{", "}"]).response_done("r1")
    script.after(400).output("o1", "call_1", "f1", "7").response("r2").after(80).says("r2", "a1", "Seven.")
    (turn,) = turns(script.heard("started", "r2").response_done("r2"))
    assert turn.response_ids == ("r1", "r2")
    (tool,) = turn.tools
    assert (tool.name, tool.ended_at) == ("get_weather", tool.started_at + 400)
    assert turn.ms("first_audio") == 1067
    assert turn.done_at == script.at


def test_the_rest_of_an_earlier_answer_is_no_answer() -> None:
    script = Script(at=0).session().speech("u1", None).response("r1").says("r1", "a1", "A long story.")
    script.heard("started", "r1").speech("u2", "a1", length_ms=600).says("r1", "a1", "goes on")
    script.after(100).response_done("r1", status="cancelled").after(50).response("r2").says("r2", "a2", "Yes?")
    first, second = turns(script)
    assert first.is_interrupted
    assert (second.response_ids, second.is_interrupted) == (("r2",), False)
    assert second.first_delta_at == second.response_at
    assert second.first_audio_at is None


def test_medians_are_of_what_happened() -> None:
    script = Script().session()
    for number, thinking_ms in enumerate((100, 200, 900), start=1):
        spoken_turn(script, number, thinking_ms=thinking_ms)
    script.speech("u9", None)
    conversation = Conversation()
    replay(conversation, script.lines)
    medians = conversation.turns.medians()
    assert medians["response"] == 775
    assert medians["answer"] == 875
    assert "heard" not in medians
    assert conversation.turns.medians(kinds=("typed",)) == {}


def test_an_answer_beside_the_conversation_is_of_no_turn() -> None:
    assert turns(Script().session().response("rx", None).writes("rx", "ax", "aside").response_done("rx")) == []


@pytest.mark.parametrize("number", [MOST_TURNS + 50])
def test_the_oldest_turns_are_forgotten(number: int) -> None:
    conversation = Conversation()
    for n in range(number):
        script = Script().typed(f"u{n}", None, {"type": "input_text", "text": "Hi."}, event_id=f"e{n}")
        replay(conversation, script.response(f"r{n}").writes(f"r{n}", f"a{n}", "Hello.").response_done(f"r{n}").lines)
    kept = conversation.turns.all
    assert len(kept) == MOST_TURNS
    assert [turn.response_ids for turn in kept] == [(f"r{n}",) for n in range(number - MOST_TURNS, number)]
    assert all(turn.done_at is not None for turn in kept)
