"""The founding app's own testing checklist, step by step: what was done by hand with a phone, done in a browser."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from antiphon.cli.agents import load_agent
from antiphon.client import RealtimeClient
from antiphon.engine import build_engine
from antiphon.protocol import ConversationItemDone, FunctionCallOutput
from antiphon.server.gateway_local import AgentAnswerer
from chromium import launch_arguments, require_chromium
from live_server import live_server
from speech_samples import say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tools_agent.py"


async def answered(page: Page, words: str, seconds: float = 40) -> None:
    """An answer that holds these words is complete in the transcript."""
    await page.wait_for_function(
        """(words) => window.antiphon.transcript.some((entry) => entry.role === "assistant" && entry.kind === "message"
            && entry.status === "done" && new RegExp(words, "i").test(entry.text))""",
        arg=words,
        timeout=seconds * 1000,
    )


async def test_the_founding_checklist(tmp_path: Path) -> None:
    spoken = await say("add two and five slowly", "echo")
    microphone = write_wav(tmp_path / "microphone.wav", silence(2500) + 3 * (spoken + silence(10_000)))
    outputs: list[str] = []
    agent = load_agent(f"{EXAMPLE}:agent")
    async with live_server(AgentAnswerer(build_engine(), agent)) as server, async_playwright() as playwright:
        # "Hit GET /health to confirm readiness."
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            assert (await http.get("/health")).status_code == 200

        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=launch_arguments(microphone=microphone)
        )
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(server.base_url)

        # "Start → speak; observe user transcript and AI text." "Trigger tools by saying “add 2 and 5 slowly”."
        async with page.expect_response(lambda response: response.status == 201) as call:
            await page.click("#start")
        call_id = (await (await call.value).all_headers())["location"].rpartition("/")[2]
        async with RealtimeClient(server.ws_url, call_id=call_id) as beside:
            watching = asyncio.create_task(note_outputs(beside, outputs))
            await answered(page, r"\b(7|seven)\b")
            await page.wait_for_function("() => window.antiphon.outputPeak > 0.02", timeout=15_000)
            shown = await page.evaluate("() => window.antiphon.transcript")
            assert any("add" in entry["text"].lower() for entry in shown if entry.get("role") == "user")
            await page.click("#mute")  # the sentence is on the recording three times

            # "Send typed text → assistant provides follow-up." "uppercase hello"
            await page.fill("#text", "uppercase hello")
            await page.keyboard.press("Enter")
            await answered(page, "HELLO")

            # "Tap Take photo… → capture image, verify AI description arrives (text + spoken)."
            await page.click("#photo")
            await page.click("#photo-camera")
            await page.wait_for_function("() => document.getElementById('camera-picture').videoWidth > 0")
            await page.click("#camera-take")
            await page.wait_for_selector("#attached:not([hidden])")
            await page.fill("#text", "What do you see?")
            await page.click("#send")
            await answered(page, "picture")
            await page.wait_for_function("() => window.antiphon.outputLevel > 0.02", timeout=15_000)

            # "Confirm the data channel stays open."
            assert await page.evaluate("() => window.antiphon.line") == "on"
            await expect(page.locator(".speech-problem")).to_have_count(0)
            await page.click("#call")
            await watching
        await page.wait_for_function("() => window.antiphon.state === 'ended'")
        await browser.close()
        async with asyncio.timeout(20):
            await server.calls.idle()
    # "Observe server logs for tool execution": each ran once.
    assert [json.loads(output) for output in outputs] == [{"sum": 7.0}, {"result": "HELLO"}]
    assert complaints == []


async def note_outputs(beside: RealtimeClient, outputs: list[str]) -> None:
    async for event in beside:
        if isinstance(event, ConversationItemDone) and isinstance(event.item, FunctionCallOutput):
            outputs.append(event.item.output)
