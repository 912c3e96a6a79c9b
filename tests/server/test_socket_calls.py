"""Calls over a WebSocket: events both ways, every kind of ending, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
from collections.abc import AsyncIterator

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from antiphon.server import ServerSettings
from antiphon.server.listening import BoundedSocketProtocol
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer, ScriptedCall

MIB = 1024 * 1024


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
async def server(answerer: ScriptedAnswerer) -> AsyncIterator[LiveServer]:
    async with live_server(answerer) as running:
        yield running


async def until_idle(server: LiveServer) -> None:
    """Wait until the server has no call, and see that no task of one is left."""
    async with asyncio.timeout(10):
        await server.calls.idle()
    left = [name for task in asyncio.all_tasks() if (name := task.get_name()).startswith(("read-", "write-"))]
    assert not left


async def close_of(call: websockets.ClientConnection) -> tuple[int, str]:
    """Read until the connection is closed; the close frame's code and reason."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(15):
            while True:
                await call.recv()
    assert caught.value.rcvd is not None, "the connection was cut without a close frame"
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_events_travel_both_ways_in_order(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime?model=gpt-realtime") as call:
        assert json.loads(await call.recv()) == {"type": "session.created", "id": "sess_1"}
        for number in range(200):
            await call.send(f"event {number}")
        echoed = [json.loads(await call.recv())["echo"] for _ in range(200)]
    assert echoed == [f"event {number}" for number in range(200)]
    assert answerer.last.model == "gpt-realtime"
    assert answerer.last.kind == "realtime"


async def test_the_transcription_intent_opens_a_transcription_call(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime?intent=transcription") as call:
        await call.recv()
    assert (answerer.last.kind, answerer.last.model) == ("transcription", None)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        (["realtime"], "realtime"),
        (["openai-insecure-api-key.k", "openai-agents-sdk.0.20.0", "realtime"], "realtime"),
        (["openai-insecure-api-key.k"], None),
    ],
)
async def test_only_the_realtime_subprotocol_is_ever_chosen(
    server: LiveServer, offered: list[str] | None, chosen: str | None
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime", subprotocols=offered) as call:  # type: ignore[arg-type]
        await call.recv()
        assert call.subprotocol == chosen
        assert call.response is not None
        assert "openai-insecure" not in str(call.response.headers)


async def test_compression_is_declined(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime", compression="deflate") as call:
        assert call.response is not None
        assert "sec-websocket-extensions" not in call.response.headers


async def test_large_and_binary_frames_reach_the_call_and_it_lives_on(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        await call.send("x" * (20 * MIB))
        assert json.loads(await call.recv())["echo"] == f"<{20 * MIB}>"
        await call.send(b"\x00\xff")
        await call.recv()
        assert answerer.last.events[1] == b"\x00\xff"
        await call.send("still here")
        assert json.loads(await call.recv())["echo"] == "still here"


async def test_a_frame_beyond_the_sockets_limit_closes_with_1009(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        with contextlib.suppress(ConnectionClosed):
            await call.send("x" * (33 * MIB))
        assert (await close_of(call))[0] == 1009
    await until_idle(server)


async def test_text_that_is_not_utf8_closes_with_1007(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        await call.send(b"\xff\xfe", text=True)
        assert (await close_of(call))[0] == 1007
    await until_idle(server)


async def test_a_peer_that_vanishes_mid_frame_is_cleaned_up(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    call = await websockets.connect(f"{server.ws_url}/v1/realtime")
    await call.recv()
    call.transport.write(b"\x81\xfe\x10\x00half a fra")
    await asyncio.sleep(0)
    call.transport.abort()
    await until_idle(server)
    assert answerer.last.finished
    assert answerer.last.reasons


async def test_a_peer_that_hangs_up_ends_its_call(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
    await until_idle(server)
    assert answerer.last.finished


async def test_when_the_call_ends_its_last_events_are_sent_before_the_close(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        for number in range(50):
            answerer.last.send({"n": number})
        answerer.last.link.close(4000, "so it is")
        answerer.last.send({"too": "late"})
        received = [json.loads(await call.recv()) for _ in range(50)]
        assert received == [{"n": number} for number in range(50)]
        assert await close_of(call) == (4000, "so it is")
    await until_idle(server)


async def test_a_long_reason_is_cut_to_what_a_close_frame_holds(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        answerer.last.link.close(4000, "ä" * 200)
        code, reason = await close_of(call)
    assert (code, reason) == (4000, "ä" * 61)


async def test_a_call_that_fails_closes_with_1011_and_tells_nothing(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        answerer.last.fail(RuntimeError("secret detail"))
        code, reason = await close_of(call)
    assert code == 1011
    assert "secret" not in reason
    await until_idle(server)


async def test_a_call_that_fails_on_an_event_is_closed_and_others_live_on(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    url = f"{server.ws_url}/v1/realtime"
    async with websockets.connect(url) as good, websockets.connect(url) as bad:
        await good.recv()
        await bad.recv()
        answerer.last.fail_on = "boom"
        await bad.send("boom")
        assert (await close_of(bad))[0] == 1011
        await good.send("fine")
        assert "fine" in str(await good.recv())
    await until_idle(server)


async def test_a_call_is_over_after_its_time(answerer: ScriptedAnswerer) -> None:
    async with live_server(answerer, ServerSettings(max_call_seconds=0.3)) as server:
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
            await call.recv()
            expired = json.loads(await call.recv())
            assert expired["type"] == "error"
            assert expired["error"]["code"] == "session_expired"
            code, reason = await close_of(call)
        assert code == 1001
        assert "maximum duration" in reason
        await until_idle(server)


async def test_a_peer_that_reads_too_little_is_closed_with_1008(answerer: ScriptedAnswerer) -> None:
    async with live_server(answerer, ServerSettings(max_unsent_bytes=4 * MIB)) as server:
        async with websockets.connect(f"{server.ws_url}/v1/realtime", max_queue=1) as call:
            await call.recv()
            flood(answerer.last, 24 * MIB)
            async with asyncio.timeout(5):
                await answerer.last.over.wait()
            assert "waiting to be read" in answerer.last.reasons[0]
            code, _ = await close_of(call)
        assert code == 1008
        await until_idle(server)


def flood(call: ScriptedCall, size: int) -> None:
    for _ in range(size // MIB):
        call.link.send_event("x" * MIB)


async def test_a_peer_that_never_reads_again_cannot_keep_its_socket(answerer: ScriptedAnswerer) -> None:
    async with live_server(answerer, ServerSettings(max_unsent_bytes=MIB)) as server:
        stuck = socket.create_connection(("127.0.0.1", server.port))
        stuck.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(
                stuck,
                f"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "\r\n".encode(),
            )
            async with asyncio.timeout(5):
                await answerer.called.wait()
            # More than the kernel's buffers on both sides take, a bit at a time, as speech comes.
            while not answerer.last.reasons:
                answerer.last.link.send_event("x" * (MIB // 4))
                await asyncio.sleep(0)
            await until_idle(server)
            await connection_lost(stuck.getsockname()[1])
        finally:
            stuck.close()


async def connection_lost(port: int) -> None:
    """Wait until this process has let go of its end of the connection whose other end is that port."""
    (protocol,) = (
        thing
        for thing in gc.get_objects()
        if isinstance(thing, BoundedSocketProtocol) and thing.client is not None and thing.client[1] == port
    )
    lost = asyncio.Event()
    inherited = protocol.connection_lost

    def connection_lost(error: Exception | None) -> None:
        inherited(error)
        lost.set()

    protocol.connection_lost = connection_lost  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        await lost.wait()


async def test_no_more_calls_than_there_are_places(answerer: ScriptedAnswerer) -> None:
    async with live_server(answerer, ServerSettings(max_calls=2)) as server:
        url = f"{server.ws_url}/v1/realtime"
        async with websockets.connect(url) as first, websockets.connect(url) as second:
            await first.recv()
            await second.recv()
            with pytest.raises(InvalidStatus) as caught:
                async with websockets.connect(url):
                    pass
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["Retry-After"]
            assert json.loads(caught.value.response.body or b"")["error"]["code"] == "too_many_calls"
        await until_idle(server)
        async with websockets.connect(url) as third:
            await third.recv()


async def test_an_unknown_call_id_is_answered_as_the_hosted_api_does(server: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(f"{server.ws_url}/v1/realtime?call_id=rtc_none"):
            pass
    assert caught.value.response.status_code == 404
    assert json.loads(caught.value.response.body or b"")["error"]["code"] == "call_id_not_found"


async def test_an_unknown_intent_is_refused(server: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(f"{server.ws_url}/v1/realtime?intent=mischief"):
            pass
    assert caught.value.response.status_code == 400


async def test_a_websocket_to_any_other_address_is_refused_in_words(server: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(f"{server.ws_url}/v1/other"):
            pass
    assert caught.value.response.status_code == 404
    assert json.loads(caught.value.response.body or b"")["error"]["code"] == "not_found"


async def test_an_answerer_that_fails_to_open_a_call_leaves_no_place_taken(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    answerer.next_call_error = RuntimeError("secret detail")
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(f"{server.ws_url}/v1/realtime"):
            pass
    assert caught.value.response.status_code == 500
    assert json.loads(caught.value.response.body or b"")["error"]["code"] == "internal_error"
    assert b"secret" not in (caught.value.response.body or b"")
    assert server.calls.active == 0


async def test_the_server_says_goodbye_when_it_stops(answerer: ScriptedAnswerer) -> None:
    async with live_server(answerer) as server:
        call = await websockets.connect(f"{server.ws_url}/v1/realtime")
        await call.recv()
    code, _ = await close_of(call)
    assert code in (1001, 1012)
    assert answerer.last.finished
    assert answerer.closed
    await call.close()


async def test_a_call_that_will_not_end_is_cancelled_when_the_server_stops(answerer: ScriptedAnswerer) -> None:
    loop = asyncio.get_running_loop()
    async with live_server(answerer) as server:
        call = await websockets.connect(f"{server.ws_url}/v1/realtime")
        await call.recv()
        answerer.last.linger = asyncio.Event()
        began = loop.time()
    assert loop.time() - began < 5
    assert answerer.last.finished
    await call.close()


async def test_many_calls_leave_nothing_behind(server: LiveServer) -> None:
    before = asyncio.all_tasks()
    for _ in range(5):
        calls = await asyncio.gather(*(websockets.connect(f"{server.ws_url}/v1/realtime") for _ in range(8)))
        for index, call in enumerate(calls):
            await call.recv()
            if index % 2:
                call.transport.abort()
            else:
                await call.close()
        await asyncio.gather(*(call.wait_closed() for call in calls))
    await until_idle(server)
    left = asyncio.all_tasks() - before
    if left:
        _, left = await asyncio.wait(left, timeout=5)
    assert not left
