"""How good the line is said to be, and why."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def sample(**values: float) -> dict[str, float | None]:
    return {"roundTripMs": None, "jitterMs": None, "lossPercent": None, "kbps": None, **values}


async def judge(modules: Page, *samples: dict[str, float | None]) -> Any:
    return await modules.evaluate('async (s) => (await import("/quality.js")).judge(s)', list(samples))


async def test_nothing_is_said_of_a_line_that_nothing_is_known_of(modules: Page) -> None:
    assert await judge(modules) == {"verdict": "unknown", "cause": None}
    assert await judge(modules, sample()) == {"verdict": "unknown", "cause": None}


async def test_one_bad_moment_is_no_bad_line(modules: Page) -> None:
    good = sample(roundTripMs=40, jitterMs=3, lossPercent=0)
    assert await judge(modules, good, good, sample(roundTripMs=2000, lossPercent=60), good, good) == {
        "verdict": "good",
        "cause": None,
    }


@pytest.mark.parametrize(
    ("values", "verdict", "cause"),
    [
        ({"lossPercent": 4.0, "roundTripMs": 50}, "fair", "lossPercent"),
        ({"lossPercent": 25.0, "roundTripMs": 350}, "poor", "lossPercent"),
        ({"roundTripMs": 1200, "jitterMs": 50}, "poor", "roundTripMs"),
        ({"roundTripMs": 80, "jitterMs": 60}, "fair", "jitterMs"),
    ],
)
async def test_the_worst_of_it_is_named(modules: Page, values: dict[str, float], verdict: str, cause: str) -> None:
    assert await judge(modules, *[sample(**values)] * 3) == {"verdict": verdict, "cause": cause}
