"""The engine as an upstream, joined in memory."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.agent import Agent
from antiphon.client import ClosedError, ConnectError, RealtimeClient
from antiphon.engine import Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.upstream import LocalUpstream, beside
from antiphon.upstream.local import MAX_UNREAD_BYTES, LinkEnd
from engine_bench import Detector, Link, Recognizer, Voice


def engine() -> Engine:
    return Engine(
        Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05))  # type: ignore[arg-type]
    )


async def test_a_session_in_memory_runs_the_agents_tools() -> None:
    def delayed_add(a: float, b: float) -> float:
        """Add two numbers slowly."""
        return a + b

    upstream = LocalUpstream(engine())
    await upstream.start()
    assert upstream.describe().where == "in this process"
    agent = Agent(instructions="Use your tools.", tools=[delayed_add])
    async with asyncio.timeout(20), RealtimeClient(transport=upstream.connect(), agent=agent) as client:
        answer = await client.ask("add two and five slowly")
        assert "7" in answer or "seven" in answer
    await upstream.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("local-")]


async def test_closing_the_upstream_ends_its_sessions() -> None:
    upstream = LocalUpstream(engine())
    await upstream.start()
    transport = upstream.connect()
    await transport.connect()
    assert "session.created" in str(await transport.receive())
    await upstream.aclose()
    with pytest.raises(ClosedError):
        await transport.receive()


async def test_a_sideband_in_memory_sees_the_call_and_leaves_it_running() -> None:
    whole = engine()
    await whole.start()
    link = Link()
    call = whole.open_call(link)
    running = asyncio.create_task(call.run())
    call.opened()
    async with asyncio.timeout(20), RealtimeClient(call_id=call.id, transport=beside(call.attach, media=False)) as side:
        assert await side.ask("hello")
        assert "response.done" in [event["type"] for event in link.events]
    assert not link.closes
    call.hang_up("done")
    await running
    with pytest.raises(ConnectError):
        await beside(call.attach, media=False).connect()
    await whole.aclose()


async def test_a_call_that_is_not_there_cannot_be_joined() -> None:
    upstream = LocalUpstream(engine())
    await upstream.start()
    with pytest.raises(ConnectError):
        await upstream.attach("rtc_none").connect()
    await upstream.aclose()


async def test_a_reader_that_reads_nothing_is_cut_off() -> None:
    end = LinkEnd()
    for _ in range(3):
        end.send_event("x" * (MAX_UNREAD_BYTES // 2))
    assert end.closed is not None
    assert end.closed[0] == 1008
