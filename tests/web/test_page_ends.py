"""How the page reaches its server, loses it, is refused by it, and ends its calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from web.scripted_peer import ScriptedServer
from web.visiting import SAY_STATE, connect, hook, stop_the_clock, until
from web.wire import (
    heard,
    said,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


# ── the way to the server ─────────────────────────────────────────────────────────────────────────────────────────

CONFIGURATIONS = """() => {
  window.configurations = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) { super(configuration); window.configurations.push(configuration); }
  };
}"""


async def test_a_call_uses_the_ice_servers_that_the_server_names(page: Page, server: ScriptedServer) -> None:
    named = {"urls": ["stun:127.0.0.1:9", "turn:127.0.0.1:9"], "username": "1:a", "credential": "b"}
    server.ice_servers = [named]
    await page.evaluate(CONFIGURATIONS)
    await connect(page)
    assert await page.evaluate("configurations") == [{"iceServers": [named]}]


async def test_a_server_that_names_none_or_nonsense_is_called_directly(page: Page, server: ScriptedServer) -> None:
    async def nonsense(route: Route) -> None:
        await route.fulfill(status=200, body="no JSON")

    await page.route("**/ice-servers", nonsense)
    await page.evaluate(CONFIGURATIONS)
    await connect(page)
    assert await page.evaluate("configurations") == [{"iceServers": []}]


# ── the end of a call ─────────────────────────────────────────────────────────────────────────────────────────────

TRACKS = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}"""


async def test_ending_the_call_releases_the_microphone_and_tells_the_server(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(TRACKS)
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "bye"))
    await until(page, "antiphon.transcript.length === 1")
    await page.click("#call")
    async with asyncio.timeout(5):
        await server.call.hung_up.wait()
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    assert await hook(page, "state") == "ended"
    await expect(page.locator(".speech-text")).to_have_text("bye")
    await expect(page.locator("#call")).to_have_text("Start again")


async def test_starting_again_makes_a_new_call_and_keeps_what_was_said(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "first"))
    await until(page, "antiphon.transcript.length === 1")
    await page.click("#call")
    await page.click("#call")
    await until(page, 'antiphon.line === "on"')
    assert len(server.calls) == 2
    server.call.send(*heard("u2", None), said("u2", "second"))
    await until(page, "antiphon.transcript.at(-1)?.text === 'second'")
    assert [entry.get("text", entry.get("key")) for entry in await hook(page, "transcript")] == [
        "first",
        "note_ended",
        "note_new_call",
        "second",
    ]


async def test_impatient_clicking_makes_one_call_at_a_time_and_leaves_none_behind(
    page: Page, server: ScriptedServer
) -> None:
    await page.evaluate(TRACKS)
    await page.evaluate(
        """() => { for (let n = 0; n < 3; n++) document.querySelector("#start").click();
                   for (let n = 0; n < 4; n++) document.querySelector("#call").click(); }"""
    )
    await until(page, 'antiphon.line === "on"')
    await page.click("#call")
    await until(page, 'antiphon.state === "ended"')
    await until(page, 'tracks.every((track) => track.readyState === "ended")')
    assert len(server.calls) == 1


async def test_cancelling_while_it_connects_leaves_nothing_on(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(TRACKS)
    server.answers.clear()
    await page.click("#start")
    await server.asked.wait()
    assert await hook(page, "state") == "connecting"
    await page.click("#call")
    await until(page, 'antiphon.state === "ended"')
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]


async def test_leaving_the_page_hangs_up(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.goto("about:blank")
    async with asyncio.timeout(5):
        await server.call.hung_up.wait()


async def test_a_server_that_ends_the_call_is_told_and_start_again_works(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await server.call.close()
    await until(page, 'antiphon.problem === "other_side_ended"')
    assert await hook(page, "state") == "ended"
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "refused"), (401, "not_allowed"), (429, "too_many"), (500, "server_error"), (503, "server_full")],
)
async def test_a_refused_call_is_told_in_words(page: Page, server: ScriptedServer, status: int, kind: str) -> None:
    await page.evaluate(TRACKS)
    server.refuse_with = (status, {"message": "Said by the server.", "type": "x", "code": "y", "param": None})
    await page.click("#start")
    await until(page, 'antiphon.state === "failed"')
    assert await hook(page, "problem") == kind
    await expect(page.locator("#notice .detail")).to_have_text("Said by the server.")
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    server.refuse_with = None
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def test_a_server_that_is_gone_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    await page.context.set_offline(True)
    await page.click("#start")
    await until(page, 'antiphon.problem === "server_gone"')
    await page.context.set_offline(False)
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def test_an_answer_that_is_no_answer_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    async def nonsense(route: Any) -> None:
        await route.fulfill(status=201, body="v=0 nonsense", content_type="application/sdp")

    await page.route("**/v1/realtime/calls", nonsense)
    await page.click("#start")
    await until(page, 'antiphon.problem === "bad_answer"')


async def test_a_line_that_comes_back_within_the_grace_keeps_the_call(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(SAY_STATE)
    await connect(page)
    await page.evaluate('sayState("disconnected")')
    await until(page, 'antiphon.line === "shaky"')
    await expect(page.locator("#notice-words")).to_contain_text("Holding the line")
    await page.evaluate('sayState("connected")')
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_line_that_stays_away_is_called_again_and_the_conversation_is_kept(
    page: Page, server: ScriptedServer
) -> None:
    await page.evaluate(SAY_STATE)
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "Remember the harbour."))
    await expect(page.locator("#transcript")).to_contain_text("harbour")
    await stop_the_clock(page)
    await page.evaluate('sayState("disconnected")')
    await page.clock.fast_forward(4_900)
    assert await hook(page, "line") == "shaky"
    server.answers.clear()
    await page.clock.fast_forward(200)
    assert await hook(page, "problem") == "reconnecting"
    assert await hook(page, "state") == "reconnecting"
    await expect(page.locator("#mark-word")).to_have_text("calling again")
    await page.clock.resume()
    server.answers.set()
    await until(page, 'antiphon.line === "on"')
    assert await hook(page, "problem") is None
    replayed = await server.call.expect("conversation.item.create")
    assert replayed["item"]["content"][0]["text"] == "Remember the harbour."
    assert [entry["text"] for entry in await hook(page, "transcript")] == ["Remember the harbour."]


async def test_a_server_that_never_confirms_the_session_does_not_hold_the_call_up(
    page: Page, server: ScriptedServer
) -> None:
    server.confirms_updates = False
    await stop_the_clock(page)
    await page.click("#start")
    async with asyncio.timeout(10):
        await server.asked.wait()
        while not server.calls or "session.update" not in server.call.kinds():
            await page.clock.run_for(20)
    assert await hook(page, "line") == "connecting"
    await page.clock.run_for(5_000)
    assert await hook(page, "line") == "on"
