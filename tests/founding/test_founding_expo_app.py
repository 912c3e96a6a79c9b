"""The founding Expo app as it stands: its client class with a tool on the server, and the whole app as its user has it.

The app around the class loses the ends of answers now and then: when an answer is done before the page has been drawn
again, it keeps what it had drawn. So only the class is asked for an answer's last word.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.engine import build_engine
from founding.bundling import HARNESS, bundle
from founding.seed_code import blocks_of_seed, write_files
from founding.stage import SHOWN_MS, Stage, example_agent, stage
from speech_samples import say, silence, write_wav

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLIENT = "src/realtime/OpenAIRealtimeClient.ts"
SEND_PHOTO = """(instruction) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200, 20, 20)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  client.sendUserImageBase64JPEG(canvas.toDataURL("image/jpeg").split(",")[1], instruction);
}"""
# Each entry of the app's list is two texts: who, and what.
ENTRIES = """() => {
  const texts = [...document.querySelectorAll("#root [dir=auto]")].map((element) => element.innerText);
  return texts.flatMap((text, i) => ["user", "assistant", "system"].includes(text) ? [[text, texts[i + 1]]] : []);
}"""


def app_files(folder: Path) -> Path:
    """The seed's files, written where their headings say."""
    written = {path.relative_to(folder).as_posix() for path in write_files(blocks_of_seed("000"), folder)}
    assert {"App.tsx", CLIENT, "src/screens/VoiceChatScreen.tsx", "src/components/CameraModal.tsx"} <= written
    return folder


async def until_told(here: Stage, pattern: str) -> None:
    """Wait until the assistant's words, as the class tells them, match."""
    await here.page.wait_for_function(
        "(pattern) => RegExp(pattern, 'i').test(told.assistant)", arg=pattern, timeout=SHOWN_MS
    )


async def until_shown(here: Stage, role: str, pattern: str) -> None:
    """Wait for an entry of `role` in the app's list that matches."""
    await here.page.wait_for_function(
        f"([role, pattern]) => ({ENTRIES})().some(([who, text]) => who === role && RegExp(pattern, 'i').test(text))",
        arg=[role, pattern],
        timeout=SHOWN_MS,
    )


async def test_the_client_class_holds_a_conversation_with_a_tool_of_the_server(tmp_path: Path) -> None:
    client = app_files(tmp_path / "app") / CLIENT
    script = bundle(HARNESS / "expo-client.ts", tmp_path / "client.js", {"founding-client": client})
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(2500) + speech + silence(4000))

    async with stage(example_agent(), microphone, {"client.js": script}) as here:
        await here.page.evaluate("() => client.start()")

        # Spoken.
        await here.page.wait_for_function("() => /\\b(what|time)\\b/i.test(told.user[0])", timeout=SHOWN_MS)
        await until_told(here, "clock|heard")
        await here.until_heard()

        # Typed; typed so that the server's tool runs; a photo.
        await here.until_answered()
        await here.page.evaluate("() => client.sendUserText('what can you do?')")
        await until_told(here, "I repeat what I hear")

        await here.until_answered()
        await here.page.evaluate("() => client.sendUserText('add two and five slowly')")
        await until_told(here, "sum is 7")
        await here.until_answered()
        await here.page.evaluate(SEND_PHOTO, "Please describe this photo in one concise sentence and then speak it.")
        await until_told(here, "picture is 640 by 480 pixels, landscape, and all red")

        assert await here.page.evaluate("() => told.errors") == []
        await here.page.evaluate("() => client.stop()")
        await here.until_hung_up()
    assert here.hosted == [], "it knows its own server only"


async def test_the_whole_app_shows_a_conversation(tmp_path: Path) -> None:
    app = app_files(tmp_path / "app") / "App.tsx"
    script = bundle(HARNESS / "expo-app.tsx", tmp_path / "app.js", {"founding-app": app})
    speech = await say("what time is it")
    microphone = write_wav(tmp_path / "microphone.wav", silence(2500) + speech + silence(4000))

    async with stage(build_engine(), microphone, {"app.js": script}) as here:
        page = here.page
        await page.get_by_text("Start", exact=True).click()

        # Spoken.
        await until_shown(here, "user", r"\b(what|time)\b.*\b(time|is|it)\b")
        await until_shown(here, "assistant", "^(It is|I heard)")
        await here.until_heard()

        # Typed.
        await here.until_answered()
        await page.get_by_placeholder("Type text to send").fill("what can you do?")
        await page.get_by_text("Send", exact=True).click()
        await until_shown(here, "assistant", "I repeat")

        # A photo, with the camera's own button.
        await here.until_answered()
        await page.get_by_text("Take photo and ask AI to describe").click()
        await page.get_by_role("dialog").locator("[tabindex='0']").first.click()
        await until_shown(here, "user", r"^\[photo\]$")
        await until_shown(here, "assistant", "The picture is")

        entries = await page.evaluate(ENTRIES)
        assert [text for role, text in entries if role == "system"] == [], "what the app shows of errors"
        assert [text for role, text in entries if role == "user"][:2] == ["[photo]", "what can you do?"]

        await page.get_by_text("Stop", exact=True).click()
        await page.get_by_text("Start", exact=True).wait_for()
        await here.until_hung_up()
