"""Talking by hand, stopping an answer, and choices made in the middle of a call: what reaches the server of each."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def connect(page: Page) -> None:
    await page.click("#start")
    await expect(page.locator("#line-word")).to_have_text("connected")


async def choose(page: Page, selector: str) -> None:
    await page.click("#settings-open")
    await page.check(selector)
    await page.keyboard.press("Escape")


async def test_a_turn_is_what_is_said_while_the_button_is_held(page: Page, server: ScriptedServer) -> None:
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    hold = page.locator("#hold")
    await expect(hold).to_have_text("Hold to talk")
    await expect(hold).to_be_enabled()
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")
    box = await hold.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 20, box["y"] + 20)
    await page.mouse.down()
    await server.call.expect("input_audio_buffer.clear")
    await expect(hold).to_have_text("Release to send")
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
    # Shorter presses are slips of the finger.
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    await page.mouse.up()
    await server.call.expect("input_audio_buffer.commit")
    await server.call.expect("response.create")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")


async def test_without_turn_detection_nothing_is_asked_but_by_hand(page: Page, server: ScriptedServer) -> None:
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    update = await server.call.expect("session.update")
    assert update["session"]["audio"]["input"]["turn_detection"] is None


async def test_a_choice_made_in_a_call_reaches_its_session(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.click("#settings-open")
    await page.select_option('select[name="voice"]', "sage")
    update = await server.call.expect("session.update", nth=2)
    assert update["session"]["audio"]["output"] == {"voice": "sage"}
    assert update["session"]["type"] == "realtime"


async def test_what_the_server_does_not_follow_is_said_beside_the_choice(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.click("#settings-open")
    await page.check('input[name="turns"][value="semantic_vad"]')  # this server's turns are its own business
    await expect(page.locator(".choice .field-warning")).to_have_text("The server keeps its own choice here.")


async def test_one_tap_stops_the_answer(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "Go on."), *answer_begins("r1", "a1", "u1"), sound_begins("r1"))
    server.call.send(delta("r1", "a1", "This is going to be a long answer."))
    stop = page.get_by_role("button", name="Stop the answer")
    await stop.click()
    await server.call.expect("response.cancel")
    await server.call.expect("output_audio_buffer.clear")


async def test_the_same_button_sends_once_something_is_written(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"))
    await expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    await page.fill("#text", "Wait.")
    await page.get_by_role("button", name="Send").click()
    created = await server.call.expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "Wait."}]


async def test_the_other_voice_can_be_silenced_and_stays_so(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.click("#sound-switch")
    await expect(page.locator("#sound-switch")).to_have_attribute("aria-pressed", "false")
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"))
    await expect(page.locator("#mark-word")).to_have_text("speaking")
    assert await page.evaluate("document.getElementById('sound').muted") is True


async def test_the_microphone_is_changed_without_a_second_call(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.click("#settings-open")
    chooser = page.locator('select[name="microphone"]')
    await expect(chooser.locator("option").nth(2)).to_be_attached()
    await chooser.select_option(index=2)
    await expect(chooser).not_to_have_value("")
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
    assert len(server.calls) == 1


async def test_a_hand_that_leaves_while_the_line_is_away_leaves_no_open_microphone(
    page: Page, server: ScriptedServer
) -> None:
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    await expect(page.locator("#hold")).to_be_enabled()
    await page.hover("#hold")
    await page.mouse.down()
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
    server.is_healthy = False
    server.answers.clear()
    await server.call.connection.close()
    await expect(page.locator("html")).to_have_attribute("data-line", "reconnecting")
    await page.mouse.up()
    server.answers.set()
    await expect(page.locator("html")).to_have_attribute("data-line", "on")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")
    await expect(page.locator("#hold")).to_have_text("Hold to talk")


async def test_space_that_comes_up_while_the_line_is_away_mutes_again(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.keyboard.press("m")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")
    await page.keyboard.down(" ")
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
    server.is_healthy = False
    await server.call.connection.close()
    await expect(page.locator("html")).to_have_attribute("data-line", "reconnecting")
    await page.keyboard.up(" ")
    await expect(page.locator("html")).to_have_attribute("data-line", "on")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")


async def test_the_mute_key_does_not_open_a_microphone_that_a_hand_opens(page: Page) -> None:
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    await expect(page.locator("#hold")).to_be_enabled()
    await page.keyboard.press("m")
    await page.keyboard.press("m")
    await page.keyboard.press("m")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")


@pytest.mark.parametrize("key", [" ", "Enter"])
async def test_the_button_is_held_by_key_as_well(page: Page, server: ScriptedServer, key: str) -> None:
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    await expect(page.locator("#hold")).to_be_enabled()
    await page.focus("#hold")
    await page.keyboard.down(key)
    await expect(page.locator("#hold")).to_have_text("Release to send")
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    await page.keyboard.up(key)
    await server.call.expect("input_audio_buffer.commit")
    await expect(page.locator("html")).to_have_attribute("data-mic", "muted")


async def test_a_press_without_a_hand_begins_and_ends_a_turn(page: Page, server: ScriptedServer) -> None:
    """As a screen reader presses."""
    await choose(page, 'input[name="turns"][value="push_to_talk"]')
    await connect(page)
    await expect(page.locator("#hold")).to_be_enabled()
    await page.evaluate("document.getElementById('hold').click()")
    await expect(page.locator("#hold")).to_have_text("Release to send")
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    await page.evaluate("document.getElementById('hold').click()")
    await server.call.expect("input_audio_buffer.commit")
    await expect(page.locator("#hold")).to_have_text("Hold to talk")


async def test_in_writing_the_microphone_is_given_back_and_answers_are_not_spoken(
    page: Page, server: ScriptedServer
) -> None:
    await connect(page)
    await choose(page, 'input[name="isTextOnly"]')
    await expect(page.locator("html")).to_have_attribute("data-mic", "none")
    update = await server.call.expect("session.update", nth=2)
    assert update["session"]["output_modalities"] == ["text"]
    await page.click("#call")
    await expect(page.locator("html")).to_have_attribute("data-line", "off")
    # The next call begins as this one was, and the microphone can still be turned on.
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("#line-word")).to_have_text("connected")
    await expect(page.locator("html")).to_have_attribute("data-mic", "none")
    await page.get_by_role("button", name="use mic").click()
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
