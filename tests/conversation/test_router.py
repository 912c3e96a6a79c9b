"""From the wire to friendly events: each fact once, whatever a server says twice, late, or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from antiphon.conversation import FRIENDLY_TYPES, Router, to_wire
from antiphon.protocol import decode_event, decode_server_event
from conversation.wire_script import Script, answer, place, spoken_answer, tool_call, user_item

Json = dict[str, Any]


def told(script: Script, router: Router | None = None) -> list[Json]:
    """The friendly events of the lines, as JSON, without the session's."""
    router = router or Router()
    events: list[Json] = []
    for line in script.lines:
        data = msgspec.json.encode(line["event"])
        found = (
            router.receive(decode_server_event(data)) if line["from"] == "server" else router.sent(decode_event(data))
        )  # type: ignore[arg-type]
        events += [to_wire(event) for event in found]
    return events


def types(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


def of(events: list[Json], kind: str) -> list[Json]:
    return [event for event in events if event["type"] == kind]


def whole_answer(words: str = "Hello.") -> Script:
    script = Script().response("r1").answer_item("r1", "a1", "u1").audio_part("r1", "a1").says("r1", "a1", words)
    return script.answer_done("r1", "a1", "u1", words).response_done("r1", spoken_answer("a1", words))


# ── responses ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_response_is_completed_once_though_nine_events_say_that_something_is_done() -> None:
    assert [event["status"] for event in of(told(whole_answer()), "assistant.completed")] == ["completed"]


def test_a_response_that_is_told_twice_is_completed_once() -> None:
    script = whole_answer().response_done("r1", spoken_answer("a1", "Hello.")).response("r1")
    events = types(told(script))
    assert events.count("assistant.completed") == events.count("assistant.response_started") == 1


@pytest.mark.parametrize(
    ("status", "details", "reason", "error"),
    [
        ("completed", None, None, None),
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}, "turn_detected", None),
        ("cancelled", {"type": "cancelled", "reason": "client_cancelled"}, "client_cancelled", None),
        ("incomplete", {"type": "incomplete", "reason": "content_filter"}, "content_filter", None),
        ("failed", {"type": "failed", "error": {"type": "server_error", "message": "Away."}}, None, "Away."),
    ],
)
def test_how_a_response_ended_is_told(status: str, details: Any, reason: str | None, error: str | None) -> None:
    (event,) = of(
        told(Script().response("r1").response_done("r1", status=status, details=details)), "assistant.completed"
    )
    assert (event["status"], event["reason"], event["error"]) == (status, reason, error)


def test_only_a_cancelled_response_was_interrupted() -> None:
    for status in ("completed", "failed", "incomplete"):
        assert "assistant.interrupted" not in types(told(Script().response("r1").response_done("r1", status=status)))
    assert types(told(Script().response("r1").response_done("r1", status="cancelled")))[-2:] == [
        "assistant.interrupted",
        "assistant.completed",
    ]


def test_what_it_used_comes_with_its_end() -> None:
    (event,) = of(told(whole_answer()), "assistant.completed")
    assert event["usage"]["input_token_details"]["cached_tokens"] == 64


def test_responses_at_once_keep_their_own_words() -> None:
    script = Script().response("r1").response("r2")
    script.answer_item("r1", "a1", None).answer_item("r2", "a2", "a1")
    script.says("r1", "a1", "one ").says("r2", "a2", "two ").says("r1", "a1", "more")
    deltas = [(event["response_id"], event["delta"]) for event in of(told(script), "assistant.delta")]
    assert deltas == [("r1", "one "), ("r2", "two "), ("r1", "more")]


def test_a_response_beside_the_conversation_says_so() -> None:
    events = told(Script().response("r1", "conv_1").response("r2", None))
    assert [event["aside"] for event in events] == [False, True]


def test_a_response_asked_for_is_told_unless_it_is_beside_the_conversation() -> None:
    script = Script().client("response.create").client("response.create", response={"conversation": "none"})
    assert types(told(script)) == ["assistant.response_requested"]


# ── the assistant's words ────────────────────────────────────────────────────────────────────────────────────────────


def test_text_and_the_transcript_of_speech_are_told_apart() -> None:
    script = Script().response("r1").answer_item("r1", "a1", None).writes("r1", "a1", "x", content_index=0)
    script.server("response.output_audio_transcript.delta", **place("r1", "a1", 1), delta="y")
    channels = {event["content_index"]: event["channel"] for event in of(told(script), "assistant.delta")}
    assert channels == {0: "text", 1: "audio_transcript"}


