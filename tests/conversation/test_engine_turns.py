"""Turns of the embedded engine, read from its events: the chat is what the engine itself holds of the conversation."""

from __future__ import annotations

from typing import Any

import msgspec

from antiphon.conversation import ChatMessage, Conversation
from antiphon.protocol import Message, decode_server_event
from session_rig import Rig, loud, quiet


def read(rig: Rig) -> Conversation:
    """Everything that the session sent, as a bystander hears it."""
    conversation = Conversation()
    for number, event in enumerate(rig.events):
        conversation.receive(decode_server_event(msgspec.json.encode(event)), 1000 + 10 * number)
    return conversation


def lines(conversation: Conversation) -> list[tuple[str, str, str]]:
    return [(message.role, message.status, message.text) for message in conversation.chat.messages]


def transcribing(rig: Rig) -> Rig:
    rig.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    return rig


def interrupted(*, is_done: bool) -> ChatMessage:
    rig = transcribing(Rig(media=True))
    rig.say_turn()
    rig.recognize("count")
    rig.text("one two three four five six seven eight nine ten")
    rig.speech(1000, [(0, 0.0)])
    if is_done:
        rig.done()
    rig.play(12_000)
    rig.hear(loud(300))
    rig.hear(quiet(700))
    rig.recognize("stop")
    if is_done:
        rig.send("conversation.item.retrieve", item_id=rig.last("conversation.item.truncated")["item_id"])
    conversation = read(rig)
    assert [message.text for message in conversation.chat.messages if message.role == "user"] == ["count", "stop"]
    assert [message.role for message in conversation.chat.messages] == ["user", "assistant", "user"]
    kept = [item for item in conversation.record.items() if isinstance(item, Message)]
    assert kept[1].content[0].text == "one two three four five"  # type: ignore[union-attr]
    return conversation.chat.messages[1]


def test_spoken_turns_read_as_they_were_said() -> None:
    rig = transcribing(Rig())
    rig.say_turn()
    rig.recognize("hello there")
    rig.answer("Good day.", 400)
    rig.say_turn()
    rig.recognize("and you")
    rig.answer("Fine.", 200)
    conversation = read(rig)
    assert lines(conversation) == [
        ("user", "done", "hello there"),
        ("assistant", "done", "Good day."),
        ("user", "done", "and you"),
        ("assistant", "done", "Fine."),
    ]
    assert conversation.usage.total.responses == 2
    assert [turn.kind for turn in conversation.turns.all] == ["spoken", "spoken"]


def test_an_answer_that_is_interrupted_while_it_is_made_keeps_what_was_heard() -> None:
    message = interrupted(is_done=False)
    assert (message.heard, message.status, message.is_interrupted) == ("one two three four five", "cancelled", True)
    assert message.text == "one two three four five six seven eight nine ten"


def test_an_answer_that_is_interrupted_while_it_is_played_keeps_what_the_server_says_was_heard() -> None:
    message = interrupted(is_done=True)
    assert (message.heard, message.status, message.is_interrupted) == ("one two three four five", "done", True)


def test_tools_and_their_outputs_stand_between_question_and_answer() -> None:
    tool = {"type": "function", "name": "add", "parameters": {"type": "object"}}
    rig = transcribing(Rig())
    rig.update(tools=[tool])
    rig.say_turn()
    rig.recognize("add two and five")
    rig.call("add", '{"a":2,"b":5}')
    rig.done("tool_calls")
    call_id = rig.last("response.function_call_arguments.done")["call_id"]
    rig.send("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "7"})
    rig.send("response.create")
    rig.answer("Seven.", 200)
    conversation = read(rig)
    assert lines(conversation) == [
        ("user", "done", "add two and five"),
        ("tool", "done", ""),
        ("assistant", "done", "Seven."),
    ]
    use: Any = conversation.chat.messages[1].tool
    assert (use.name, use.arguments, use.output) == ("add", {"a": 2, "b": 5}, "7")
    assert conversation.turns.all[0].tools[0].name == "add"


def test_a_cough_leaves_no_message_and_nobody_thinks() -> None:
    rig = transcribing(Rig())
    rig.say_turn()
    rig.recognize("")
    conversation = read(rig)
    assert lines(conversation) == []
    assert conversation.activity.phase == "listening"


def test_a_failed_answer_says_so() -> None:
    rig = Rig()
    rig.send(
        "conversation.item.create",
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
    )
    rig.send("response.create")
    rig.fail("the model is gone")
    said, failed = read(rig).chat.messages
    assert (said.text, failed.status) == ("Hi.", "failed")
    assert failed.problem
