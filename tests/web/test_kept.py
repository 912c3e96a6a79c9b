"""What the page keeps on the device, and how it does where nothing may be kept."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BLOCKED = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); },
})"""
MANY = 700


@pytest.mark.parametrize("path", ["/", "/locked/index.html"])
async def test_where_storage_is_blocked_the_page_works(browser: Browser, server: ScriptedServer, path: str) -> None:
    context = await browser.new_context(locale="ru-RU")
    await context.grant_permissions(["microphone"])
    await context.add_init_script(BLOCKED)
    page = await context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    await page.goto(server.base_url + path)
    if path == "/":
        await page.click("#theme")
        await page.click("#language")
        await page.click("#start")
        await expect(page.locator("#line-word")).to_have_text("connected")
        await page.click("#settings-open")
        await page.check('input[name="isTextOnly"]')
        await page.keyboard.press("Escape")
    assert broken == []
    await context.close()


async def test_a_long_conversation_is_kept_whole_when_it_ends(page: Page, server: ScriptedServer) -> None:
    await page.click("#start")
    await expect(page.locator("#line-word")).to_have_text("connected")
    before = None
    for number in range(MANY):
        server.call.send(*answer_begins(f"r{number}", f"a{number}", before))
        server.call.send(*answer_ends(f"r{number}", f"a{number}", before, f"Line {number}."))
        before = f"a{number}"
    await expect(page.locator(".speech")).to_have_count(MANY, timeout=30_000)
    await page.click("#call")
    await expect(page.locator("html")).to_have_attribute("data-phase", "ended")
    await expect(page.locator(".speech")).to_have_count(MANY)
