"""Calls over WebRTC, with the peer connection played: wiring, endings, limits. The real one is tested further down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
def transports() -> Transports:
    return Transports()


@pytest.fixture
async def server(answerer: ScriptedAnswerer, transports: Transports) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, ServerSettings(max_calls=2), open_transport=transports) as running:
        yield running


async def open_call(server: LiveServer, path: str = "/session") -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        return await http.post(path, content="v=0", headers={"Content-Type": "application/sdp"})


async def hang_up(server: LiveServer, call_id: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        return await http.post(f"/v1/realtime/calls/{call_id}/hangup")


async def idle(server: LiveServer) -> None:
    async with asyncio.timeout(10):
        await server.calls.idle()


async def test_events_and_audio_pass_both_ways(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    assert (await open_call(server, "/v1/realtime/calls")).status_code == 201
    call, transport = answerer.last, transports.last
    assert call.link.kind == "webrtc"
    assert call.link.max_event_bytes == 65_536
    transport.handler.on_open()
    assert json.loads(transport.events[0])["type"] == "session.created"
    transport.handler.on_event("hello")
    assert json.loads(transport.events[1]) == {"echo": "hello"}
    transport.handler.on_event(b"\x00")
    assert call.events[-1] == b"\x00"
    transport.handler.on_audio(b"\x01\x02")
    assert call.heard == b"\x01\x02"
    call.link.send_audio(b"\x03\x04")
    call.link.end_audio()
    call.link.flush_audio()
    assert (transport.audio, transport.calls) == (b"\x03\x04", ["end", "flush"])
    transport.handler.on_played(480)
    assert call.played == 480


async def test_nothing_is_sent_before_the_channel_opens(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    await open_call(server)
    assert transports.last.events == []
    assert answerer.last.events == []


async def test_hanging_up_by_id_ends_the_call_and_its_connection(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    call_id = (await open_call(server)).headers["location"].rpartition("/")[2]
    assert (await hang_up(server, call_id)).status_code == 200
    await idle(server)
    assert transports.last.closed.is_set()
    assert answerer.last.finished
    assert (await hang_up(server, call_id)).status_code == 200, "hanging up twice is hanging up once"
    assert (await hang_up(server, "rtc_unknown")).status_code == 404


async def test_a_peer_that_goes_away_ends_the_call(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    await open_call(server)
    transports.last.handler.on_open()
    transports.last.handler.on_closed("the peer is gone")
    await idle(server)
    assert answerer.last.reasons == ["the peer is gone"]
    assert answerer.last.finished


async def test_a_call_that_closes_its_link_ends(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    await open_call(server)
    answerer.last.link.close(1000, "done")
    await idle(server)
    assert transports.last.closed.is_set()


async def test_a_call_whose_channel_never_opens_is_hung_up(answerer: ScriptedAnswerer, transports: Transports) -> None:
    settings = ServerSettings(channel_seconds=0.2)
    async with live_server(answerer, settings, open_transport=transports) as server:
        await open_call(server)
        await idle(server)
        assert "data channel" in answerer.last.reasons[0]
        assert transports.last.closed.is_set()


async def test_a_call_is_over_after_its_time(answerer: ScriptedAnswerer, transports: Transports) -> None:
    settings = ServerSettings(max_call_seconds=0.3)
    async with live_server(answerer, settings, open_transport=transports) as server:
        await open_call(server)
        transports.last.handler.on_open()
        await idle(server)
        assert json.loads(transports.last.events[-1])["error"]["code"] == "session_expired"
        assert transports.last.closed.is_set()


async def test_one_calls_failure_stays_its_own(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    await open_call(server)
    await open_call(server)
    bad, good = transports.made
    answerer.made[0].fail_on = "boom"
    bad.handler.on_event("boom")
    async with asyncio.timeout(5):
        await bad.closed.wait()
    good.handler.on_event("fine")
    assert "fine" in good.events[-1]
    answerer.made[1].fail(RuntimeError("secret"))
    await idle(server)
    assert good.closed.is_set()


async def test_no_more_calls_than_there_are_places(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    await open_call(server)
    await open_call(server)
    refused = await open_call(server)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "too_many_calls"
    assert refused.headers["retry-after"]
    for call in answerer.made:
        call.hang_up("make room")
    await idle(server)
    assert (await open_call(server)).status_code == 201


async def test_a_failed_answer_takes_no_place(answerer: ScriptedAnswerer) -> None:
    transports = Transports(error=RuntimeError("secret detail"))
    async with live_server(answerer, ServerSettings(max_calls=1), open_transport=transports) as server:
        for _ in range(3):
            response = await open_call(server)
            assert response.status_code == 500
            assert "secret" not in response.text
        assert server.calls.active == 0
        assert all(transport.closed.is_set() for transport in transports.made)


async def test_stopping_the_server_ends_its_calls(answerer: ScriptedAnswerer, transports: Transports) -> None:
    async with live_server(answerer, open_transport=transports) as server:
        await open_call(server)
        await open_call(server)
        answerer.last.linger = asyncio.Event()
    assert all(call.finished for call in answerer.made)
    assert all(transport.closed.is_set() for transport in transports.made)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "rtc-call"]
    assert answerer.closed


async def test_stopping_the_server_while_an_offer_is_answered_leaves_nothing(answerer: ScriptedAnswerer) -> None:
    transports = Transports(gate=asyncio.Event())
    async with live_server(answerer, open_transport=transports) as server:
        waiting = asyncio.create_task(open_call(server))
        async with asyncio.timeout(5):
            await transports.opened.wait()
    outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(outcome, httpx.HTTPError) or (
        isinstance(outcome, httpx.Response) and outcome.status_code in (500, 503)
    )
    assert transports.last.closed.is_set()
    assert not answerer.made
