"""The model by URL against a strict server on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from antiphon.engine.llm.openai_compatible import ChatModel, open_model
from antiphon.engine.llm.refusals import refused_field
from antiphon.engine.stages import (
    ImageContent,
    ModelDone,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelToolResult,
    StageOptions,
    TextContent,
    TextDelta,
    ToolCallDelta,
)
from antiphon.errors import ConfigurationError, StageError
from engine.llm_strict_server import FIELDS, Reply, Request, running, strict_server

ADD = ModelTool(
    "add", "Add two numbers", {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
)
FAST = {"retry_delay": "0.01", "connect_timeout": "2", "first_token_timeout": "5", "token_timeout": "5"}


def model_at(url: str, *, model: str | None = "tiny-instruct", key: str | None = None, **extra: str) -> ChatModel:
    return open_model(StageOptions(url=url, model=model, api_key=key, extra={**FAST, **extra}))


def asking(text: str = "hi", **settings: Any) -> ModelRequest:
    return ModelRequest(instructions="Be kind.", items=(ModelMessage("user", (TextContent(text),)),), **settings)


async def answer_of(model: ChatModel, request: ModelRequest) -> list[ModelEvent]:
    return [event async for event in model.respond(request)]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_answer_streams_with_its_usage() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}
        await reply.say("One", " two", " three.", usage=usage)

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        await model.start()
        events = await answer_of(model, asking(max_output_tokens=50))
        await model.aclose()
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["One", " two", " three."]
    assert events[-1] == ModelDone("stop", 12, 3, 8)
    [body] = server.chats
    assert body["max_tokens"] == 50
    assert body["messages"][0]["role"] == "system"
    assert "Be kind." in body["messages"][0]["content"]
    assert "tools" not in body
    assert model.describe().name == f"tiny-instruct at 127.0.0.1:{server.port}"
    assert model.describe().embedded is False


async def test_the_first_piece_comes_before_the_server_has_written_the_second() -> None:
    heard = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin_stream()
        await reply.chunk({"choices": [{"delta": {"content": "First."}}]})
        await asyncio.wait_for(heard.wait(), 5)
        await reply.chunk({"choices": [{"delta": {"content": " Second."}, "finish_reason": "stop"}]})

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        events: list[ModelEvent] = []
        async for event in model.respond(asking()):
            events.append(event)
            heard.set()
        await model.aclose()
    assert text_of(events) == "First. Second."


async def test_closing_the_iterator_closes_the_connection() -> None:
    gone: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin_stream()
        await reply.chunk({"choices": [{"delta": {"content": "Endless"}}]})
        await asyncio.wait_for(reply.gone.wait(), 5)
        gone.set_result(True)

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        stream = model.respond(asking())
        assert await anext(stream) == TextDelta("Endless")
        await stream.aclose()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(gone, 5)
        await model.aclose()


async def test_cancelling_a_task_that_waits_for_the_first_token_closes_the_connection() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        asked.set()
        await asyncio.wait_for(reply.gone.wait(), 5)
        gone.set()

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        task = asyncio.create_task(answer_of(model, asking()))
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)
        await model.aclose()


async def test_a_tool_call_is_assembled_and_its_result_is_told_in_strict_order() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        if any(message["role"] == "tool" for message in request.body["messages"]):
            await reply.say("It is seven.")
            return
        await reply.begin_stream()
        for piece in ({"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}},
                      {"index": 0, "function": {"arguments": '{"a": 2,'}},
                      {"index": 0, "function": {"arguments": ' "b": 5}'}}):  # fmt: skip
            await reply.chunk({"choices": [{"delta": {"tool_calls": [piece]}}]})
        await reply.chunk({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
        await reply.raw(b"data: [DONE]\n\n")

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        first = await answer_of(model, asking("add 2 and 5", tools=(ADD,)))
        items = (
            ModelMessage("user", (TextContent("add 2 and 5"),)),
            ModelToolCall("call_x", "add", '{"a": 2, "b": 5}'),
            ModelToolResult("call_x", "7"),
        )
        second = await answer_of(model, ModelRequest(instructions="", items=items, tools=(ADD,)))
        await model.aclose()
    assert first[0] == ToolCallDelta(0, "", name="add")
    assert json.loads("".join(event.arguments for event in first if isinstance(event, ToolCallDelta))) == {
        "a": 2,
        "b": 5,
    }
    assert text_of(second) == "It is seven."


@pytest.mark.parametrize(
    ("refused", "request_settings"),
    [
        ({"stream_options"}, {}),
        ({"max_tokens"}, {"max_output_tokens": 20}),
        ({"parallel_tool_calls"}, {"tools": (ADD,), "parallel_tool_calls": False}),
        ({"tool_choice"}, {"tools": (ADD,), "tool_choice": "required"}),
        ({"stream_options", "max_tokens"}, {"max_output_tokens": 20}),
    ],
)
async def test_a_refused_parameter_is_left_out_and_stays_left_out(
    refused: set[str], request_settings: dict[str, Any]
) -> None:
    fields = (FIELDS | {"max_completion_tokens"}) - refused
    async with strict_server(fields=fields) as server:
        model = model_at(server.url)
        assert text_of(await answer_of(model, asking(**request_settings))) == "Hello there."
        tries = len(server.chats)
        assert tries == 1 + len(refused)
        assert text_of(await answer_of(model, asking(**request_settings))) == "Hello there."
        assert len(server.chats) == tries + 1
        await model.aclose()
    assert not refused & set(server.chats[-1])
    if "max_tokens" in refused:
        assert server.chats[-1]["max_completion_tokens"] == 20


async def test_a_whole_json_answer_of_a_server_that_does_not_stream_is_taken() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        call = {"id": "x", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
        message = {"role": "assistant", "content": "Well.", "tool_calls": [call]}
        await reply.json(
            {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 4}}
        )

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        events = await answer_of(model, asking(tools=(ADD,)))
        await model.aclose()
    assert events == [
        TextDelta("Well."),
        ToolCallDelta(0, "", name="add"),
        ToolCallDelta(0, '{"a": 1}'),
        ModelDone("stop", 4),
    ]


async def test_an_unknown_model_is_named_with_those_there_are() -> None:
    async with strict_server(models=("qwen3:4b", "llama3.2:latest")) as server:
        model = model_at(server.url, model="gpt-9")
        await model.start()  # does not fail
        assert "'gpt-9'; it has: qwen3:4b, llama3.2:latest" in model.describe().summary
        with pytest.raises(StageError, match=r"'gpt-9'; it has: qwen3:4b, llama3.2:latest"):
            await answer_of(model, asking())
        await model.aclose()


async def test_without_a_model_name_the_server_is_asked_for_one() -> None:
    async with strict_server(models=("nomic-embed-text", "mistral-instruct")) as server:
        model = model_at(server.url, model=None)
        await model.start()
        assert model.describe().name.startswith("mistral-instruct at ")
        assert text_of(await answer_of(model, asking())) == "Hello there."
        await model.aclose()


async def test_a_server_that_is_down_at_the_start_is_named_and_used_once_it_is_up() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    model = model_at(f"http://127.0.0.1:{port}", retries="1")
    await model.start()
    assert "cannot be reached" in model.describe().summary
    with pytest.raises(StageError, match="cannot be reached"):
        await answer_of(model, asking())
    async with strict_server() as up:
        server = await asyncio.start_server(_forward_to(up.port), "127.0.0.1", port)
        assert text_of(await answer_of(model, asking())) == "Hello there."
        assert "cannot be reached" not in model.describe().summary
        server.close()
    await model.aclose()


def _forward_to(port: int) -> Any:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
            target.close()

        await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer), return_exceptions=True)

    return forward


async def test_the_key_is_sent_and_never_told() -> None:
    async with strict_server(key="sk-right") as server:
        right = model_at(server.url, key="sk-right")
        assert text_of(await answer_of(right, asking())) == "Hello there."
        await right.aclose()
        for wrong_key in ("sk-wrong-secret", None):
            model = model_at(server.url, key=wrong_key)
            await model.start()
            with pytest.raises(StageError, match="refuses the key") as failure:
                await answer_of(model, asking())
            told = str(failure.value) + repr(model.describe())
            assert "sk-" not in told
            await model.aclose()


async def test_busy_servers_are_tried_again_before_the_first_token_only() -> None:
    tries = 0

    async def busy_at_first(request: Request, reply: Reply) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            await reply.json({"error": {"message": "busy"}}, 503 if tries == 1 else 429, "Retry-After: 0\r\n")
        else:
            await reply.say("At last.")

    async with strict_server(answer=busy_at_first) as server:
        model = model_at(server.url)
        assert text_of(await answer_of(model, asking())) == "At last."
        tries = -100
        with pytest.raises(StageError, match="too much to do"):
            await answer_of(model, asking())
        assert tries == -97  # the first try and two more
        await model.aclose()


@pytest.mark.parametrize("half", [b"", b"data: {", b'data: {"choices":[{"delta":{"content":"x"}}]}\n'])
async def test_a_connection_that_breaks_in_an_answer_is_an_error_and_not_repeated(half: bytes) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin_stream()
        await reply.chunk({"choices": [{"delta": {"content": "Half a"}}]})
        await reply.raw(half)

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        events: list[ModelEvent] = []
        with pytest.raises(StageError):
            async for event in model.respond(asking()):
                events.append(event)
        await model.aclose()
    assert text_of(events).startswith("Half a")
    assert not any(isinstance(event, ModelDone) for event in events)
    assert len(server.chats) == 1


async def test_an_error_object_in_the_stream_is_an_error_without_the_servers_prose() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin_stream()
        await reply.chunk({"choices": [{"delta": {"content": "Well"}}]})
        await reply.chunk({"error": {"message": "CUDA died for sk-secret", "code": "server_error"}})

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        with pytest.raises(StageError, match=r"\(server_error\)") as failure:
            await answer_of(model, asking())
        assert "sk-secret" not in str(failure.value)
        await model.aclose()


async def test_a_model_that_hangs_is_given_up_although_the_server_keeps_the_connection_alive() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin_stream()
        await reply.chunk({"choices": [{"delta": {"content": "Well"}}]})
        while not reply.gone.is_set():
            await reply.raw(b": keep-alive\n\n")
            await asyncio.wait({asyncio.ensure_future(reply.gone.wait())}, timeout=0.02)

    async with strict_server(answer=answer) as server:
        model = model_at(server.url, token_timeout="0.15")
        with pytest.raises(StageError, match="stopped answering"):
            await answer_of(model, asking())
        await model.aclose()


async def test_a_model_that_never_begins_is_given_up() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.gone.wait()

    async with strict_server(answer=answer) as server:
        model = model_at(server.url, first_token_timeout="0.1", retries="0")
        with pytest.raises(StageError, match=r"did not begin to answer within 0\.1 seconds"):
            await answer_of(model, asking())
        await model.aclose()


async def test_a_model_without_tools_still_talks_and_says_so_but_does_not_pretend_to_call() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        if "tools" in request.body:
            await reply.json({"error": {"message": "registry/gemma:2b does not support tools"}}, 400)
        else:
            await reply.say("Just talking.")

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        assert text_of(await answer_of(model, asking(tools=(ADD,)))) == "Just talking."
        assert "cannot call tools" in model.describe().summary
        with pytest.raises(StageError, match="cannot call tools"):
            await answer_of(model, asking(tools=(ADD,), tool_choice="required"))
        await model.aclose()


async def test_a_limit_whose_value_is_refused_is_not_dropped() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.json({"error": {"message": "max_tokens is too large: 9999"}}, 400)

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        with pytest.raises(StageError, match="HTTP 400"):
            await answer_of(model, asking(max_output_tokens=9999))
        await model.aclose()
    assert len(server.chats) == 1


async def test_a_server_that_knows_no_limit_at_all_is_not_asked_without_one() -> None:
    async with strict_server(fields=FIELDS - {"max_tokens"}) as server:
        model = model_at(server.url)
        with pytest.raises(StageError, match="HTTP 400"):
            await answer_of(model, asking(max_output_tokens=9))
        await model.aclose()
    assert [set(body) & {"max_tokens", "max_completion_tokens"} for body in server.chats] == [
        {"max_tokens"},
        {"max_completion_tokens"},
    ]


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.", "max_tokens"),
        ("Extra inputs are not permitted: stream_options", "stream_options"),
        ('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "tools"),
        ("tools param requires --jinja flag", "tools"),
        ("registry.ollama.ai/library/gemma:2b does not support tools", "tools"),
        ("max_tokens is too large", None),
        ("something else broke", None),
        ("", None),
    ],
)
def test_what_servers_refuse_is_understood(refusal: str, field: str | None) -> None:
    assert refused_field(refusal, {"max_tokens", "stream_options", "tools", "tool_choice"}) == field


async def test_a_picture_goes_out_as_an_image_part_and_a_blind_model_is_named() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.json({"error": {"message": "this model does not support image input"}}, 400)

    picture = ImageContent("data:image/png;base64,AAAA", "low")
    request = ModelRequest(instructions="", items=(ModelMessage("user", (TextContent("see"), picture)),))
    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        with pytest.raises(StageError, match="tiny-instruct cannot see pictures"):
            await answer_of(model, request)
        await model.aclose()
    assert server.chats[0]["messages"][-1]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
    ]


async def test_a_web_page_at_the_url_is_told_from_a_chat_server() -> None:
    async def page(request: Request, reply: Reply) -> None:
        if request.path == "/v1/models":
            await reply.json({"detail": "Not Found"}, 404)
        else:
            await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\ndata: <html>\n\n")

    async with running(page) as port:
        model = model_at(f"http://127.0.0.1:{port}/v1")
        await model.start()
        with pytest.raises(StageError, match="not a chat answer"):
            await answer_of(model, asking())
        await model.aclose()


async def test_half_an_emoji_in_the_conversation_does_not_stop_the_answer() -> None:
    async with strict_server() as server:
        model = model_at(server.url)
        assert text_of(await answer_of(model, asking("hi \ud83d"))) == "Hello there."
        await model.aclose()
    assert server.chats[0]["messages"][-1]["content"] == "hi ?"


async def test_concurrent_answers_do_not_mix() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.say(*(f" {request.body['messages'][-1]['content']}" for _ in range(20)))

    async with strict_server(answer=answer) as server:
        model = model_at(server.url)
        answers = await asyncio.gather(*(answer_of(model, asking(f"n{n}")) for n in range(12)))
        await model.aclose()
    assert [text_of(events) for events in answers] == [(f" n{n}" * 20).lstrip() for n in range(12)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1234", "/v1/chat/completions"),
        ("http://127.0.0.1:1234/", "/v1/chat/completions"),
        ("127.0.0.1:1234/v1/", "/v1/chat/completions"),
        ("http://127.0.0.1:1234/openai/v1/chat/completions", "/openai/v1/chat/completions"),
    ],
)
def test_base_urls_are_taken_as_people_write_them(url: str, expected: str) -> None:
    assert open_model(StageOptions(url=url))._endpoint("chat/completions").path == expected


@pytest.mark.parametrize(
    "options",
    [
        StageOptions(),
        StageOptions(url="ftp://host/v1"),
        StageOptions(url="http://user:sk-secret@host/v1"),
        StageOptions(url="http://"),
        StageOptions(url="http://host", extra={"token_timeout": "soon"}),
        StageOptions(url="http://host", extra={"token_timeout": "0"}),
        StageOptions(url="http://host", extra={"retries": "-1"}),
        StageOptions(url="http://host", extra={"connect_timeout": "nan"}),
    ],
)
def test_wrong_settings_are_named(options: StageOptions) -> None:
    with pytest.raises(ConfigurationError) as failure:
        open_model(options)
    assert "sk-secret" not in str(failure.value)
