"""Firefox, which has both ways for sound: what becomes of a call for which WebRTC finds none, or which is refused.

WebKitGTK goes over the WebSocket from the start; its calls are in test_call.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from browsers.other_side import level, spoken
from browsers.running import Browsers, open_page
from browsers.tab import Tab
from web.calling import OPEN, QUICK
from web.scripted_peer import ScriptedServer, ScriptedSocket
from web.wire import answer_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NO_WAY = """() => {
  const Native = RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); }
  };
}"""

# See test_firefox_is_not_asked_how_late_its_sound_is.
LATENCY = """() => {
  window.asked = 0;
  Object.defineProperty(AudioContext.prototype, "outputLatency", { get() { window.asked += 1; return 0.03; } });
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def firefox(browsers: Browsers, server: ScriptedServer) -> AsyncIterator[Tab]:
    async with browsers.tab("firefox") as tab:
        await open_page(tab, server.base_url)
        yield tab


async def told(tab: Tab, kind: str) -> dict[str, Any]:
    """The first event of that type that the call told, waiting for it."""
    found = f"told.find((event) => event.type === '{kind}')"
    await tab.until(f"{found} !== undefined")
    event: dict[str, Any] = await tab.evaluate(found)
    return event


async def fallen_back(firefox: Tab, server: ScriptedServer) -> ScriptedSocket:
    """A call whose sound goes over the WebSocket, and in which the other side speaks."""
    await firefox.call(LATENCY)
    await firefox.call(NO_WAY)
    await firefox.call(OPEN, {"timing": {**QUICK, "path_ms": 400}})
    await firefox.call("() => call.connect()")
    assert (await told(firefox, "connection.fallback"))["problem"]["kind"] == "no_path"
    socket = server.sockets[-1]
    await socket.send(*answer_begins("r1", "a1", None), *[spoken("r1", "a1", 1, 0.5)] * 30)
    await firefox.until("call.levels.output > 0.2")
    return socket


async def test_where_webrtc_finds_no_way_sound_goes_over_the_websocket(firefox: Tab, server: ScriptedServer) -> None:
    socket = await fallen_back(firefox, server)
    assert await firefox.evaluate("call.transport") == "websocket"
    await socket.until(lambda: any(level(block) > 0.01 for block in socket.blocks), seconds=15)
    assert len(socket.blocks[0]) == 2 * 960
    await firefox.call("() => new Promise((resolve) => setTimeout(resolve, 400))")  # something has to be heard
    assert await firefox.evaluate("call.interrupt()")
    truncate = await socket.expect("conversation.item.truncate")
    assert 0 < truncate["audio_end_ms"] < 29_000
    await firefox.until("call.levels.output < 0.001")


async def test_firefox_is_not_asked_how_late_its_sound_is(firefox: Tab, server: ScriptedServer) -> None:
    """It holds its audio graph while it asks its audio thread, which may be waiting for that graph."""
    await fallen_back(firefox, server)
    assert await firefox.evaluate("call.interrupt()")
    await firefox.until("call.levels.output < 0.001")
    assert await firefox.evaluate("asked") == 0


@pytest.mark.parametrize(("status", "kind"), [(401, "not_allowed"), (503, "server_full")])
async def test_a_refused_call_is_told_in_words(firefox: Tab, server: ScriptedServer, status: int, kind: str) -> None:
    server.refuse_with = (status, {"message": "Said by the server.", "type": "x", "code": "y", "param": None})
    await firefox.click("#start")
    await firefox.until("antiphon.state === 'failed'")
    assert await firefox.evaluate("antiphon.problem") == kind
    await firefox.reads("#notice .detail", "Said by the server.")
    server.refuse_with = None
    await firefox.click("#start")
    await firefox.until("antiphon.line === 'on'")
