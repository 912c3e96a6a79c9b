"""WebKitGTK driven by its own WebDriver: the few W3C commands that the tests need, over httpx, which is here already.

Each tab is a browser of its own, for this driver knows no other way to a tab that remembers nothing. Not here: starting
the driver (webkit.py), and what a person does in a tab (tab.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from browsers.tab import SECONDS, Tab

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name of an element's reference (https://w3c.github.io/webdriver/#elements)."""

OPTIONS = [
    "--automation",
    "--full-screen",  # or its own buttons keep it from being as narrow as a phone
    "--enable-media-stream=true",
    "--enable-mock-capture-devices=true",
]

CALL = "(%s)(...[...arguments].slice(0, -1)).then(arguments[arguments.length - 1]);"

# Mouse and keyboard are lost on a page that is not on the screen yet; so may be what is asked of its first frame.
AWAKE = """async () => {
  while (document.hidden) await new Promise((resolve) => setTimeout(resolve, 10));
  for (let frames = 0; frames < 3; ) {
    const next = new Promise((resolve) => requestAnimationFrame(() => resolve(1)));
    frames += await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 200, 0))]);
  }
  return "";
}"""

# Written by complaints.py: this driver tells nothing of the console.
COMPLAINTS = "async () => sessionStorage.complaints ?? '[]'"


class RemoteError(Exception):
    """The driver refused a command."""


class WebKitTab:
    """A `Remote` (see tab.py)."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.complaints: list[str] = []

    async def command(self, path: str, **parameters: Any) -> Any:
        """Raises RemoteError."""
        answer = await self._http.post(path, json=parameters)
        value = answer.json()["value"]
        if answer.is_error:
            raise RemoteError(f"{path}: {value['error']}: {value['message']}")
        return value

    async def go(self, url: str) -> None:
        await self.command("url", url=url)
        await self.call(AWAKE, [])

    async def call(self, function: str, arguments: Sequence[str]) -> str:
        value: str = await self.command("execute/async", script=CALL % function, args=list(arguments))
        return value

    async def perform(self, actions: list[dict[str, Any]]) -> None:
        await self.command("actions", actions=actions)

    async def put_file(self, selector: str, path: Path) -> None:
        found = await self.command("element", using="css selector", value=selector)
        await self.command(f"element/{found[ELEMENT]}/value", text=str(path))

    async def resize(self, width: int, height: int) -> None:
        await self.command("window/rect", width=width, height=height)

    async def picture(self) -> bytes:
        answer = await self._http.get("screenshot")
        return base64.b64decode(answer.json()["value"])

    async def settle(self) -> None:
        self.complaints[:] = json.loads(await self.call(COMPLAINTS, []))


@asynccontextmanager
async def webkit_tab(address: str) -> AsyncIterator[Tab]:
    """A browser, started by the driver at this address, while the block runs."""
    capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": {"args": OPTIONS}}}
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        answer = await http.post("/session", json={"capabilities": capabilities})
        assert answer.is_success, answer.text
        http.base_url = http.base_url.join(f"/session/{answer.json()['value']['sessionId']}/")
        try:
            remote = WebKitTab(http)
            await remote.command("timeouts", script=int(3 * SECONDS * 1000), pageLoad=int(3 * SECONDS * 1000))
            yield Tab(remote, "webkit")
        finally:
            await http.delete("")
