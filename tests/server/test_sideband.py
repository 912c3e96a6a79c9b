"""Further peers by `?call_id=`: who may join which call, what ends what, and a tool that runs beside a real call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from antiphon.protocol import invalid_request
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
async def server(answerer: ScriptedAnswerer) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, open_transport=Transports()) as running:
        yield running


async def event(call: websockets.ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        got: dict[str, Any] = json.loads(await call.recv())
        return got


async def refused(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the error of a connection that is not let in."""
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(url, **options):
            pass
    error: dict[str, Any] = json.loads(caught.value.response.body or b"")["error"]
    return caught.value.response.status_code, error


async def idle(server: LiveServer) -> None:
    async with asyncio.timeout(10):
        await server.calls.idle()


async def test_a_sideband_takes_its_seat_at_a_websocket_call_by_its_id(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as caller:
        call_id = (await event(caller))["id"]
        async with websockets.connect(f"{server.ws_url}/v1/realtime?call_id={call_id}") as sideband:
            assert (await event(sideband))["type"] == "session.created"
            await sideband.send("from beside")
            assert (await event(sideband))["echo"] == "from beside"
        seat = answerer.last.seats[0]
        async with asyncio.timeout(10):
            await seat.over.wait()
        assert not answerer.last.reasons, "its leaving is not the call's end"
        await caller.send("still here")
        assert (await event(caller))["echo"] == "still here"
    await idle(server)


async def test_the_calls_end_closes_its_sidebands_cleanly(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        location = (await http.post("/v1/realtime/calls", content="v=0")).headers["location"]
        call_id = location.rpartition("/")[2]
        async with websockets.connect(f"{server.ws_url}/v1/realtime?call_id={call_id}") as sideband:
            await event(sideband)
            assert (await http.post(f"{location}/hangup")).status_code == 200
            with pytest.raises(ConnectionClosed) as closed:
                await event(sideband)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000
    await idle(server)
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith(("read-", "write-"))]
    assert not left


async def test_a_sideband_that_reads_nothing_or_dies_harms_nobody(answerer: ScriptedAnswerer) -> None:
    async with (
        live_server(answerer, ServerSettings(max_unsent_bytes=2_000_000)) as server,
        websockets.connect(f"{server.ws_url}/v1/realtime") as caller,
    ):
        call_id = (await event(caller))["id"]
        dead = await websockets.connect(f"{server.ws_url}/v1/realtime?call_id={call_id}")
        await event(dead)
        dead.transport.abort()
        stuck = await websockets.connect(f"{server.ws_url}/v1/realtime?call_id={call_id}", max_queue=1)
        await event(stuck)
        stuck.transport.pause_reading()
        flooded = answerer.last.seats[1]
        while not flooded.over.is_set():
            flooded.send({"flood": "x" * 100_000})
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await answerer.last.seats[0].over.wait()
        await caller.send("still here")
        assert (await event(caller))["echo"] == "still here"
        stuck.transport.abort()


@pytest.mark.parametrize("call_id", ["rtc_none", "", "..", "x" * 3000])
async def test_an_unknown_call_is_a_404_in_the_hosted_services_words(server: LiveServer, call_id: str) -> None:
    status, error = await refused(f"{server.ws_url}/v1/realtime?call_id={call_id}")
    assert (status, error["code"], error["type"]) == (404, "call_id_not_found", "invalid_request_error")
    assert error["message"] == "No session found for the provided call_id"


async def test_a_call_that_has_ended_is_unknown(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as caller:
        call_id = (await event(caller))["id"]
    await idle(server)
    assert (await refused(f"{server.ws_url}/v1/realtime?call_id={call_id}"))[0] == 404


async def test_a_model_and_a_call_exclude_each_other(server: LiveServer) -> None:
    status, error = await refused(f"{server.ws_url}/v1/realtime?call_id=rtc_1&model=m")
    assert (status, error["code"], error["param"]) == (400, "invalid_value", "model")


@pytest.mark.parametrize(("code", "status"), [("too_many_peers", 429), ("call_id_not_found", 404)])
async def test_a_call_may_refuse_a_seat(server: LiveServer, answerer: ScriptedAnswerer, code: str, status: int) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as caller:
        call_id = (await event(caller))["id"]
        answerer.last.refuse_seats = invalid_request(code, "no seat")
        told, error = await refused(f"{server.ws_url}/v1/realtime?call_id={call_id}")
        assert (told, error["code"]) == (status, code)


async def test_a_strange_page_joins_no_call(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as caller:
        call_id = (await event(caller))["id"]
        url = f"{server.ws_url}/v1/realtime?call_id={call_id}"
        status, error = await refused(url, origin="https://evil.example")
        assert (status, error["code"]) == (403, "origin_not_allowed")


# ── with the real engine, a real peer connection and the stock client ─────────────────────────────────────────────

ADD = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
}


async def test_the_stock_client_runs_a_tool_once_beside_a_webrtc_call() -> None:
    openai = pytest.importorskip("openai", reason="the stock client is not installed")
    engine_room = pytest.importorskip("antiphon.engine", reason="the engine is not installed")
    rtc_caller = pytest.importorskip("rtc_caller", reason="WebRTC is not installed")
    async with (
        live_server(engine_room.build_engine()) as server,
        openai.AsyncOpenAI(api_key="sk-x", base_url=f"{server.base_url}/v1", max_retries=0) as client,
        asyncio.timeout(60),
    ):
        caller = rtc_caller.Caller()
        try:
            session = {"type": "realtime", "output_modalities": ["text"]}
            answered = await client.realtime.calls.create(sdp=await caller.offer(), session=session)
            call_id = answered.response.headers["location"].rpartition("/")[2]
            # Before the caller has connected: there must be no moment in which a tool is missing.
            async with client.realtime.connect(call_id=call_id) as sideband:
                assert (await sideband.recv()).type == "session.created"
                await sideband.session.update(session={"type": "realtime", "tools": [ADD], "tool_choice": "auto"})
                while (await sideband.recv()).type != "session.updated":
                    pass
                await caller.accept(answered.text)
                created = await caller.next_event("session.created")
                assert created["session"]["id"]
                caller.send(
                    {
                        "type": "conversation.item.create",
                        "item": {
                            "type": "message",
                            "role": "user",
                            "content": [{"type": "input_text", "text": "add two and five"}],
                        },
                    }
                )
                caller.send({"type": "response.create"})
                calls_run = 0
                async for told in sideband:
                    if told.type == "response.function_call_arguments.done":
                        arguments = json.loads(told.arguments)
                        calls_run += 1
                        output = json.dumps({"sum": arguments["a"] + arguments["b"]})
                        await sideband.conversation.item.create(
                            item={"type": "function_call_output", "call_id": told.call_id, "output": output}
                        )
                    if told.type == "response.done":
                        if calls_run == 1 and told.response.output[0].type == "function_call":
                            await sideband.response.create()
                        else:
                            break
                assert calls_run == 1
            heard = caller.all_events
            async with asyncio.timeout(10):
                while not any("7" in str(e.get("text", "")) or "seven" in str(e.get("text", "")) for e in heard):
                    await caller.next_event("response.output_text.done")
            assert sum(e["type"] == "response.function_call_arguments.done" for e in heard) == 1
            caller.send({"type": "session.update", "session": {"type": "realtime", "instructions": "Go on."}})
            # The sideband has left, and the call goes on.
            while (await caller.next_event("session.updated"))["session"]["instructions"] != "Go on.":
                pass
        finally:
            await caller.close()
        await server.calls.idle()
