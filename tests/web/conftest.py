"""One browser and one scripted server for all tests of the page; for each call a new page, microphone allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from chromium import launch_arguments, require_chromium
from web.scripted_peer import ScriptedServer, scripted_server

# Without it a page may ask, and each test says whether it is allowed.
ASKS = [argument for argument in launch_arguments() if argument != "--use-fake-ui-for-media-stream"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = require_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ASKS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def server(one_server: ScriptedServer) -> AsyncIterator[ScriptedServer]:
    yield one_server
    await one_server.reset()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def modules(browser: Browser, one_server: ScriptedServer) -> AsyncIterator[Page]:
    """A page to import the pure modules in. One for all tests: a pure function leaves nothing behind."""
    page = await browser.new_page()
    await page.goto(one_server.base_url)
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """The page, opened. Whatever it complains of in the console (a blocked style, an exception) fails the test."""
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        # The browser itself logs each refused request, the service worker's too; that is what such a test asks for.
        is_browsers_own = "Failed to load resource" in message.text or "when fetching the script" in message.text
        if message.type == "error" and not is_browsers_own:
            complaints.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(server.base_url)
    await page.locator(":root[data-ready]").wait_for()
    yield page
    await context.close()
    assert complaints == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_caller(browser: Browser, one_server: ScriptedServer) -> AsyncIterator[Page]:
    context = await browser.new_context()
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    await page.goto(one_server.base_url)
    yield page
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def caller(one_caller: Page, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page to hold a `RealtimeCall` in (see `web/calling.py`), one for all tests. An exception fails the test."""
    complaints: list[str] = []
    one_caller.on("pageerror", lambda error: complaints.append(str(error)))
    yield one_caller
    await one_caller.evaluate("window.call?.disconnect()")
    assert complaints == []
