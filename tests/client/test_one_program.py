"""One program, whatever carries the call and whoever answers it: speech, a typed question, a tool, a photo, barge-in.

The ways: a WebSocket, WebRTC, and no port at all to the embedded engine; WebSockets to stand-ins of OpenAI and Azure.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("espeakng_loader", reason="the embedded engine is not installed: antiphon[local] has it")

from PIL import Image

from antiphon import Agent, RealtimeClient, tool
from antiphon.client import ConnectionState, Fault, Severity, Stage, Subscription
from antiphon.client.audio import IterSource, NullSink
from antiphon.engine import build_engine
from antiphon.protocol import InputTranscription
from antiphon.upstream import open_engine_call
from fakes.hosted import KEY, hosted_fake
from live_server import live_server
from session_rig import loud
from speech_samples import say, silence


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


AGENT = Agent(instructions="You are helpful.", tools=[add], transcription=InputTranscription(model="any"))

Make = Callable[..., RealtimeClient]
Way = Callable[[], AbstractAsyncContextManager[Make]]


@asynccontextmanager
async def by_websocket() -> AsyncIterator[Make]:
    async with live_server(build_engine()) as server:
        yield lambda **more: RealtimeClient(server.base_url, **more)


@asynccontextmanager
async def by_webrtc() -> AsyncIterator[Make]:
    async with live_server(build_engine()) as server:
        yield lambda **more: RealtimeClient(server.base_url, transport="webrtc", fallback=False, **more)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Make]:
    async with open_engine_call(build_engine()) as transport:
        yield lambda **more: RealtimeClient(transport=transport, **more)


@asynccontextmanager
async def to_openai() -> AsyncIterator[Make]:
    async with hosted_fake() as fake:
        yield lambda **more: RealtimeClient(fake.base_url, api_key=KEY, model="gpt-realtime-2.1", **more)


@asynccontextmanager
async def to_azure() -> AsyncIterator[Make]:
    async with hosted_fake(azure=True) as fake:
        endpoint = fake.base_url.removesuffix("/v1").removesuffix("/openai")
        yield lambda **more: RealtimeClient.azure(endpoint, deployment="mine", api_key=KEY, **more)


ONLY_WEBRTC = {Stage.ICE_GATHERING_COMPLETE, Stage.TRANSCEIVER_SET, Stage.CONNECTION_STATE_CHANGED}
LONG = "This is a rather long answer, which goes on and on, so that nobody will listen to it to its very end."


def photo() -> bytes:
    """More than a data channel carries in one message."""
    out = io.BytesIO()
    Image.effect_noise((1600, 1200), 90).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


async def until(events: Subscription, kind: str) -> list[Any]:
    """The events up to the first of this kind."""
    seen: list[Any] = []
    async for event in events:
        seen.append(event)
        if event.type == kind:
            break
    return seen


async def the_program(make: Make, question: bytes) -> list[Any]:
    """Types, calls a tool, shows a photo, and asks aloud. Returns the friendly events of the call."""
    seen: list[Any] = []
    faults: list[Fault] = []
    states: list[ConnectionState] = []
    stages: set[Stage] = set()
    client = make(
        agent=AGENT,
        speaker=NullSink(),
        on_state=states.append,
        on_fault=faults.append,
        on_stage=lambda stage, _data: stages.add(stage),
    )
    client.on("*", seen.append)
    async with asyncio.timeout(80), client as call:
        await call.switch_mode("text")
        assert "7" in await call.ask("add two and five")
        await call.send_image(photo(), text="What do you see?")
        await call.settled()
        assert {"user", "assistant", "tool"} <= {message.role for message in call.chat.messages}

        await call.switch_mode("voice")
        heard = call.events("user.completed", "assistant.completed")
        started = asyncio.Event()
        loud_now = asyncio.Event()
        call.on("assistant.audio_started", lambda _event: started.set())
        call.on_audio(lambda _pcm: loud_now.set() if call.levels.assistant.peak > 0 else None)
        call_id = call.call_id
        await call.set_microphone(IterSource([question]))
        await until(heard, "assistant.completed")
        await started.wait()
        assert call.turns.last is not None
        await loud_now.wait()
        stats = await call.stats()
        assert (stats.round_trip_ms is not None) == (call.transport_kind != "other"), "memory has no round trip"
        assert call.call_id == call_id, "the microphone came without another call"
        assert call_id is None or call_id.startswith("rtc_")
    assert states == [ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.DISCONNECTED]
    assert [fault for fault in faults if fault.severity is not Severity.INFO] == []
    assert (stages >= ONLY_WEBRTC) == (call_id is not None)
    kinds = [event.type for event in seen]
    assert kinds.count("tool.call_done") == kinds.count("tool.output") == 1
    assert kinds.count("assistant.completed") == kinds.count("assistant.response_started") >= 4
    return seen


@pytest.mark.parametrize("way", [to_openai, to_azure])
async def test_the_program_on_a_strict_hosted_service(way: Way) -> None:
    async with way() as make:
        # The stand-in takes what is loud for a voice, and any voice for the same words.
        seen = await the_program(make, loud(600) + silence(800))
    assert next(event.transcript for event in seen if event.type == "user.completed") == "hello there"


@pytest.mark.parametrize("way", [by_websocket, by_webrtc, in_memory])
async def test_the_program_on_the_embedded_engine_and_an_interruption(way: Way) -> None:
    words = silence(200) + await say("what can you do") + silence(200)
    async with way() as make:
        seen = await the_program(make, words)
        spoken = next(event.transcript for event in seen if event.type == "user.completed")
        assert "what can you" in spoken.lower()

        async with asyncio.timeout(60), make(agent=AGENT, speaker=NullSink()) as call:
            events = call.events("assistant.audio_started", "assistant.truncated", "assistant.interrupted")
            call.say(LONG)
            await until(events, "assistant.audio_started")
            await call.set_microphone(IterSource([words]))
            cut = await until(events, "assistant.truncated")
            assert [event.type for event in cut].count("assistant.interrupted") == 1
            assert cut[-1].audio_end_ms > 0
            message = next(one for one in call.chat.messages if one.item_id == cut[-1].item_id)
            assert message.heard is not None
            assert len(message.heard) < len(message.text)
