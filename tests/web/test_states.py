"""Every state of the page fits its window, can be touched, named and reached by key, and is told from its neighbours.

What only a person can judge is in the pictures of the same states (scripts/pictures).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import combinations

import pytest
import pytest_asyncio
from _pytest.mark import ParameterSet
from playwright.async_api import Browser, async_playwright

from chromium import launch_arguments, require_chromium
from web.appearance import nameless, too_small, what_is_told, without_focus, wrong_in_layout
from web.scene import SIZES, Look, Scene, Stage, State, open_stage
from web.states import BY_NAME, STATES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PHONE = Look("phone", "light", "en")
TOLD_APART = (
    "before", "connecting", "listening", "heard", "thinking", "speaking", "interrupted", "muted", "tool-running",
    "photo-attached", "reconnecting", "fallen-back", "microphone-refused", "server-gone", "ended",
)  # fmt: skip
"""The states of a call that the page's design names."""

REACHED_IN_RUSSIAN = (
    "settings",
    "settings-end",
    "settings-by-pauses",
    "past",
    "past-opened",
    "keys",
    "locked",
    "widget",
)
"""Under a dialog or on another page there is no button that changes the language."""


def each(states: Iterable[State]) -> list[ParameterSet]:
    return [pytest.param(state, id=state.name) for state in states]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    path = require_chromium()
    asking = [argument for argument in launch_arguments() if argument != "--use-fake-ui-for-media-stream"]
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=path, args=asking)
        async with open_stage(browser) as stage:
            yield stage
        await browser.close()


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What each state told, of those that were looked at."""
    return {}


async def looked_over(scene: Scene, sizes: Sequence[str], language: str) -> list[str]:
    """What is wrong with the page at these sizes."""
    found: list[str] = []
    for size in sizes:
        width, height = SIZES[size]
        await scene.page.set_viewport_size({"width": width, "height": height})
        await scene.settle()
        wrong = await wrong_in_layout(scene.page)
        if size.startswith("phone"):
            wrong += await too_small(scene.page)
        found += [f"{size}, {language}: {one}" for one in wrong]
    return found


@pytest.mark.parametrize("state", each(STATES))
async def test_a_state_is_whole(stage: Stage, told: dict[str, str], state: State) -> None:
    sizes = list(SIZES) if state.matters and state.fits else ["phone"]
    async with stage.opened(state, PHONE) as scene:
        told[state.name] = await what_is_told(scene.page)
        found = await looked_over(scene, ["phone"], "en")
        found += await nameless(scene.page)
        found += await without_focus(scene.page)
        found += await looked_over(scene, sizes[1:], "en")
        if state.matters and await may_switch_language(scene):
            await scene.page.click("#language")
            found += await looked_over(scene, sizes[::-1], "ru")
        assert scene.complaints == []
    assert not found, "\n".join(found)


async def may_switch_language(scene: Scene) -> bool:
    """Where the page's own button is within reach."""
    is_covered = await scene.page.locator("dialog[open]").count() > 0
    return not is_covered and await scene.page.locator("#language").is_visible()


@pytest.mark.parametrize("state", each(state for state in STATES if state.name in REACHED_IN_RUSSIAN))
async def test_a_state_without_a_switch_is_whole_in_russian(stage: Stage, state: State) -> None:
    async with stage.opened(state, Look("phone", "light", "ru")) as scene:
        found = await looked_over(scene, list(SIZES) if state.fits else ["phone"], "ru")
    assert not found, "\n".join(found)


async def test_the_states_of_a_call_are_told_apart(stage: Stage, told: dict[str, str]) -> None:
    for name in TOLD_APART:
        if name not in told:
            async with stage.opened(BY_NAME[name], PHONE) as scene:
                told[name] = await what_is_told(scene.page)
    alike = [(one, other) for one, other in combinations(TOLD_APART, 2) if told[one] == told[other]]
    assert alike == []


async def test_a_tool_that_failed_does_not_look_like_one_that_went_well(stage: Stage) -> None:
    looks = []
    for name in ("tool-done", "tool-failed"):
        async with stage.opened(BY_NAME[name], PHONE) as scene:
            looks.append(await scene.page.locator(".tool").evaluate("({ className, dataset }) => [className, dataset]"))
    assert looks[0] != looks[1]
