"""A call on the page in Firefox (over WebRTC) and in WebKit (which has none: over the WebSocket), the server played."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from browsers.other_side import TRANSPORT, OtherSide, begin, connected
from browsers.tab import Tab
from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends, cancelled, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TRACKS = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}"""


async def test_a_call_takes_the_way_that_the_browser_has(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    await page.reads("#line-word", "connected")
    assert await page.evaluate("antiphon.transport") == TRANSPORT[page.browser]
    update = await other.expect("session.update")
    assert update["session"]["audio"]["input"]["transcription"]["model"]
    if page.browser == "webkit":
        assert await page.evaluate("typeof RTCPeerConnection") == "undefined"
        assert await page.evaluate("antiphon.problem") == "fallen_back"
        assert "sound now travels another way" in await page.evaluate("document.querySelector('#notice').textContent")
    else:
        assert await page.evaluate("antiphon.callId") == server.call.id


async def test_the_microphone_is_heard_there_and_the_other_voice_here(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    await page.until("antiphon.inputLevel > 0.01")
    await other.hears(0.01)
    await other.answer("Mmm.")
    await page.until("antiphon.outputLevel > 0.2")
    assert await page.evaluate("antiphon.state") == "speaking"
    assert not await page.evaluate("document.querySelector('#sound').paused")


async def test_a_turn_becomes_the_transcript(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    started, *rest = heard("u1", None)
    await other.send(started)
    await page.until("antiphon.state === 'heard'")
    await other.send(*rest, said("u1", "What is the time?"))
    await page.until("antiphon.state === 'thinking'")
    await other.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is "), delta("r1", "a1", "noon."))
    await page.until("document.querySelectorAll('.speech-text').length === 2")
    await other.send(*answer_ends("r1", "a1", "u1", "It is noon."))
    await page.until("antiphon.state === 'listening'")
    shown = await page.evaluate("[...document.querySelectorAll('.speech-text')].map((line) => line.innerText)")
    assert shown == ["What is the time?", "It is noon."]


async def test_who_types_first_calls_without_a_microphone(page: Tab, server: ScriptedServer) -> None:
    await page.write("#text", "hello <b>there</b>")
    await page.press("Enter")
    other = await connected(page, server)
    created = await other.expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello <b>there</b>"}]
    await other.expect("response.create")
    await page.reads(".speech-yours .speech-text", "hello <b>there</b>")
    assert await page.evaluate("document.querySelector('#text').value") == ""
    assert await page.evaluate("antiphon.microphone") == "none"
    await page.click("#mute")
    await page.until("antiphon.microphone === 'on'")
    await other.hears(0.01)


async def test_a_photo_is_chosen_shown_and_sent(page: Tab, server: ScriptedServer, tmp_path: Path) -> None:
    Image.effect_noise((1600, 1200), 90).save(tmp_path / "desk.png")
    other = await begin(page, server)
    await page.put_file("#photo-file", tmp_path / "desk.png")
    await page.until("!document.querySelector('#attached').hidden")
    await page.write("#text", "What is it?")
    await page.click("#send")
    created = await other.expect("conversation.item.create")
    image, text = created["item"]["content"]
    assert text == {"type": "input_text", "text": "What is it?"}
    jpeg = Image.open(io.BytesIO(base64.b64decode(image["image_url"].removeprefix("data:image/jpeg;base64,"))))
    assert jpeg.format == "JPEG"
    assert 500 < max(jpeg.size) <= 1024
    await page.until("document.querySelector('.speech-photo')?.naturalWidth > 0")
    await page.until("document.querySelector('#attached').hidden")


async def test_escape_stops_the_answer(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    await other.answer("This is going to be a long answer.")
    await page.until("antiphon.state === 'speaking' && antiphon.outputLevel > 0.1")
    await page.press("Escape")
    await other.expect("response.cancel")
    assert await page.evaluate("document.querySelector('#sound').muted")
    await other.send(*cancelled("r1", "a1", None, "This is going"))
    await page.until("antiphon.transcript.at(-1)?.interrupted && antiphon.state === 'listening'")
    await page.reads("#transcript del", "to be a long answer.")


async def test_a_muted_microphone_is_silent_until_space_is_held(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    await page.until("antiphon.microphone === 'on'")
    await other.hears(0.01)
    await page.press("m")
    await page.until("antiphon.microphone === 'muted'")
    await other.hears_silence()
    await page.hold("Space")
    await page.until("antiphon.microphone === 'on'")
    await other.hears(0.01)
    await page.let_go("Space")
    await page.until("antiphon.microphone === 'muted'")


async def test_a_lost_line_is_called_again_and_told_what_was_said(page: Tab, server: ScriptedServer) -> None:
    other = await begin(page, server)
    await other.send(*heard("u1", None), said("u1", "Remember the harbour."))
    await page.until("antiphon.transcript.at(-1)?.text === 'Remember the harbour.'")
    await other.lose(server)
    await page.until("antiphon.line === 'reconnecting'")
    await page.until("antiphon.line === 'on'")
    again = OtherSide(page, server)
    assert again.line is not other.line
    replayed = await again.expect("conversation.item.create")
    assert replayed["item"]["content"][0]["text"] == "Remember the harbour."
    await again.hears(0.01)  # the microphone has moved over
    await again.send(*answer_begins("r1", "a1", None), sound_begins("r1"), delta("r1", "a1", "I do."))
    await page.until("antiphon.transcript.length === 2 && antiphon.transcript[1].text === 'I do.'")


async def test_ending_the_call_gives_the_microphone_back(page: Tab, server: ScriptedServer) -> None:
    await page.call(TRACKS)
    await begin(page, server)
    await page.until("antiphon.microphone === 'on'")
    await page.click("#call")
    await page.until("antiphon.state === 'ended'")
    await page.until("tracks.length === 1 && tracks[0].readyState === 'ended'")
    await (server.call.hung_up if page.browser == "firefox" else server.sockets[-1].over).wait()
    await begin(page, server)
