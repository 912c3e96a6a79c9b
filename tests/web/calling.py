"""`RealtimeCall` held by a test: one call at a time in a page of the scripted server, and the events that it told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from playwright.async_api import Page

OPEN = """async (options) => {
  const { RealtimeCall } = await import("/antiphon.js");
  window.told = [];
  window.call = new RealtimeCall({ url: location.origin, ...options });
  call.on("*", (event) => void told.push(JSON.parse(JSON.stringify(event))));
}"""

QUICK = {"path_ms": 1500, "grace_ms": 300, "retry_ms": 50, "longest_retry_ms": 200, "confirm_ms": 1000}


async def make_call(page: Page, **options: Any) -> None:
    """Make a call, not connected yet, as `call` in the page. What it tells is kept in `told`."""
    await page.evaluate(OPEN, {"microphone": False, **options, "timing": {**QUICK, **options.get("timing", {})}})


async def connected(page: Page, **options: Any) -> None:
    await make_call(page, **options)
    await page.evaluate("call.connect()")


async def until(page: Page, condition: str, seconds: float = 10) -> None:
    """Wait for an expression in the page, looked at every few milliseconds."""
    async with asyncio.timeout(seconds):
        await page.evaluate(
            f"async () => {{ while (!({condition})) await new Promise((resolve) => setTimeout(resolve, 10)); }}"
        )


async def told(page: Page, kind: str, *, nth: int = 1, seconds: float = 10) -> dict[str, Any]:
    """The nth event of that type that the call told, waiting for it."""
    of_kind = f"told.filter((event) => event.type === {json.dumps(kind)})"
    await until(page, f"{of_kind}.length >= {nth}", seconds)
    event: dict[str, Any] = await page.evaluate(f"{of_kind}[{nth - 1}]")
    return event


async def kinds_told(page: Page) -> list[str]:
    kinds: list[str] = await page.evaluate("told.map((event) => event.type)")
    return kinds
