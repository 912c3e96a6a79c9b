"""The gateway before a hosted upstream: offers, sidebands, policy, endings and errors, against strict stand-ins."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from antiphon.agent import Agent, CallLimits, tool
from antiphon.client import ClientSettings, Patience
from antiphon.server import ServerSettings
from antiphon.server.gateway import GatewayAnswerer, GatewaySettings
from antiphon.upstream import AzureUpstream, HostedUpstream, OpenAIUpstream, UpstreamSettings
from fakes.hosted import ANSWER, KEY, OFFER, HostedFake, hosted_fake
from live_server import LiveServer, live_server

QUICK = UpstreamSettings(first_wait_s=0.01, answer_s=5)
SIDEBAND = ClientSettings(max_events=0, attach=Patience(within_s=3), reattach=Patience(within_s=2))


@tool
def delayed_add(a: float, b: float) -> float:
    """Add two numbers slowly."""
    return a + b


AGENT = Agent(instructions="You are the agent.", tools=[delayed_add], voice="marin")


@dataclass
class Gate:
    server: LiveServer
    fake: HostedFake
    http: httpx.AsyncClient

    async def call(self, session: dict[str, Any] | None = None) -> httpx.Response:
        if session is None:
            return await self.http.post("/session", content=OFFER, headers={"Content-Type": "application/sdp"})
        parts = {
            "sdp": (None, OFFER, "application/sdp"),
            "session": (None, json.dumps(session), "application/json"),
        }
        return await self.http.post("/v1/realtime/calls", files=parts)

    async def server_seated(self) -> None:
        """Wait until the sideband works: it answers what it is asked by a call of its tool."""
        ask(self, "add 1 and 1")
        await self.until(lambda: bool(said(self)))
        self.fake.last.browser.events.clear()

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until the browser's events make it true."""
        await self.fake.last.browser.until(what)


@asynccontextmanager
async def gate(
    agent: Agent | None = AGENT,
    *,
    azure: bool = False,
    key: str = KEY,
    most_changes: int = 10,
    server: ServerSettings | None = None,
    upstream: UpstreamSettings = QUICK,
) -> AsyncIterator[Gate]:
    async with asyncio.timeout(60), hosted_fake(azure=azure) as fake:
        made: HostedUpstream
        if azure:
            made = AzureUpstream(fake.base_url, "my-deployment", api_key=key, settings=upstream)
        else:
            made = OpenAIUpstream(key, base_url=fake.base_url, settings=upstream)
        settings = GatewaySettings(most_changes=most_changes, sideband=SIDEBAND)
        async with (
            live_server(GatewayAnswerer(made, agent, settings=settings), server) as running,
            httpx.AsyncClient(base_url=running.base_url, timeout=20) as http,
        ):
            yield Gate(running, fake, http)


def ask(gate: Gate, words: str) -> None:
    content = [{"type": "input_text", "text": words}]
    item = {"type": "message", "role": "user", "content": content}
    gate.fake.last.from_browser({"type": "conversation.item.create", "item": item})
    gate.fake.last.from_browser({"type": "response.create"})


