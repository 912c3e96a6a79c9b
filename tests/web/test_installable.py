"""The page as an app: Chromium calls it installable, it is renewed with its files, and it opens without its server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from antiphon.server import ServerSettings, bind, create_app, listening
from antiphon.server.page_texts import packaged_page
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def live() -> AsyncIterator[LiveServer]:
    async with live_server(ScriptedAnswerer()) as server:
        yield server


async def open_controlled(context: BrowserContext, url: str) -> Page:
    """The page, once its service worker stands behind it."""
    page = await context.new_page()
    await page.goto(url)
    await page.evaluate(
        "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller"
        " || new Promise((go) => navigator.serviceWorker.addEventListener('controllerchange', go, {once: true})))"
        ".then(() => null)"
    )
    return page


async def kept(page: Page) -> dict[str, list[str]]:
    """What the caches hold, by name: paths."""
    found: dict[str, list[str]] = await page.evaluate(
        """async () => {
          const found = {};
          for (const name of await caches.keys()) {
            const requests = await (await caches.open(name)).keys();
            found[name] = requests.map((request) => new URL(request.url).pathname);
          }
          return found;
        }"""
    )
    return found


async def test_chromium_calls_it_installable(context: BrowserContext, live: LiveServer) -> None:
    page = await open_controlled(context, live.base_url)
    session = await context.new_cdp_session(page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.webmanifest")
    errors = (await session.send("Page.getInstallabilityErrors"))["installabilityErrors"]
    # A private window installs nothing, and the tests' windows are such.
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
    icons = await page.evaluate(
        """async () => {
          const manifest = await (await fetch("manifest.webmanifest")).json();
          return Promise.all(manifest.icons.filter((icon) => icon.type === "image/png").map(async (icon) => {
            const picture = await createImageBitmap(await (await fetch(icon.src)).blob());
            return [icon.sizes, `${picture.width}x${picture.height}`, icon.purpose];
          }));
        }"""
    )
    assert all(said == real for said, real, _ in icons)
    assert {(size, purpose) for size, _, purpose in icons} >= {
        ("192x192", "any"), ("512x512", "any"), ("192x192", "maskable"), ("512x512", "maskable"),
    }  # fmt: skip


async def test_the_api_is_never_kept(context: BrowserContext, live: LiveServer) -> None:
    page = await open_controlled(context, live.base_url)
    for path in ("about", "ice-servers", "health", "openapi.json", "main.js?fresh"):
        await page.evaluate("(path) => fetch(path)", path)
    (paths,) = (await kept(page)).values()
    assert "/main.js" in paths
    assert not {"/about", "/ice-servers", "/health", "/openapi.json", "/inspect/"} & set(paths)
    assert len(paths) == len(set(paths))


async def test_a_changed_file_is_a_new_version_and_the_old_one_goes(context: BrowserContext, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(packaged_page(), folder)
    async with live_server(ScriptedAnswerer(), ServerSettings(page=folder)) as server:
        page = await open_controlled(context, server.base_url)
        (before,) = await kept(page)
        (folder / "main.js").write_text((folder / "main.js").read_text() + "\n// changed\n")
        await page.evaluate(
            """async () => {
              const workers = navigator.serviceWorker;
              const changed = new Promise((go) => workers.addEventListener("controllerchange", go, {once: true}));
              await (await workers.ready).update();
              await changed;
              const worker = workers.controller;
              while (worker.state !== "activated") {
                await new Promise((go) => worker.addEventListener("statechange", go, {once: true}));
              }
            }"""
        )
        (after,) = await kept(page)
        assert before != after
        assert "// changed" in await page.evaluate("caches.match('main.js').then((found) => found.text())")


async def test_without_its_server_the_page_opens_and_says_so(context: BrowserContext) -> None:
    sockets = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
    async with listening(create_app(ScriptedAnswerer()), sockets):
        page = await open_controlled(context, url)
    await page.goto(url)
    await page.locator("#start").wait_for()
    assert await page.title() == "Antiphon"
    await page.click("#start")
    async with asyncio.timeout(20):
        await page.evaluate(
            "async () => { while (antiphon.problem !== 'server_gone') await new Promise(requestAnimationFrame); }"
        )


async def test_the_page_of_a_server_that_is_back_comes_from_the_server(context: BrowserContext, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(packaged_page(), folder)
    async with live_server(ScriptedAnswerer(), ServerSettings(page=folder)) as server:
        page = await open_controlled(context, server.base_url)
        index = folder / "index.html"
        index.write_text(index.read_text().replace("<title>Antiphon</title>", "<title>Newer</title>"))
        await page.reload()
        assert await page.title() == "Newer"
