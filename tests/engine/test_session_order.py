"""The order of events, turn by turn, as the Realtime API gives it and stock clients rely on."""

from __future__ import annotations

import base64

import pytest

from session_rig import Rig, loud, quiet

ITEM = ["conversation.item.added", "conversation.item.done"]
VOICE_IN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    *ITEM,
    "response.created",
]
MESSAGE_BEGINS = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
SPEECH_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def transcribing(rig: Rig) -> None:
    rig.update(audio={"input": {"transcription": {"model": "whisper-1"}}})


def type_in(rig: Rig, text: str = "hello", **response: object) -> None:
    content = [{"type": "input_text", "text": text}]
    rig.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    rig.send("response.create", **({"response": response} if response else {}))


def test_voice_turn_on_a_websocket() -> None:
    rig = Rig()
    transcribing(rig)
    begin = len(rig.events)
    item_id = rig.say_turn()
    rig.recognize("hello there")
    rig.answer("Good day.", 400)
    assert rig.since(begin) == [
        *VOICE_IN,
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        *MESSAGE_BEGINS,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *SPEECH_ENDS,
    ]
    assert rig.last("input_audio_buffer.speech_started")["item_id"] == item_id
    assert rig.last("conversation.item.done")["previous_item_id"] == item_id
    assert rig.last("response.done")["response"]["status"] == "completed"
    assert rig.last("response.done")["response"]["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "Good day."}
    ]
    assert rig.last("response.done")["response"]["usage"]["total_tokens"] == 12


