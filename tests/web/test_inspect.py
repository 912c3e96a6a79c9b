"""/inspect in a browser, beside calls that happen: followed, filtered, looked into, heard, taken away as a file."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets
from playwright.async_api import Browser, ConsoleMessage, Page, expect
from websockets.asyncio.client import ClientConnection

from antiphon.client.trace import read_trace
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from web.wire import answer_begins, answer_ends, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest_asyncio.fixture(loop_scope="session")
async def live(answerer: ScriptedAnswerer) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, ServerSettings(inspect=True)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def tool(browser: Browser, live: LiveServer) -> AsyncIterator[Page]:
    """The page, opened; whatever it complains of in the console fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = await context.new_page()
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{live.base_url}/inspect/")
    yield page
    await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def caller(live: LiveServer) -> AsyncIterator[ClientConnection]:
    async with websockets.connect(f"{live.ws_url}/v1/realtime", max_queue=None) as connection:
        await connection.recv()
        yield connection


async def send(caller: ClientConnection, type_: str, **members: Any) -> None:
    await caller.send(json.dumps({"type": type_, **members}))
    await caller.recv()


def rows(page: Page) -> Any:
    return page.locator("#log .row")


async def test_before_the_first_call_it_says_how_to_get_one(tool: Page) -> None:
    await expect(tool.locator("#line")).to_have_text("live")
    await expect(tool.locator("#no-calls")).to_be_visible()
    await expect(tool.locator("#no-calls a")).to_have_attribute("href", "../")


async def test_a_call_is_followed_as_it_happens(
    tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer
) -> None:
    await expect(tool.locator("#calls button")).to_have_count(1)
    await expect(rows(tool).filter(has_text="session.created")).to_have_count(1)
    answerer.last.send({"type": "response.output_text.delta", "item_id": "i", "delta": "Good mor"})
    answerer.last.send({"type": "response.output_text.delta", "item_id": "i", "delta": "ning"})
    row = rows(tool).filter(has_text="response.output_text.delta")
    await expect(row).to_contain_text("Good morning")
    await expect(row).to_contain_text("×2")
    answerer.last.send({"type": "error", "error": {"message": "That went wrong."}})
    await expect(tool.locator("#log .row[data-bad]")).to_contain_text("That went wrong.")
    await caller.close()
    await expect(tool.locator("#call-facts")).to_contain_text("lasted")
    await expect(rows(tool).filter(has_text="trace_ended")).to_have_count(1)


async def test_each_event_has_its_time_its_side_and_its_size(
    tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer
) -> None:
    event = json.dumps({"type": "response.create", "response": {"instructions": "x" * 500}})
    await caller.send(event)
    await caller.recv()
    sent = tool.locator("#log .row[data-dir=out]")
    await expect(sent).to_contain_text("response.create")
    await expect(sent.get_by_role("img", name="caller")).to_have_text("↑")
    await expect(sent.locator(".row-size")).to_have_text(f"{len(event)} B")
    await expect(sent.locator(".row-time")).to_have_text(re.compile(r"^0:\d\d\.\d{3}$"))
    answerer.last.send({"type": "error", "error": {"message": "y" * 3_100}})
    came = rows(tool).filter(has_text="yyy")
    await expect(came.get_by_role("img", name="server")).to_have_text("↓")
    await expect(came.locator(".row-size")).to_have_text("3.1 kB")


