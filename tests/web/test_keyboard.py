"""The page by keyboard and screen reader: where the focus goes, what closes, what is said."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FOCUSED = "document.activeElement.id"


async def connect_by_key(page: Page) -> None:
    await page.focus("#start")
    await page.keyboard.press("Enter")
    await expect(page.locator("#line-word")).to_have_text("connected")


async def test_whoever_starts_by_key_is_at_the_button_that_takes_its_place(page: Page) -> None:
    await connect_by_key(page)
    assert await page.evaluate(FOCUSED) == "call"
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-phase", "ended")
    assert await page.evaluate(FOCUSED) == "start"  # nothing was said: the beginning is shown again


async def test_a_call_that_fails_gives_the_focus_back_to_start(page: Page, server: ScriptedServer) -> None:
    server.refuse_with = (503, {"code": "server_full", "message": "full"})
    await page.focus("#start")
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-phase", "failed")
    assert await page.evaluate(FOCUSED) == "start"


async def test_finding_on_a_phone_leaves_the_words_and_the_call_in_reach(page: Page, server: ScriptedServer) -> None:
    await connect_by_key(page)
    server.call.send(*heard("u1", None), said("u1", "What is the time in Lisbon?"))
    await page.click("#details")
    await page.click("#find-open")
    await expect(page.locator("#find")).to_be_focused()
    await page.keyboard.type("lisbon")
    await expect(page.locator("#find-count")).to_have_text("1/1")
    for selector in (".speech-text", "#mute", "#call"):
        box = await page.locator(selector).bounding_box()
        assert box is not None
        found = f"document.elementFromPoint({box['x'] + 8}, {box['y'] + box['height'] / 2})"
        assert await page.evaluate(f"{found}.closest('{selector}') !== null"), selector
    await page.keyboard.press("Escape")
    await expect(page.locator("#find-bar")).to_be_hidden()
    assert await page.evaluate(FOCUSED) == "transcript"


async def test_escape_closes_the_panel_before_it_stops_the_answer(page: Page, server: ScriptedServer) -> None:
    await connect_by_key(page)
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"), delta("r1", "a1", "A long answer."))
    await expect(page.locator("#mark-word")).to_have_text("speaking")
    await page.click("#details")
    await page.keyboard.press("Escape")
    await expect(page.locator("#side")).to_be_hidden()
    assert "response.cancel" not in server.call.kinds()
    await page.keyboard.press("Escape")
    await server.call.expect("response.cancel")


async def test_buttons_are_called_what_they_show(page: Page) -> None:
    """So that whoever speaks to the computer can press them, and nobody hears "unmute, pressed"."""
    await connect_by_key(page)
    await page.get_by_role("button", name="mute", exact=True).click()
    unmute = page.get_by_role("button", name="unmute", exact=True)
    assert await unmute.get_attribute("aria-pressed") is None
    await expect(page.get_by_role("button", name="sound", exact=True, pressed=True)).to_be_visible()
    # Whose turn it is can be read, though nobody is interrupted with it.
    assert "muted" in await page.locator("main").aria_snapshot()


async def test_a_line_is_said_once_and_none_of_an_earlier_call_again(page: Page, server: ScriptedServer) -> None:
    await connect_by_key(page)
    server.call.send(*answer_begins("r1", "a1", None), *answer_ends("r1", "a1", None, "It is noon."))
    await expect(page.locator("#announcer p")).to_have_text(["Antiphon: It is noon."])
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-phase", "ended")
    await page.keyboard.press("Enter")
    await expect(page.locator("#line-word")).to_have_text("connected")
    server.call.send(*answer_begins("r1", "a1", None), *answer_ends("r1", "a1", None, "It is one."))
    await expect(page.locator("#announcer p")).to_have_text(["Antiphon: It is noon.", "Antiphon: It is one."])


async def test_letters_do_nothing_for_whoever_wants_it_so(page: Page) -> None:
    """Who speaks to the computer, or whose hand slips, would else mute by accident (WCAG 2.1.4)."""
    await page.keyboard.press(",")
    await page.uncheck('input[name="hasKeys"]')
    await page.keyboard.press("Escape")
    await connect_by_key(page)
    await page.focus("#transcript")
    await page.keyboard.press("m")
    await page.keyboard.press(",")
    await expect(page.locator("html")).to_have_attribute("data-mic", "on")
    await expect(page.locator("#settings")).to_be_hidden()
