"""Finding words in the conversation, taking it along, and reading past ones: what a person does with what was said."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from web.scripted_peer import ScriptedServer
from web.wire import Event, answer_begins, answer_ends, delta, heard, said, sound_begins, sound_ends

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def a_talk() -> list[Event]:
    return [
        *heard("u1", None),
        said("u1", "Where is the harbour?"),
        *answer_begins("r1", "a1", "u1"),
        sound_begins("r1"),
        delta("r1", "a1", "The harbour is behind the Old Harbour Inn."),
        *answer_ends("r1", "a1", "u1", "The harbour is behind the Old Harbour Inn."),
        sound_ends("r1"),
    ]


async def talk(page: Page, server: ScriptedServer) -> None:
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.click("#start")
    await expect(page.locator("#line-word")).to_have_text("connected")
    server.call.send(*a_talk())
    await expect(page.locator("#transcript")).to_contain_text("Old Harbour Inn")


async def test_every_match_is_counted_and_one_can_step_through_them(page: Page, server: ScriptedServer) -> None:
    await talk(page, server)
    await page.locator("body").press("f")
    await page.keyboard.type("HARBOUR")
    await expect(page.locator("#find-count")).to_have_text("3/3")
    await page.keyboard.press("Enter")
    await expect(page.locator("#find-count")).to_have_text("2/3")
    await page.click("#find-next")
    await expect(page.locator("#find-count")).to_have_text("3/3")
    assert await page.evaluate("CSS.highlights.get('found').size + CSS.highlights.get('found-now').size") == 3
    await page.fill("#find", "nowhere")
    await expect(page.locator("#find-count")).to_have_text("none")


async def test_the_conversation_goes_onto_the_clipboard_as_markdown(page: Page, server: ScriptedServer) -> None:
    await page.context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
    await talk(page, server)
    await page.click("#copy")
    await expect(page.locator("#copy")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == (
        "**you:** Where is the harbour?\n\n**Antiphon:** The harbour is behind the Old Harbour Inn.\n"
    )


async def test_the_conversation_is_saved_as_text(page: Page, server: ScriptedServer) -> None:
    await talk(page, server)
    async with page.expect_download() as coming:
        await page.click("#save-markdown")
    download = await coming.value
    assert download.suggested_filename.endswith(".md")
    path = await download.path()
    assert await asyncio.to_thread(Path(path).read_text) == (
        "**you:** Where is the harbour?\n\n**Antiphon:** The harbour is behind the Old Harbour Inn.\n"
    )


async def test_the_conversation_is_saved_as_json(page: Page, server: ScriptedServer) -> None:
    await talk(page, server)
    async with page.expect_download() as coming:
        await page.click("#save-json")
    download = await coming.value
    assert download.suggested_filename.endswith(".json")
    path = await download.path()
    kept = json.loads(await asyncio.to_thread(Path(path).read_text))
    assert [(message["role"], message["text"]) for message in kept["messages"]] == [
        ("user", "Where is the harbour?"),
        ("assistant", "The harbour is behind the Old Harbour Inn."),
    ]


async def test_a_past_conversation_can_be_read_and_forgotten(page: Page, server: ScriptedServer) -> None:
    await talk(page, server)
    await page.click("#call")
    await page.click("#past-open")
    await expect(page.get_by_role("button", name="Where is the harbour?")).to_be_visible()
    await page.reload()
    await page.click("#past-open")
    await page.get_by_role("button", name="Where is the harbour?").click()
    await expect(page.locator("#past-box")).to_contain_text("behind the Old Harbour Inn")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete? Yes").click()
    await expect(page.locator("#past-box")).to_contain_text("Nothing yet")


async def test_who_wants_nothing_kept_finds_nothing_kept(page: Page, server: ScriptedServer) -> None:
    await page.click("#settings-open")
    await page.uncheck('input[name="keepsPast"]')
    await page.keyboard.press("Escape")
    await talk(page, server)
    await page.click("#call")
    await page.click("#past-open")
    await expect(page.locator("#past-box")).to_contain_text("Nothing yet")
