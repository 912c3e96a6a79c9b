"""A microphone that was chosen and is unplugged, and the screen that stays on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from web.calling import connected, told
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

UNPLUG = """(missing) => {
  const { mediaDevices } = navigator;
  window.nativeGet ??= mediaDevices.getUserMedia.bind(mediaDevices);
  window.askedFor = [];
  mediaDevices.getUserMedia = async (wanted) => {
    const id = wanted.audio.deviceId?.exact;
    askedFor.push(id ?? null);
    if (id === missing) throw new OverconstrainedError("deviceId");
    return nativeGet(wanted);
  };
}"""
WAKE_LOCK = """async () => {
  const { StayAwake } = await import("/awake.js");
  const held = new Set();
  const answers = [];
  class Lock {
    released = false;
    constructor() { held.add(this); }
    async release() { this.released = true; held.delete(this); }
  }
  const request = () => new Promise((resolve) => answers.push(() => resolve(new Lock())));
  Object.defineProperty(navigator, "wakeLock", { configurable: true, value: { request } });
  const awake = new StayAwake();
  awake.begin();
  document.dispatchEvent(new Event("visibilitychange"));
  const pending = answers.length;
  for (const answer of answers) answer();
  await new Promise((resolve) => setTimeout(resolve));
  const during = held.size;
  awake.end();
  await new Promise((resolve) => setTimeout(resolve));
  delete navigator.wakeLock;
  return [pending, during, held.size];
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def devices(caller: Page) -> AsyncIterator[Page]:
    """The caller's page; its devices are what they were afterwards."""
    yield caller
    await caller.evaluate("() => { if (window.nativeGet) navigator.mediaDevices.getUserMedia = nativeGet; }")


async def test_a_chosen_microphone_that_is_gone_gives_way_to_the_usual_one(
    devices: Page, server: ScriptedServer
) -> None:
    await connected(devices, microphone=True)
    await told(devices, "microphone.changed")
    chosen = (await devices.evaluate("call.devices()"))["microphones"][-1]["device_id"]
    await devices.evaluate("(id) => call.openMicrophone(id)", chosen)
    await devices.evaluate("call.closeMicrophone()")
    await devices.evaluate(UNPLUG, chosen)
    await devices.evaluate("call.openMicrophone()")
    assert await devices.evaluate("[call.hasMicrophone, askedFor]") == [True, [chosen, None]]
    # From here on it is not looked for any more; who asks for it by name is told that it is not there.
    await devices.evaluate("call.openMicrophone()")
    assert await devices.evaluate("askedFor.at(-1)") is None
    asked = "(id) => call.openMicrophone(id).catch((error) => error.problem.kind)"
    assert await devices.evaluate(asked, chosen) == "microphone_missing"
    assert await devices.evaluate("call.hasMicrophone")


async def test_two_requests_for_the_screen_hold_one_lock(modules: Page) -> None:
    assert await modules.evaluate(WAKE_LOCK) == [2, 1, 0]
