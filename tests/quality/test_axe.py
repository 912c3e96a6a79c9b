"""axe-core finds nothing: on the page in each of its main states, on the locked page, on /inspect, on a page with the
widget; light and dark.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
import websockets
from PIL import Image
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from antiphon.server import ServerSettings
from chromium import launch_arguments, require_chromium
from live_server import live_server
from npm_packages import installed_packages
from scripted_answerer import ScriptedAnswerer
from web.scripted_peer import ScriptedServer, scripted_server
from web.wire import answer_begins, answer_ends, cancelled, delta, heard, response_begins, said, sound_begins

pytest.importorskip("aiortc", reason="antiphon[local] is not installed")

HERE = Path(__file__).resolve().parent
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
TOKEN = "correct-horse-battery"

Scheme = Literal["light", "dark"]
LOOKS = [("light", PHONE, "en-GB"), ("dark", DESK, "ru-RU")]
Found = dict[str, list[str]]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def axe() -> str:
    packages = installed_packages(HERE / "package.json", "the page is measured by axe-core and Lighthouse")
    return (packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = require_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=launch_arguments())
        yield browser
        await browser.close()


SETTLED = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
  .map((one) => one.finished.catch(() => {})))"""

EXAMINE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const told = (node) => `${node.html.slice(0, 160)} ${node.failureSummary}`;
  return violations.map((one) => `${one.id}: ${one.nodes.map(told).join(" | ")}`);
}"""


class Examiner:
    """One page in one look; what axe found in each state that was shown to it."""

    def __init__(self, page: Page, axe: str) -> None:
        self.page = page
        self.found: Found = {}
        self.states = 0
        self._axe = axe

    async def look(self, state: str) -> None:
        page = self.page
        # What fades in has no contrast yet.
        await page.evaluate(SETTLED)
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(self._axe)
        violations = await page.evaluate(EXAMINE)
        self.states += 1
        if violations:
            self.found[state] = violations


async def examined(
    browser: Browser, axe: str, url: str, look: tuple[str, Any, str], visit: Callable[[Examiner], Awaitable[None]]
) -> Examiner:
    scheme, size, locale = look
    color_scheme: Scheme = "dark" if scheme == "dark" else "light"
    context = await browser.new_context(viewport=size, color_scheme=color_scheme, locale=locale)
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    await page.goto(url)
    examiner = Examiner(page, axe)
    await visit(examiner)
    await context.close()
    return examiner


def photo() -> dict[str, Any]:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 90).save(out, "PNG")
    return {"name": "desk.png", "mimeType": "image/png", "buffer": out.getvalue()}


async def examine_dialog(examiner: Examiner, dialog: str) -> None:
    await expect(examiner.page.locator(dialog)).to_be_visible()
    await examiner.look(dialog)
    await examiner.page.keyboard.press("Escape")
    await expect(examiner.page.locator(dialog)).to_be_hidden()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[1]['width']}")
async def test_the_page_in_each_of_its_states(browser: Browser, axe: str, look: tuple[str, Any, str]) -> None:
    async with scripted_server() as server:

        async def visit(examiner: Examiner) -> None:
            await before_a_call(examiner)
            await in_a_call(examiner, server)

        examiner = await examined(browser, axe, server.base_url, look, visit)
    assert not examiner.found, json.dumps(examiner.found, indent=1, ensure_ascii=False)
    assert examiner.states >= 11


async def before_a_call(examiner: Examiner) -> None:
    page = examiner.page
    await expect(page.locator("#start")).to_be_visible()
    await examiner.look("before")
    await page.click("#settings-open")
    await examine_dialog(examiner, "#settings")
    await page.keyboard.press("?")
    await examine_dialog(examiner, "#keys")


async def in_a_call(examiner: Examiner, server: ScriptedServer) -> None:
    page = examiner.page
    server.answers.clear()
    await page.click("#start")
    await server.asked.wait()
    await examiner.look("connecting")
    server.answers.set()
    await expect(page.locator("html")).to_have_attribute("data-phase", "listening")
    await examiner.look("listening")
    call = server.call
    call.send(*heard("u1", None), said("u1", "Where is the harbour?"), *answer_begins("r1", "a1", "u1"))
    call.send(delta("r1", "a1", "Behind the inn, "), sound_begins("r1"))
    await expect(page.locator("#transcript")).to_contain_text("Behind the inn")
    await examiner.look("speaking")
    call.send(*cancelled("r1", "a1", "u1", "Behind"), *heard("u2", "a1"), said("u2", "And what is two and five?"))
    item = {"id": "t1", "type": "function_call", "name": "add", "call_id": "c1", "arguments": '{"a":2,"b":5}'}
    call.send(response_begins("r2"), {"type": "conversation.item.added", "previous_item_id": "u2", "item": item})
    await expect(page.locator("#transcript")).to_contain_text("add")
    await examiner.look("tool running")
    output = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "7"}
    call.send(
        {"type": "conversation.item.done", "previous_item_id": "u2", "item": {**item, "status": "completed"}},
        {"type": "response.done", "response": {"id": "r2", "status": "completed", "output": [item]}},
        {"type": "conversation.item.added", "previous_item_id": "t1", "item": output},
        *answer_begins("r3", "a3", "o1"),
        delta("r3", "a3", "Seven."),
        *answer_ends("r3", "a3", "o1", "Seven."),
    )
    await expect(page.locator("#transcript")).to_contain_text("Seven.")
    await page.click("#mute")
    await examiner.look("muted, with words, a tool's result and an interruption")
    if await page.locator("#details").is_visible():
        await page.click("#details")
        await examiner.look("details")
        await page.click("#details")
    await page.set_input_files("#photo-file", photo())
    await expect(page.locator("#attached")).to_be_visible()
    await page.fill("#text", "What is this?")
    await examiner.look("photo attached")
    call.send({"type": "error", "error": {"type": "server_error", "code": None, "message": "The model is overloaded."}})
    await page.locator("#text").press("Enter")
    await expect(page.locator("#attached")).to_be_hidden()
    await examiner.look("photo sent, an error told")
    await page.click("#call")
    await expect(page.locator("html")).to_have_attribute("data-phase", "ended")
    await examiner.look("ended")
    server.refuse_with = (503, {"message": "All 64 places for calls are taken.", "code": "too_many_calls"})
    await page.click("#call")
    await expect(page.locator("#notice")).to_be_visible()
    await examiner.look("refused")
    server.refuse_with = None


WIDGET = """<!doctype html><html lang="en"><title>A shop</title><meta name="viewport" content="width=device-width">
<script type="module" src="/antiphon.js"></script>
<style>@media (prefers-color-scheme: dark) {{ body {{ color: #fff; background: #111 }} }}</style>
<main><h1>A shop</h1><antiphon-call language="{language}"></antiphon-call></main>"""


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[1]['width']}")
async def test_the_widget(browser: Browser, axe: str, look: tuple[str, Any, str]) -> None:
    async def document(route: Route) -> None:
        await route.fulfill(body=WIDGET.format(language=look[2]), content_type="text/html")

    async with scripted_server() as server:

        async def visit(examiner: Examiner) -> None:
            page = examiner.page
            await page.route("**/shop", document)
            await page.goto(f"{server.base_url}/shop")
            await expect(page.locator("antiphon-call .start")).to_be_visible()
            await examiner.look("idle")
            server.refuse_with = (503, {"message": "All 64 places for calls are taken.", "code": "too_many_calls"})
            await page.click("antiphon-call .start")
            await expect(page.get_by_role("alert")).to_be_visible()
            await examiner.look("refused")
            server.refuse_with = None
            await page.click("antiphon-call .start")
            await expect(page.locator("antiphon-call .card")).to_have_attribute("data-state", "listening")
            await examiner.look("listening")
            call = server.call
            call.send(*heard("u1", None), said("u1", "Where is the harbour?"), *answer_begins("r1", "a1", "u1"))
            call.send(delta("r1", "a1", "Behind the inn, "), sound_begins("r1"))
            await expect(page.locator("antiphon-call .send")).to_have_text("■")
            await examiner.look("speaking")
            call.send(*cancelled("r1", "a1", "u1", "Behind"))
            await expect(page.locator("antiphon-call del")).to_be_visible()
            await page.click("antiphon-call .mute")
            await examiner.look("muted, with an interruption")
            await page.click("antiphon-call .start")
            await examiner.look("ended")

        examiner = await examined(browser, axe, server.base_url, look, visit)
    assert not examiner.found, json.dumps(examiner.found, indent=1, ensure_ascii=False)
    assert examiner.states == 6


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[1]['width']}")
async def test_the_locked_page(browser: Browser, axe: str, look: tuple[str, Any, str]) -> None:
    async def visit(examiner: Examiner) -> None:
        await examiner.look("locked")
        await examiner.page.fill("#token", "a-wrong-token-of-somebody")
        await examiner.page.click("#enter")
        await expect(examiner.page.locator("#problem")).not_to_be_empty()
        await examiner.look("refused")

    async with live_server(ScriptedAnswerer(), ServerSettings(access_token=TOKEN)) as server:
        examiner = await examined(browser, axe, server.base_url, look, visit)
    assert not examiner.found, json.dumps(examiner.found, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[1]['width']}")
async def test_the_inspector(browser: Browser, axe: str, look: tuple[str, Any, str]) -> None:
    answerer = ScriptedAnswerer()

    async def visit(examiner: Examiner) -> None:
        page = examiner.page
        await expect(page.locator("#no-calls")).to_be_visible()
        await examiner.look("no calls")
        async with websockets.connect(f"{server.ws_url}/v1/realtime", max_queue=None) as call:
            await call.recv()
            update = {"type": "session.update", "session": {"instructions": "Be brief.", "speed": 2}}
            await call.send(json.dumps(update))
            for event in (
                {"type": "session.updated", "session": {"instructions": "Be brief.", "speed": 1}},
                *heard("u1", None),
                said("u1", "Hello"),
                *answer_begins("r1", "a1", "u1"),
                delta("r1", "a1", "Good morning."),
                sound_begins("r1"),
                {"type": "response.output_audio.delta", "response_id": "r1", "delta": "AAAA" * 4800},
                *answer_ends("r1", "a1", "u1", "Good morning."),
                {"type": "error", "error": {"message": "Something went wrong."}},
            ):
                answerer.last.send(event)
            await page.click("#calls button")
            await expect(page.locator("#log .row[data-bad]")).to_be_visible()
            await examiner.look("events")
            await page.click("#sound-load")
            await expect(page.locator("#sound-player")).to_be_visible()
            await page.click("#log .row[data-bad]")
            await expect(page.locator("#detail")).to_be_visible()
            await examiner.look("an event")
            await page.click("#detail-close")
            for tab in ("turns", "session"):
                await page.click(f"#tab-{tab}")
                await expect(page.locator(f"#panel-{tab}")).to_be_visible()
                await examiner.look(tab)
            await page.click("#tab-events")
            await page.fill("#search", "nowhere to be found")
            await expect(page.locator("#log-empty")).to_be_visible()
            await examiner.look("nothing found")

    async with live_server(answerer, ServerSettings(inspect=True)) as server:
        examiner = await examined(browser, axe, f"{server.base_url}/inspect/", look, visit)
    assert not examiner.found, json.dumps(examiner.found, indent=1, ensure_ascii=False)
