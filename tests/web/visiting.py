"""What tests do in the opened page: wait for what it shows, press Start, refuse the microphone, lose the line."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from PIL import Image
from playwright.async_api import Page

SAY_STATE = """() => {
  // A network cannot be taken away from a test's browser; what it tells the page can be said in its place.
  const made = RTCPeerConnection;
  window.RTCPeerConnection = class extends made {
    constructor(...options) { super(...options); window.peer = this; }
    get connectionState() { return window.saidState ?? super.connectionState; }
  };
  window.sayState = (state) => {
    window.saidState = state;
    window.peer.dispatchEvent(new Event("connectionstatechange"));
  };
}"""


async def until(page: Page, condition: str, seconds: float = 10) -> None:
    """Wait, frame by frame in the page, for an expression over `antiphon`."""
    async with asyncio.timeout(seconds):
        await page.evaluate(f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame); }}")


async def hook(page: Page, name: str) -> Any:
    return await page.evaluate(f"antiphon.{name}")


async def stop_the_clock(page: Page) -> None:
    """From here on time passes in the page only when the test says so."""
    await page.clock.install(time=0)
    await page.clock.pause_at(1_000)


async def connect(page: Page) -> None:
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def refuse_microphone(page: Page) -> None:
    """What a person does who clicks Block."""
    target = await (await page.context.new_cdp_session(page)).send("Target.getTargetInfo")
    assert page.context.browser is not None
    session = await page.context.browser.new_browser_cdp_session()
    await session.send(
        "Browser.setPermission",
        {
            "permission": {"name": "microphone"},
            "setting": "denied",
            "origin": await page.evaluate("origin"),
            "browserContextId": target["targetInfo"]["browserContextId"],
        },
    )


def photo() -> dict[str, Any]:
    out = io.BytesIO()
    Image.effect_noise((1600, 1200), 90).save(out, "PNG")
    return {"name": "desk.png", "mimeType": "image/png", "buffer": out.getvalue()}
