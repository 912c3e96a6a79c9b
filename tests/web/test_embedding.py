"""The module in a page of another origin, in Chromium: where the operator allows it, and refused in words where not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from antiphon.server import ServerSettings
from chromium import launch_arguments, require_chromium
from live_server import live_app, live_server
from scripted_answerer import ScriptedAnswerer

pytest.importorskip("aiortc", reason="antiphon[local] is not installed")

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CONNECT = """async ([module, url]) => {
  const { RealtimeCall } = await import(module);
  const call = new RealtimeCall({ url, microphone: false, timing: { confirm_ms: 500 } });
  await call.connect();
  return call.state;
}"""


@dataclass(frozen=True)
class Site:
    """Somebody's page at `origin`, in a browser that finds every *.example on this machine."""

    origin: str
    browser: Browser

    async def page(self) -> Page:
        page = await self.browser.new_page()
        await page.goto(self.origin)
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    path = require_chromium()

    async def index(_request: object) -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>Somebody's shop</title>")

    async with live_app(Starlette(routes=[Route("/", index)])) as base_url, async_playwright() as playwright:
        origin = base_url.replace("127.0.0.1", "app.example")
        arguments = [
            *launch_arguments(),
            "--host-resolver-rules=MAP *.example 127.0.0.1",
            f"--unsafely-treat-insecure-origin-as-secure={origin}",
        ]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield Site(origin, browser)
        await browser.close()


def settings_for(*origins: str) -> ServerSettings:
    return ServerSettings(allowed_hosts=("voice.example",), allowed_origins=origins)


async def test_a_page_whose_origin_is_allowed_loads_the_module_and_calls(site: Site) -> None:
    answerer = ScriptedAnswerer()
    async with live_server(answerer, settings_for(site.origin)) as server:
        voice = server.base_url.replace("127.0.0.1", "voice.example")
        page = await site.page()
        assert await page.evaluate("isSecureContext")
        assert await page.evaluate(CONNECT, [f"{voice}/antiphon.js", voice]) == "connected"
        assert answerer.last.link.kind == "webrtc"
        await page.close()


WIDGET = """([module, src]) => {
  document.body.innerHTML = `<antiphon-call src="${src}" text-only></antiphon-call>`;
  const script = Object.assign(document.createElement("script"), { type: "module", src: module });
  document.head.append(script);
}"""

CLICK_START = """async () => {
  await customElements.whenDefined("antiphon-call");
  const widget = document.querySelector("antiphon-call");
  widget.start();
}"""

SAYS = """() => document.querySelector("antiphon-call").shadowRoot.textContent"""


async def test_the_widget_calls_from_a_page_that_is_allowed_and_says_why_from_another(site: Site) -> None:
    answerer = ScriptedAnswerer()
    async with (
        live_server(answerer, settings_for(site.origin)) as friendly,
        live_server(ScriptedAnswerer(), settings_for()) as strict,
    ):
        voice = friendly.base_url.replace("127.0.0.1", "voice.example")
        module = f"{voice}/antiphon.js"
        page = await site.page()
        await page.evaluate(WIDGET, [module, voice])
        async with asyncio.timeout(15):
            await page.evaluate(CLICK_START)
            await answerer.called.wait()
        other = await site.page()
        await other.evaluate(WIDGET, [module, strict.base_url.replace("127.0.0.1", "voice.example")])
        await other.evaluate(CLICK_START)
        async with asyncio.timeout(15):
            while "--allow-origin" not in await other.evaluate(SAYS):
                await other.evaluate("new Promise(requestAnimationFrame)")
        await page.close()
        await other.close()


async def test_a_page_of_another_origin_does_not_even_get_the_module(site: Site) -> None:
    async with live_server(ScriptedAnswerer(), settings_for("https://other.example")) as server:
        voice = server.base_url.replace("127.0.0.1", "voice.example")
        page = await site.page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        loaded = await page.evaluate("(module) => import(module).then(() => true, () => false)", f"{voice}/antiphon.js")
        assert loaded is False
        assert any("Access-Control-Allow-Origin" in text for text in complaints)
        await page.close()


async def test_a_module_of_ones_own_is_told_why_it_may_not_call(site: Site) -> None:
    """The module is loaded from a server that allows it, and calls one that does not."""
    async with (
        live_server(ScriptedAnswerer(), settings_for(site.origin)) as friendly,
        live_server(ScriptedAnswerer(), settings_for()) as strict,
    ):
        module = friendly.base_url.replace("127.0.0.1", "voice.example") + "/antiphon.js"
        page = await site.page()
        refused = f"(what) => ({CONNECT})(what).catch((error) => error.problem)"
        url = strict.base_url.replace("127.0.0.1", "voice.example")
        problem = await page.evaluate(refused, [module, url])
        assert problem["kind"] == "origin_not_allowed"
        assert f"--allow-origin {site.origin}" in problem["detail"]
        gone = await page.evaluate(refused, [module, "http://voice.example:9"])
        assert gone["kind"] == "server_gone"
        await page.close()
