"""The server with the real engine behind it and real peers in front: the abuse that it must survive, and what is left
behind afterwards, which is nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from antiphon.server import ServerSettings
from live_server import LiveServer, live_server

engine_room = pytest.importorskip("antiphon.engine", reason="the engine is not installed")
rtc_caller = pytest.importorskip("rtc_caller", reason="WebRTC is not installed")

MIB = 1024 * 1024


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(engine_room.build_engine()) as running:
        yield running


async def receive(call: websockets.ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of that type; others are passed over."""
    async with asyncio.timeout(20):
        while True:
            event: dict[str, Any] = json.loads(await call.recv())
            if event["type"] == kind:
                return event


async def idle(server: LiveServer) -> None:
    async with asyncio.timeout(10):
        await server.calls.idle()


def typed(text: str) -> list[str]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return [
        json.dumps({"type": "conversation.item.create", "item": item}),
        json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}),
    ]


async def test_a_typed_turn_is_answered_over_websocket(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime?model=gpt-realtime") as call:
        created = await receive(call, "session.created")
        assert created["session"]["type"] == "realtime"
        for event in typed("The quick brown fox"):
            await call.send(event)
        done = await receive(call, "response.done")
        assert done["response"]["status"] == "completed"
        assert "quick brown fox" in json.dumps(done)
    await idle(server)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"type": 7}',
        '{"type": "no.such.event", "event_id": "e1"}',
        '{"type": "input_audio_buffer.append", "audio": "@@@@"}',
        '{"type": "input_audio_buffer.append"}',
        '{"type": "session.update", "session": {"type": "realtime", "nonsense": 1}}',
        '{"type": "response.cancel"}',
        "[" * 100_000,
        "\x00\x01\x02",
        b"\x00\xff binary",
        "x" * (20 * MIB),
        '{"type": "input_audio_buffer.append", "audio": "' + "A" * (21 * MIB) + '"}',
    ],
    ids=lambda frame: repr(frame[:24]),
)
async def test_malformed_frames_get_an_error_and_the_call_lives_on(server: LiveServer, frame: str | bytes) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await receive(call, "session.created")
        await call.send(frame)
        error = await receive(call, "error")
        assert error["error"]["message"]
        assert error["error"]["type"]
        await call.send('{"type": "session.update", "session": {"type": "realtime", "instructions": "Go on."}}')
        assert (await receive(call, "session.updated"))["session"]["instructions"] == "Go on."
    await idle(server)


