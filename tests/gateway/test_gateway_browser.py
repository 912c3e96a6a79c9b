"""The example app in a real browser: spoken to, its tool runs once on the server, and the sum is shown and heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from antiphon.cli.agents import load_agent
from antiphon.client import ClosedError, Event, RealtimeClient
from antiphon.engine import build_engine
from antiphon.protocol import ConversationItemDone, FunctionCallOutput
from antiphon.server.gateway import GatewayAnswerer
from antiphon.server.gateway_local import AgentAnswerer
from antiphon.upstream import open_url_upstream
from chromium import launch_arguments, require_chromium
from live_server import LiveServer, live_server
from speech_samples import say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tools_agent.py"


async def sum_is_shown_and_heard(server: LiveServer, observed: LiveServer, microphone: Path) -> None:
    """Speak to the page of `server`; `observed` is where the call's events can be seen."""
    outputs: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, ConversationItemDone) and isinstance(event.item, FunctionCallOutput):
            outputs.append(event.item.output)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=launch_arguments(microphone=microphone)
        )
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        async with page.expect_response(lambda response: response.status == 201) as answered:
            await page.goto(server.base_url)
            await page.click("#start")
        call_id = (await (await answered.value).all_headers())["location"].rpartition("/")[2]
        with contextlib.suppress(ClosedError):
            async with RealtimeClient(observed.ws_url, call_id=call_id, on_event=note):
                await page.wait_for_function(
                    """() => window.antiphon.transcript.some((entry) => entry.role === "assistant"
                        && entry.status === "done" && /\\b(7|seven)\\b/i.test(entry.text))""",
                    timeout=60_000,
                )
                await page.wait_for_function("() => window.antiphon.outputPeak > 0.02", timeout=15_000)
                shown = await page.evaluate("() => window.antiphon.transcript")
                said = [entry["text"] for entry in shown if entry["role"] == "user"]
                assert "add two and five" in said[-1].lower().replace("2", "two").replace("5", "five")
                await page.click("#call")
                await page.wait_for_function("() => window.antiphon.state === 'ended'")
        await browser.close()
    assert [json.loads(output) for output in outputs] == [{"sum": 7.0}]
    assert complaints == []
    async with asyncio.timeout(20):
        await server.calls.idle()
        await observed.calls.idle()


@pytest.fixture
async def microphone(tmp_path: Path) -> Path:
    """The sentence, said again later, for a busy machine may garble it once. If not, the call is over by then."""
    speech = await say("add two and five slowly", "echo")
    return write_wav(tmp_path / "microphone.wav", silence(2500) + 3 * (speech + silence(10_000)))


async def test_a_spoken_sum_runs_the_tool_once_and_is_shown_and_heard(microphone: Path) -> None:
    agent = load_agent(f"{EXAMPLE}:agent")
    async with live_server(AgentAnswerer(build_engine(), agent)) as server:
        await sum_is_shown_and_heard(server, server, microphone)


async def test_the_same_on_another_server_through_the_gateway(microphone: Path) -> None:
    """The page and the agent are the gateway's, the call is another server's: sound and events go there directly."""
    agent = load_agent(f"{EXAMPLE}:agent")
    async with live_server(build_engine()) as upstream:
        gateway = GatewayAnswerer(open_url_upstream(f"{upstream.base_url}/v1"), agent)
        async with live_server(gateway) as server:
            await sum_is_shown_and_heard(server, upstream, microphone)
