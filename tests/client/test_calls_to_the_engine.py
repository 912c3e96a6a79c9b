"""The client against our own server and engine over a real WebSocket: strangers' halves that meet on the wire."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("espeakng_loader", reason="the embedded engine is not installed: antiphon[local] has it")

from antiphon.agent import Agent, Notice, ToolFinished, ToolStarted
from antiphon.client import CallNotFoundError, ClientSettings, Patience, RealtimeClient, RejectedError, text_of
from antiphon.engine import build_engine
from antiphon.protocol import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    ConversationItemTruncated,
    RealtimeSession,
    ResponseOutputAudioDelta,
)
from live_server import LiveServer, live_server

TEXT = RealtimeSession(output_modalities=["text"])
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tools_agent.py"


def example_agent() -> Agent:
    spec = importlib.util.spec_from_file_location("tools_agent", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.agent
    assert isinstance(found, Agent)
    return found


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(build_engine()) as running:
        yield running


async def test_the_example_agents_tools_run_once_each_and_their_results_are_told(server: LiveServer) -> None:
    notices: list[Notice] = []
    async with RealtimeClient(server.base_url, agent=example_agent(), session=TEXT, on_notice=notices.append) as call:
        assert call.differences == ()
        added = await call.ask("delayed add two and five")
        echoed = await call.ask("echo upper hello there")
    assert "7" in added
    assert "HELLO THERE" in echoed
    assert [(notice.name, dict(notice.arguments)) for notice in notices if isinstance(notice, ToolStarted)] == [
        ("delayed_add", {"a": 2.0, "b": 5.0}),
        ("echo_upper", {"text": "hello there"}),
    ]
    assert [notice.output for notice in notices if isinstance(notice, ToolFinished)] == [
        '{"sum":7.0}',
        '{"result":"HELLO THERE"}',
    ]


async def test_a_greeting_is_said_in_just_these_words(server: LiveServer) -> None:
    agent = Agent(greeting="Welcome to the harbour.", modalities=["text"])
    async with RealtimeClient(server.base_url, agent=agent) as call:
        assert text_of(await call.response()) == "Welcome to the harbour."


async def test_a_handoff_by_typed_words_changes_the_tools(server: LiveServer) -> None:
    tools = example_agent().tools
    back = Agent(name="adding desk", handoff_description="Adds numbers.", tools=tools)
    front = Agent(name="front", handoffs=[back], modalities=["text"])
    async with RealtimeClient(server.base_url, agent=front) as call:
        await call.ask("transfer to adding desk")
        assert call.agent is back
        assert "7" in await call.ask("delayed add two and five")


async def test_an_interrupted_answer_is_truncated_where_it_was_heard(server: LiveServer) -> None:
    detached = RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=None)))
    async with RealtimeClient(server.base_url, session=detached) as call:
        call.say("This is a rather long sentence that nobody will hear to its very end, as it goes on and on.")
        await call.wait_for(ResponseOutputAudioDelta, timeout_s=20)
        truncated = asyncio.create_task(call.wait_for(ConversationItemTruncated))
        await asyncio.sleep(0)
        await call.interrupt(played_ms=20)
        assert (await truncated).audio_end_ms == 20
        await call.settled()


async def test_a_voice_that_cannot_change_any_more_is_refused_by_name(server: LiveServer) -> None:
    async with RealtimeClient(server.base_url) as call:
        call.say("Hello.")
        await call.response()
        with pytest.raises(RejectedError) as caught:
            await call.update(RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="cedar"))))
        assert caught.value.error.param == "session.audio.output.voice"


async def test_a_sideband_to_a_call_that_is_not_there_is_not_found(server: LiveServer) -> None:
    settings = ClientSettings(attach=Patience(within_s=0.0))
    with pytest.raises(CallNotFoundError):
        await RealtimeClient(server.base_url, call_id="rtc_nowhere", settings=settings).__aenter__()