async def test_a_transcription_session_is_opened_by_intent(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime?intent=transcription") as call:
        assert (await receive(call, "session.created"))["session"]["type"] == "transcription"


async def test_a_call_ends_with_the_protocols_own_error_when_its_time_is_up() -> None:
    async with live_server(engine_room.build_engine(), ServerSettings(max_call_seconds=0.5)) as server:
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
            error = await receive(call, "error")
            assert error["error"]["code"] == "session_expired"
            with pytest.raises(ConnectionClosed) as caught:
                await receive(call, "nothing more")
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        await idle(server)


# ── WebRTC ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def post(server: LiveServer, path: str, **request: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        return await http.post(path, **request)


async def test_a_peer_connection_carries_a_call_from_offer_to_hang_up(server: LiveServer) -> None:
    caller = rtc_caller.Caller()
    try:
        session = json.dumps({"type": "realtime", "instructions": "Be brief.", "output_modalities": ["text"]})
        files = {"sdp": (None, await caller.offer(), "application/sdp"), "session": (None, session, "application/json")}
        answered = await post(server, "/v1/realtime/calls", files=files)
        assert answered.status_code == 201, answered.text
        await caller.accept(answered.text)
        created = await caller.next_event("session.created")
        assert created["session"]["instructions"] == "Be brief."
        for event in typed("The quick brown fox"):
            caller.send(event)
        done = await caller.next_event("response.done")
        assert "quick brown fox" in json.dumps(done)
        caller.send("{ this is no JSON")
        assert (await caller.next_event("error"))["error"]["message"]
        assert server.calls.active == 1
        assert (await post(server, f"{answered.headers['location']}/hangup")).status_code == 200
        await idle(server)
        async with asyncio.timeout(10):
            await caller.closed.wait()
    finally:
        await caller.close()


async def test_the_founding_route_opens_a_call(server: LiveServer) -> None:
    caller = rtc_caller.Caller()
    try:
        headers = {"Content-Type": "application/sdp"}
        answered = await post(server, "/session", content=await caller.offer(), headers=headers)
        assert answered.status_code == 201
        await caller.accept(answered.text)
        created = await caller.next_event("session.created")
        assert created["session"]["audio"]["input"]["transcription"] is not None
    finally:
        await caller.close()
    await idle(server)


GARBAGE_OFFERS = {
    "noise": "garbage",
    "half": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio",
    "no audio": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
    "no keys": "v=0\r\no=- 1 2 IN IP4 0\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n",
    "nul": "v=0\r\n\x00\x00\r\n",
    "long": "v=0\r\n" + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 1000,
}


@pytest.mark.parametrize("offer", GARBAGE_OFFERS.values(), ids=GARBAGE_OFFERS.keys())
async def test_a_garbage_offer_is_refused_in_words(server: LiveServer, offer: str) -> None:
    response = await post(server, "/v1/realtime/calls", content=offer, headers={"Content-Type": "application/sdp"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_offer"
    assert response.json()["error"]["message"]
    assert server.calls.active == 0


async def test_a_session_that_cannot_be_is_refused_before_the_call(server: LiveServer) -> None:
    caller = rtc_caller.Caller()
    try:
        session = {"type": "realtime", "output_modalities": ["audio", "text"]}
        response = await post(server, "/v1/realtime/calls", json={"sdp": await caller.offer(), "session": session})
        assert response.status_code == 400, response.text
        assert "output_modalities" in response.json()["error"]["param"]
        assert server.calls.active == 0
    finally:
        await caller.close()


async def test_a_peer_that_takes_the_answer_and_never_connects_is_given_up() -> None:
    async with live_server(engine_room.build_engine(), ServerSettings(channel_seconds=0.5)) as server:
        caller = rtc_caller.Caller()
        try:
            response = await post(server, "/session", content=await caller.offer())
            assert response.status_code == 201
            await idle(server)
        finally:
            await caller.close()


# ── nothing is left behind ────────────────────────────────────────────────────────────────────────────────────────


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def speech(seconds: float) -> str:
    """Loud enough noise to be taken for somebody who speaks, as an event."""
    pcm = os.urandom(int(24_000 * seconds) * 2)
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})


async def abuse(server: LiveServer) -> None:
    """One round of callers who leave in every way there is."""
    for leave in ("close", "abort", "half a frame", "mid-answer"):
        call = await websockets.connect(f"{server.ws_url}/v1/realtime")
        await receive(call, "session.created")
        await call.send(speech(0.5))
        if leave == "mid-answer":
            for event in typed("A long story, word by word by word by word"):
                await call.send(event)
            await receive(call, "response.created")
        if leave == "half a frame":
            call.transport.write(b"\x81\xfe\x10\x00half")
        if leave == "close":
            await call.close()
        else:
            call.transport.abort()
            with contextlib.suppress(ConnectionClosed):
                await call.wait_closed()
    caller = rtc_caller.Caller()
    response = await post(server, "/session", content=await caller.offer())
    await caller.accept(response.text)
    await caller.next_event("session.created")
    await caller.close()
    await post(server, "/session", content="garbage")
    stuck = socket.create_connection(("127.0.0.1", server.port))
    stuck.sendall(b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    stuck.close()
    await idle(server)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted through /proc")
async def test_after_every_kind_of_leaving_tasks_and_sockets_are_back_where_they_were(server: LiveServer) -> None:
    await abuse(server)  # what is made once and kept (workers, pools) is made here
    await settle()
    tasks, files = asyncio.all_tasks(), open_files()
    for _ in range(3):
        await abuse(server)
    await settle()
    left = {task for task in asyncio.all_tasks() - tasks if not task.done()}
    if left:
        _, left = await asyncio.wait(left, timeout=10)
    assert not left
    async with asyncio.timeout(10):
        while open_files() > files:  # noqa: ASYNC110 - nobody tells when a closed socket's descriptor is gone
            await asyncio.sleep(0.05)


async def settle() -> None:
    """Let callbacks that are due run: closed transports give their sockets back in one."""
    for _ in range(10):
        await asyncio.sleep(0)
