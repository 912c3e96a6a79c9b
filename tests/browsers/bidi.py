"""Firefox driven over WebDriver BiDi, its own WebSocket: a client of a hundred lines on the library at hand, because
selenium would want geckodriver or a BiDi it hardly has in Python, and brings more packages than this has functions.

Each tab has a context of its own (storage, language), so one browser serves all tests. Not here: starting it
(firefox.py), and what a person does in a tab (tab.py).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from browsers.tab import SECONDS, Tab

# The console says nothing to a remote control of what the policy forbids; the page itself is told.
TELL_BREACHES = """(tell) => document.addEventListener("securitypolicyviolation",
  (event) => tell(`content security policy: ${event.violatedDirective} forbids ${event.blockedURI}`))"""


class RemoteError(Exception):
    """The browser refused a command."""


class Firefox:
    """The connection to a browser. One task reads; each command waits for its own answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.complaints: dict[str, list[str]] = {}
        """Of each tab that is open."""

    async def command(self, method: str, *, seconds: float = 3 * SECONDS, **parameters: Any) -> Any:
        """Send a command and wait for its result. Raises RemoteError."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            async with asyncio.timeout(seconds):
                return await answer
        finally:
            del self._waiting[number]

    async def read(self) -> None:
        async for message in self._socket:
            told = json.loads(message)
            if told["type"] == "event":
                self._hear(told["method"], told["params"])
            elif answer := self._waiting.get(told["id"]):
                if told["type"] == "success":
                    answer.set_result(told["result"])
                else:
                    answer.set_exception(RemoteError(f"{told['error']}: {told['message']}"))

    def _hear(self, event: str, told: dict[str, Any]) -> None:
        complaints = self.complaints.get(told["source"].get("context") or "", [])
        if event == "log.entryAdded" and told["level"] == "error":
            complaints.append(told["text"])
        elif event == "script.message":
            complaints.append(told["data"]["value"])


class FirefoxTab:
    """A `Remote` (see tab.py)."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context
        self.complaints = firefox.complaints[context]

    async def go(self, url: str) -> None:
        await self._firefox.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def call(self, function: str, arguments: Sequence[str]) -> str:
        answer = await self._firefox.command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": argument} for argument in arguments],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=False,
        )
        value: str = answer["result"]["value"]
        return value

    async def perform(self, actions: list[dict[str, Any]]) -> None:
        await self._firefox.command("input.performActions", context=self._context, actions=actions)

    async def put_file(self, selector: str, path: Path) -> None:
        locator = {"type": "css", "value": selector}
        found = await self._firefox.command("browsingContext.locateNodes", context=self._context, locator=locator)
        (element,) = found["nodes"]
        reference = {"sharedId": element["sharedId"]}
        await self._firefox.command("input.setFiles", context=self._context, element=reference, files=[str(path)])

    async def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        await self._firefox.command("browsingContext.setViewport", context=self._context, viewport=viewport)

    async def picture(self) -> bytes:
        shot = await self._firefox.command("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(shot["data"])

    async def settle(self) -> None:
        await self.call("() => new Promise((resolve) => setTimeout(resolve, 0, ''))", [])  # what is told comes in order


@asynccontextmanager
async def driven_firefox(address: str) -> AsyncIterator[Firefox]:
    """A session in the Firefox at this BiDi address, while the block runs."""
    async with connect(f"{address}/session", max_size=None, ping_interval=None, proxy=None) as socket:
        firefox = Firefox(socket)
        reading = asyncio.create_task(firefox.read())
        try:
            await firefox.command("session.new", capabilities={"alwaysMatch": {}})
            await firefox.command("session.subscribe", events=["log.entryAdded", "script.message"])
            channel = {"type": "channel", "value": {"channel": "breaches"}}
            await firefox.command("script.addPreloadScript", functionDeclaration=TELL_BREACHES, arguments=[channel])
            yield firefox
        finally:
            await socket.close()
            await reading


@asynccontextmanager
async def firefox_tab(firefox: Firefox, *, language: str = "en-GB") -> AsyncIterator[Tab]:
    """A new tab that shares nothing with the others, while the block runs."""
    context = (await firefox.command("browser.createUserContext"))["userContext"]
    await firefox.command("emulation.setLocaleOverride", locale=language, userContexts=[context])
    tab = (await firefox.command("browsingContext.create", type="tab", userContext=context))["context"]
    firefox.complaints[tab] = []
    try:
        yield Tab(FirefoxTab(firefox, tab), "firefox")
    finally:
        del firefox.complaints[tab]
        await firefox.command("browser.removeUserContext", userContext=context)
