"""`RealtimeCall` on real parts: the engine behind a network without WebRTC, a server that is stopped and started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from antiphon.engine import EngineSettings, SessionSettings, build_engine
from antiphon.server import bind, create_app, listening
from chromium import launch_arguments, require_chromium
from speech_samples import say, silence, write_wav
from web.calling import connected, told, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NO_WAY = """() => {
  const Native = RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); }
  };
}"""


@asynccontextmanager
async def engine_at(port: int, session: SessionSettings | None = None) -> AsyncIterator[int]:
    """The embedded engine, served on a port; yields which. port: 0 for any."""
    sockets = bind("127.0.0.1", port)
    async with listening(create_app(build_engine(EngineSettings(session=session or SessionSettings()))), sockets):
        yield sockets[0].getsockname()[1]


@asynccontextmanager
async def opened_page(port: int, microphone: Path | None = None) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        arguments = launch_arguments(microphone=microphone)
        browser = await playwright.chromium.launch(executable_path=require_chromium(), args=arguments)
        page = await browser.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await page.add_init_script("window.told = [];")
        await page.goto(f"http://127.0.0.1:{port}/")
        yield page
        await browser.close()
        assert failures == []


def words(role: str) -> str:
    return f"call.chat.messages.filter((m) => m.role === '{role}').map((m) => m.text.toLowerCase()).join(' ')"


async def test_a_spoken_question_is_answered_aloud_where_webrtc_is_blocked(tmp_path: Path) -> None:
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(1500) + speech + silence(6000))
    async with engine_at(0) as port, opened_page(port, microphone) as page:
        await page.evaluate(NO_WAY)
        await connected(page, microphone=True, timing={"path_ms": 300})
        assert (await told(page, "connection.fallback"))["transport"] == "websocket"
        await until(page, f"/time|what|is/.test({words('user')})", seconds=75)
        await until(page, "call.activity.phase === 'speaking' && call.levels.output > 0.02", seconds=75)
        await until(page, "call.activity.phase === 'listening'", seconds=75)
        turn = await page.evaluate("call.turns.all.find((turn) => turn.heard_at !== null)")
        assert turn["kind"] == "spoken"
        await page.evaluate("call.disconnect()")


async def test_a_call_outlives_its_server(tmp_path: Path) -> None:
    async with asyncio.timeout(150):
        first = engine_at(0)
        port = await first.__aenter__()
        async with opened_page(port) as page:
            try:
                await connected(page, session={"type": "realtime", "output_modalities": ["text"]})
                await page.evaluate("call.sendText('my name is Ada')")
                await until(page, "call.chat.messages.some((m) => m.role === 'assistant' && m.status === 'done')", 30)
                await until(page, "call.activity.phase === 'listening'", 30)
            finally:
                await first.__aexit__(None, None, None)
            await until(page, "call.state === 'reconnecting'", 20)
            await page.evaluate("call.sendText('what can you do?')")
            async with engine_at(port):
                renewed = await told(page, "connection.renewed", seconds=75)
                assert renewed["reason"] == "lost"
                await until(page, f"/repeat/.test({words('assistant')})", seconds=75)
                said = await page.evaluate("call.chat.messages.filter((m) => m.role === 'user').map((m) => m.text)")
                assert said == ["my name is Ada", "what can you do?"]
                await page.evaluate("call.disconnect()")


async def test_a_session_at_its_cap_gives_way_to_one_that_knows_what_was_said() -> None:
    text = {"type": "realtime", "output_modalities": ["text"]}
    async with engine_at(0, SessionSettings(max_session_s=9)) as port, opened_page(port) as page:
        await connected(page, session=text)
        await page.evaluate("call.sendText('my name is Ada')")
        await until(page, "call.chat.messages.some((m) => m.role === 'assistant' && m.status === 'done')", 30)
        first = await page.evaluate("call.id")
        renewed = await told(page, "connection.renewed", seconds=20)
        assert (renewed["reason"], renewed["replayed"]) == ("rollover", 3)
        assert await page.evaluate("call.id") != first
        await page.evaluate("call.sendText('what can you do?')")
        await until(page, f"/repeat/.test({words('assistant')})", seconds=30)
        assert await page.evaluate("call.chat.messages.map((m) => m.role)") == ["user", "assistant"] * 2
        assert "reconnecting" not in await page.evaluate("told.map((event) => event.state)")
        await page.evaluate("call.disconnect()")
