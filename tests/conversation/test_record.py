"""What a new session is told of the ones before it: items, in order, with what was heard of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from antiphon.conversation import Record
from antiphon.protocol import ServerEvent, decode_server_event
from antiphon.protocol import to_builtins as plain


def event(kind: str, **fields: Any) -> ServerEvent:
    decoded = decode_server_event(msgspec.json.encode({"type": kind, "event_id": "event_1", **fields}))
    assert not hasattr(decoded, "raw"), "a shape that the protocol does not have"
    return decoded  # type: ignore[return-value]


def message(item_id: str, role: str, *content: dict[str, Any], before: str | None = None) -> list[ServerEvent]:
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": role, "status": "completed"}
    events = []
    for kind in ("added", "done"):
        whole = {**item, "content": list(content) if kind == "done" or role == "user" else []}
        events.append(event(f"conversation.item.{kind}", previous_item_id=before, item=whole))
    return events


def call(item_id: str, call_id: str) -> ServerEvent:
    item = {"id": item_id, "type": "function_call", "name": "add", "arguments": "{}", "call_id": call_id}
    return event("conversation.item.done", previous_item_id=None, item=item)


def output(item_id: str, call_id: str) -> ServerEvent:
    item = {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": "7"}
    return event("conversation.item.done", previous_item_id=None, item=item)


def told(*groups: list[ServerEvent] | ServerEvent, **bounds: int) -> list[dict[str, Any]]:
    record = Record(**bounds)
    for group in groups:
        for one in group if isinstance(group, list) else [group]:
            record.receive(one)
    return [plain(item) for item in record.items()]


def test_speech_becomes_its_transcript_also_when_that_comes_late() -> None:
    items = told(
        message("u1", "user", {"type": "input_audio", "transcript": None}),
        message("a1", "assistant", {"type": "output_audio", "transcript": "Hello."}, before="u1"),
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=0,
            transcript="Hi there.",
            usage={"type": "duration", "seconds": 1},
        ),
    )
    assert items == [
        {"type": "message", "id": "u1", "role": "user", "content": [{"type": "input_text", "text": "Hi there."}]},
        {"type": "message", "id": "a1", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
    ]


def test_what_was_typed_and_shown_stays_as_it_is() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    items = told(message("u1", "user", {"type": "input_text", "text": "What is this?"}, picture))
    assert items[0]["content"] == [{"type": "input_text", "text": "What is this?"}, picture]


def test_the_conversations_order_is_kept_and_not_that_of_arrival() -> None:
    items = told(
        message("u1", "user", {"type": "input_text", "text": "one"}),
        message("a1", "assistant", {"type": "output_text", "text": "three"}, before="u1"),
        message("u2", "user", {"type": "input_text", "text": "two"}, before="u1"),
    )
    assert [item["id"] for item in items] == ["u1", "u2", "a1"]


def test_a_function_call_goes_with_its_output_or_not_at_all() -> None:
    assert [item["id"] for item in told(call("c1", "call_1"), output("o1", "call_1"), call("c2", "call_2"))] == [
        "c1",
        "o1",
    ]
    assert told(output("o9", "call_9")) == []


@pytest.mark.parametrize(("open_calls", "told"), [((), []), (("call_1",), ["call_1"]), (None, ["call_1", "call_2"])])
def test_a_call_whose_output_will_be_given_is_told_without_it(
    open_calls: tuple[str, ...] | None, told: list[str]
) -> None:
    record = Record()
    record.receive(call("f1", "call_1"))
    record.receive(call("f2", "call_2"))
    assert [item.call_id for item in record.items(open_calls)] == told  # type: ignore[union-attr]


def test_what_was_deleted_or_never_transcribed_is_not_told() -> None:
    assert told(message("u1", "user", {"type": "input_audio", "transcript": None})) == []
    assert (
        told(
            message("u1", "user", {"type": "input_text", "text": "forget me"}),
            event("conversation.item.deleted", item_id="u1"),
        )
        == []
    )


def test_what_was_cut_off_is_not_told_as_if_it_had_been_heard() -> None:
    items = told(
        message("u1", "user", {"type": "input_text", "text": "hi"}),
        message("a1", "assistant", {"type": "output_audio", "transcript": "A long story."}, before="u1"),
        event("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=200),
    )
    assert [item["id"] for item in items] == ["u1"]


@pytest.mark.parametrize("bounds", [{"most_items": 3}, {"most_bytes": 450}])
def test_the_oldest_give_way(bounds: dict[str, int]) -> None:
    groups = [message(f"u{n}", "user", {"type": "input_text", "text": f"number {n}"}) for n in range(10)]
    items = told(*groups, **bounds)
    assert [item["id"] for item in items][-1] == "u9"
    assert len(items) == 3