def said(gate: Gate) -> list[str]:
    events = gate.fake.last.browser.events
    return [event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done"]


@pytest.mark.parametrize("azure", [False, True])
async def test_the_agents_tool_runs_beside_a_hosted_call(azure: bool) -> None:
    async with gate(azure=azure) as it:
        response = await it.call()
        assert (response.status_code, response.text) == (201, ANSWER)
        assert response.headers["content-type"] == "application/sdp"
        assert response.headers["location"] == f"/v1/realtime/calls/{it.fake.last.id}"
        opened = it.fake.last.session
        assert opened["instructions"] == "You are the agent."
        assert opened["model"] == ("my-deployment" if azure else "gpt-realtime-2.1")
        await it.fake.attached.wait()
        ask(it, "add two and five slowly")
        await it.until(lambda: bool(said(it)))
        assert "7" in said(it)[0] or "seven" in said(it)[0]
        outputs = [
            event["item"]["output"]
            for event in it.fake.last.browser.events
            if event["type"] == "conversation.item.added" and event["item"]["type"] == "function_call_output"
        ]
        assert outputs == ["7.0"], "once"


async def test_the_answer_does_not_wait_for_the_sideband() -> None:
    async with gate() as it:
        it.fake.not_found = 4
        assert (await it.call()).status_code == 201
        assert not it.fake.attached.is_set()
        await it.fake.attached.wait()
        assert it.fake.sideband_attempts == 5, "the 404 race was lost four times"
        ask(it, "add 2 and 5")
        await it.until(lambda: bool(said(it)))


async def test_the_session_is_the_agents_and_the_callers_only_where_it_may() -> None:
    asked = {
        "type": "realtime",
        "model": "gpt-4o-realtime-preview",
        "instructions": "You are a pirate.",
        "tools": [],
        "audio": {"output": {"voice": "ash"}, "input": {"transcription": {"model": "whisper-1"}}},
    }
    async with gate() as it:
        assert (await it.call(asked)).status_code == 201
        opened = it.fake.last.session
        assert opened["instructions"] == "You are the agent."
        assert [one["name"] for one in opened["tools"]] == ["delayed_add"]
        assert opened["model"] == "gpt-realtime-2.1"
        assert opened["audio"] == {"output": {"voice": "ash"}, "input": {"transcription": {"model": "whisper-1"}}}


async def test_without_an_agent_the_session_is_the_callers_own() -> None:
    async with gate(None) as it:
        session = {"type": "realtime", "model": "any", "instructions": "You are a pirate."}
        assert (await it.call(session)).status_code == 201
        assert it.fake.last.session["instructions"] == "You are a pirate."
        await it.fake.attached.wait()
        it.fake.last.from_browser({"type": "session.update", "session": {"type": "realtime", "instructions": "Arr."}})
        ask(it, "hello")
        await it.until(lambda: bool(said(it)))
        updates = [event for event in it.fake.last.browser.events if event["type"] == "session.updated"]
        assert [event["session"]["instructions"] for event in updates] == ["Arr."]


def instructions_shown(it: Gate) -> list[str]:
    events = it.fake.last.browser.events
    return [event["session"]["instructions"] for event in events if event["type"] == "session.updated"]


async def test_what_a_caller_changes_past_the_gateway_is_put_back_at_once() -> None:
    async with gate() as it:
        await it.call()
        await it.fake.attached.wait()
        await it.server_seated()
        update = {"type": "realtime", "instructions": "You are a pirate.", "audio": {"output": {"speed": 1.2}}}
        it.fake.last.from_browser({"type": "session.update", "session": update})
        await it.until(lambda: len(instructions_shown(it)) >= 2)
        assert instructions_shown(it) == ["You are a pirate.", "You are the agent."]
        last = it.fake.last.browser.events[-1]["session"]
        assert last["audio"]["output"]["speed"] == 1.2, "what is the caller's to choose stays"
        assert not it.fake.last.hung_up.is_set()


async def test_a_caller_that_goes_on_changing_the_session_is_hung_up() -> None:
    async with gate(most_changes=3) as it:
        await it.call()
        await it.fake.attached.wait()
        await it.server_seated()
        for turn in range(4):
            update = {"type": "realtime", "instructions": f"Pirate {turn}."}
            it.fake.last.from_browser({"type": "session.update", "session": update})
        await it.fake.last.hung_up.wait()
        await it.server.calls.idle()


async def test_hanging_up_here_hangs_up_there() -> None:
    async with gate() as it:
        location = (await it.call()).headers["location"]
        assert (await it.http.post(f"{location}/hangup")).status_code == 200
        await it.fake.last.hung_up.wait()
        await it.server.calls.idle()
        assert (await it.http.post(f"{location}/hangup")).status_code == 200


async def test_a_call_that_ends_there_ends_here() -> None:
    async with gate() as it:
        await it.call()
        await it.fake.attached.wait()
        it.fake.last.call.hang_up("the browser is gone")
        await it.server.calls.idle()


async def test_a_dropped_sideband_comes_back_and_goes_on_with_its_work() -> None:
    async with gate() as it:
        await it.call()
        await it.fake.attached.wait()
        await it.server_seated()
        await it.fake.drop_sidebands(it.fake.last)
        await it.fake.attached.wait()
        ask(it, "add two and five slowly")
        await it.until(lambda: bool(said(it)))
        assert not it.fake.last.hung_up.is_set()


async def test_a_call_whose_sideband_is_never_found_is_hung_up(caplog: pytest.LogCaptureFixture) -> None:
    async with gate() as it:
        it.fake.not_found = 1000
        assert (await it.call()).status_code == 201
        await it.fake.last.hung_up.wait()
        await it.server.calls.idle()
        assert "sideband is missing" in caplog.text


@pytest.mark.parametrize("limit", ["server", "agent"])
async def test_a_call_is_hung_up_at_its_time_limit(limit: str) -> None:
    settings = ServerSettings(max_call_seconds=0.5) if limit == "server" else None
    agent = AGENT if limit == "server" else Agent(limits=CallLimits(max_call_s=0.5))
    async with gate(agent, server=settings) as it:
        await it.call()
        await it.fake.last.hung_up.wait()
        await it.server.calls.idle()


async def test_stopping_the_server_hangs_up_its_calls() -> None:
    async with asyncio.timeout(60), hosted_fake() as fake:
        upstream = OpenAIUpstream(KEY, base_url=fake.base_url, settings=QUICK)
        async with live_server(GatewayAnswerer(upstream, AGENT)) as server, httpx.AsyncClient() as http:
            await http.post(f"{server.base_url}/session", content=OFFER)
            await fake.attached.wait()
        assert fake.last.hung_up.is_set()
        names = {task.get_name().partition("-")[0] for task in asyncio.all_tasks()}
        assert not names & {"sideband", "policy", "client", "hosted", "over"}


async def test_calls_and_places_are_counted() -> None:
    async with gate(server=ServerSettings(max_calls=1)) as it:
        assert (await it.call()).status_code == 201
        refused = await it.call()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_calls")
        it.fake.last.call.hang_up("done")
        await it.server.calls.idle()
        assert (await it.call()).status_code == 201


@pytest.mark.parametrize(
    ("status", "code", "headers", "shown"),
    [
        (400, "invalid_value", {}, (400, "invalid_value")),
        (404, "model_not_found", {}, (404, "model_not_found")),
        (429, "rate_limit_exceeded", {"Retry-After": "60"}, (429, "rate_limit_exceeded")),
        (429, "insufficient_quota", {}, (429, "insufficient_quota")),
        (502, "bad_gateway", {}, (502, "upstream_error")),
        (401, "invalid_api_key", {}, (502, "upstream_key_refused")),
    ],
)
async def test_an_upstreams_error_reaches_the_caller_without_its_secrets(
    status: int, code: str, headers: dict[str, str], shown: tuple[int, str]
) -> None:
    async with gate() as it:
        it.fake.create_errors.append((status, code, headers))
        response = await it.call()
        assert (response.status_code, response.json()["error"]["code"]) == shown
        assert response.headers.get("retry-after") == headers.get("Retry-After")
        assert KEY not in response.text
        assert "internal.example" not in response.text
        await it.server.calls.idle()


async def test_a_late_answer_is_a_gateway_timeout_and_leaves_no_call() -> None:
    async with gate(upstream=UpstreamSettings(answer_s=0.2)) as it:
        it.fake.hold_answer = asyncio.Event()
        response = await it.call()
        assert (response.status_code, response.json()["error"]["code"]) == (504, "upstream_timeout")
        it.fake.hold_answer.set()
        await it.fake.opened.wait()
        await it.fake.last.hung_up.wait()


async def test_a_beta_client_is_told_where_it_is_translated() -> None:
    async with gate() as it:
        response = await it.http.post(
            "/v1/realtime/calls",
            content=OFFER,
            headers={"Content-Type": "application/sdp", "OpenAI-Beta": "realtime=v1"},
        )
        assert (response.status_code, response.json()["error"]["code"]) == (400, "beta_api_shape_disabled")
        assert "WebSocket" in response.json()["error"]["message"]


@pytest.mark.parametrize("azure", [False, True])
async def test_the_key_is_in_no_response_no_log_and_no_error(azure: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # What the stand-in, too, writes down in this process is its own affair.
    logging.getLogger("websockets.server").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    responses = []
    async with gate(azure=azure) as it:
        responses += [await it.call(), await it.call({"type": "realtime", "instructions": "x"})]
        await it.fake.attached.wait()
        for status in (400, 401, 429, 500, 502):
            it.fake.create_errors.extend([(status, KEY, {"Retry-After": "60"})])
            responses.append(await it.call())
        for path in ("/", "/about", "/health", "/openapi.json", "/v1/realtime"):
            responses.append(await it.http.get(path))
        responses.append(await it.http.post("/v1/realtime/client_secrets", json={"session": {"type": "realtime"}}))
        responses.append(await it.http.post("/api/realtime/token"))
        heard = json.dumps(it.fake.last.browser.events)
    async with gate(azure=azure, key="sk-wrongSECRETkey000000") as it:
        responses.append(await it.call())
        assert responses[-1].json()["error"]["code"] == "upstream_key_refused"
    for secret in (KEY, "sk-wrongSECRETkey", "SECRETephemeral"):
        for response in responses:
            assert secret not in response.text
            assert secret not in str(response.headers)
        assert secret not in heard
        assert secret not in caplog.text


async def test_the_page_is_told_who_answers() -> None:
    async with gate() as it:
        about = (await it.http.get("/about")).json()
        assert about["model"]["name"] == "gpt-realtime-2.1, hosted by OpenAI"
        assert about["model"]["embedded"] is False


async def test_an_upstream_that_ignores_the_offers_session_is_told_it_again() -> None:
    async with gate() as it:
        it.fake.forgets_sessions = True
        await it.call()
        await it.fake.attached.wait()
        await it.until(lambda: bool(instructions_shown(it)))
        assert instructions_shown(it) == ["You are the agent."]
        ask(it, "add two and five slowly")
        await it.until(lambda: bool(said(it)))


async def test_an_agents_greeting_begins_a_hosted_call() -> None:
    async with gate(replace(AGENT, greeting="Welcome aboard.")) as it:
        await it.call()
        await it.fake.attached.wait()
        await it.until(lambda: bool(said(it)))
        assert it.fake.last.types().count("response.created") == 1
