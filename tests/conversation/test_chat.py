"""The messages of a conversation: which there are, where they stand, and what of them is shown."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.conversation import (
    Chat,
    ChatChange,
    ChatMessage,
    ChatSettings,
    Conversation,
    ConversationSettings,
    UIMessage,
)
from antiphon.conversation.events import ToolOutput
from antiphon.errors import LocalProtocolError
from conversation.replaying import replay
from conversation.traces import words_while_speaking
from conversation.wire_script import Script, answer, place, spoken_answer, user_item


def conversation(script: Script | None = None, **chat: Any) -> Conversation:
    made = Conversation(ConversationSettings(chat=ChatSettings(**chat)))
    replay(made, [] if script is None else script.lines)
    return made


def chat(script: Script, **settings: Any) -> tuple[ChatMessage, ...]:
    return conversation(script, **settings).chat.messages


def texts(script: Script, **settings: Any) -> list[str]:
    return [message.text for message in chat(script, **settings)]


def begun(words: str = "Hello ") -> Script:
    return Script().session().response("r1").answer_item("r1", "a1", None).says("r1", "a1", words)


def typed(script: Script, item_id: str, words: str, previous: str | None = None) -> Script:
    item = user_item(item_id, {"type": "input_text", "text": words})
    return script.server("conversation.item.added", previous_item_id=previous, item=item)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", range(8))
@pytest.mark.parametrize("second", range(8))
def test_every_interleaving_of_recognition_and_answer_reads_the_same(first: int, second: int) -> None:
    answered = Script().response("r1").answer_item("r1", "a1", "u1").says("r1", "a1", "Fo")
    answered.answer_done("r1", "a1", "u1", "Four.").response_done("r1", spoken_answer("a1", "Four."))
    heard = Script().recognised("u1", "Two ", "and two?").lines
    mixed = [*answered.lines]
    places = sorted([min(first, len(mixed)), min(second, len(mixed)), len(mixed)])
    for line, at in reversed(list(zip(heard, places, strict=True))):
        mixed.insert(at, line)
    made = conversation(Script().session().speech("u1", None))
    replay(made, [{**line, "at": 5000 + n} for n, line in enumerate(mixed)])
    assert [(message.text, message.status) for message in made.chat.messages] == [
        ("Two and two?", "done"),
        ("Four.", "done"),
    ]


def test_a_message_streams_and_is_done() -> None:
    (message,) = chat(begun())
    assert (message.text, message.status, message.role, message.item_id, message.response_id) == (
        "Hello",
        "streaming",
        "assistant",
        "a1",
        "r1",
    )
    (message,) = chat(
        begun().answer_done("r1", "a1", None, "Hello.").response_done("r1", spoken_answer("a1", "Hello."))
    )
    assert (message.text, message.status, message.is_spoken, message.heard) == ("Hello.", "done", True, None)


def test_parts_of_an_item_keep_their_own_words() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None)
    script.writes("r1", "a1", "two", content_index=1).writes("r1", "a1", "one ", content_index=0)
    (message,) = chat(script)
    assert message.text == "one two"
    assert [(part.index, part.text, part.channel) for part in message.parts] == [
        (0, "one ", "text"),
        (1, "two", "text"),
    ]


def test_words_that_are_not_there_make_no_message() -> None:
    assert texts(Script().session().speech("u1", None).recognised("u1", " ")) == []
    assert texts(begun(" ")) == []


def test_a_policy_says_which_words_are_worth_a_message_and_the_chats_comes_first() -> None:
    script = Script().session().speech("u1", None).recognised("u1", "um")
    made = Conversation(ConversationSettings(is_meaningful=lambda text: len(text) > 2))
    replay(made, script.lines)
    assert made.chat.messages == ()
    made = Conversation(
        ConversationSettings(is_meaningful=lambda text: False, chat=ChatSettings(is_meaningful=lambda text: True))
    )
    replay(made, script.lines)
    assert [message.text for message in made.chat.messages] == ["um"]


def test_a_very_long_text_is_bounded() -> None:
    made = conversation(begun())
    word = begun("x" * 10_000).lines[-1]
    for _ in range(40):
        replay(made, [word])
    assert len(made.chat.messages[0].text) == 256 * 1024


def test_words_that_come_while_the_user_speaks_are_shown_as_being_heard() -> None:
    made = conversation(Script().session())
    replay(made, words_while_speaking().lines[1:4])
    assert [(message.text, message.status) for message in made.chat.messages] == [("What can", "hearing")]
    assert made.activity.phase == "hearing"
    replay(made, words_while_speaking().lines[4:])
    assert [(message.text, message.status) for message in made.chat.messages] == [("What can you do?", "done")]


# ── when messages appear ─────────────────────────────────────────────────────────────────────────────────────────────


def test_placeholders_come_before_the_first_word_and_become_the_message() -> None:
    settings = {"user_placeholder_on_start": True, "assistant_placeholder_on_start": True}
    made = conversation(None, **settings)
    script = Script().session()
    script.server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
    replay(made, script.lines)
    assert [(message.status, message.text) for message in made.chat.messages] == [("hearing", "")]
    replay(made, Script().committed("u1", None).response("r1").lines)
    assert [message.status for message in made.chat.messages] == ["streaming", "streaming"]
    placeholder = made.chat.messages[1]
    assert (placeholder.id, placeholder.item_id) == ("r1", None)
    replay(made, Script().answer_item("r1", "a1", "u1").says("r1", "a1", "Hi").lines)
    message = made.chat.messages[1]
    assert (message.id, message.seq, message.item_id, message.text) == ("r1", placeholder.seq, "a1", "Hi")
    assert made.chat.get("a1") == made.chat.get("r1") == message


def test_a_placeholder_for_words_that_never_came_leaves() -> None:
    script = Script().session().response("r1").response_done("r1", status="cancelled")
    assert chat(script, assistant_placeholder_on_start=True) == ()


def test_without_add_on_delta_only_final_words_are_shown() -> None:
    script = Script().session().speech("u1", None)
    script.server("conversation.item.input_audio_transcription.delta", item_id="u1", content_index=0, delta="Hi")
    assert texts(script, user_add_on_delta=False) == []
    assert texts(script.recognised("u1", "Hi"), user_add_on_delta=False) == ["Hi"]
    answer_ = begun("Hello.")
    assert texts(answer_, assistant_add_on_delta=False) == []
    answer_.answer_done("r1", "a1", None, "Hello.")
    assert texts(answer_, assistant_add_on_delta=False) == ["Hello."]


def test_speech_that_is_not_transcribed_is_done_when_it_is_committed() -> None:
    script = Script().session(audio={"input": {"transcription": None}}).speech("u1", None)
    (message,) = chat(script, is_meaningful=lambda text: True, user_placeholder_on_start=True) or (None,)
    assert message is None
    script = Script().session().speech("u1", None)
    assert chat(script, user_placeholder_on_start=True)[0].status == "streaming"


def test_a_cancelled_answer_without_a_word_is_not_shown_and_one_with_words_is() -> None:
    empty = Script().session().response("r1").answer_item("r1", "a1", None).response_done("r1", status="cancelled")
    assert chat(empty) == ()
    (message,) = chat(begun().response_done("r1", status="cancelled"))
    assert (message.text, message.status, message.is_interrupted) == ("Hello", "cancelled", True)


def test_a_failed_response_is_a_message_that_says_why() -> None:
    details = {"type": "failed", "error": {"message": "The model is away."}}
    (message,) = chat(Script().session().response("r1").response_done("r1", status="failed", details=details))
    assert (message.status, message.problem, message.response_id) == ("failed", "The model is away.", "r1")
    (message,) = chat(begun().response_done("r1", status="failed", details=details))
    assert (message.status, message.problem, message.text) == ("failed", "The model is away.", "Hello")


def test_instructions_and_answers_aside_are_shown_only_if_asked_for() -> None:
    script = Script().session()
    system = {"id": "s1", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]}
    script.server("conversation.item.added", previous_item_id=None, item=system)
    script.response("rx", None).server(
        "response.output_item.added", response_id="rx", output_index=0, item=answer("ax", "in_progress")
    )
    script.writes("rx", "ax", "aside")
    assert texts(script) == []
    assert texts(script, show_system=True) == ["Be brief."]
    assert texts(script, show_aside=True) == ["aside"]


def test_an_answer_that_the_conversation_has_after_all_is_shown() -> None:
    script = Script().session().response("r1", None).answer_item("r1", "a1", None).says("r1", "a1", "Hi")
    assert texts(script) == ["Hi"]


# ── what was heard ───────────────────────────────────────────────────────────────────────────────────────────────────


def truncated(script: Script, ms: int) -> ChatMessage:
    script.server("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=ms)
    return chat(script)[-1]


def test_without_its_length_what_was_heard_is_estimated_to_the_end_of_a_word() -> None:
    words = "Twenty characters are about one and a third second of speech."
    message = truncated(begun(words).answer_done("r1", "a1", None, words), 1300)
    assert (message.heard, message.text, message.is_interrupted) == ("Twenty characters are", words, True)
    assert truncated(begun(words), 0).heard == ""
    assert truncated(begun(words), 60_000).heard == words


def test_with_the_length_of_the_sound_what_was_heard_is_its_share_of_the_words() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).sound("r1", "a1", 2000)
    script.says("r1", "a1", "aaaa bbbb cccc dddd eeee")
    assert truncated(script, 1000).heard == "aaaa bbbb cccc"


def test_a_server_that_keeps_only_what_was_heard_is_believed() -> None:
    script = begun("This was heard, and this was not.")
    script.answer_done("r1", "a1", None, "This was heard,", status="incomplete")
    message = truncated(script, 100)
    assert (message.text, message.heard) == ("This was heard, and this was not.", "This was heard,")


def test_a_correction_that_is_no_beginning_replaces_the_words() -> None:
    (message,) = chat(begun("That makes fourr").answer_done("r1", "a1", None, "That makes four."))
    assert (message.text, message.heard) == ("That makes four.", None)


def test_the_pace_of_the_voice_is_learned_from_answers_heard_to_their_end() -> None:
    slow = "a slow voice says thirty-two letters"  # 36 characters in 6 seconds
    script = Script().session().response("r0").answer_item("r0", "a0", None).heard("started", "r0")
    script.answer_done("r0", "a0", None, slow).response_done("r0").after(6000).heard("stopped", "r0")
    script.response("r1").answer_item("r1", "a1", "a0").says("r1", "a1", "abcdef abcdef abcdef abcdef")
    assert truncated(script, 2000).heard == "abcdef abcdef"


def test_an_answer_that_was_cut_short_teaches_no_pace() -> None:
    script = Script().session().response("r0").answer_item("r0", "a0", None).heard("started", "r0")
    script.answer_done("r0", "a0", None, "x" * 400).response_done("r0").after(6000).heard("cleared", "r0")
    script.response("r1").answer_item("r1", "a1", "a0").says("r1", "a1", "Twenty characters are about")
    assert truncated(script, 1300).heard == "Twenty characters are"


# ── tools and pictures ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tool_call_is_a_message_with_its_arguments_and_its_output() -> None:
    script = Script().session().response("r1")
    script.call("r1", "f1", "call_1", "u1", pieces=['{"city"', ':"Oslo"}']).after(300).output("o1", "call_1", "f1", "4")
    (message,) = chat(script)
    tool = message.tool
    assert tool is not None
    assert (message.type, message.role, message.status) == ("tool", "tool", "done")
    assert (tool.name, tool.arguments, tool.output, tool.call_id) == ("get_weather", {"city": "Oslo"}, "4", "call_1")
    assert tool.ended_at is not None
    assert tool.ended_at - tool.started_at == 330
    assert chat(script, show_tools=False) == ()


def test_a_tool_that_failed_says_so() -> None:
    made = conversation(Script().session().response("r1").call("r1", "f1", "call_1", "u1", pieces=["{}"]))
    made.tell([ToolOutput(call_id="call_1", item_id=None, output="No such city.", error=True)], 9000)
    message = made.chat.messages[0]
    assert message.status == "failed"
    assert message.tool is not None
    assert message.tool.is_error


def test_pictures_are_messages_and_the_oldest_are_forgotten_first() -> None:
    def photo(item_id: str, previous: str | None) -> Script:
        address = "data:image/png;base64," + "A" * 1000
        return Script().typed(item_id, previous, {"type": "input_image", "image_url": address}, event_id=item_id)

    made = conversation(Script().session(), most_image_characters=2500)
    for number in range(4):
        replay(made, photo(f"u{number}", f"u{number - 1}" if number else None).lines)
    assert [len(message.images) for message in made.chat.messages] == [1, 1]
    assert made.chat.messages[-1].item_id == "u3"


# ── an app's own messages ────────────────────────────────────────────────────────────────────────────────────────────


def test_own_messages_stand_where_they_were_added() -> None:
    made = conversation(typed(Script().session(), "u1", "one"))
    ids = made.chat.add([UIMessage(kind="card", payload={"city": "Oslo"}), UIMessage(text="note", role="system")])
    replay(made, typed(Script(), "u2", "two", "u1").lines)
    made.chat.add(UIMessage(kind="late", id="mine"))
    made.chat.add(UIMessage(kind="between", after="u1"))
    made.chat.add(UIMessage(kind="after own", after="mine"))
    shown = [message.text or message.kind for message in made.chat.messages]
    assert shown == ["one", "card", "note", "between", "two", "late", "after own"]
    assert [message.type for message in made.chat.messages[1:3]] == ["ui", "text"]
    assert ids == [message.id for message in made.chat.messages[1:3]]
    assert made.chat.messages[1].payload == {"city": "Oslo"}
    assert [message.text or message.kind for message in made.chat.inverted] == shown[::-1]


def test_an_own_message_with_a_known_id_replaces_the_old_one_in_its_place() -> None:
    made = Chat()
    made.add([UIMessage(kind="progress", payload=1, id="p"), UIMessage(text="next")], now_ms=5)
    seq = made.messages[0].seq
    assert made.add(UIMessage(kind="progress", payload=2, id="p"), now_ms=9) == ["p"]
    assert [(message.payload, message.seq, message.time) for message in made.messages] == [
        (2, seq, 5),
        (None, seq + 1, 5),
    ]


def test_an_own_message_cannot_take_the_id_of_one_of_the_conversation() -> None:
    made = conversation(typed(Script().session(), "u1", "one"))
    with pytest.raises(LocalProtocolError, match='"u1" is a message of the conversation'):
        made.chat.add(UIMessage(text="mine", id="u1"))


def test_numbers_grow_and_times_are_the_callers() -> None:
    made = conversation(typed(Script(at=7000).session(), "u1", "one"))
    assert made.chat.messages[0].time == 7000
    assert made.chat.next_seq() == made.chat.messages[0].seq + 1
    made.chat.add([UIMessage(text="a"), UIMessage(text="b", time=12.5)], now_ms=8000)
    assert [message.time for message in made.chat.messages] == [7000, 8000, 12.5]
    assert [message.seq for message in made.chat.messages] == [1, 2, 3]


def test_own_messages_and_the_conversations_are_cleared_apart() -> None:
    made = conversation(typed(Script().session(), "u1", "one"))
    made.chat.add(UIMessage(text="note"))
    made.chat.clear()
    assert [message.text for message in made.chat.messages] == ["note"]
    replay(made, typed(Script(), "u2", "two", "u1").lines)
    assert [message.text for message in made.chat.messages] == ["note", "two"]
    made.chat.clear_added()
    assert [message.text for message in made.chat.messages] == ["two"]


def test_what_was_cleared_does_not_come_back_with_its_last_words() -> None:
    made = conversation(begun("Hello "))
    made.chat.clear()
    replay(made, Script().says("r1", "a1", "there.").answer_done("r1", "a1", None, "Hello there.").lines)
    replay(made, Script().response_done("r1", spoken_answer("a1", "Hello there.")).lines)
    assert made.chat.messages == ()


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_when_the_connection_goes_nothing_stays_open() -> None:
    script = Script().session().speech("u1", None).response("r1").answer_item("r1", "a1", "u1")
    script.says("r1", "a1", "I was just say").disconnected()
    assert [(message.text, message.status) for message in chat(script)] == [("I was just say", "cancelled")]


def test_a_chat_may_end_with_its_connection() -> None:
    made = conversation(typed(Script().session(), "u1", "one"), keep_on_disconnect=False)
    made.chat.add(UIMessage(text="note"))
    made.disconnected(9000)
    assert [message.text for message in made.chat.messages] == ["note"]


def test_what_the_connection_cut_off_was_heard_as_far_as_it_sounded() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None).heard("started", "r1")
    script.says("r1", "a1", "Twenty characters are about one and a third second.", every_ms=1300).disconnected()
    (message,) = chat(script)
    assert (message.heard, message.is_interrupted) == ("Twenty characters are", True)


# ── changes, and bounds ──────────────────────────────────────────────────────────────────────────────────────────────


def test_listeners_are_told_what_changed() -> None:
    made = conversation(Script().session())
    changes: list[ChatChange] = []
    off = made.chat.on_change(changes.append)
    replay(made, begun("Hello ").lines[1:])
    replay(made, Script().says("r1", "a1", "there.").lines)
    made.chat.add(UIMessage(text="note", id="n"))
    made.chat.clear_added()
    replay(made, Script().server("conversation.item.deleted", item_id="a1").lines)
    told = [(change.kind, change.message_id) for change in changes]
    assert told == [
        ("added", "a1"),
        ("changed", "a1"),
        ("added", "n"),
        ("cleared", None),
        ("removed", "a1"),
    ]
    off()
    off()
    made.chat.add(UIMessage(text="unheard"))
    assert len(changes) == len(told)


def test_a_message_that_was_looked_at_does_not_change() -> None:
    made = conversation(begun("Hello "))
    before = made.chat.messages
    replay(made, Script().says("r1", "a1", "there.").lines)
    assert before[0].text == "Hello"
    assert made.chat.messages[0].text == "Hello there."
    assert made.chat.messages is made.chat.messages


def test_a_long_call_keeps_its_newest_messages() -> None:
    made = conversation(Script().session(), most_messages=100, most_added=10)
    for number in range(500):
        replay(made, typed(Script(), f"u{number}", str(number), f"u{number - 1}" if number else None).lines)
        made.chat.add(UIMessage(kind="x"))
    said = [message.text for message in made.chat.messages if message.type == "text"]
    assert 100 <= len(said) <= 120
    assert said == [str(number) for number in range(500 - len(said), 500)]
    assert len(made.chat.messages) - len(said) == 10


def test_a_deleted_item_leaves_and_its_place_is_kept() -> None:
    script = typed(typed(Script().session(), "u1", "gone"), "u2", "stays", "u1")
    script.server("conversation.item.deleted", item_id="u1")
    assert texts(typed(script, "u3", "between", "u1")) == ["between", "stays"]


def test_the_text_of_an_unshown_item_can_be_asked_for() -> None:
    made = conversation(begun("Hello "), is_meaningful=lambda text: False)
    assert made.chat.messages == ()
    assert made.chat.text_of("a1") == "Hello"
    assert made.chat.text_of("nobody") == ""
    assert made.chat.get("a1") is None
    assert made.chat.heard_of("nobody") is None


def test_content_of_one_item_is_placed_by_its_index() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None)
    script.server("response.output_text.done", **place("r1", "a1", 3), text="last")
    script.server("response.output_text.done", **place("r1", "a1", 1), text="first")
    assert texts(script) == ["first last"]
