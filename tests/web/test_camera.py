"""The camera in its sheet: asked for with grace, turned, and given back whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from chromium import launch_arguments, require_chromium
from web.calling import until
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Every track that the browser gave is kept to be looked at. While there is a `held`, its answers wait for it.
WATCH = """() => {
  window.tracks = [];
  window.asked = [];
  window.held = null;
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wishes) => {
    asked.push(wishes);
    const stream = await ask(wishes);
    tracks.push(...stream.getTracks());
    await held;
    return stream;
  };
}"""
HOLD = "void (window.held = new Promise((resolve) => (window.release = resolve)))"
LIVE = 'tracks.filter((track) => track.readyState === "live")'
SEES = 'document.getElementById("camera-picture").videoWidth > 0'
FAIL = """(name) => {
  const error = name === "OverconstrainedError" ? new OverconstrainedError("facingMode") : new DOMException("", name);
  navigator.mediaDevices.getUserMedia = () => Promise.reject(error);
}"""
# As a phone tells it: the first camera looks away, the second at the person, and each is found by where it looks.
SIDES = """() => {
  const sides = ["environment", "user"];
  const own = MediaStreamTrack.prototype.getSettings;
  MediaStreamTrack.prototype.getSettings = function () {
    return { ...own.call(this), facingMode: sides[Number(this.label.at(-1))] };
  };
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async ({ video }) => {
    const cameras = (await devices.enumerateDevices()).filter((device) => device.kind === "videoinput");
    return ask({ video: { deviceId: { exact: cameras[sides.indexOf(video.facingMode)].deviceId } } });
  };
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def camera(page: Page) -> Page:
    """The page, allowed a camera, and watched."""
    await page.context.grant_permissions(["microphone", "camera"])
    await page.evaluate(WATCH)
    return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two_cameras() -> AsyncIterator[Browser]:
    """A browser with two of them."""
    one = "--use-fake-device-for-media-stream"
    arguments = [f"{each}=device-count=2" if each == one else each for each in launch_arguments()]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=require_chromium(), args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def turning(two_cameras: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page with two cameras."""
    context = await two_cameras.new_context(locale="en-GB", permissions=["camera"])
    page = await context.new_page()
    await page.goto(server.base_url)
    yield page
    await context.close()


async def open_camera(page: Page) -> None:
    await page.click("#photo")
    await page.click("#photo-camera")
    await expect(page.locator("#camera")).to_be_visible()


async def labels(page: Page) -> Any:
    return await page.evaluate(f"{LIVE}.map((track) => track.label)")


async def test_a_photo_is_taken_and_the_camera_given_back(camera: Page) -> None:
    await open_camera(camera)
    await camera.click("#camera-take")
    await expect(camera.locator("#attached")).to_be_visible()
    await expect(camera.locator("#camera")).to_be_hidden()
    assert await camera.evaluate("tracks.length") == 1
    assert await camera.evaluate(f"{LIVE}.length") == 0


async def test_the_camera_is_fetched_when_it_is_first_used(camera: Page) -> None:
    fetched: list[str] = []
    camera.on("request", lambda request: fetched.append(request.url.rpartition("/")[2]))
    assert not await camera.evaluate(
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('camera.js'))"
    )
    await open_camera(camera)
    assert "camera.js" in fetched


async def test_who_cancels_before_the_browser_answers_has_no_camera_running(camera: Page) -> None:
    await camera.evaluate(HOLD)
    await camera.click("#photo")
    await camera.click("#photo-camera")
    await until(camera, "tracks.length === 1")
    await camera.click("#camera-close")
    await camera.evaluate("release()")
    await until(camera, f"{LIVE}.length === 0")
    await expect(camera.locator("#camera")).to_be_hidden()


async def test_who_cancels_while_the_other_camera_opens_is_not_shown_it(turning: Page) -> None:
    await turning.evaluate(WATCH)
    await open_camera(turning)
    await until(turning, SEES)
    await turning.evaluate(HOLD)
    await turning.click("#camera-turn")
    await until(turning, "tracks.length === 2")
    await turning.click("#camera-close")
    await turning.evaluate("release()")
    await until(turning, f"{LIVE}.length === 0")
    await expect(turning.locator("#camera")).to_be_hidden()


async def test_two_quick_turns_leave_one_camera_running(turning: Page) -> None:
    await turning.evaluate(WATCH)
    await open_camera(turning)
    await until(turning, SEES)
    await turning.evaluate("for (const _ of [1, 2]) document.getElementById('camera-turn').click()")
    await until(turning, f"tracks.length >= 2 && {SEES}")
    assert await turning.evaluate(f"{LIVE}.length") == 1


async def test_cameras_without_a_side_are_turned_through_one_by_one(turning: Page) -> None:
    await turning.evaluate(WATCH)
    await open_camera(turning)
    await until(turning, SEES)
    assert await labels(turning) == ["fake_device_0"]
    await turning.click("#camera-turn")
    await until(turning, f"{LIVE}.some((track) => track.label === 'fake_device_1')")
    await until(turning, SEES)
    await turning.click("#camera-turn")
    await until(turning, f"{LIVE}.some((track) => track.label === 'fake_device_0')")


async def test_a_phone_begins_with_the_camera_that_looks_away_and_turns_to_the_person(turning: Page) -> None:
    await turning.evaluate(SIDES)
    await turning.evaluate(WATCH)
    await open_camera(turning)
    await until(turning, SEES)
    assert await labels(turning) == ["fake_device_0"]
    await turning.click("#camera-turn")
    await until(turning, f"{LIVE}.some((track) => track.label === 'fake_device_1')")
    assert await turning.evaluate("asked.map(({ video }) => video.facingMode)") == ["environment", "user"]


async def test_one_camera_has_nothing_to_turn(camera: Page) -> None:
    await open_camera(camera)
    await until(camera, SEES)
    await expect(camera.locator("#camera-turn")).to_be_hidden()


async def test_while_the_browser_asks_the_page_says_so_and_then_no_longer(camera: Page) -> None:
    await camera.evaluate(HOLD)
    await open_camera(camera)
    asking = camera.locator("#camera-asking")
    await expect(asking).to_have_text("Your browser asks for the camera. Allow it to take a photo.")
    await expect(asking).to_be_visible()
    await camera.evaluate("release()")
    await until(camera, SEES)
    await expect(asking).to_be_hidden()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotReadableError", "Another program may hold it"),
        ("OverconstrainedError", "No camera was found."),
        ("NotFoundError", "No camera was found."),
        ("NotAllowedError", "Your browser blocked the camera."),
    ],
)
async def test_a_camera_that_cannot_be_had_is_told_with_what_to_do(camera: Page, error: str, words: str) -> None:
    await camera.evaluate(FAIL, error)
    await camera.click("#photo")
    await camera.click("#photo-camera")
    await expect(camera.locator("#notice-words")).to_contain_text(words)
    await expect(camera.locator("#notice-words")).to_contain_text("hoose a picture")
    await expect(camera.locator("#camera")).to_be_hidden()


async def test_a_camera_that_is_unplugged_is_told(camera: Page) -> None:
    await open_camera(camera)
    await until(camera, SEES)
    await camera.evaluate("tracks[0].dispatchEvent(new Event('ended'))")
    await expect(camera.locator("#notice-words")).to_contain_text("No camera was found.")
    await expect(camera.locator("#camera")).to_be_hidden()
