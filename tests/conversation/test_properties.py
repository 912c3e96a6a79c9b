"""Whatever a server sends, in whatever order: nothing raises, facts are told once, and the order holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from antiphon.conversation import Conversation, ConversationSettings, to_wire
from antiphon.conversation.chat import ChatSettings
from antiphon.protocol import decode_event, decode_server_event
from conversation.traces import TRACES
from conversation.wire_script import SESSION, answer, place, spoken_answer, tool_call, user_item

Json = dict[str, Any]

items = st.sampled_from(["i1", "i2", "i3", "i4"])
responses = st.sampled_from(["r1", "r2"])
previous = st.sampled_from([None, "i1", "i2", "i3", "nobody"])
words = st.sampled_from(["", " ", "Hello ", "there.", "Hello there."])
indexes = st.sampled_from([0, 1])
statuses = st.sampled_from(["completed", "incomplete", "in_progress"])


def event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


def wire_items() -> st.SearchStrategy[Json]:
    return st.one_of(
        st.builds(lambda i, w: user_item(i, {"type": "input_text", "text": w}), items, words),
        st.builds(lambda i, w: user_item(i, {"type": "input_audio", "transcript": w}), items, words),
        st.builds(answer, items, statuses),
        st.builds(lambda i, s, w: spoken_answer(i, w, s), items, statuses, words),
        st.builds(lambda i, s, w: tool_call(i, f"call_{i}", w, s), items, statuses, words),
        st.builds(
            lambda i, w: {"id": i, "type": "function_call_output", "call_id": "call_i1", "output": w}, items, words
        ),
        st.builds(lambda i: {"id": i, "type": "dream"}, items),
    )


def in_answer(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    where = st.builds(place, responses, items, indexes)
    return st.builds(lambda at, rest: {"type": kind, **at, **rest}, where, st.fixed_dictionaries(fields))


details = st.sampled_from(
    [None, {"type": "cancelled", "reason": "turn_detected"}, {"type": "failed", "error": {"message": "Away."}}]
)
server_events = st.one_of(
    event("session.created", session=st.just(SESSION)),
    event("input_audio_buffer.speech_started", audio_start_ms=st.just(0), item_id=items),
    event("input_audio_buffer.speech_stopped", audio_end_ms=st.just(9), item_id=items),
    event("input_audio_buffer.committed", item_id=items, previous_item_id=previous),
    event("input_audio_buffer.cleared"),
    event("conversation.item.added", item=wire_items(), previous_item_id=previous),
    event("conversation.item.done", item=wire_items(), previous_item_id=previous),
    event("conversation.item.retrieved", item=wire_items()),
    event("conversation.item.deleted", item_id=items),
    event("conversation.item.truncated", item_id=items, content_index=indexes, audio_end_ms=st.integers(0, 3000)),
    event("conversation.item.input_audio_transcription.delta", item_id=items, content_index=indexes, delta=words),
    event("conversation.item.input_audio_transcription.completed", item_id=items, transcript=words),
    event("conversation.item.input_audio_transcription.failed", item_id=items, error=st.just({"message": "No."})),
    event(
        "response.created",
        response=st.fixed_dictionaries({"id": responses, "conversation_id": st.sampled_from(["c", None])}),
    ),
    event("response.output_item.added", response_id=responses, item=wire_items()),
    event("response.output_item.done", response_id=responses, item=wire_items()),
    in_answer("response.content_part.done", part=st.just({"type": "text", "text": "Hello"})),
    in_answer("response.output_text.delta", delta=words),
    in_answer("response.output_text.done", text=words),
    in_answer("response.output_audio_transcript.delta", delta=words),
    in_answer("response.output_audio_transcript.done", transcript=words),
    in_answer("response.output_audio.delta", delta=st.just("AAAA" * 40)),
    event("response.output_text.delta", item_id=items, delta=words),
    event("response.function_call_arguments.delta", response_id=responses, item_id=items, delta=words),
    event("response.function_call_arguments.done", response_id=responses, item_id=items, arguments=words),
    event(
        "response.done",
        response=st.fixed_dictionaries(
            {
                "id": responses,
                "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
                "status_details": details,
                "output": st.lists(wire_items(), max_size=2),
            }
        ),
    ),
    *(event(f"output_audio_buffer.{what}", response_id=responses) for what in ("started", "stopped", "cleared")),
    event("error", error=st.just({"type": "x", "message": "No.", "event_id": "mine"})),
)
client_events = st.one_of(
    st.builds(lambda item: {"type": "conversation.item.create", "event_id": "mine", "item": item}, wire_items()),
    event("conversation.item.truncate", item_id=items, content_index=indexes, audio_end_ms=st.just(10)),
    event("response.create"),
)
lines = st.one_of(
    st.tuples(st.just("server"), server_events),
    st.tuples(st.just("client"), client_events),
    st.tuples(st.just("played"), st.tuples(items, st.integers(0, 200))),
    st.tuples(st.just("flushed"), st.none()),
    st.tuples(st.just("disconnected"), st.none()),
)
calm = settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def given_to(conversation: Conversation, line: tuple[str, Any], at: int) -> list[Json]:
    what, value = line
    if what == "server":
        told = conversation.receive(decode_server_event(msgspec.json.encode(value)), at)
    elif what == "client":
        told = conversation.sent(decode_event(msgspec.json.encode(value)), at)  # type: ignore[arg-type]
    elif what == "played":
        told = conversation.played(*value, at)
    else:
        told = conversation.flushed(at) if what == "flushed" else conversation.disconnected(at)
    return [to_wire(one) for one in told]


@calm
@given(st.lists(lines, max_size=40))
def test_any_events_in_any_order_tell_each_fact_once(script: list[tuple[str, Any]]) -> None:
    conversation = Conversation(
        ConversationSettings(chat=ChatSettings(user_placeholder_on_start=True, assistant_placeholder_on_start=True))
    )
    told: list[Json] = []
    sounding: str | None = None
    for number, line in enumerate(script):
        for one in given_to(conversation, line, 1000 + 50 * number):
            told.append(one)
            if one["type"] == "assistant.audio_started":
                assert sounding is None
                sounding = one["response_id"]
            elif one["type"] == "assistant.audio_stopped":
                assert sounding == one["response_id"]
                sounding = None
        assert conversation.activity.is_assistant_speaking is (sounding is not None)
        shown = conversation.chat.messages
        assert len({message.id for message in shown}) == len(shown)
        assert len({message.seq for message in shown}) == len(shown)
    told += [to_wire(one) for one in conversation.disconnected(9_000_000)]

    counts = Counter((one["type"], one.get("response_id")) for one in told)
    for response_id in ("r1", "r2"):
        begun = counts["assistant.response_started", response_id]
        assert begun == counts["assistant.completed", response_id] <= 1
        assert counts["assistant.interrupted", response_id] <= 1
    assert not counts["assistant.response_started", ""]
    once = Counter(
        (one["type"], one["item_id"])
        for one in told
        if one["type"]
        in ("user.item_started", "user.message", "assistant.item_started", "assistant.item_done", "item.added")
    )
    assert all(count == 1 for count in once.values())
    calls = Counter((one["type"], one["call_id"]) for one in told if one["type"] in ("tool.call_done", "tool.output"))
    assert all(count == 1 for (kind, _), count in calls.items() if kind == "tool.output")
    started: set[str] = set()
    for one in told:
        if one["type"].endswith(("item_started", "call_started", "user.message")):
            started.add(one["item_id"])
        if one["type"] in ("assistant.delta", "tool.call_delta", "assistant.text_done"):
            assert one["item_id"] in started
    assert not any(
        message.status in ("hearing", "streaming") for message in conversation.chat.messages if message.type == "text"
    )
    conversation.record.items()
    conversation.chat.to_markdown()


@calm
@given(st.sampled_from(sorted(TRACES)), st.data())
def test_a_call_whose_events_come_twice_reads_the_same(name: str, data: st.DataObject) -> None:
    once, twice = Conversation(), Conversation()
    script = [(line["from"], line["event"], line["at"]) for line in TRACES[name][0]().lines if line["from"] == "server"]
    for what, value, at in script:
        repeats = not value["type"].endswith(("delta", "created", "updated")) and data.draw(st.booleans())
        given_to(once, (what, value), at)
        given_to(twice, (what, value), at)
        if repeats:
            assert not [one for one in given_to(twice, (what, value), at) if one["type"] == "assistant.completed"]

    def said(conversation: Conversation) -> list[tuple[Any, ...]]:
        return [(one.item_id, one.role, one.text, one.heard, one.status) for one in conversation.chat.messages]

    assert said(once) == said(twice)


@calm
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_the_chat_stands_in_the_order_that_was_named_however_items_arrive(arrival: list[int], late: list[int]) -> None:
    conversation = Conversation()
    given_to(conversation, ("server", {"type": "session.created", "session": SESSION}), 1)
    for number in arrival:
        if number in late:  # its words come before anybody says where it stands
            said = {"item_id": f"i{number}", "content_index": 0, "delta": str(number)}
            given_to(conversation, ("server", {"type": "conversation.item.input_audio_transcription.delta", **said}), 2)
    for number in arrival:
        item = user_item(f"i{number}", {"type": "input_audio", "transcript": str(number)})
        before = f"i{number - 1}" if number else None
        added = {"type": "conversation.item.done", "previous_item_id": before, "item": item}
        given_to(conversation, ("server", added), 3)
    assert [message.text for message in conversation.chat.messages] == ["0", "1", "2", "3", "4", "5"]
