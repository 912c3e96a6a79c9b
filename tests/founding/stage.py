"""Where a founding client appears: a real server, a real browser with speech as its microphone, and a page of its own.

The page has the server's origin, as that of an app has which its server delivers. What a client sends to the hosted
service is passed on to the server, as it is.
"""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, Request, Route, async_playwright

from antiphon.engine import build_engine
from antiphon.server import Answerer
from antiphon.server.gateway_local import AgentAnswerer
from chromium import launch_arguments, require_chromium
from founding.bundling import HARNESS
from live_server import LiveServer, live_server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tools_agent.py"
HOSTED = "https://api.openai.com/"
SHOWN_MS = 45_000
"""How long what is said may take to appear: recognized, answered and spoken, on a machine that is busy."""

_PLACE = "/founding/"


class Stage:
    """page: with the client on it. printed: its console, line by line. hosted: requests that were passed on to us."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page = page
        self.printed: list[str] = []
        self.hosted: list[Request] = []
        self._server = server
        self._news = asyncio.Event()

    def print(self, line: str) -> None:
        self.printed.append(line)
        self._news.set()

    async def until_printed(self, enough: Callable[[Sequence[str]], bool]) -> None:
        """Wait until the console's lines are enough."""
        async with asyncio.timeout(SHOWN_MS / 1000):
            while not enough(self.printed):
                self._news.clear()
                await self._news.wait()

    async def until_heard(self) -> None:
        """Wait until the page plays something that is loud enough to be a voice."""
        await self.page.wait_for_function("() => window.heard.peak > 0.02", timeout=SHOWN_MS)

    async def until_answered(self) -> None:
        """Wait until no answer is being given: as a polite caller does before the next question."""
        await self.page.wait_for_function("() => window.heard.answering === 0", timeout=SHOWN_MS)

    async def until_hung_up(self) -> None:
        """Wait until the server has seen the end of every call."""
        async with asyncio.timeout(20):
            await self._server.calls.idle()


def example_agent() -> Answerer:
    """The example app with the founding tools, on the embedded engine: as `antiphon serve` has it."""
    return AgentAnswerer(build_engine(), runpy.run_path(str(EXAMPLE))["agent"])


@asynccontextmanager
async def stage(answerer: Answerer, microphone: Path, scripts: Mapping[str, Path]) -> AsyncIterator[Stage]:
    """Serve the answerer, and open a page with these scripts (name: file) that hears `microphone` when it calls.

    An exception in the page fails the test.
    """
    async with live_server(answerer) as server, async_playwright() as playwright:
        arguments = launch_arguments(microphone=microphone)
        # Founding clients name public STUN servers; nothing here may reach outside the machine.
        arguments.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        browser = await playwright.chromium.launch(executable_path=require_chromium(), args=arguments)
        page = await browser.new_page()
        here = Stage(page, server)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: here.print(message.text))

        async def pass_on(route: Route) -> None:
            asked = urlsplit(route.request.url)
            here.hosted.append(route.request)
            response = await route.fetch(url=f"{server.base_url}{asked.path}{asked.query and '?'}{asked.query}")
            await route.fulfill(response=response)

        async def deliver(route: Route) -> None:
            script = scripts.get(urlsplit(route.request.url).path.removeprefix(_PLACE))
            if script is not None:
                await route.fulfill(path=script, content_type="text/javascript; charset=utf-8")
            else:
                await route.fulfill(body=_document(scripts), content_type="text/html; charset=utf-8")

        await page.route(f"{HOSTED}**", pass_on)
        await page.route(f"{server.base_url}{_PLACE}**", deliver)
        await page.add_init_script(path=HARNESS / "heard.js")
        await page.goto(f"{server.base_url}{_PLACE}")
        yield here
        await browser.close()
        assert failures == []


def _document(scripts: Mapping[str, Path]) -> str:
    tags = "".join(f'<script src="{name}"></script>' for name in scripts)
    style = "html, body, #root { height: 100%; margin: 0 } #root { display: flex }"
    return f'<!doctype html><title>founding</title><style>{style}</style><div id="root"></div>{tags}'
