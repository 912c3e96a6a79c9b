"""How the page looks, as far as numbers tell, and what its modules may be called."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from antiphon.server.linking import read_module
from antiphon.server.page_texts import packaged_page
from web.scripted_peer import ScriptedServer
from web.visiting import connect, until
from web.wire import (
    heard,
    said,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


# ── how it looks, as far as numbers tell ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (768, 1024), (1280, 800)])
async def test_nothing_scrolls_sideways(page: Page, server: ScriptedServer, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(overflow) <= 0
    await connect(page)
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    server.call.send(*heard("u1", None), said("u1", long))
    await until(page, "antiphon.transcript[0]?.text.length > 100")
    assert await page.evaluate(overflow) <= 0
    assert (
        await page.evaluate("(list => list.scrollWidth - list.clientWidth)(document.querySelector('#transcript'))") <= 0
    )


async def test_the_transcript_follows_until_the_reader_scrolls_up(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    previous = None
    for number in range(30):
        server.call.send(*heard(f"u{number}", previous), said(f"u{number}", f"line {number}"))
        previous = f"u{number}"
    at_end = (
        "(list => list.scrollHeight - list.scrollTop - list.clientHeight < 2)(document.querySelector('#transcript'))"
    )
    await expect(page.locator("#transcript > li")).to_have_count(30)
    await until(page, at_end)
    await page.evaluate("document.querySelector('#transcript').scrollTop = 100")
    await expect(page.locator("#newest")).to_be_visible()
    server.call.send(*heard("late", previous), said("late", "late"))
    await expect(page.locator("#transcript > li")).to_have_count(31)
    assert await page.evaluate("document.querySelector('#transcript').scrollTop") == 100
    await page.click("#newest")
    await until(page, at_end)


CONTRAST = """(scheme) => {
  document.documentElement.dataset.theme = scheme;
  const probe = document.body.appendChild(document.createElement("i"));
  const luminance = (token) => {
    probe.style.color = `var(${token})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const texts = ["--ink", "--soft", "--you", "--them", "--good", "--warn", "--bad"];
  const pairs = texts.flatMap((text) => ["--paper", "--card"].map((paper) => [text, paper]));
  pairs.push(["--on-fill", "--bad"], ["--paper", "--ink"]);
  return pairs.map(([text, paper]) => [`${text} on ${paper}`, ratio(luminance(text), luminance(paper))]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_paper(page: Page, scheme: str) -> None:
    measured: list[tuple[str, float]] = await page.evaluate(CONTRAST, scheme)
    assert len(measured) == 16
    assert [pair for pair in measured if pair[1] < 5] == []


async def test_every_button_has_a_name_and_can_be_reached_by_key(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    names = await page.evaluate(
        """() => [...document.querySelectorAll("button")].filter((button) => button.checkVisibility())
             .map((button) => (button.getAttribute("aria-label") ?? button.textContent).trim())"""
    )
    assert len(names) >= 6
    assert all(names)
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#keys")).to_be_hidden()


async def test_the_arcs_keep_still_for_those_who_ask_for_it(browser: Browser, server: ScriptedServer) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    await page.goto(server.base_url)
    await connect(page)
    server.call.tone.amplitude = 0.5
    still = await page.evaluate("document.querySelector('.arc-them .arc-line').getAttribute('d')")
    # The level shows as the arc's length, without waves and without animation.
    await until(page, f"document.querySelector('.arc-them .arc-line').getAttribute('d') !== {still!r}")
    assert not await page.evaluate("document.querySelector('.arc-them .arc-wave').getAttribute('d')")
    assert await page.evaluate("document.getAnimations().length") == 0
    await context.close()


async def test_no_module_hides_what_another_one_takes_from_the_browser(modules: Page) -> None:
    """They stand in one file when they travel, so that a name at the top of one is there for all."""
    tops = {
        name
        for path in packaged_page().rglob("*.js")
        if path.name not in ("worklet.js", "service-worker.js")
        for name in read_module(path.name, path.read_text()).tops
    }
    # Not `in`: that finds the page's elements by their ids, too.
    places = "[globalThis, Window.prototype, EventTarget.prototype]"
    is_taken = f"{places}.some((place) => Object.hasOwn(place, name))"
    hidden = await modules.evaluate(f"(names) => names.filter((name) => {is_taken})", sorted(tops))
    assert hidden == []
