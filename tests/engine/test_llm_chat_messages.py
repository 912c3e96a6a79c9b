"""Requests as chat messages: whatever the conversation, a strict server accepts it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.llm.chat_messages import (
    MIXED_USER_NOTE,
    NOT_UNDERSTOOD,
    NOTHING_FURTHER,
    SPOKEN_ANSWER_NOTE,
    SPOKEN_USER_NOTE,
    STILL_RUNNING,
    chat_messages,
    request_body,
)
from antiphon.engine.stages import (
    ImageContent,
    ModelItem,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelToolResult,
    TextContent,
)
from antiphon.errors import StageError
from engine.llm_strict_server import FIELDS, wrong_with

ADD, ECHO = ModelTool("add"), ModelTool("echo", "Say it again", {"type": "object", "properties": {}})


def user(text: str, *, spoken: bool = False) -> ModelMessage:
    return ModelMessage("user", (TextContent(text),), spoken)


def assistant(text: str) -> ModelMessage:
    return ModelMessage("assistant", (TextContent(text),))


def roles(*items: ModelItem) -> list[str]:
    return [message["role"] for message in chat_messages(ModelRequest(instructions="", items=items, modality="text"))]


texts = st.sampled_from(["", "one", "two words"])
ids = st.sampled_from(["a", "b", ""])
items = st.one_of(
    st.builds(
        ModelMessage,
        st.sampled_from(["system", "user", "assistant"]),
        st.lists(
            st.one_of(st.builds(TextContent, texts), st.just(ImageContent("data:image/png;base64,AA"))), max_size=2
        ).map(tuple),
        st.booleans(),
    ),
    st.builds(ModelToolCall, ids, st.just("add"), st.sampled_from(["{}", '{"a": 1}', '{"a"', "[]", ""])),
    st.builds(ModelToolResult, ids, texts),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(items, max_size=12).map(tuple), st.sampled_from(["", "Be kind."]))
def test_every_conversation_is_accepted_by_a_strict_server(conversation: tuple[ModelItem, ...], told: str) -> None:
    body = request_body(ModelRequest(instructions=told, items=conversation, tools=(ADD, ECHO)), "m")
    assert wrong_with(body, FIELDS) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(items, max_size=12).map(tuple))
def test_no_words_of_the_conversation_are_lost(conversation: tuple[ModelItem, ...]) -> None:
    marked = tuple(
        ModelMessage(item.role, (TextContent(f"<{place}>"),)) if isinstance(item, ModelMessage)
        else ModelToolResult(item.call_id, f"<{place}>") if isinstance(item, ModelToolResult)
        else item
        for place, item in enumerate(conversation)
    )  # fmt: skip
    sent = str(chat_messages(ModelRequest(instructions="", items=marked)))
    for place, item in enumerate(conversation):
        assert isinstance(item, ModelToolCall) or f"<{place}>" in sent


def test_parallel_calls_stand_together_before_their_results() -> None:
    assert roles(
        user("go"),
        ModelToolCall("1", "add", "{}"),
        ModelToolCall("2", "echo", "{}"),
        ModelToolResult("2", "second"),
        ModelToolResult("1", "first"),
    ) == ["user", "assistant", "tool", "tool"]


def test_a_call_without_a_result_is_said_to_be_running() -> None:
    messages = chat_messages(
        ModelRequest(instructions="", items=(user("go"), ModelToolCall("1", "add", "{}"), user("well?")))
    )
    assert messages[-2] == {"role": "tool", "tool_call_id": "1", "content": STILL_RUNNING}
    assert messages[-1]["content"] == "well?"


def test_a_late_result_is_the_newest_thing_and_stands_behind_its_call() -> None:
    late = (user("go"), ModelToolCall("1", "add", "{}"), user("well?"), assistant("Wait."), ModelToolResult("1", "7"))
    assert roles(*late) == ["user", "assistant", "tool"]
    messages = chat_messages(ModelRequest(instructions="", items=late))
    assert messages[-1] == {"role": "tool", "tool_call_id": "1", "content": "7"}
    assert messages[-2]["tool_calls"][0]["id"] == "1"


def test_a_result_whose_call_was_deleted_is_told_in_words() -> None:
    messages = chat_messages(ModelRequest(instructions="", items=(user("go"), ModelToolResult("gone", "42"))))
    assert messages[-1]["role"] == "user"
    assert "42" in messages[-1]["content"]


def test_the_answer_is_never_a_continuation_of_the_assistants_own_words() -> None:
    messages = chat_messages(ModelRequest(instructions="", items=(user("hi"), assistant("I was say"))))
    assert messages[-2]["content"] == "I was say"
    assert messages[-1] == {"role": "user", "content": NOTHING_FURTHER}


def test_spoken_words_are_flagged() -> None:
    spoken = chat_messages(ModelRequest(instructions="x", items=(user("to left", spoken=True),)))
    assert SPOKEN_ANSWER_NOTE in spoken[0]["content"]
    assert SPOKEN_USER_NOTE in spoken[0]["content"]
    assert spoken[1]["content"] == "to left"
    mixed = chat_messages(
        ModelRequest(instructions="x", items=(user("to left", spoken=True), assistant("?"), user("typed")))
    )
    assert MIXED_USER_NOTE in mixed[0]["content"]
    assert mixed[1]["content"] == "[voice] to left"
    assert mixed[3]["content"] == "typed"
    silent = chat_messages(ModelRequest(instructions="x", items=(user("", spoken=True),)))
    assert silent[1]["content"] == NOT_UNDERSTOOD


def test_a_text_answer_may_have_markup() -> None:
    [system, _] = chat_messages(ModelRequest(instructions="x", items=(user("hi"),), modality="text"))
    assert system["content"] == "x"


def test_tool_choice_holds_on_servers_that_ignore_it() -> None:
    def body(choice: object) -> dict[str, object]:
        return request_body(ModelRequest(instructions="", items=(), tools=(ADD, ECHO), tool_choice=choice), "m")  # type: ignore[arg-type]

    assert "tools" not in body("none")
    assert "tool_choice" not in body("auto")
    assert body("required")["tool_choice"] == "required"
    named = body(("function", "echo"))
    assert named["tool_choice"] == {"type": "function", "function": {"name": "echo"}}
    assert [tool["function"]["name"] for tool in named["tools"]] == ["echo"]  # type: ignore[index, attr-defined]
    with pytest.raises(StageError, match=r"'gone' .*declared: add, echo"):
        body(("function", "gone"))


def test_parallel_tool_calls_is_only_sent_to_forbid_them() -> None:
    assert "parallel_tool_calls" not in request_body(ModelRequest(instructions="", items=(), tools=(ADD,)), "m")
    without = ModelRequest(instructions="", items=(), parallel_tool_calls=False)
    assert "parallel_tool_calls" not in request_body(without, "m")
    with_tools = ModelRequest(instructions="", items=(), tools=(ADD,), parallel_tool_calls=False)
    assert request_body(with_tools, "m")["parallel_tool_calls"] is False
