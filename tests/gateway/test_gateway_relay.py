"""Calls over WebSocket through the gateway: the caller's session, the agent's policy, and sessions that roll over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import websockets

from antiphon.agent import Agent, tool
from antiphon.client import ClientSettings, ClosedError, RealtimeClient, text_of
from antiphon.protocol import (
    AudioConfig,
    AudioOutput,
    ConversationItemAdded,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ErrorEvent,
    InputText,
    Message,
    RealtimeSession,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
)
from antiphon.server.gateway import GatewayAnswerer, GatewaySettings, RolloverSettings
from antiphon.upstream import AzureUpstream, OpenAIUpstream, UpstreamSettings
from fakes.hosted import KEY, HostedFake, hosted_fake
from live_server import LiveServer, live_server


@tool
def delayed_add(a: float, b: float) -> float:
    """Add two numbers slowly."""
    return a + b


AGENT = Agent(instructions="You are the agent.", tools=[delayed_add], voice="marin")


class ShortUpstream(OpenAIUpstream):
    """An upstream that ends a session after so many seconds."""

    seconds: float = 60.0

    def describe(self) -> Any:
        return replace(super().describe(), max_session_minutes=self.seconds / 60)


@asynccontextmanager
async def relay(
    agent: Agent | None = AGENT,
    *,
    azure: bool = False,
    cap_s: float | None = None,
    rollover: RolloverSettings | None = None,
    key: str = KEY,
) -> AsyncIterator[tuple[LiveServer, HostedFake]]:
    async with asyncio.timeout(60), hosted_fake(azure=azure, max_session_s=cap_s) as fake:
        upstream: Any
        if azure:
            upstream = AzureUpstream(fake.base_url, "my-deployment", api_key=key)
        else:
            upstream = ShortUpstream(key, base_url=fake.base_url, settings=UpstreamSettings(first_wait_s=0.01))
            upstream.seconds = cap_s or 3600
        settings = GatewaySettings(rollover=rollover or RolloverSettings())
        async with live_server(GatewayAnswerer(upstream, agent, settings=settings)) as server:
            yield server, fake


@pytest.mark.parametrize("azure", [False, True])
async def test_a_caller_over_websocket_has_the_agents_session_and_its_tools(azure: bool) -> None:
    async with relay(azure=azure) as (server, fake), RealtimeClient(server.ws_url) as caller:
        assert isinstance(caller.session, RealtimeSession)
        assert caller.session.instructions == "You are the agent."
        await caller.send_text("add two and five slowly")
        called = await caller.response()
        assert [item.type for item in called.output] == ["function_call"]  # type: ignore[union-attr]
        answer = text_of(await caller.response())
        assert "7" in answer or "seven" in answer
        model = "my-deployment" if azure else "gpt-realtime-2.1"
        assert f"model={model}" in fake.seen[0][1]
        assert all(KEY not in str(header) for header in [server.base_url, answer])


async def test_the_caller_sees_one_session_created_with_what_really_applies() -> None:
    seen: list[object] = []
    async with relay() as (server, _fake), RealtimeClient(server.ws_url, on_event=seen.append) as caller:
        await caller.ask("hello")
        created = [event for event in seen if isinstance(event, SessionCreated)]
        assert len(created) == 1
        assert created[0].session.instructions == "You are the agent."  # type: ignore[union-attr]
        assert not [event for event in seen if isinstance(event, SessionUpdated)]


async def test_a_caller_changes_only_what_it_may_and_gets_no_error_for_the_rest() -> None:
    seen: list[object] = []
    async with relay() as (server, _fake), RealtimeClient(server.ws_url, on_event=seen.append) as caller:
        wanted = RealtimeSession(
            model="gpt-realtime", instructions="Pirate.", audio=AudioConfig(output=AudioOutput(voice="ash"))
        )
        applied = await caller.update(wanted)
        assert isinstance(applied, RealtimeSession)
        assert applied.instructions == "You are the agent."
        assert applied.audio.output.voice == "ash"  # type: ignore[union-attr]
        assert not [event for event in seen if isinstance(event, ErrorEvent)]


async def test_without_an_agent_the_session_is_the_callers() -> None:
    async with relay(None) as (server, _fake), RealtimeClient(server.ws_url) as caller:
        applied = await caller.update(RealtimeSession(instructions="Pirate."))
        assert isinstance(applied, RealtimeSession)
        assert applied.instructions == "Pirate."
        assert await caller.ask("hello")


async def test_a_malformed_event_is_answered_here() -> None:
    async with relay() as (server, fake), websockets.connect(f"{server.ws_url}/v1/realtime") as socket:
        assert "session.created" in str(await socket.recv())
        for bad in ("{", '{"type": "nonsense"}', '{"type": "session.update", "session": {}}', b"\x00"):
            await socket.send(bad)
            answer = str(await socket.recv())
            assert '"error"' in answer
            assert '"invalid_request_error"' in answer
        assert len(fake.sessions) == 1


async def test_an_upstream_that_refuses_our_key_is_an_error_and_a_close_and_tells_no_key() -> None:
    async with relay(key="sk-wrongSECRETkey000") as (server, _fake):
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as socket:
            answer = str(await socket.recv())
            assert "upstream_unreachable" in answer
            assert "SECRET" not in answer
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await socket.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011
        await server.calls.idle()


async def test_a_session_that_ends_there_ends_here_with_its_code() -> None:
    settings = ClientSettings(reconnect=None)
    async with relay() as (server, fake), RealtimeClient(server.ws_url, settings=settings) as caller:
        await caller.ask("hello")
        fake.sessions[-1]._link.close(1001, "over")  # type: ignore[attr-defined]
        with pytest.raises(ClosedError) as caught:
            async for _event in caller:
                pass
        assert caught.value.code == 1001
        await server.calls.idle()


async def test_hanging_up_leaves_nothing() -> None:
    async with relay() as (server, _fake):
        async with RealtimeClient(server.ws_url) as caller:
            await caller.ask("hello")
        await server.calls.idle()
        names = {task.get_name().partition("-")[0] for task in asyncio.all_tasks()}
        assert not names & {"relay", "forward", "rollover", "client", "over"}


async def test_a_session_rolls_over_in_a_quiet_moment_and_the_talk_goes_on() -> None:
    seen: list[object] = []
    rollover = RolloverSettings(seek_s=3.0, force_s=0.5)
    async with relay(cap_s=4.0, rollover=rollover) as (server, fake):
        async with RealtimeClient(server.ws_url, on_event=seen.append) as caller:
            await caller.update(RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="ash"))))
            asked = await caller.send_text("add two and five slowly")
            await caller.response()
            await caller.response()
            fake.opened.clear()
            await fake.opened.wait()
            # The first session is over; for the caller it is still the same call, and nothing of it is forgotten.
            fake.sessions[0].hang_up("the cap")
            kept = asyncio.create_task(caller.wait_for(ConversationItemRetrieved))
            await asyncio.sleep(0)
            await caller.send(ConversationItemRetrieve(item_id=asked))
            item = (await kept).item
            assert isinstance(item, Message)
            assert item.content == [InputText(text="add two and five slowly")]
            await caller.send_text("add three and four")
            await caller.response()
            assert "7" in (told := text_of(await caller.response())) or "seven" in told
            second = fake.sessions[1].session.config
            assert isinstance(second, RealtimeSession)
            assert second.audio.output.voice == "ash", "what the caller chose holds"  # type: ignore[union-attr]
            assert second.instructions == "You are the agent."
        created = [event for event in seen if isinstance(event, SessionCreated)]
        assert len(created) == 1, "the caller sees one session"
        added = [event.item.id for event in seen if isinstance(event, ConversationItemAdded)]
        assert len(added) == len(set(added)), "and every item once"
        begun = [event for event in seen if isinstance(event, ResponseCreated)]
        done = [event for event in seen if isinstance(event, ResponseDone)]
        assert len(begun) == len(done), "and the end of every response"


async def test_a_turn_that_does_not_end_is_cut_before_the_cap_and_the_caller_is_told() -> None:
    rollover = RolloverSettings(seek_s=3.0, force_s=1.5)
    started = asyncio.Event()

    @tool(timeout_s=60)
    async def delayed_add(a: float, b: float) -> float:
        """Add two numbers slowly."""
        started.set()
        await asyncio.Event().wait()
        return a + b

    agent = Agent(instructions="You are the agent.", tools=[delayed_add], filler=None)
    async with relay(agent, cap_s=4.0, rollover=rollover) as (server, fake), RealtimeClient(server.ws_url) as caller:
        await caller.send_text("add two and five slowly")
        await started.wait()
        fake.opened.clear()
        await fake.opened.wait()
        fake.sessions[0].hang_up("the cap")
        assert await caller.ask("hello")
        assert caller.closed is None


async def test_a_beta_client_is_understood_on_an_upstream_that_speaks_none() -> None:
    headers = {"OpenAI-Beta": "realtime=v1"}
    async with (
        relay() as (server, fake),
        websockets.connect(f"{server.ws_url}/v1/realtime?model=any", additional_headers=headers) as socket,
    ):
        created = json.loads(await socket.recv())
        assert created["type"] == "session.created"
        assert created["session"]["modalities"] == ["audio", "text"]
        assert created["session"]["instructions"] == "You are the agent."
        session = {"modalities": ["text"], "instructions": "Pirate.", "temperature": 0.8}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        updated = json.loads(await socket.recv())
        assert updated["type"] == "session.updated"
        assert updated["session"]["modalities"] == ["text"]
        assert updated["session"]["instructions"] == "You are the agent."
        message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "add 2 and 5"}]}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": message}))
        await socket.send(json.dumps({"type": "response.create"}))
        text = ""
        while "7" not in text and "seven" not in text:
            event = json.loads(await socket.recv())
            assert event["type"] != "error", event
            text = event["text"] if event["type"] == "response.text.done" else text
        assert "openai-beta" not in fake.seen[-1][2]


async def test_the_stock_client_holds_a_conversation_through_the_relay() -> None:
    from openai import AsyncOpenAI

    async with relay() as (server, _fake):
        client = AsyncOpenAI(api_key="none-needed", websocket_base_url=f"{server.ws_url}/v1")
        async with client.realtime.connect(model="gpt-realtime") as call:
            await call.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            await call.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "add 2 and 5"}]}
            )
            await call.response.create()
            said = ""
            async for event in call:
                assert event.type != "error", event
                if event.type == "response.output_text.delta":
                    said += event.delta
                elif event.type == "response.done" and said:
                    break
            assert "7" in said or "seven" in said
