"""The founding browser client: its class as a script of its own, and the React component around it, as they stand.

The class fetches a key of `POST /api/realtime/token` and opens its call at the hosted service's address, in GA, while
it listens for the beta's names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from antiphon.engine import build_engine
from founding.bundling import HARNESS, bundle
from founding.seed_code import block_with, blocks_of_seed
from founding.stage import SHOWN_MS, Stage, example_agent, stage
from speech_samples import say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CONNECT = """async () => {
  const client = new RealtimeWebRTCClient();
  window.client = client;
  window.userSaid = [];
  // As the seed's own component does it, for what the class does not show by itself.
  const originalHandler = client.handleServerEvent;
  client.handleServerEvent = (event) => {
    originalHandler.call(client, event);
    if (event.type === "conversation.item.input_audio_transcription.completed") window.userSaid.push(event.transcript);
  };
  await client.connect();
}"""
SEND_PHOTO = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200, 20, 20)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const content = [{ type: "input_image", image_url: canvas.toDataURL("image/jpeg") }];
  client.sendEvent({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  client.sendEvent({ type: "response.create" });
}"""
WATCH_TRANSCRIPT = """() => {
  window.shown = [];
  new MutationObserver(() => {
    const text = document.querySelector(".transcript p")?.innerText;
    if (text) window.shown.push(text);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


def written(folder: Path, name: str, words: str) -> Path:
    """The seed's block in which these words stand, as a file."""
    path = folder / name
    path.write_text(block_with(blocks_of_seed("004"), words).code, encoding="utf-8")
    return path


def spoken(lines: Sequence[str]) -> str:
    """What the class prints of an answer's words, put together."""
    told = "Transcript: "
    return "".join(line.removeprefix(told) for line in lines if line.startswith(told))


async def until_spoken(here: Stage, *words: str) -> None:
    await here.until_printed(lambda lines: any(word in spoken(lines) for word in words))


def check_the_way_in(here: Stage) -> None:
    """Its one request to the hosted service was answered by us, and was plain GA."""
    (request,) = here.hosted
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/realtime/calls?model=gpt-realtime")
    assert "openai-beta" not in request.headers
    assert request.headers["authorization"].startswith("Bearer ek_")


async def test_the_class_holds_a_conversation(tmp_path: Path) -> None:
    script = written(tmp_path, "client.js", "class RealtimeWebRTCClient")
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(2500) + speech + silence(4000))

    async with stage(example_agent(), microphone, {"client.js": script}) as here:
        page = here.page
        await page.evaluate(CONNECT)
        await here.until_printed(lambda lines: "Successfully connected to Realtime API" in lines)
        check_the_way_in(here)

        # Spoken.
        await here.until_printed(lambda lines: "Speech started" in lines and "Speech stopped" in lines)
        await until_spoken(here, "clock", "heard")
        await here.until_heard()
        said = await page.evaluate("() => window.userSaid.join(' ')")
        assert len({"what", "time", "is", "it"} & set(said.lower().split())) >= 2

        # Typed; typed so that the server's tool runs; a photo, through the method that the class has for all events.
        await here.until_answered()
        await page.evaluate("() => client.sendTextMessage('what can you do?')")
        await until_spoken(here, "I repeat what I hear")
        await here.until_answered()
        await page.evaluate("() => client.sendTextMessage('add two and five slowly')")
        await until_spoken(here, "sum is 7")
        await here.until_answered()
        await page.evaluate(SEND_PHOTO)
        await until_spoken(here, "picture is 640 by 480 pixels, landscape, and all red")

        assert [line for line in here.printed if "rror" in line] == []
        await page.evaluate("() => client.disconnect()")
        await here.until_hung_up()


async def test_a_tool_of_the_page_is_called_through_the_class(tmp_path: Path) -> None:
    script = written(tmp_path, "client.js", "class RealtimeWebRTCClient")
    tool = {
        "type": "function",
        "name": "turn_on_light",
        "description": "Turn on a light",
        "parameters": {"type": "object", "properties": {}},
    }
    answer = """() => {
      const handle = client.handleServerEvent;
      client.handleServerEvent = (event) => {
        handle.call(client, event);
        if (event.type === "response.done") {
          const calls = event.response.output.filter((item) => item.type === "function_call");
          for (const { call_id } of calls) {
            const item = { type: "function_call_output", call_id, output: "the kitchen is bright" };
            client.sendEvent({ type: "conversation.item.create", item });
            client.sendEvent({ type: "response.create" });
          }
        }
      };
    }"""
    async with stage(build_engine(), write_wav(tmp_path / "quiet.wav", silence(2000)), {"client.js": script}) as here:
        await here.page.evaluate(CONNECT)
        await here.until_printed(lambda lines: "Successfully connected to Realtime API" in lines)
        await here.page.evaluate(answer)
        session = json.dumps({"type": "realtime", "tools": [tool]})
        await here.page.evaluate(f"() => client.updateSession({session})")
        await here.until_printed(lambda lines: "Session updated" in lines)
        await here.page.evaluate("() => client.sendTextMessage('turn on light')")
        await until_spoken(here, "the kitchen is bright")
        assert [line for line in here.printed if "rror" in line] == []


async def test_the_component_connects_shows_mutes_and_hangs_up(tmp_path: Path) -> None:
    component = written(tmp_path, "component.jsx", "export default RealtimeVoiceChat")
    scripts = {
        "client.js": written(tmp_path, "client.js", "class RealtimeWebRTCClient"),
        "controls.js": written(tmp_path, "controls.js", "class AudioControls"),
        "app.js": bundle(HARNESS / "web-component.tsx", tmp_path / "app.js", {"founding-component": component}),
    }
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(2500) + speech + silence(4000))

    async with stage(build_engine(), microphone, scripts) as here:
        page = here.page
        page.on("dialog", lambda dialog: dialog.accept("what can you do?"))
        await page.evaluate(WATCH_TRANSCRIPT)
        await page.get_by_text("Connect", exact=True).click()
        await page.get_by_text("🟢 Connected").wait_for(timeout=20_000)
        check_the_way_in(here)

        # It shows an answer's words while they come, and clears them when the answer is done.
        await page.wait_for_function("() => shown.some((text) => /clock|heard/.test(text))", timeout=SHOWN_MS)
        await here.until_heard()
        await here.until_answered()
        await page.get_by_text("Send Text", exact=True).click()
        await page.wait_for_function("() => shown.some((text) => /I repeat/.test(text))", timeout=SHOWN_MS)

        await page.get_by_text("Mute", exact=True).click()
        await page.get_by_text("🎤 Muted").wait_for()
        await page.get_by_text("Disconnect", exact=True).click()
        await page.get_by_text("Connect", exact=True).wait_for()
        assert await page.locator(".error").count() == 0
        await here.until_hung_up()