async def test_turns_are_waterfalls_and_one_that_has_not_changed_is_left_alone(
    tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer
) -> None:
    def turn(number: int) -> None:
        response, item = f"r{number}", f"a{number}"
        answer = [delta(response, item, "Good morning."), sound_begins(response)]
        question = [*heard(f"u{number}", None), said(f"u{number}", "Hello")]
        end = answer_ends(response, item, f"u{number}", "Good morning.")
        for event in [*question, *answer_begins(response, item, f"u{number}"), *answer, *end]:
            answerer.last.send(event)

    turn(1)
    await tool.click("#tab-turns")
    turns = tool.locator("#turns .turn")
    await expect(turns).to_have_count(1)
    await expect(turns.first).to_contain_text("HelloanswerGood morning.")
    await expect(turns.first.locator(".turn-latency")).to_contain_text("to the first sound sent")
    assert await turns.first.locator(".bar").count() >= 1
    await expect(tool.locator("#turns-legend")).to_contain_text("only in the caller's page")
    await tool.evaluate("window.first = document.querySelector('#turns .turn'), 0")
    turn(2)
    await expect(turns).to_have_count(2)
    await expect(turns.last).to_contain_text("Turn 2")
    assert await tool.evaluate("first === document.querySelector('#turns .turn')")


@pytest.mark.parametrize("is_secure", [True, False])
async def test_an_event_is_copied_or_selected_to_be_copied_by_hand(
    tool: Page, caller: ClientConnection, is_secure: bool
) -> None:
    await tool.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not is_secure:
        await tool.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined }), 0")
    await rows(tool).filter(has_text="session.created").click()
    await tool.click("#detail-copy")
    if is_secure:
        await expect(tool.locator("#detail-copy")).to_have_text("Copied")
        text = await tool.evaluate("navigator.clipboard.readText()")
    else:
        await expect(tool.locator("#detail-copy")).to_have_text(re.compile("^Selected: press "))
        text = await tool.evaluate("String(getSelection())")
    assert json.loads(text)["type"] == "session.created"
    await expect(tool.locator("#detail-copy")).to_have_text("Copy")


async def test_filter_and_search(tool: Page, caller: ClientConnection) -> None:
    for number in range(5):
        await send(caller, "conversation.item.create", item={"id": f"needle-{number}"})
    await expect(rows(tool).filter(has_text="conversation.item.create")).to_have_count(5)
    await tool.keyboard.press("/")
    await tool.keyboard.type("needle-3")
    # What the caller sent, and the scripted answer that repeats it.
    await expect(rows(tool)).to_have_count(2)
    await tool.uncheck("#show-in")
    await expect(rows(tool)).to_have_count(1)
    await expect(tool.locator("#shown")).to_contain_text("1 of ")
    await tool.select_option("#kind", "error")
    await expect(tool.locator("#log-empty")).to_be_visible()


async def test_an_event_is_looked_into_by_keyboard_alone(tool: Page, caller: ClientConnection) -> None:
    await send(caller, "response.create", response={"instructions": "Say «hi»."})
    await expect(rows(tool).filter(has_text="response.create")).to_have_count(1)
    await tool.focus("#log")
    await tool.keyboard.press("Home")
    await expect(tool.locator("#detail-type")).to_have_text("opened")
    for _ in range(2):
        await tool.keyboard.press("ArrowDown")
    await expect(tool.locator("#detail-type")).to_have_text("response.create")
    await expect(tool.locator("#detail-json")).to_contain_text('"instructions": "Say «hi»."')
    await expect(tool.locator("#log")).to_have_attribute("aria-activedescendant", "row-2")
    await expect(tool.locator("#row-2")).to_have_attribute("aria-selected", "true")
    await tool.keyboard.press("Escape")
    await expect(tool.locator("#detail")).to_be_hidden()
    await tool.focus("#tab-events")
    await tool.keyboard.press("ArrowRight")
    await expect(tool.locator("#panel-turns")).to_be_visible()
    await tool.keyboard.press("ArrowRight")
    await expect(tool.locator("#panel-session")).to_be_visible()
    assert "tab=session" in tool.url


async def test_scrolling_up_stops_the_following(
    tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer
) -> None:
    for number in range(200):
        answerer.last.send({"type": "x", "number": number})
    await expect(rows(tool).last).to_contain_text("x")
    await expect(tool.locator("#follow")).to_be_checked()
    await tool.evaluate("document.querySelector('#log').scrollTop = 300")
    await expect(tool.locator("#follow")).not_to_be_checked()
    answerer.last.send({"type": "newest"})
    await expect(tool.locator("#tab-events-count")).to_have_text("203")
    assert await tool.evaluate("document.querySelector('#log').scrollTop") == 300
    await tool.check("#follow")
    await expect(rows(tool).last).to_contain_text("newest")


