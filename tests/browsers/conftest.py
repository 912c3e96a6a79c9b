"""One Firefox, one WebKit and one scripted server for all tests here; for each test a page that remembers nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class AddressesLookedUp:
    """Stands in for the look-up of `.local` names, as which Firefox tells its own addresses: the scripted server's peer
    is a bare aiortc, which gives up where no name can be looked up. Ours needs none; see test_embedded_engine.py.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def received() -> Message:
            message = await receive()
            if "body" in message:
                message["body"] = re.sub(rb"[\w-]+\.local\b", b"127.0.0.1", message["body"])
            return message

        await self._app(scope, received, send)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    server.app.router.routes.insert(0, Route("/shop", shop))
    server.app.add_middleware(AddressesLookedUp)
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
