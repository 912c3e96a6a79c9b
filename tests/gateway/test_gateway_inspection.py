"""Inspection before a hosted upstream: the sideband of its WebRTC calls, and the caller's side of relayed ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets

from antiphon.agent import Agent, tool
from antiphon.client import ClientSettings, Patience
from antiphon.server import ServerSettings
from antiphon.server.gateway import GatewayAnswerer, GatewaySettings
from antiphon.upstream import OpenAIUpstream, UpstreamSettings
from fakes.hosted import KEY, OFFER, HostedFake, hosted_fake
from live_server import LiveServer, live_server

SIDEBAND = ClientSettings(max_events=0, attach=Patience(within_s=3), reattach=Patience(within_s=2))


@tool
def delayed_add(a: float, b: float) -> float:
    """Add two numbers slowly."""
    return a + b


AGENT = Agent(instructions="You are the agent.", tools=[delayed_add], voice="marin")


@asynccontextmanager
async def inspected() -> AsyncIterator[tuple[LiveServer, HostedFake, httpx.AsyncClient]]:
    async with asyncio.timeout(60), hosted_fake() as fake:
        upstream = OpenAIUpstream(KEY, base_url=fake.base_url, settings=UpstreamSettings(first_wait_s=0.01, answer_s=5))
        answerer = GatewayAnswerer(upstream, AGENT, settings=GatewaySettings(sideband=SIDEBAND))
        async with (
            live_server(answerer, ServerSettings(inspect=True)) as server,
            httpx.AsyncClient(base_url=server.base_url, timeout=20) as http,
        ):
            yield server, fake, http


async def trace(http: httpx.AsyncClient, call_id: str) -> list[dict[str, Any]]:
    response = await http.get(f"/inspect/calls/{call_id}/trace.jsonl")
    assert KEY not in response.text
    return [json.loads(line) for line in response.text.splitlines()]


async def test_a_hosted_calls_sideband_is_recorded_with_the_agents_session() -> None:
    async with inspected() as (server, fake, http):
        posted = await http.post("/session", content=OFFER, headers={"Content-Type": "application/sdp"})
        assert posted.status_code == 201
        await fake.attached.wait()
        content = [{"type": "input_text", "text": "add two and five slowly"}]
        fake.last.from_browser(
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
        )
        fake.last.from_browser({"type": "response.create"})
        await fake.last.browser.until(
            lambda: any(event["type"] == "response.output_audio_transcript.done" for event in fake.last.browser.events)
        )
        (shown,) = (await http.get("/inspect/calls")).json()["calls"]
        assert (shown["id"], shown["kind"], shown["ended_at"]) == (fake.last.id, "hosted", None)
        lines = await trace(http, fake.last.id)
        asked = next(line for line in lines if line.get("decision") == "session_asked")
        assert asked["data"]["session"]["instructions"] == "You are the agent."
        wire = [(line["dir"], line["event"]["type"]) for line in lines if "event" in line]
        assert ("in", "session.created") in wire
        assert ("out", "conversation.item.create") in wire, "what the tool gave back"
        await http.post(f"/v1/realtime/calls/{fake.last.id}/hangup")
        await server.calls.idle()
        (ended,) = (await http.get("/inspect/calls")).json()["calls"]
        assert ended["ended_at"] is not None


async def test_a_relayed_call_is_recorded_as_its_caller_sees_it() -> None:
    async with inspected() as (server, _fake, http):
        url = server.base_url.replace("http", "ws", 1)
        async with websockets.connect(f"{url}/v1/realtime", max_queue=None) as caller:
            created = json.loads(await caller.recv())
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
            await caller.send(json.dumps({"type": "conversation.item.create", "item": item}))
            while (event := json.loads(await caller.recv()))["type"] != "conversation.item.added":
                assert event["type"] != "error", event
            (shown,) = (await http.get("/inspect/calls")).json()["calls"]
            assert shown["kind"] == "websocket"
            lines = await trace(http, shown["id"])
        wire = [(line["dir"], line["event"]["type"]) for line in lines if "event" in line]
        assert wire[0] == ("in", created["type"])
        assert wire.index(("out", "conversation.item.create")) < wire.index(("in", "conversation.item.added"))