def test_voice_turn_on_webrtc_has_no_audio_events_and_tells_of_the_output_buffer() -> None:
    rig = Rig(media=True)
    begin = len(rig.events)
    rig.say_turn()
    rig.recognize()
    rig.answer("Good day.", 400)
    assert rig.since(begin) == [
        *VOICE_IN,
        *MESSAGE_BEGINS,
        "response.output_audio_transcript.delta",
        "output_audio_buffer.started",
        *SPEECH_ENDS,
    ]
    rig.play(len(rig.played_out) // 2 - 1)
    assert rig.types[-1] == "response.done"
    rig.play(len(rig.played_out) // 2)
    assert rig.types[-1] == "output_audio_buffer.stopped"


def test_tool_turn() -> None:
    rig = Rig()
    rig.update(tools=[{"type": "function", "name": "add", "parameters": {"type": "object"}}])
    type_in(rig, "add two and five")
    assert rig.to_generate[0].request.tools[0].name == "add"
    begin = len(rig.events)
    rig.call("add", '{"a": 2,')
    rig.call(None, ' "b": 5}')
    rig.done()
    assert rig.since(begin) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    done = rig.last("response.function_call_arguments.done")
    assert done["name"] == "add"
    assert done["arguments"] == '{"a": 2, "b": 5}'
    assert rig.last("response.output_item.done")["item"]["status"] == "completed"

    output = {"type": "function_call_output", "call_id": done["call_id"], "output": "7"}
    rig.send("conversation.item.create", item=output)
    rig.send("response.create")
    told = rig.to_generate[0].request.items
    assert [type(item).__name__ for item in told] == ["ModelMessage", "ModelToolCall", "ModelToolResult"]


def test_parallel_calls_are_items_of_their_own() -> None:
    rig = Rig()
    type_in(rig)
    rig.call("add", '{"a":1}', 0)
    rig.call("mul", '{"b":2}', 1)
    rig.done()
    output = rig.last("response.done")["response"]["output"]
    assert [(item["name"], item["arguments"]) for item in output] == [("add", '{"a":1}'), ("mul", '{"b":2}')]
    assert output[0]["call_id"] != output[1]["call_id"]


def test_barge_in_on_a_websocket() -> None:
    rig = Rig()
    rig.say_turn()
    rig.recognize()
    rig.text("Once upon a time")
    rig.speech(800)
    begin = len(rig.events)
    rig.hear(loud(300))
    assert rig.since(begin) == ["input_audio_buffer.speech_started", *SPEECH_ENDS]
    done = rig.last("response.done")["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert not rig.to_generate, "the model is stopped"


def test_barge_in_on_webrtc_keeps_what_was_heard() -> None:
    rig = Rig(media=True)
    rig.say_turn()
    rig.recognize()
    rig.text("one two three four five six seven eight nine ten")
    rig.speech(1000, [(0, 0.0)])
    rig.play(12_000)
    begin = len(rig.events)
    rig.hear(loud(300))
    assert rig.since(begin) == [
        "input_audio_buffer.speech_started",
        *SPEECH_ENDS,
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert rig.last("conversation.item.truncated")["audio_end_ms"] == 500
    heard = rig.last("conversation.item.done")["item"]["content"][0]["transcript"]
    assert heard == "one two three four five"
    assert not rig.played_out
    rig.hear(quiet(700))
    rig.recognize("stop")
    told = rig.to_generate[0].request.items
    assert told[-2].content[0].text == heard  # type: ignore[union-attr]


def test_barge_in_after_the_response_was_done_still_stops_what_is_played() -> None:
    rig = Rig(media=True)
    rig.say_turn()
    rig.recognize()
    rig.answer("one two three four five six seven eight nine ten", 1000)
    rig.play(6_000)
    begin = len(rig.events)
    rig.hear(loud(300))
    assert rig.since(begin) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    item_id = rig.last("conversation.item.truncated")["item_id"]
    rig.send("conversation.item.retrieve", item_id=item_id)
    item = rig.last("conversation.item.retrieved")["item"]
    assert item["status"] == "incomplete"
    assert item["content"][0]["transcript"] == "one two three"
    assert len(base64.b64decode(item["content"][0]["audio"])) == 250 * 48


def test_speech_that_may_not_interrupt_is_answered_afterwards() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    rig.say_turn()
    rig.recognize("first")
    rig.text("A long answer")
    rig.say_turn()
    rig.recognize("second")
    assert len(rig.all("response.created")) == 1
    rig.done()
    assert rig.types[-2:] == ["response.done", "response.created"]
    assert rig.to_generate[0].request.items[-1].content[0].text == "second"  # type: ignore[union-attr]


def test_manual_turn() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": None}})
    begin = len(rig.events)
    rig.hear(loud(500) + quiet(2000))
    assert rig.since(begin) == [], "nothing is committed by itself"
    rig.send("input_audio_buffer.commit")
    assert rig.since(begin) == ["input_audio_buffer.committed", *ITEM]
    rig.send("response.create")
    assert rig.types[-1] == "response.created"
    assert not rig.to_generate, "the model waits for the words"
    rig.recognize("turn left")
    assert rig.to_generate[0].request.items[-1].spoken  # type: ignore[union-attr]


def test_text_only_answer() -> None:
    rig = Rig()
    type_in(rig, output_modalities=["text"])
    begin = len(rig.events)
    rig.answer("Good day.")
    assert rig.since(begin) == [
        *MESSAGE_BEGINS,
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert rig.last("response.content_part.done")["part"] == {"type": "text", "text": "Good day."}
    assert rig.last("response.done")["response"]["output"][0]["content"] == [
        {"type": "output_text", "text": "Good day."}
    ]


def test_a_response_beside_the_conversation_leaves_no_trace_in_it() -> None:
    rig = Rig()
    type_in(rig)
    rig.send("response.create", response={"conversation": "none", "metadata": {"topic": "mood"}, "input": []})
    conversation, beside = rig.to_generate
    assert beside.request.items == ()
    begin = len(rig.events)
    rig.text("calm", beside)
    rig.speech(100, wanted=beside)
    rig.done(wanted=beside)
    assert not [name for name in rig.since(begin) if name.startswith("conversation.")]
    assert rig.last("response.done")["response"]["conversation_id"] is None
    assert rig.last("response.done")["response"]["metadata"] == {"topic": "mood"}
    rig.hear(loud(300))
    assert rig.last("response.done")["response"]["id"] == conversation.response_id


@pytest.mark.parametrize("text", ["", "  "])
def test_a_turn_in_which_nothing_was_recognised_is_not_answered(text: str) -> None:
    rig = Rig()
    rig.say_turn()
    rig.recognize(text)
    assert rig.types[-2:] == ["response.created", "response.done"]
    assert rig.last("response.done")["response"]["status"] == "completed"
    assert rig.last("response.done")["response"]["output"] == []


def test_when_transcription_fails_the_answer_comes_all_the_same() -> None:
    rig = Rig()
    transcribing(rig)
    rig.say_turn()
    rig.fail_recognition("busy")
    failed = rig.last("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["message"] == "busy"
    assert rig.types[-1] == "response.done"
    rig.send("response.create")
    assert rig.to_generate


def test_a_model_that_fails_ends_the_response_and_not_the_session() -> None:
    rig = Rig()
    type_in(rig)
    rig.text("Well, ")
    rig.fail("the model is gone")
    done = rig.last("response.done")["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["message"] == "the model is gone"
    type_in(rig, "again")
    rig.answer()
    assert rig.last("response.done")["response"]["status"] == "completed"


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_short_is_incomplete(finish: str, reason: str) -> None:
    rig = Rig()
    type_in(rig)
    rig.text("Once upon")
    rig.done(finish)
    done = rig.last("response.done")["response"]
    assert done["status"] == "incomplete"
    assert done["status_details"]["reason"] == reason
    assert done["output"][0]["status"] == "incomplete"


def test_one_second_answer_waits_for_the_first_to_be_heard() -> None:
    rig = Rig(media=True)
    for _ in range(2):
        type_in(rig)
        rig.answer("Good day.", 500)
    assert len(rig.all("output_audio_buffer.started")) == 1
    rig.play(12_000)
    assert rig.types[-2:] == ["output_audio_buffer.stopped", "output_audio_buffer.started"]
    rig.play(24_000)
    stopped = [event["response_id"] for event in rig.all("output_audio_buffer.stopped")]
    assert stopped == [event["response"]["id"] for event in rig.all("response.done")]


def test_transcription_session_hears_and_never_answers() -> None:
    from antiphon.protocol import TranscriptionSession

    rig = Rig(config=TranscriptionSession())
    assert rig.events[0]["session"]["object"] == "realtime.transcription_session"
    rig.say_turn()
    rig.recognize("only words")
    assert rig.types[-1] == "conversation.item.input_audio_transcription.completed"
    assert rig.last("conversation.item.input_audio_transcription.completed")["transcript"] == "only words"
    rig.send("response.create")
    assert rig.types[-1] == "error"
    assert "response.created" not in rig.types