async def test_what_was_asked_is_held_against_what_applies(
    tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer
) -> None:
    await send(caller, "session.update", session={"type": "realtime", "instructions": "Be brief.", "speed": 2})
    answerer.last.send(
        {"type": "session.updated", "session": {"type": "realtime", "instructions": "Be brief.", "speed": 1}}
    )
    await tool.click("#tab-session")
    await expect(tool.locator("#session-rows tr[data-verdict=differs]")).to_have_count(1)
    await expect(tool.locator("#session-rows tr[data-verdict=differs]")).to_contain_text("speed")
    await expect(tool.locator("#session-rows tr")).to_have_count(3)
    await tool.check("#differences")
    await expect(tool.locator("#session-rows tr")).to_have_count(1)


async def test_both_sides_are_heard(tool: Page, caller: ClientConnection, answerer: ScriptedAnswerer) -> None:
    pcm = b64encode(b"\x00\x20\x00\xe0" * 12_000).decode()
    await send(caller, "input_audio_buffer.append", audio=pcm)
    answerer.last.send({"type": "response.output_audio.delta", "response_id": "r", "delta": pcm})
    await expect(tool.locator("#sound-words")).to_contain_text("caller 1.0 s, answer 1.0 s")
    await tool.click("#sound-load")
    await expect(tool.locator("#sound-player")).to_be_visible()
    async with asyncio.timeout(10):
        length = await tool.evaluate(
            "async () => { const a = document.querySelector('#sound-audio');"
            " while (!(a.duration > 0)) await new Promise(requestAnimationFrame); return a.duration; }"
        )
    assert length >= 1
    await rows(tool).filter(has_text="response.output_audio.delta").click()
    await tool.click("#detail-play")
    async with asyncio.timeout(10):
        await tool.evaluate(
            "async () => { const a = document.querySelector('#sound-audio');"
            " while (!(a.currentTime > 0)) await new Promise(requestAnimationFrame); }"
        )


async def test_the_trace_is_taken_away_as_a_file(tool: Page, caller: ClientConnection, tmp_path: Path) -> None:
    await send(caller, "response.create")
    async with tool.expect_download() as waiting:
        await tool.click("#export")
    download = await waiting.value
    assert download.suggested_filename.endswith("-sess_1.jsonl")
    await download.save_as(tmp_path / "trace.jsonl")
    trace = read_trace(tmp_path / "trace.jsonl")
    assert "response.create" in [entry.event.get("type") for entry in trace.entries]


async def test_on_a_phone_the_list_and_the_call_take_turns(tool: Page, caller: ClientConnection) -> None:
    await tool.set_viewport_size({"width": 390, "height": 844})
    await tool.click("#calls button")
    await expect(tool.locator("#calls")).to_be_hidden()
    await rows(tool).filter(has_text="session.created").click()
    box = await tool.locator("#detail").bounding_box()
    assert box is not None
    assert box["width"] == 390
    await tool.click("#detail-close")
    await tool.click("#back")
    await expect(tool.locator("#calls button")).to_be_visible()
    assert await tool.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_server_that_goes_away_is_told_of_and_comes_back(browser: Browser) -> None:
    from antiphon.server import bind, create_app, listening

    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    page = await browser.new_page()
    async with listening(create_app(ScriptedAnswerer(), ServerSettings(inspect=True)), sockets):
        await page.goto(f"http://127.0.0.1:{port}/inspect/")
        await expect(page.locator("#line")).to_have_text("live")
    await expect(page.locator("#line")).to_contain_text("trying again")
    async with listening(create_app(ScriptedAnswerer(), ServerSettings(inspect=True)), bind("127.0.0.1", port)):
        await expect(page.locator("#line")).to_have_text("live", timeout=15_000)
    await page.close()
