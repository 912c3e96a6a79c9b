"""Stock clients, unmodified and at pinned versions, hold a conversation with a tool call over a real WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI

from antiphon.audio.levels import rms_dbfs
from antiphon.engine import build_engine
from live_server import LiveServer, live_server
from speech_samples import say, silence

TOOL = {
    "type": "function",
    "name": "delayed_add",
    "description": "Add two numbers after a short delay",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(build_engine()) as server:
        yield server


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def test_openai_python_talks_and_calls_a_tool(server: LiveServer) -> None:
    client = AsyncOpenAI(api_key="sk-none", base_url=f"{server.base_url}/v1")
    async with asyncio.timeout(60), client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(session={"type": "realtime", "tools": [TOOL]})  # type: ignore[typeddict-item, list-item]
        await connection.conversation.item.create(item=user("add two and five slowly"))  # type: ignore[arg-type]
        await connection.response.create()
        results: list[str] = []
        audio = b""
        said = ""
        async for event in connection:
            assert event.type != "error", event
            if event.type == "response.output_item.done" and event.item.type == "function_call":
                assert event.item.name == "delayed_add"
                numbers = json.loads(event.item.arguments)
                results.append(json.dumps({"sum": numbers["a"] + numbers["b"]}))
                await connection.conversation.item.create(
                    item={"type": "function_call_output", "call_id": str(event.item.call_id), "output": results[-1]}
                )
            elif event.type == "response.output_audio.delta":
                audio += base64.b64decode(event.delta)
            elif event.type == "response.output_audio_transcript.done":
                said = event.transcript
            elif event.type == "response.done" and results and not said:
                await connection.response.create()
            elif event.type == "response.done" and said:
                break
    assert results == ['{"sum": 7}']
    assert "7" in said
    assert rms_dbfs(audio) > -35
    assert len(audio) > 24_000


async def test_openai_python_speaks_and_is_answered(server: LiveServer) -> None:
    client = AsyncOpenAI(api_key="sk-none", base_url=f"{server.base_url}/v1")
    speech = silence(200) + await say("what time is it") + silence(900)
    async with asyncio.timeout(60), client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        )
        for begin in range(0, len(speech), 4800):
            await connection.input_audio_buffer.append(audio=base64.b64encode(speech[begin : begin + 4800]).decode())
        heard = ""
        async for event in connection:
            assert event.type != "error", event
            if event.type == "conversation.item.input_audio_transcription.completed":
                heard = event.transcript
            if event.type == "response.done":
                assert event.response.status == "completed"
                break
    assert len(set(heard.split()) & {"what", "time", "is", "it"}) >= 2


async def test_openai_agents_talks_and_calls_a_tool(server: LiveServer) -> None:
    calls: list[tuple[int, int]] = []

    @function_tool
    def delayed_add(a: int, b: int) -> str:
        """Add two numbers after a short delay."""
        calls.append((a, b))
        return str(a + b)

    agent = RealtimeAgent(name="Adder", instructions="Add.", tools=[delayed_add])
    session = await RealtimeRunner(agent).run(
        model_config={"url": server.ws_url + "/v1/realtime?model=gpt-realtime-2.1", "api_key": "sk-none"}
    )
    kinds: list[str] = []
    audio = b""
    answer = ""
    async with asyncio.timeout(60), session:
        await session.send_message("add two and five slowly")
        async for event in session:
            kinds.append(event.type)
            assert event.type != "error", event.error  # type: ignore[union-attr]
            if event.type == "audio":
                audio += event.audio.data
            if event.type == "history_updated":
                answer = " ".join(
                    part.transcript or ""
                    for item in event.history
                    if item.type == "message" and item.role == "assistant"
                    for part in item.content
                    if part.type == "audio"
                )
            if "audio_end" in kinds and "7" in answer:
                break
    assert calls == [(2, 5)]
    assert {"tool_start", "tool_end", "audio"} <= set(kinds)
    assert len(audio) > 24_000
