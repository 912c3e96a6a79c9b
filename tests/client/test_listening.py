"""Friendly events as an app gets them through a client: handlers, patterns, async ones, iteration; the chat."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from antiphon import Agent, tool
from antiphon.client import ClientSettings, ConnectError, MemoryTransport, RealtimeClient
from antiphon.conversation import CONSUME, ChatSettings, Conversation, ConversationSettings
from antiphon.errors import ConfigurationError, LocalProtocolError
from scripted_realtime import scripted


async def test_handlers_are_told_by_name_by_group_and_of_everything_until_they_are_taken_off() -> None:
    told: list[tuple[str, str]] = []
    async with scripted(answers=deque(["One.", "Two."])) as (transport, _server):
        client = RealtimeClient(transport=transport)

        @client.on("assistant.completed")
        def completed(event: Any) -> None:
            told.append(("name", event.status))

        off = client.on("assistant.*", lambda event: told.append(("group", event.type)))
        client.on("*", lambda event: told.append(("all", event.type)))
        async with client as call:
            await call.ask("hi")
            assert told.count(("name", "completed")) == 1
            assert told.count(("group", "assistant.completed")) == 1
            assert ("all", "session.created") in told
            assert ("all", "user.message") in told
            off()
            before = [entry for entry in told if entry[0] == "group"]
            await call.ask("again")
            assert [entry for entry in told if entry[0] == "group"] == before
            assert told.count(("name", "completed")) == 2
    assert callable(completed)


async def test_an_event_that_is_consumed_reaches_neither_later_handlers_nor_the_chat() -> None:
    later: list[Any] = []
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport) as call,
    ):
        call.on("user.message", lambda _event: CONSUME)
        call.on("user.message", later.append)
        await call.ask("a secret")
        assert [message.role for message in call.chat.messages] == ["assistant"]
    assert later == []


async def test_an_async_handler_is_the_calls_own_task_which_hanging_up_ends() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def slow(_event: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with scripted(answers=deque(["Hello."])) as (transport, _server):
        client = RealtimeClient(transport=transport)
        client.on("assistant.completed", slow)
        async with client as call:
            assert await call.ask("hi") == "Hello.", "nothing waits for it"
            await asyncio.wait_for(started.wait(), 10)
        assert ended.is_set()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_handler_that_breaks_breaks_nothing_else(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_event: Any) -> None:
        raise RuntimeError("handler")

    async def broken_later(_event: Any) -> None:
        raise RuntimeError("handler")

    told: list[Any] = []
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport) as call,
    ):
        call.on("assistant.completed", broken_later if is_async else broken)
        call.on("assistant.completed", told.append)
        assert await call.ask("hi") == "Hello."
        await asyncio.sleep(0)
    assert len(told) == 1
    assert "a handler failed" in caplog.text


async def test_a_pattern_of_no_event_is_an_error_that_names_the_one_that_was_meant() -> None:
    async with scripted() as (transport, _server), RealtimeClient(transport=transport) as call:
        with pytest.raises(ConfigurationError, match=r"user\.completed"):
            call.on("user:completed", print)


async def test_events_are_read_one_by_one_each_once_and_end_with_the_call() -> None:
    async with scripted(answers=deque(["Hello."])) as (transport, _server):
        client = RealtimeClient(transport=transport)
        async with client as call:
            events = call.events("assistant.*", "assistant.completed")
            await call.ask("hi")
        kinds = [event.type async for event in events]
    assert kinds.count("assistant.completed") == 1
    assert kinds.count("assistant.response_started") == 1
    assert all(kind.startswith("assistant.") for kind in kinds)


async def test_reading_ends_when_the_server_ends_the_call_and_not_when_a_first_attempt_fails() -> None:
    class Reluctant:
        media = False

        def __init__(self, inner: MemoryTransport) -> None:
            self.inner = inner
            self.receive, self.send = inner.receive, inner.send
            self.refuses = True

        async def connect(self) -> None:
            if self.refuses:
                raise ConnectError("Not yet.")

        async def close(self, code: int = 1000, reason: str = "") -> None:
            if not self.refuses:
                await self.inner.close(code, reason)

    async with asyncio.timeout(10), scripted(answers=deque(["Hello."])) as (transport, server):
        reluctant = Reluctant(transport)
        client = RealtimeClient(transport=reluctant)
        events, texts = client.events("assistant.completed"), client.events("session.created")
        with pytest.raises(ConnectError):
            await client.connect()
        reluctant.refuses = False
        async with client as call:
            await call.ask("hi")
            await server.transport.close(1000, "good bye")
            assert [event.type async for event in texts] == ["session.created"]
            assert [event.status async for event in events] == ["completed"]


async def test_a_reader_that_is_too_slow_loses_the_oldest_events_and_can_know() -> None:
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, settings=ClientSettings(max_events=2)) as call,
    ):
        events = call.events()
        await call.ask("hi")
        assert events.dropped > 0
        assert (await anext(events)).type != "user.message"
        events.close()


async def test_a_typed_message_shows_at_once_and_once() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send_text("hi", respond=False)
        assert [message.text for message in call.chat.messages] == ["hi"]
        await server.until(lambda: server.received)
        await call.update(call.session)  # type: ignore[arg-type]
        assert [message.text for message in call.chat.messages] == ["hi"]


async def test_tools_are_the_apps_own_to_answer_where_no_agent_is() -> None:
    async with (
        scripted(answers=deque([[("add", '{"a": 2}')], "Seven."])) as (transport, server),
        RealtimeClient(transport=transport) as call,
    ):

        @call.on("tool.call_done")
        async def answer(event: Any) -> None:
            assert event.arguments == {"a": 2}
            await call.send_output(event.call_id, "7")

        await call.send_text("add")
        await call.response()
        await server.until(lambda: len(server.all("response.create")) == 2)
        assert server.all("conversation.item.create")[-1]["item"]["output"] == "7"


async def test_an_agents_tool_is_told_from_its_call_to_its_output() -> None:
    @tool
    def add(a: float) -> float:
        """Add."""
        return a + 5

    async with (
        scripted(answers=deque([[("add", '{"a": 2}')], "Seven."])) as (transport, _server),
        RealtimeClient(transport=transport, agent=Agent(tools=[add])) as call,
    ):
        events = call.events("tool.call_done", "tool.output")
        await call.ask("add")
        done, output = await anext(events), await anext(events)
        assert (done.name, output.output) == ("add", "7.0")
        assert done.call_id == output.call_id


async def test_a_conversation_of_ones_own_is_kept_from_call_to_call_or_not_at_all() -> None:
    kept = Conversation(ConversationSettings(chat=ChatSettings(keep_on_disconnect=True)))
    for number in range(2):
        async with (
            scripted(answers=deque(["Hello."]), responses=number) as (transport, _server),
            RealtimeClient(transport=transport, conversation=kept) as call,
        ):
            await call.ask("hi")
    assert [message.role for message in kept.chat.messages] == ["user", "assistant"] * 2

    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, conversation=False) as call,
    ):
        assert await call.ask("hi") == "Hello."
        with pytest.raises(LocalProtocolError, match="keeps no conversation"):
            _ = call.chat