def test_final_words_are_told_once_and_again_when_the_server_corrects_them() -> None:
    script = whole_answer("Hello there.")
    assert [event["text"] for event in of(told(script), "assistant.text_done")] == ["Hello there."]
    item = spoken_answer("a1", "Hello", "incomplete")
    script.server("conversation.item.done", previous_item_id="u1", item=item)
    assert [event["text"] for event in of(told(script), "assistant.text_done")] == ["Hello there.", "Hello"]


def test_a_delta_after_the_final_words_is_dropped() -> None:
    script = Script().response("r1").answer_item("r1", "a1", None).says("r1", "a1", "Hi")
    script.server("response.output_audio_transcript.done", **place("r1", "a1"), transcript="Hi").says("r1", "a1", "!")
    script.response_done("r1", spoken_answer("a1", "Hi")).says("r1", "a1", "?")
    assert [event["delta"] for event in of(told(script), "assistant.delta")] == ["Hi"]


def test_an_item_starts_once_with_its_predecessor_however_often_it_is_told() -> None:
    (event,) = of(told(whole_answer()), "assistant.item_started")
    assert event == {"type": "assistant.item_started", "item_id": "a1", "response_id": "r1", "previous_item_id": "u1"}


def test_an_item_whose_predecessor_is_named_late_is_moved() -> None:
    script = Script().response("r1").says("r1", "a1", "Hi")
    script.server("conversation.item.done", previous_item_id="u1", item=spoken_answer("a1", "Hi"))
    events = told(script)
    assert "previous_item_id" not in of(events, "assistant.item_started")[0]
    assert of(events, "item.moved") == [{"type": "item.moved", "item_id": "a1", "previous_item_id": "u1"}]


