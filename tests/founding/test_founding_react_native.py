"""npm's react-native-openai-realtime, unmodified, in the app of its quick start.

It speaks the beta in every word, to the hosted service's address, which has stopped answering that; here it is
answered.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from antiphon.engine import build_engine
from founding.bundling import HARNESS, bundle
from founding.stage import SHOWN_MS, Stage, stage
from speech_samples import say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SEND_PHOTO = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200, 20, 20)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const content = [{ type: "input_image", image_url: canvas.toDataURL("image/jpeg") }];
  app.handle.sendRaw({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  app.handle.sendResponse();
}"""
KEY_OF_THE_API = """() => app.handle.setTokenProvider(async () => {
  const answer = await fetch("/v1/realtime/client_secrets", { method: "POST" });
  return (await answer.json()).value;
})"""


async def until_in_chat(here: Stage, role: str, pattern: str) -> None:
    entries = here.page.locator(f"p[data-role={role}]")
    await entries.filter(has_text=re.compile(pattern, re.IGNORECASE)).first.wait_for(timeout=SHOWN_MS)


async def until_status(here: Stage, status: str) -> None:
    await here.page.locator("output", has_text=re.compile(f"^{status}$")).wait_for(timeout=20_000)


async def seen(here: Stage, name: str) -> Any:
    return await here.page.evaluate(f"() => app.{name}")


async def test_it_holds_a_conversation_in_the_beta(tmp_path: Path) -> None:
    script = bundle(HARNESS / "react-native-app.tsx", tmp_path / "app.js")
    speech = await say("what time is it")
    # It may wait up to 2.5 s for its ICE candidates, and then it greets; the speech talks over the greeting.
    microphone = write_wav(tmp_path / "microphone.wav", silence(7000) + speech + silence(4000))

    async with stage(build_engine(), microphone, {"app.js": script}) as here:
        page = here.page
        await page.get_by_text("Connect", exact=True).click()
        await until_status(here, "connected")
        (request,) = here.hosted
        assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/realtime/calls")
        assert request.headers["openai-beta"] == "realtime=v1"

        # The greeting, then speech.
        await until_in_chat(here, "assistant", "hello")
        await here.until_heard()
        await until_in_chat(here, "user", r"\b(what|time)\b.*\b(time|is|it)\b")
        await until_in_chat(here, "assistant", "clock|heard")
        assert await seen(here, "userSpoke")
        assert await seen(here, "assistantSpoke")
        assert "Hello" in await seen(here, "spoken")

        # Typed, with the hook's own function, which asks for an answer in text.
        await here.until_answered()
        await page.evaluate("() => app.send('what can you do?')")
        await until_in_chat(here, "user", r"^what can you do\?$")
        await until_in_chat(here, "assistant", "I repeat what I hear")
        assert "I repeat what I hear" in await seen(here, "written")

        # A tool of the app.
        await here.until_answered()
        await page.evaluate("() => app.send('add two and five slowly')")
        await until_in_chat(here, "assistant", "sum is 7")
        assert await seen(here, "toolCalls") == [{"name": "delayed_add", "args": {"a": 2, "b": 5}}]

        # A photo, spoken about.
        await here.until_answered()
        await page.evaluate(SEND_PHOTO)
        await until_in_chat(here, "assistant", "picture is 640 by 480 pixels, landscape, and all red")

        # Hung up, and called again with a key that the Realtime API's own address mints.
        await page.get_by_text("Disconnect", exact=True).click()
        await until_status(here, "disconnected")
        await here.until_hung_up()
        await page.evaluate(KEY_OF_THE_API)
        await page.get_by_text("Connect", exact=True).click()
        await until_status(here, "connected")
        await until_in_chat(here, "assistant", "hello")

        assert await seen(here, "errors") == []
        await page.get_by_text("Disconnect", exact=True).click()
        await here.until_hung_up()
