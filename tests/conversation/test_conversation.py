"""A whole conversation: everybody is told, in order, and a new session goes on from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from antiphon.conversation import FRIENDLY_TYPES, Conversation, HandlerFailure, to_wire
from antiphon.conversation.events import Error, FriendlyEvent
from antiphon.protocol import ErrorDetail, decode_event, to_builtins
from conversation.replaying import replay
from conversation.traces import TRACES
from conversation.wire_script import Script, spoken_answer

Json = dict[str, Any]


def played(script: Script, conversation: Conversation | None = None) -> Conversation:
    conversation = conversation or Conversation()
    replay(conversation, script.lines)
    return conversation


def kept(conversation: Conversation) -> list[tuple[str, str]]:
    """What a new session would be told: ids and words."""
    told = []
    for item in conversation.record.items():
        plain = to_builtins(item)
        told.append((plain["id"], " ".join(part.get("text", "") for part in plain.get("content", []))))
    return told


def test_handlers_are_told_before_the_chat_and_after_the_state() -> None:
    conversation = Conversation()
    seen: list[tuple[str, int, bool]] = []

    def look(event: FriendlyEvent) -> None:
        seen.append((event.type, len(conversation.chat.messages), conversation.activity.is_user_speaking))

    conversation.handlers.on("user.*", look)
    script = Script().session()
    script.server("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
    played(script.committed("u1", None).recognised("u1", "Hi."), conversation)
    assert seen == [
        ("user.speech_started", 0, True),
        ("user.item_started", 0, False),
        ("user.delta", 0, False),
        ("user.completed", 1, False),
    ]


def test_a_handler_may_send_while_it_is_told() -> None:
    conversation = Conversation()
    item = {"id": "u9", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}
    wire = decode_event(msgspec.json.encode({"type": "conversation.item.create", "item": item}))
    conversation.handlers.on("assistant.completed", lambda event: conversation.sent(wire, 9000) and None)  # type: ignore[arg-type]
    script = Script().session().response("r1").answer_item("r1", "a1", None).says("r1", "a1", "Hi.")
    played(script.response_done("r1", spoken_answer("a1", "Hi.")), conversation)
    assert [message.text for message in conversation.chat.messages] == ["Hi.", "Go on."]


def test_a_listener_that_raises_is_reported_and_the_others_are_told() -> None:
    conversation = Conversation()
    failures: list[HandlerFailure] = []
    changes: list[str] = []
    conversation.handlers.failed = failures.append
    conversation.chat.on_change(lambda change: 1 / 0)
    conversation.chat.on_change(lambda change: changes.append(change.kind))
    played(Script().session().typed("u1", None, {"type": "input_text", "text": "Hi."}), conversation)
    assert changes == ["added"]
    assert [(failure.event.type, type(failure.error)) for failure in failures] == [("chat.changed", ZeroDivisionError)]
    conversation.handlers.failed = None
    with pytest.raises(ZeroDivisionError):
        conversation.chat.clear()


def test_a_driver_tells_errors_of_its_own() -> None:
    conversation = Conversation()
    told: list[Error] = []
    conversation.handlers.on("error", told.append)
    error = Error(scope="client", error=ErrorDetail(type="client_error", message="The microphone is gone."))
    conversation.tell([error], 1000)
    assert told == [error]


def test_what_was_sent_and_never_left_fails() -> None:
    conversation = Conversation()
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    event = decode_event(msgspec.json.encode({"type": "conversation.item.create", "item": item}))
    conversation.sent(event, 1000)  # type: ignore[arg-type]
    conversation.not_sent(event, "There is no connection.", 1100)  # type: ignore[arg-type]
    (message,) = conversation.chat.messages
    assert (message.status, message.problem, message.text) == ("failed", "There is no connection.", "Hi.")
    assert kept(conversation) == []


def test_audio_that_is_sent_tells_nothing() -> None:
    event = decode_event(b'{"type":"input_audio_buffer.append","audio":"AAAA"}')
    assert Conversation().sent(event, 1000) == []  # type: ignore[arg-type]


def test_a_new_session_is_told_what_was_heard_of_an_interrupted_answer() -> None:
    conversation = played(TRACES["interrupted_on_webrtc"][0]())
    assert kept(conversation) == [
        ("item_u1", "Tell me a story."),
        ("item_a1", "Once upon a time there"),
        ("item_u2", "Stop, please."),
    ]


def test_a_new_session_is_told_the_words_that_an_interrupting_server_kept() -> None:
    conversation = played(TRACES["interrupted_by_a_server_that_keeps_what_was_heard"][0]())
    assert kept(conversation)[1] == ("item_a1", "Once upon a time there was")


def test_an_item_that_is_told_again_does_not_get_the_unheard_words_back() -> None:
    script = TRACES["interrupted_on_webrtc"][0]()
    script.server("conversation.item.retrieved", item=spoken_answer("item_a1", "The whole story."))
    script.server("conversation.item.done", previous_item_id="item_u1", item=spoken_answer("item_a1", "The whole."))
    assert kept(played(script))[1] == ("item_a1", "Once upon a time there")


def test_a_new_session_is_told_what_was_heard_before_the_line_broke() -> None:
    script = Script().session().typed("u1", None, {"type": "input_text", "text": "Tell me a story."})
    script.response("r1").answer_item("r1", "a1", "u1").heard("started", "r1")
    script.says("r1", "a1", "Twenty characters are about one and a third second.", every_ms=1300).disconnected()
    assert kept(played(script)) == [("u1", "Tell me a story."), ("a1", "Twenty characters are")]


def test_a_new_session_is_told_what_was_written_before_the_line_broke() -> None:
    script = Script().session().typed("u1", None, {"type": "input_text", "text": "Write."})
    script.response("r1").answer_item("r1", "a1", "u1").writes("r1", "a1", "Once ", "upon").disconnected()
    assert kept(played(script)) == [("u1", "Write."), ("a1", "Once upon")]


def test_a_poor_servers_conversation_is_kept_too() -> None:
    assert kept(played(TRACES["poor_server"][0]())) == [("item_u1", "Hello?"), ("item_a1", "Hi there.")]
    assert kept(played(TRACES["older_names"][0]())) == [("item_a1", "Hello.")]


def test_what_is_replayed_is_not_kept_twice() -> None:
    conversation = played(TRACES["reconnected"][0]())
    assert [item_id for item_id, _ in kept(conversation)] == ["item_u1", "item_a1", "item_u2", "item_a2"]


def test_a_message_that_was_refused_is_not_kept() -> None:
    assert kept(played(TRACES["errors"][0]())) == []


@pytest.mark.parametrize("name", TRACES)
def test_every_event_is_json_and_has_a_known_type(name: str) -> None:
    conversation = Conversation()
    told: list[FriendlyEvent] = []
    conversation.handlers.on("*", told.append)
    played(TRACES[name][0](), conversation)
    assert told
    for event in told:
        plain = to_wire(event)
        assert plain["type"] == event.type
        assert event.type in FRIENDLY_TYPES
        assert msgspec.json.decode(msgspec.json.encode(plain)) == plain


def test_fields_that_nobody_knows_do_not_keep_an_event_from_being_json() -> None:
    conversation = Conversation()
    told: list[Json] = []
    conversation.handlers.on("*", lambda event: told.append(to_wire(event)))
    script = Script().session(novelty={"x": 1}).response("r1").response_done("r1", usage={"novel_tokens": 7})
    played(script, conversation)
    assert told[0]["session"]["novelty"] == {"x": 1}
    assert told[-1]["usage"] == {"novel_tokens": 7}