def test_truncation_is_the_assistants_and_tells_how_much_audio_there_was() -> None:
    script = Script().session().response("r1").answer_item("r1", "a1", None)
    script.sound("r1", "a1", 300).sound("r1", "a1", 300)
    script.server("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=200)
    (event,) = of(told(script), "assistant.truncated")
    assert event == {
        "type": "assistant.truncated",
        "item_id": "a1",
        "content_index": 0,
        "audio_end_ms": 200,
        "audio_ms": 600,
    }
    assert "user.truncated" not in FRIENDLY_TYPES


def test_the_length_of_audio_is_that_of_its_format() -> None:
    audio = {"input": {}, "output": {"format": {"type": "audio/pcmu"}}}
    script = Script().session(audio=audio).response("r1").answer_item("r1", "a1", None).sound("r1", "a1", 60)
    script.server("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=20)
    assert of(told(script), "assistant.truncated")[0]["audio_ms"] == 360  # 2880 bytes at 8 kHz, one byte each


# ── the user ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_spoken_starts_once_and_is_completed_once() -> None:
    events = told(Script().speech("u1", None).recognised("u1", "Hi ", "there."))
    assert types(events) == [
        "user.speech_started",
        "user.speech_stopped",
        "user.item_started",
        "user.delta",
        "user.delta",
        "user.completed",
    ]
    assert events[-1]["transcript"] == "Hi there."


def test_a_transcript_that_comes_with_the_item_alone_is_told() -> None:
    item = user_item("u1", {"type": "input_audio", "transcript": "Hi."})
    script = Script().server("conversation.item.done", previous_item_id=None, item=item)
    script.server("conversation.item.done", previous_item_id=None, item=item)
    assert types(told(script)) == ["user.item_started", "user.completed"]


def test_a_transcript_that_is_retrieved_is_told() -> None:
    item = user_item("u1", {"type": "input_audio", "audio": "AAAA", "transcript": "Hi."})
    script = Script().speech("u1", None).server("conversation.item.retrieved", item=item)
    assert types(told(script))[-1] == "user.completed"
    assert told(Script().server("conversation.item.retrieved", item=item)) == []


def test_a_typed_message_is_told_when_it_is_sent_and_its_echo_is_not() -> None:
    script = Script().typed("u1", None, {"type": "input_text", "text": "Hi."})
    events = told(script)
    assert types(events) == ["user.message", "item.moved"]
    assert events[0]["text"] == "Hi."


def test_a_typed_message_without_an_id_is_told_when_the_server_has_it() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    script = Script().client("conversation.item.create", item=item)
    assert told(script) == []
    script.server("conversation.item.added", previous_item_id=None, item=user_item("u1", *item["content"]))  # type: ignore[misc]
    assert types(told(script)) == ["user.message"]


def test_a_message_put_at_the_root_says_so() -> None:
    item = {"id": "u9", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    script = Script().typed("u1", None, {"type": "input_text", "text": "One."})
    script.client("conversation.item.create", previous_item_id="root", item=item)
    taken = user_item("u9", {"type": "input_text", "text": "Hi."})
    script.server("conversation.item.added", previous_item_id=None, item=taken)
    events = told(script)
    assert of(events, "user.message")[1]["previous_item_id"] is None
    assert [event["item_id"] for event in of(events, "item.moved")] == ["u1"]


def test_speech_that_could_not_be_recognised_fails() -> None:
    error = {"type": "server_error", "message": "The recognizer is away."}
    script = Script().speech("u1", None)
    script.server("conversation.item.input_audio_transcription.failed", item_id="u1", content_index=0, error=error)
    assert told(script)[-1] == {"type": "user.failed", "item_id": "u1", "error": error}


def test_what_could_not_be_sent_fails() -> None:
    router = Router()
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    event = decode_event(msgspec.json.encode({"type": "conversation.item.create", "item": item}))
    router.sent(event)  # type: ignore[arg-type]
    (failed,) = router.not_sent(event, "There is no connection.")  # type: ignore[arg-type]
    assert to_wire(failed)["error"]["message"] == "There is no connection."


def test_dtmf_and_timeouts_are_told() -> None:
    script = Script().server("input_audio_buffer.dtmf_event_received", event="5", received_at=1700000000)
    script.server("input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=5000, item_id="u1")
    assert told(script) == [
        {"type": "user.dtmf", "key": "5", "received_at": 1700000000},
        {"type": "user.timeout", "item_id": "u1"},
    ]


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def call_lines(*pieces: str, name: str | None = "get_weather", arguments: str | None = None) -> Script:
    script = Script().response("r1")
    where = {"response_id": "r1", "item_id": "f1", "output_index": 0, "call_id": "call_1"}
    script.server("response.output_item.added", response_id="r1", output_index=0, item=tool_call("f1", "call_1", ""))
    for piece in pieces:
        script.server("response.function_call_arguments.delta", **where, delta=piece)
    done = {"arguments": "".join(pieces) if arguments is None else arguments} | ({} if name is None else {"name": name})
    return script.server("response.function_call_arguments.done", **where, **done)


def test_a_calls_arguments_are_those_of_its_end_and_not_the_collected_pieces() -> None:
    (event,) = of(told(call_lines('{"city":', '"Osl', arguments='{"city":"Oslo"}')), "tool.call_done")
    assert (event["arguments"], event["text"]) == ({"city": "Oslo"}, '{"city":"Oslo"}')


@pytest.mark.parametrize(
    ("text", "arguments"),
    [("", {}), ("  ", {}), ('{"a":1} ', {"a": 1}), ('{"a":', None), ("[1]", None), ("nonsense", None), ('"x"', None)],
)
def test_arguments_that_are_no_object_are_none_and_nothing_breaks(text: str, arguments: Any) -> None:
    (event,) = of(told(call_lines(arguments=text)), "tool.call_done")
    assert event["arguments"] == arguments


def test_a_call_is_done_once_with_the_name_that_its_item_has() -> None:
    script = call_lines('{"a":1}', name=None)
    script.server(
        "response.output_item.done", response_id="r1", output_index=0, item=tool_call("f1", "call_1", '{"a":1}')
    )
    script.response_done("r1", tool_call("f1", "call_1", '{"a":1}'))
    events = told(script)
    assert [event["name"] for event in of(events, "tool.call_done")] == ["get_weather"]
    assert len(of(events, "tool.call_started")) == 1


def test_a_call_that_only_its_response_tells_of_is_whole() -> None:
    script = Script().response("r1").response_done("r1", tool_call("f1", "call_1", '{"a":1}'))
    assert types(told(script)) == [
        "assistant.response_started",
        "tool.call_started",
        "tool.call_done",
        "assistant.completed",
    ]


def test_an_output_is_told_once_whoever_gives_it() -> None:
    script = call_lines("{}").output("o1", "call_1", "f1", "7")
    assert [event["output"] for event in of(told(script), "tool.output")] == ["7"]


def test_mcp_calls_are_tools_too() -> None:
    call = {"id": "m1", "type": "mcp_call", "server_label": "docs", "name": "search", "arguments": ""}
    script = Script().response("r1")
    script.server("response.output_item.added", response_id="r1", output_index=0, item=call)
    script.server("response.mcp_call_arguments.delta", response_id="r1", item_id="m1", output_index=0, delta="{}")
    script.server("response.mcp_call_arguments.done", response_id="r1", item_id="m1", output_index=0, arguments="{}")
    done = {**call, "arguments": "{}", "output": "found"}
    script.server("response.output_item.done", response_id="r1", output_index=0, item=done)
    events = told(script)
    assert types(events)[1:] == ["tool.call_started", "tool.call_delta", "tool.call_done", "tool.output"]
    assert events[1]["server_label"] == "docs"
    assert events[-1]["output"] == "found"
    failed = {**done, "output": None, "error": {"type": "tool_execution_error", "message": "No such page."}}
    script.lines[-1]["event"]["item"] = failed
    assert (told(script)[-1]["output"], told(script)[-1]["error"]) == ("No such page.", True)


def test_an_mcp_call_that_needs_approval_asks_for_it() -> None:
    item = {"id": "m1", "type": "mcp_approval_request", "server_label": "docs", "name": "search", "arguments": "{}"}
    script = Script().server("conversation.item.added", previous_item_id=None, item=item)
    assert types(told(script)) == ["tool.approval_requested"]


# ── errors, and servers that speak otherwise ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "scope"),
    [
        ({"type": "session.update", "session": {"type": "realtime"}}, "session"),
        ({"type": "conversation.item.delete", "item_id": "x"}, "item"),
        ({"type": "response.cancel"}, "response"),
        ({"type": "input_audio_buffer.commit"}, "input_audio"),
        ({"type": "output_audio_buffer.clear"}, "output_audio"),
    ],
)
def test_an_error_says_what_it_is_about(sent: Json, scope: str) -> None:
    script = Script().client(sent.pop("type"), event_id="mine", **sent)
    script.server("error", error={"type": "invalid_request_error", "code": "x", "message": "No.", "event_id": "mine"})
    script.server("error", error={"type": "invalid_request_error", "message": "No.", "event_id": "another's"})
    assert [event["scope"] for event in of(told(script), "error")] == [scope, "server"]


def test_errors_of_taking_turns_are_ordinary() -> None:
    script = Script()
    for code in ("response_cancel_not_active", "conversation_already_has_active_response", "invalid_value"):
        script.server("error", error={"type": "invalid_request_error", "code": code, "message": "No."})
    assert [event["ordinary"] for event in told(script)] == [True, True, False]


def test_a_replayed_message_that_is_refused_does_not_fail_the_old_one() -> None:
    script = Script().session().typed("u1", None, {"type": "input_text", "text": "Hi."}).session()
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    script.client("conversation.item.create", event_id="again", item=item)
    script.server("error", error={"type": "invalid_request_error", "message": "Exists.", "event_id": "again"})
    assert "user.failed" not in types(told(script))


def test_an_item_of_a_kind_that_nobody_knows_keeps_its_place() -> None:
    script = Script().server(
        "conversation.item.added", previous_item_id="u1", item={"id": "x1", "type": "dream", "of": "sheep"}
    )
    assert told(script) == [
        {"type": "item.added", "item_id": "x1", "kind": "dream", "text": "", "previous_item_id": "u1"}
    ]


def test_events_that_nobody_knows_tell_nothing() -> None:
    script = Script().server("response.dreamt", of="sheep").server("conversation.item.dreamt").server("")
    script.server("response.output_text.delta", delta=7).server("response.done", response=7)
    assert told(script) == []


def test_a_whole_answer_without_added_done_or_output_is_told() -> None:
    script = Script()
    for word in ("Hi ", "there."):
        script.server("response.output_text.delta", response_id="r1", item_id="a1", delta=word)
    script.server("response.output_text.done", response_id="r1", item_id="a1", text="Hi there.")
    script.server("response.done", response={"id": "r1"})
    assert types(told(script)) == [
        "assistant.response_started",
        "assistant.item_started",
        "assistant.delta",
        "assistant.delta",
        "assistant.text_done",
        "assistant.item_done",
        "assistant.completed",
    ]


def test_words_that_say_not_of_which_response_belong_to_the_one_being_made() -> None:
    script = Script().response("r1").server("response.output_text.delta", item_id="a1", delta="Hi ")
    assert of(told(script), "assistant.item_started")[0]["response_id"] == "r1"
    script = Script().server("response.output_text.delta", item_id="a1", delta="Hi ")
    script.server("response.done", response={"id": "r1", "output": [answer("a1", "completed")]})
    events = told(script)
    assert [event["response_id"] for event in of(events, "assistant.response_started")] == ["r1"]
    assert of(events, "assistant.item_done")[0]["response_id"] == "r1"


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_response_whose_connection_went_is_completed_once() -> None:
    router = Router()
    told(Script().session().response("r1").answer_item("r1", "a1", None).says("r1", "a1", "Hi"), router)
    gone = [to_wire(event) for event in router.disconnected()]
    assert of(gone, "assistant.completed")[0]["reason"] == "disconnected"
    late = told(Script().session().response_done("r1", answer("a1", "completed")), router)
    assert of(late, "assistant.completed") == []
    assert router.active_responses == ()


def test_what_is_known_is_bounded() -> None:
    router = Router()
    for number in range(5000):
        script = Script().server("input_audio_buffer.committed", previous_item_id=None, item_id=f"u{number}")
        told(script.response(f"r{number}"), router)
    assert len(router.items._items) <= 2048
    assert len(router.active_responses) <= 4096
