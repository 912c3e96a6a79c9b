"""The main job on real parts in Firefox and WebKit: page, server and embedded engine, by voice and by text."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from antiphon.audio.wav import wav_bytes
from antiphon.engine import build_engine
from antiphon.engine.stages import SAMPLE_RATE
from antiphon.server import create_app
from browsers.complaints import ComplaintsKept
from browsers.other_side import TRANSPORT
from browsers.running import Browsers, open_page
from browsers.tab import Tab
from live_server import live_app
from speech_samples import say, silence

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

# Neither browser takes a file as its microphone: the page is given a stream that says these words on demand.
VOICE = """async (wav) => {
  const { buffer } = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const words = await context.decodeAudioData(buffer);
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return out.stream;
  };
  window.speak = () => {
    const speaker = new AudioBufferSourceNode(context, { buffer: words });
    speaker.connect(out);
    speaker.start();
  };
}"""

TURNS = "antiphon.transcript.filter((entry) => entry.role === 'user' && entry.status === 'done').length"
HAS_SAID = """antiphon.transcript.some((entry) => entry.role === "%s" && entry.status === "done"
  && %s.filter((word) => entry.text.toLowerCase().split(/[^a-z]+/).includes(word)).length >= %d)"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncIterator[str]:
    app = create_app(build_engine())
    app.add_middleware(ComplaintsKept)
    async with live_app(app) as base_url:
        await app.state.calls.settled()
        yield base_url


@pytest_asyncio.fixture(loop_scope="session", params=["firefox", "webkit"])
async def page(request: pytest.FixtureRequest, browsers: Browsers, address: str) -> AsyncIterator[Tab]:
    async with browsers.tab(request.param) as tab:
        await open_page(tab, address)
        yield tab
        assert await tab.complaints() == []


async def test_a_typed_question_is_answered_aloud(page: Tab) -> None:
    await page.write("#text", "what can you do?")
    await page.press("Enter")
    await page.until(HAS_SAID % ("assistant", '["repeat", "photo", "llm"]', 2), seconds=30)
    assert await page.evaluate("antiphon.transport") == TRANSPORT[page.browser]
    await page.until("antiphon.outputPeak > 0.02", seconds=30)


async def say_until_understood(page: Tab, understood: str) -> None:
    """As a person does: a busy machine swallows some of what is said."""
    for turn in (1, 2, 3):
        await page.call("() => speak()")
        await page.until(f"{TURNS} >= {turn}", seconds=30)
        if await page.evaluate(understood):
            return
        await page.press("Escape")  # the answer to something else
        await page.until("antiphon.state === 'listening'")
    raise AssertionError(await page.evaluate("antiphon.transcript.map((entry) => entry.text).join()"))


async def test_a_spoken_question_is_understood_and_answered(page: Tab) -> None:
    speech = silence(500) + await say("how many people live in new york", "cedar") + silence(500)
    await page.call(VOICE, base64.b64encode(wav_bytes(speech, SAMPLE_RATE)).decode())
    await page.click("#start")
    await page.until("antiphon.line === 'on' && antiphon.microphone === 'on'")
    await say_until_understood(page, HAS_SAID % ("user", '["how", "many", "people", "live", "new", "york"]', 3))
    await page.until("antiphon.outputPeak > 0.02", seconds=30)
    await page.until(HAS_SAID % ("assistant", '["said", "heard"]', 1), seconds=30)
    await page.click("#call")
    await page.until("antiphon.state === 'ended'")
