"""The main job on real parts: a real browser with speech as its microphone, the real page, server and engine."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright

from antiphon.engine import build_engine
from chromium import launch_arguments, require_chromium
from live_server import live_server
from speech_samples import NO_CLIPS, clips, say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

STATE = "() => window.antiphon.state"


@asynccontextmanager
async def opened_page(microphone: Path) -> AsyncIterator[Page]:
    """The page of a real server, in a browser that hears `microphone`. Complaints in its console fail the test."""
    async with live_server(build_engine()) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=launch_arguments(microphone=microphone)
        )
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(server.base_url)
        yield page
        await browser.close()
        assert complaints == []
        await server.calls.idle()


async def entries(page: Page, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await page.evaluate("() => window.antiphon.transcript")
    return [entry for entry in found if entry.get("role") == role]


async def wait_for_words(page: Page, role: str, words: set[str], at_least: int, timeout_s: float = 30) -> str:
    """Wait until the newest finished entry of `role` holds so many of the words. Returns its text."""
    await page.wait_for_function(
        """([role, words, least]) => window.antiphon.transcript.some((entry) => entry.role === role
            && entry.status === "done"
            && words.filter((word) => entry.text.toLowerCase().split(/[^a-z]+/).includes(word)).length >= least)""",
        arg=[role, sorted(words), at_least],
        timeout=timeout_s * 1000,
    )
    return " ".join(entry["text"] for entry in await entries(page, role))


async def converse(page: Page, words: set[str], at_least: int, answer: set[str]) -> None:
    """Speak, read, hear; type; show; talk over. What the first conversation must be able to do."""
    await page.click("#start")

    # The user's words appear, the answer says them again, and its sound arrives in the page.
    await wait_for_words(page, "user", words, at_least)
    await page.wait_for_function("() => window.antiphon.state === 'speaking'", timeout=15_000)
    await page.wait_for_function("() => window.antiphon.outputPeak > 0.02", timeout=15_000)
    await wait_for_words(page, "assistant", answer, 1)

    # Typed text is answered; typing over the answer interrupts it.
    await page.fill("#text", "what can you do?")
    await page.press("#text", "Enter")
    await wait_for_words(page, "assistant", {"repeat", "photo", "llm"}, 2)
    assert (await entries(page, "user"))[-1]["text"] == "what can you do?"

    # A photo is answered with what can be measured in it.
    await page.set_input_files("#photo-file", {"name": "red.png", "mimeType": "image/png", "buffer": red_picture()})
    await page.wait_for_selector("#attached:not([hidden])")
    await page.click("#send")
    await wait_for_words(page, "assistant", {"red"}, 1)
    assert (await entries(page, "user"))[-1]["hasImage"]

    await page.click("#call")
    await page.wait_for_function("() => window.antiphon.state === 'ended'")


def red_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1600, 1200), (200, 20, 20)).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_conversation_by_voice_text_and_photo(tmp_path: Path) -> None:
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(1500) + speech + silence(2000))
    async with opened_page(microphone) as page:
        await converse(page, {"what", "time", "is", "it"}, 2, {"clock", "heard"})


async def test_a_conversation_with_a_real_persons_voice(tmp_path: Path) -> None:
    recordings = clips()
    if recordings is None:
        pytest.skip(NO_CLIPS)
    clip = next(clip for clip in recordings if "something" in clip.name)
    microphone = write_wav(tmp_path / "microphone.wav", silence(1500) + clip.pcm + silence(2000))
    async with opened_page(microphone) as page:
        await converse(page, set(clip.transcript.split()), 4, {"heard"})


async def test_speaking_over_the_answer_stops_it(tmp_path: Path) -> None:
    first = await say("go forward ten meters")
    second = await say("stop now please")
    # The first answer lasts about ten seconds; the second sentence begins in the middle of it.
    microphone = write_wav(tmp_path / "microphone.wav", silence(1000) + first + silence(4500) + second + silence(2000))
    async with opened_page(microphone) as page:
        await page.click("#start")
        await page.wait_for_function("() => window.antiphon.state === 'speaking'", timeout=30_000)
        await page.wait_for_function(
            "() => window.antiphon.transcript.some((entry) => entry.role === 'assistant' && entry.interrupted)",
            timeout=30_000,
        )
        interrupted = next(entry for entry in await entries(page, "assistant") if entry["interrupted"])
        assert interrupted["heard"]
        assert len(interrupted["heard"]) < len(interrupted["text"])
        assert interrupted["text"].startswith(interrupted["heard"])
        # And the new turn is answered.
        await page.wait_for_function(
            "() => window.antiphon.transcript.filter((entry) => entry.role === 'assistant').length >= 2",
            timeout=30_000,
        )
