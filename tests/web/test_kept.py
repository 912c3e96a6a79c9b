"""What the page keeps on the device, and how it does where nothing may be kept."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BLOCKED = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); },
})"""
MANY = 600
KEPT = """async () => {
  const { pastConversation, pastSummaries } = await import("/archive.js");
  return (await pastConversation((await pastSummaries())[0].id)).entries.length;
}"""


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


async def test_a_long_conversation_is_kept_whole_when_it_ends(browser: Browser, server: ScriptedServer) -> None:
    context = await browser.new_context()
    await context.add_init_script("delete window.RTCPeerConnection")  # a socket carries a thousand lines sooner
    page = await context.new_page()
    await page.goto(server.base_url)
    await page.fill("#text", "Begin.")
    await page.keyboard.press("Enter")
    await expect(page.locator("#line-word")).to_have_text("connected")
    (socket,) = server.sockets
    before = (await socket.expect("conversation.item.create"))["item"]["id"]
    for number in range(MANY):
        content = [{"type": "input_text", "text": f"Line {number}."}]
        item = {"id": f"u{number}", "type": "message", "role": "user", "status": "completed", "content": content}
        await socket.send({"type": "conversation.item.added", "previous_item_id": before, "item": item})
        before = item["id"]
    await expect(page.locator(".speech").last).to_have_text(re.compile(f"Line {MANY - 1}"), timeout=60_000)
    shown = await page.locator(".speech").count()
    assert shown > 500
    await page.click("#call")
    await expect(page.locator("html")).to_have_attribute("data-phase", "ended")
    assert await page.locator(".speech").count() == shown
    assert await page.evaluate(KEPT) == shown + 1  # and the line that the call has ended
    await context.close()


async def test_the_theme_is_kept_and_the_browsers_bar_follows_it(page: Page) -> None:
    bars = page.locator("meta[name=theme-color]")
    await page.click("#theme")
    for bar in await bars.all():
        await expect(bar).to_have_attribute("content", "rgb(17, 19, 24)")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    for bar in await bars.all():
        await expect(bar).to_have_attribute("content", "rgb(17, 19, 24)")
