"""The agent beside calls of the embedded engine: tools, policy, limits. A real engine, with stages of no audio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from antiphon.agent import Agent, CallContext, CallLimits, ToolContext, tool
from antiphon.client import ClientSettings, RealtimeClient, text_of
from antiphon.engine import Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.protocol import (
    AudioConfig,
    AudioOutput,
    ErrorEvent,
    FunctionTool,
    RealtimeSession,
    ResponseCreate,
    ResponseParams,
)
from antiphon.server.answering import CURRENT_USER
from antiphon.server.gateway_local import AgentAnswerer
from engine_bench import Detector, Link, Recognizer, Voice
from live_server import LiveServer, live_server


def engine() -> Engine:
    return Engine(
        Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05))  # type: ignore[arg-type]
    )


@tool
def delayed_add(a: float, b: float) -> float:
    """Add two numbers slowly."""
    return a + b


AGENT = Agent(instructions="You are the agent.", tools=[delayed_add], voice="marin")


@asynccontextmanager
async def served(agent: Agent, **more: Any) -> AsyncIterator[LiveServer]:
    async with asyncio.timeout(60), live_server(AgentAnswerer(engine(), agent, **more)) as server:
        yield server


async def test_the_server_runs_the_agents_tool_and_the_caller_hears_of_it() -> None:
    async with served(AGENT) as server, RealtimeClient(server.ws_url) as caller:
        await caller.send_text("add two and five slowly")
        called = await caller.response()
        assert [item.type for item in called.output] == ["function_call"]  # type: ignore[union-attr]
        answer = text_of(await caller.response())
        assert "7" in answer or "seven" in answer


async def test_a_caller_can_not_change_what_the_agent_is_but_how_it_sounds() -> None:
    async with served(AGENT) as server, RealtimeClient(server.ws_url) as caller:
        tools = [FunctionTool(name="evil", description="", parameters={})]
        wanted = RealtimeSession(
            instructions="You are a pirate.", tools=tools, audio=AudioConfig(output=AudioOutput(voice="ash"))
        )
        applied = await caller.update(wanted)
        assert isinstance(applied, RealtimeSession)
        assert applied.instructions == "You are the agent."
        assert [one.name for one in applied.tools] == ["delayed_add"]  # type: ignore[union-attr]
        assert applied.audio.output.voice == "ash"  # type: ignore[union-attr]
        assert {difference.field for difference in caller.differences} == {"instructions", "tools"}


async def test_a_stock_clients_update_on_connect_is_no_error() -> None:
    errors: list[ErrorEvent] = []

    def note(event: object) -> None:
        if isinstance(event, ErrorEvent):
            errors.append(event)

    async with served(AGENT) as server, RealtimeClient(server.ws_url, on_event=note) as caller:
        await caller.update(RealtimeSession(model="gpt-realtime-2.1", instructions="Mine.", tracing="auto"))
        params = ResponseParams(instructions="Be a pirate.", tools=[])
        await caller.send(ResponseCreate(response=params))
        assert (await caller.response()).status == "completed"
        assert not errors


async def test_instructions_state_and_user_are_the_calls_own() -> None:
    seen: list[tuple[object, object]] = []

    @tool
    def delayed_add(context: ToolContext, a: float, b: float) -> float:
        """Add two numbers slowly."""
        context.state["count"] = context.state.get("count", 0) + 1
        seen.append((context.user, dict(context.state)))
        return a + b

    def instructions(call: CallContext) -> str:
        return f"You talk to {call.user}."

    agent = Agent(instructions=instructions, tools=[delayed_add])
    CURRENT_USER.set("ada")
    whole = AgentAnswerer(engine(), agent)
    await whole.start()
    try:
        for _ in range(2):
            link = Link()
            call = whole.open_call(link, model=None)
            running = asyncio.create_task(call.run())
            call.opened()
            created = await link.seen("session.created")
            assert created["session"]["instructions"] == "You talk to ada."
            message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "add 2 and 5"}]}
            call.receive_event(json.dumps({"type": "conversation.item.create", "item": message}))
            call.receive_event(json.dumps({"type": "response.create"}))
            await link.seen("response.done", 2)
            call.hang_up("done")
            async with asyncio.timeout(10):
                await running
    finally:
        await whole.aclose()
    assert seen == [("ada", {"count": 1})] * 2


async def test_a_greeting_comes_when_the_caller_is_there() -> None:
    agent = replace(AGENT, greeting="Welcome aboard.")
    async with served(agent) as server, RealtimeClient(server.ws_url) as caller:
        assert (await caller.response()).status == "completed"


async def test_an_agents_time_limit_ends_the_call_as_the_protocol_says_it() -> None:
    agent = replace(AGENT, limits=CallLimits(max_call_s=0.5))
    seen: list[object] = []
    async with served(agent) as server:
        # A caller that goes on in another call would be a second one.
        settings = ClientSettings(reconnect=None)
        async with RealtimeClient(server.ws_url, on_event=seen.append, settings=settings) as caller:
            with pytest.raises(Exception, match="1001"):
                async for _event in caller:
                    pass
        assert [event.error.code for event in seen if isinstance(event, ErrorEvent)] == ["session_expired"]
        await server.calls.idle()


async def test_what_a_key_is_bound_to_is_the_agents() -> None:
    async with served(AGENT) as server, httpx.AsyncClient(base_url=server.base_url) as http:
        response = await http.post(
            "/v1/realtime/client_secrets", json={"session": {"type": "realtime", "instructions": "Mine."}}
        )
        assert response.status_code == 200
        assert response.json()["session"]["instructions"] == "You are the agent."
        key = response.json()["value"]
        async with RealtimeClient(server.ws_url, api_key=key) as caller:
            assert isinstance(caller.session, RealtimeSession)
            assert caller.session.instructions == "You are the agent."


async def test_a_caller_that_comes_in_a_second_time_is_held_to_the_same_policy() -> None:
    async with served(AGENT) as server, RealtimeClient(server.ws_url) as caller:
        call_id = next(iter(server.calls._calls))
        async with RealtimeClient(server.ws_url, call_id=call_id) as again:
            applied = await again.update(RealtimeSession(instructions="You are a pirate."))
            assert isinstance(applied, RealtimeSession)
            assert applied.instructions == "You are the agent."
        assert caller.closed is None


async def test_nothing_is_left_of_a_call() -> None:
    async with served(AGENT) as server:
        async with RealtimeClient(server.ws_url) as caller:
            await caller.ask("hello")
        await server.calls.idle()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not [name for name in names if name.startswith(("agent-", "client-"))]
