"""One Firefox, one WebKit and one scripted server for all tests here; for each test a page that remembers nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from antiphon.server.page import HEADERS
from browsers.complaints import ComplaintsKept
from browsers.running import Browsers, open_page
from browsers.tab import Tab
from live_server import live_app
from web.scripted_peer import ScriptedServer

SHOP = """<!doctype html><html lang="en"><title>shop</title>
<script type="module" src="/antiphon.js"></script>
<h1>My shop</h1><div id="around"><antiphon-call></antiphon-call></div>"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    async with AsyncExitStack() as stack:
        yield Browsers(stack)


async def shop(_request: Request) -> Response:
    return HTMLResponse(SHOP, headers=HEADERS)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    server.app.router.routes.insert(0, Route("/shop", shop))
    server.app.add_middleware(ComplaintsKept)
    async with live_app(server.app) as server.base_url:
        yield server
        server.answers.set()
        await server.reset()


@pytest_asyncio.fixture(loop_scope="session")
async def server(one_server: ScriptedServer) -> AsyncIterator[ScriptedServer]:
    yield one_server
    await one_server.reset()


@pytest_asyncio.fixture(loop_scope="session", params=["firefox", "webkit"])
async def tab(request: pytest.FixtureRequest, browsers: Browsers, server: ScriptedServer) -> AsyncIterator[Tab]:
    """An empty tab. Whatever its pages complain of in the console fails the test."""
    async with browsers.tab(request.param) as tab:
        yield tab
        assert await tab.complaints() == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(tab: Tab, server: ScriptedServer) -> Tab:
    """The page, opened, once in each browser."""
    await open_page(tab, server.base_url)
    return tab
