"""What a machine can see wrong on a page as it stands: what is wider than its window, cut off, covered, too small to be
touched, without a name, or without a sign of the focus. The looking is done in the page, by `appearance.js`.

Not here: which pages are looked at, and what only a person sees (see scripts/pictures).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

QUESTIONS = (Path(__file__).parent / "appearance.js").read_text(encoding="utf-8")

SMALLEST_TARGETS = {"button": 36, "line": 24}
"""Pixels that a finger is given each way: of a button or a field; of a line that opens something or leads somewhere.
WCAG 2.2 asks for 24 (2.5.8, AA), and for 44 where one can (2.5.5, AAA)."""


async def _ask(page: Page, question: str) -> Any:
    return await page.evaluate(f"{QUESTIONS}.{question}")


async def wrong_in_layout(page: Page) -> list[str]:
    return [*await _ask(page, "outOfPlace()"), *await _ask(page, "overlapping()")]


async def too_small(page: Page) -> list[str]:
    """What a finger hits badly."""
    found: list[str] = await _ask(page, f"tooSmall({SMALLEST_TARGETS})")
    return found


async def nameless(page: Page) -> list[str]:
    found: list[str] = await _ask(page, "nameless()")
    return found


async def without_focus(page: Page) -> list[str]:
    """Leaves the focus nowhere."""
    await page.keyboard.press("Tab")
    await page.emulate_media(reduced_motion="reduce")  # a border on its way to its colour has not got there yet
    found: list[str] = await _ask(page, "unfocused()")
    await page.emulate_media(reduced_motion="no-preference")
    return found


async def what_is_told(page: Page) -> str:
    """The call's state as the page shows it, without what was said in it."""
    told: str = await _ask(page, "told()")
    return told
