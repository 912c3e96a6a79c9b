"""Peers that send nonsense, too much, or vanish: each gets its error or its cleanup.

One server with the real engine takes all of it, round after round. Then tasks, sockets, threads and memory are back
where they were.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.engine import build_engine
from live_server import LiveServer, live_server
from rtc_caller import Caller
from session_rig import loud

URL = "/v1/realtime?model=gpt-realtime-2.1"
APPEND = {"type": "input_audio_buffer.append"}


def sized(pcm: bytes) -> str:
    return json.dumps({**APPEND, "audio": base64.b64encode(pcm).decode()})


async def next_of(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == kind:
                return event


async def refused(server: LiveServer, frame: str | bytes, code: str) -> None:
    """The frame is answered with an error of that code, and the session still works."""
    async with connect(server.ws_url + URL, max_size=None) as socket:
        await socket.send(frame)
        error = (await next_of(socket, "error"))["error"]
        assert error["type"] == "invalid_request_error"
        assert error["code"] == code, error
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        await next_of(socket, "session.updated")


async def malformed_json(server: LiveServer) -> None:
    await refused(server, '{"type": "response.create"', "invalid_event")


async def not_an_object(server: LiveServer) -> None:
    await refused(server, "[1, 2, 3]", "invalid_event")


async def binary_frame(server: LiveServer) -> None:
    await refused(server, b"\x00\x01\x02", "invalid_event")


async def unknown_event(server: LiveServer) -> None:
    await refused(server, '{"type": "response.sing"}', "invalid_value")


async def unknown_field(server: LiveServer) -> None:
    await refused(
        server, '{"type": "session.update", "session": {"type": "realtime", "voice": "ash"}}', "unknown_parameter"
    )


async def wrong_base64(server: LiveServer) -> None:
    await refused(server, json.dumps({**APPEND, "audio": "§§§"}), "invalid_value")


async def a_20_mb_frame(server: LiveServer) -> None:
    await refused(server, sized(bytes(15 * 1024 * 1024 + 2)), "invalid_value")


async def a_frame_beyond_all_bounds(server: LiveServer) -> None:
    async with connect(server.ws_url + URL, max_size=None) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.send("x" * (40 * 1024 * 1024))
            await next_of(socket, "never")


async def vanishes_in_mid_word(server: LiveServer) -> None:
    socket = await connect(server.ws_url + URL)
    await socket.send(sized(loud(400)))
    await next_of(socket, "session.created")
    socket.transport.abort()


async def vanishes_while_it_is_answered(server: LiveServer) -> None:
    socket = await connect(server.ws_url + URL)
    await socket.send('{"type": "response.create"}')
    await next_of(socket, "response.created")
    socket.transport.abort()


async def post(server: LiveServer, path: str, status: int, **body: Any) -> None:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        response = await http.post(path, **body)
        assert response.status_code == status, response.text
        assert response.json()["error"]["message"]


async def garbage_sdp(server: LiveServer) -> None:
    await post(server, "/v1/realtime/calls", 400, content="v=0 garbage", headers={"Content-Type": "application/sdp"})


async def sdp_without_audio(server: LiveServer) -> None:
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    await post(server, "/session", 400, content=sdp, headers={"Content-Type": "application/sdp"})


async def caller_that_vanishes_in_mid_word(server: LiveServer) -> None:
    caller = Caller()
    try:
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            answer = await http.post(
                "/session", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
            )
        await caller.accept(answer.text)
        await caller.opened()
        await caller.next_event("session.created")
        caller.say(loud(2000))
        caller.send("{nonsense")
        assert (await caller.next_event("error"))["error"]["code"] == "invalid_event"
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            location = answer.headers["Location"]
            caller.vanish()
            # Consent expires by itself within seconds; the hang-up spares this test the wait.
            await http.post(location + "/hangup")
    finally:
        await caller.close()


HOSTILE: list[Callable[[LiveServer], Awaitable[None]]] = [
    malformed_json,
    not_an_object,
    binary_frame,
    unknown_event,
    unknown_field,
    wrong_base64,
    a_20_mb_frame,
    a_frame_beyond_all_bounds,
    vanishes_in_mid_word,
    vanishes_while_it_is_answered,
    garbage_sdp,
    sdp_without_audio,
    caller_that_vanishes_in_mid_word,
]


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def settled(server: LiveServer, count: Callable[[], int], at_most: int) -> int:
    """What `count` comes to once the server has cleaned up; it is given up to ten seconds."""
    async with asyncio.timeout(30):
        await server.calls.idle()
    for _ in range(200):
        gc.collect()
        if count() <= at_most:
            break
        await asyncio.sleep(0.05)
    return count()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors and memory under /proc")
async def test_after_hostile_peers_everything_returns_to_baseline() -> None:
    async with live_server(build_engine()) as server:
        for attack in HOSTILE:  # once to warm up: first uses load libraries and keep pools
            await attack(server)
        async with asyncio.timeout(30):
            await server.calls.idle()
        gc.collect()
        tasks, descriptors, threads = len(asyncio.all_tasks()), open_descriptors(), threading.active_count()
        memory = resident_mb()
        for _ in range(3):
            for attack in HOSTILE:
                await attack(server)
        assert await settled(server, lambda: len(asyncio.all_tasks()), tasks) <= tasks
        assert await settled(server, open_descriptors, descriptors) <= descriptors
        assert await settled(server, threading.active_count, threads) <= threads
        # 3 x 20 MB and 3 x 40 MB went through; a leak of any of them would show.
        assert resident_mb() < memory + 60


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.__name__)
async def test_hostile_peer(attack: Callable[[LiveServer], Awaitable[None]], quiet_server: LiveServer) -> None:
    await attack(quiet_server)
    async with asyncio.timeout(30):
        await quiet_server.calls.idle()


@pytest.fixture
async def quiet_server() -> Any:
    async with live_server(build_engine()) as server:
        yield server
