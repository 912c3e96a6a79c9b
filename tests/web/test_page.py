"""The page in a call: a real browser, a real peer connection, and a person who clicks, types and interrupts."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from web.scripted_peer import ABOUT, ScriptedServer
from web.visiting import connect, hook, photo, refuse_microphone, until
from web.wire import (
    answer_begins,
    answer_ends,
    cancelled,
    delta,
    heard,
    response_begins,
    said,
    sound_begins,
    sound_ends,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


# ── before a call ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_before_the_call_the_page_tells_what_answers_and_how_to_better_it(page: Page) -> None:
    model = page.locator("#about [data-stage=model]")
    await expect(model).to_contain_text(ABOUT["model"]["summary"])
    await model.locator("summary").click()
    await expect(model.locator("details p")).to_have_text(ABOUT["model"]["improve"])
    assert await hook(page, "state") == "idle"


async def test_a_server_that_cannot_tell_what_answers_is_told_in_words(page: Page) -> None:
    async def broken(route: Any) -> None:
        await route.fulfill(status=500, body="no")

    await page.route("**/about", broken)
    await page.reload()
    await expect(page.locator("#about .about-failed")).to_have_text("The server did not say what answers.")


# ── a call ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_sends_the_microphone_and_plays_the_other_voice(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    update = await server.call.expect("session.update")
    assert update["session"]["type"] == "realtime"
    assert update["session"]["audio"]["input"]["transcription"]["model"]
    assert await hook(page, "callId") == server.call.id
    await until(page, "antiphon.inputLevel > 0.01")  # the browser's own test beep
    server.call.tone.amplitude = 0.5
    await until(page, "antiphon.outputLevel > 0.2")
    server.call.tone.amplitude = 0.0
    await until(page, "antiphon.outputLevel < 0.001")
    assert server.call.loudest > 0.01


async def test_a_spoken_turn_is_seen_as_it_happens(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    call = server.call
    *before, added, finished = heard("u1", None)
    call.send(before[0])
    await until(page, 'antiphon.state === "heard"')
    call.send(*before[1:], added, finished)
    await until(page, 'antiphon.state === "thinking"')
    call.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is "), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    call.send(said("u1", "What is the time?"), delta("r1", "a1", "noon."))
    call.tone.amplitude = 0.3
    await until(page, "antiphon.answers.length === 1")
    call.send(*answer_ends("r1", "a1", "u1", "It is noon."), sound_ends("r1"))
    await until(page, 'antiphon.state === "listening"')
    assert await page.locator(".speech-text").all_inner_texts() == ["What is the time?", "It is noon."]
    await expect(page.locator("#announcer p").last).to_have_text("Antiphon: It is noon.")


async def test_a_second_call_stands_under_a_line_that_says_so(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "first"))
    await expect(page.locator(".speech-text")).to_have_text("first")
    await page.click("#call")
    await page.click("#call")
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator(".note")).to_have_text("The call has ended.")
    server.call.send(*heard("u1", None), said("u1", "second"))
    await expect(page.locator(".speech-text").nth(1)).to_have_text("second")
    await expect(page.locator("#transcript > li")).to_contain_text(
        ["first", "The call has ended.", "A new call. The one above is not remembered.", "second"]
    )


async def test_errors_are_told_but_those_of_taking_turns_are_not(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(
        {"type": "error", "error": {"code": "response_cancel_not_active", "message": "Cancellation failed"}},
        {"type": "error", "error": {"code": "invalid_value", "message": "That was wrong."}},
    )
    await expect(page.locator(".note")).to_have_text("The server reported an error. That was wrong.")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            {"status": "failed", "status_details": {"type": "failed", "error": {"message": "The model is away."}}},
            "The answer failed. Say it again, or type it. The model is away.",
        ),
        (
            {"status": "incomplete", "status_details": {"type": "incomplete", "reason": "max_output_tokens"}},
            "The answer was too long and stops here.",
        ),
    ],
)
async def test_an_answer_that_failed_says_so(
    page: Page, server: ScriptedServer, response: dict[str, Any], words: str
) -> None:
    await connect(page)
    server.call.send(
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "Well,"),
        {"type": "response.done", "response": {"id": "r1", **response}},
    )
    await expect(page.locator("#transcript > li").last).to_contain_text(words)


async def test_words_cut_off_by_an_interruption_are_struck(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "This was heard, this was not."),
        sound_begins("r1"),
        *cancelled("r1", "a1", None, "This was heard,"),
    )
    await expect(page.locator(".speech-text del")).to_have_text(" this was not.")
    assert await hook(page, "state") == "listening"


async def test_a_tool_call_is_one_line_that_opens(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    item = {"id": "f1", "type": "function_call", "name": "add", "call_id": "c1", "arguments": '{"a": 2, "b": 5}'}
    result = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "7"}
    placed = {"previous_item_id": None, "item": {**item, "status": "completed"}}
    server.call.send({"type": "conversation.item.added", **placed}, {"type": "conversation.item.done", **placed})
    await expect(page.locator(".tool-line")).to_have_text("add(2, 5) → working")
    server.call.send({"type": "conversation.item.added", "previous_item_id": "f1", "item": result})
    await expect(page.locator(".tool-line")).to_have_text("add(2, 5) → 7")
    await page.click(".tool summary")
    await expect(page.locator(".tool pre").first).to_be_visible()


async def test_typed_text_is_sent_shown_and_asks_for_an_answer(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.keyboard.press("/")
    await page.keyboard.type("hello <b>there</b>")
    await page.keyboard.press("Enter")
    created = await server.call.expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello <b>there</b>"}]
    await server.call.expect("response.create")
    await expect(page.locator(".speech-yours .speech-text")).to_have_text("hello <b>there</b>")
    assert await page.input_value("#text") == ""


async def test_typing_while_it_speaks_interrupts_it(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*answer_begins("r1", "a1", None), delta("r1", "a1", "Well, "), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    await page.fill("#text", "stop")
    await page.keyboard.press("Enter")
    await server.call.expect("conversation.item.create")
    kinds = server.call.kinds()
    assert kinds[-3:] == ["response.cancel", "output_audio_buffer.clear", "conversation.item.create"]
    server.call.send(*cancelled("r1", "a1", None, "Well,"))
    await server.call.expect("response.create")


async def test_escape_silences_the_answer_at_once_and_the_next_one_is_heard(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.querySelector('#sound').muted")
    await server.call.expect("response.cancel")
    await server.call.expect("output_audio_buffer.clear")
    server.call.send(*cancelled("r1", "a1", None, ""), response_begins("r2"), sound_begins("r2"))
    await until(page, 'antiphon.state === "speaking"')
    assert not await page.evaluate("document.querySelector('#sound').muted")


async def test_a_message_that_the_server_refuses_is_marked(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    created = await server.call.expect("conversation.item.create")
    server.call.send(
        {"type": "error", "error": {"code": "invalid_value", "message": "No.", "event_id": created["event_id"]}}
    )
    await expect(page.locator(".speech-problem")).to_have_text("Not sent. No.")


@pytest.mark.parametrize("limit", [65_536, 262_144])
async def test_a_photo_is_shown_and_travels_in_one_message(page: Page, server: ScriptedServer, limit: int) -> None:
    server.message_limit = limit
    await connect(page)
    await page.set_input_files("#photo-file", files=[photo()])
    await page.wait_for_selector("#attached:not([hidden])")
    await page.fill("#text", "What is it?")
    await page.click("#send")
    created = await server.call.expect("conversation.item.create")
    image, text = created["item"]["content"]
    assert text == {"type": "input_text", "text": "What is it?"}
    jpeg = base64.b64decode(image["image_url"].removeprefix("data:image/jpeg;base64,"))
    assert max(Image.open(io.BytesIO(jpeg)).size) <= 1024
    assert limit / 3 < server.call.longest_message < limit
    await until(page, "document.querySelector('.speech-photo').naturalWidth > 0")
    await expect(page.locator("#attached")).to_be_hidden()


async def test_a_file_that_is_no_picture_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    await page.set_input_files("#photo-file", files=[{"name": "a.png", "mimeType": "image/png", "buffer": b"no"}])
    await expect(page.locator("#notice-words")).to_contain_text("not a picture")


async def test_muting_silences_what_the_server_hears(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await until(page, "antiphon.inputLevel > 0.01")
    await page.keyboard.press("m")
    await until(page, 'antiphon.microphone === "muted"')
    await expect(page.locator("#mute")).to_have_text("unmute")
    await until(page, "antiphon.inputLevel === 0")
    await page.keyboard.down("Space")
    await until(page, 'antiphon.microphone === "on"')
    await page.keyboard.up("Space")
    await until(page, 'antiphon.microphone === "muted"')


async def test_space_after_a_click_on_mute_talks_instead_of_pressing_it_again(page: Page) -> None:
    await connect(page)
    await page.click("#mute")
    await until(page, 'antiphon.microphone === "muted"')
    await page.keyboard.down("Space")
    await until(page, 'antiphon.microphone === "on"')
    await page.keyboard.up("Space")
    await until(page, 'antiphon.microphone === "muted"')


# ── a call without a microphone ───────────────────────────────────────────────────────────────────────────────────


async def test_typing_first_calls_without_asking_for_the_microphone(page: Page, server: ScriptedServer) -> None:
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    await until(page, 'antiphon.line === "on"')
    await server.call.expect("response.create")
    assert await hook(page, "microphone") == "none"
    assert server.call.kinds()[0] == "session.update"
    # It can be turned on later, on the same connection.
    await page.click("#mute")
    await until(page, 'antiphon.microphone === "on" && antiphon.inputLevel > 0.01')
    assert len(server.calls) == 1


async def test_a_refused_microphone_is_told_and_typing_works(page: Page, server: ScriptedServer) -> None:
    await refuse_microphone(page)
    await connect(page)
    await expect(page.locator("#notice-words")).to_contain_text("Your browser blocked the microphone")
    assert await hook(page, "microphone") == "none"
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    await server.call.expect("response.create")
    server.call.tone.amplitude = 0.4
    await until(page, "antiphon.outputLevel > 0.1")
