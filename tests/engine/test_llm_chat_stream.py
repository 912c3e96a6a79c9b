"""Answers as servers send them, in all their ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.llm.chat_stream import LONGEST_EVENT, AnswerAssembler, EventStreamReader, ThoughtFilter
from antiphon.engine.stages import ModelDone, ModelEvent, TextDelta, ToolCallDelta
from antiphon.errors import StageError


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def assembled(*chunks: dict[str, Any], names: tuple[str, ...] = ("add", "echo"), **settings: Any) -> list[ModelEvent]:
    assembler = AnswerAssembler(names, **settings)
    events = [event for one in chunks for event in assembler.feed(one)]
    return events + assembler.end()


def calls_of(events: list[ModelEvent]) -> list[tuple[str, Any]]:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            assert (event.name is not None) == (event.index not in names), "the name comes with the first piece, once"
            names.setdefault(event.index, event.name or "")
            arguments[event.index] = arguments.get(event.index, "") + event.arguments
    assert list(names) == list(range(len(names)))
    return [(names[index], json.loads(arguments[index])) for index in names]


def piece(name: str | None = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return chunk(tool_calls=[{"type": "function", "function": function, **fields}])


TWO = [("add", {"a": 1}), ("echo", {"b": 2})]


A, B = '{"a": 1}', '{"b": 2}'
HALF, REST = '{"a"', ": 1}"
WAYS = {
    "OpenAI": ([piece("add", "", index=0, id="x"), piece(None, HALF, index=0), piece(None, REST, index=0)], TWO[:1]),
    "whole": ([piece("add", A, index=0, id="x"), piece("echo", B, index=1, id="y")], TWO),
    "one index for all": ([piece("add", A, index=0, id="x"), piece("echo", B, index=0, id="y")], TWO),
    "no index": ([piece("add", A, id="x"), piece("echo", B, id="y")], TWO),
    "neither index nor id": ([piece("add", A), piece("echo", B)], TWO),
    "twice the same": ([piece("add", A), piece("add", '{"a": 3}')], [TWO[0], ("add", {"a": 3})]),
    "an object": ([piece("add", {"a": 1}, index=0)], TWO[:1]),
    "name in pieces": ([piece("ad", index=0, id="x"), piece("d", index=0), piece(None, A, index=0)], TWO[:1]),
    "name repeated": ([piece("add", HALF, index=0), piece("add", REST, index=0)], TWO[:1]),
    "name repeated before": ([piece("add", "", index=0), piece("add", A, index=0)], TWO[:1]),
    "id only at first": ([piece("add", HALF, id="x"), piece(None, REST)], TWO[:1]),
    "empty id": ([piece("add", HALF, index=0, id="x"), piece(None, REST, index=0, id="")], TWO[:1]),
    "no arguments": ([piece("echo", index=0, id="x")], [("echo", {})]),
    "no arguments, then some": ([piece("echo", "", id="x"), piece("add", A, id="y")], [("echo", {}), TWO[0]]),
    "interleaved": (
        [
            piece("add", HALF, index=0),
            piece("echo", '{"b"', index=1),
            piece(None, REST, index=0),
            piece(None, ": 2}", index=1),
        ],
        TWO,
    ),
    "the old function_call": ([chunk(function_call={"name": "add", "arguments": A})], TWO[:1]),
}


@pytest.mark.parametrize(("chunks", "expected"), WAYS.values(), ids=WAYS.keys())
def test_tool_calls_come_out_alike(chunks: list[dict[str, Any]], expected: list[tuple[str, Any]]) -> None:
    assert calls_of(assembled(*chunks, chunk("tool_calls"))) == expected


def test_only_the_first_call_counts_when_calls_must_not_be_parallel() -> None:
    chunks = [piece("add", '{"a": 1}', index=0), piece("echo", '{"b": 2}', index=1)]
    assert calls_of(assembled(*chunks, single_call=True)) == TWO[:1]


def test_a_call_without_a_name_is_an_error() -> None:
    with pytest.raises(StageError, match="without naming"):
        assembled(piece(None, "{}", index=0))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("tool_calls", "stop"),
    ],
)
def test_finish_reasons_are_mapped(reason: str, finish: str) -> None:
    assert assembled(chunk(content="x"), chunk(reason))[-1] == ModelDone(finish)  # type: ignore[arg-type]


def test_reasoning_is_not_spoken() -> None:
    events = assembled(
        chunk(reasoning_content="Let me think"), chunk(reasoning="hm"), chunk(content="Four."), chunk("stop")
    )
    assert events[0] == TextDelta("Four.")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "<thi", "deep <b>", " ", "\n", "Yes.", "<", "<i>a</i>"]), max_size=7
    ).map("".join),
    st.data(),
)
def test_thoughts_are_dropped_however_the_answer_is_cut(answer: str, data: st.DataObject) -> None:
    def filtered(pieces: list[str]) -> str:
        thoughts = ThoughtFilter()
        return "".join(thoughts.feed(one) for one in pieces) + thoughts.end()

    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)))))
    pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    assert filtered(pieces) == filtered([answer])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<think>hm</think>Yes.", "Yes."),
        ("\n<think>\nhm <b>\n</think>\n\nYes.", "Yes."),
        ("<think>a</think> <think>b</think>Yes.", "Yes."),
        ("<think>endless", ""),
        ("Yes, <think> is a tag.", "Yes, <think> is a tag."),
        ("<th", "<th"),
        ("<p>Yes", "<p>Yes"),
        ("  Yes", "Yes"),
    ],
)
def test_only_a_thought_at_the_beginning_is_a_thought(answer: str, said: str) -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed(answer) + thoughts.end() == said


@pytest.mark.parametrize("content", ["", "   ", None])
def test_an_answer_with_nothing_in_it_is_an_error(content: str | None) -> None:
    with pytest.raises(StageError, match="empty answer"):
        assembled(chunk(content=content), chunk("stop"))


def test_an_answer_cut_off_while_thinking_tells_that_it_was_cut_off() -> None:
    assert assembled(chunk(content="<think>endless"), chunk("length")) == [ModelDone("length")]


def test_an_emoji_cut_in_two_by_the_server_is_whole_again() -> None:
    events = assembled(chunk(content="A \ud83d"), chunk(content="\ude00 b \ud83d"), chunk("stop"))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["A ", "😀 b "]


def test_error_objects_are_errors() -> None:
    for error in ({"error": {"message": "x", "type": "overloaded"}}, {"object": "error", "message": "x", "code": 400}):
        with pytest.raises(StageError, match="broke off with an error"):
            assembled(error)


FIELD_NAMES = (
    "choices", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "id", "usage", "error",
    "text", "message", "finish_reason", "prompt_tokens_details", "prompt_tokens",
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(FIELD_NAMES),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["choices", "usage", "error", "object"]), json_values, max_size=3), max_size=3
    )
)
def test_whatever_a_server_sends_is_an_answer_or_a_stage_error(chunks: list[dict[str, Any]]) -> None:
    try:
        events = assembled(*chunks)
    except StageError:
        return
    assert isinstance(events[-1], ModelDone)


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_events_do_not_depend_on_how_the_bytes_arrive(datas: list[str], newline: str, data: st.DataObject) -> None:
    # U+2028 and its kin are part of a line; only CR and LF end one.
    body = "".join(f": comment{newline}data: {text}{newline}{newline}" for text in datas).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=6)))
    reader = EventStreamReader()
    events: list[str] = []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        events += reader.feed(body[start:end])
    events += reader.end()
    assert events == datas


def test_data_of_several_lines_is_one_event() -> None:
    assert EventStreamReader().feed(b"event: x\ndata: a\ndata:b\nid: 1\n\n") == ["a\nb"]


def test_an_endless_line_is_refused() -> None:
    reader = EventStreamReader()
    with pytest.raises(StageError, match="endless"):
        for _ in range(LONGEST_EVENT // 65536 + 2):
            reader.feed(b"x" * 65536)


def test_endless_data_lines_are_refused() -> None:
    reader = EventStreamReader()
    with pytest.raises(StageError, match="endless"):
        for _ in range(LONGEST_EVENT // 65536 + 2):
            reader.feed(b"data: " + b"x" * 65536 + b"\n")
