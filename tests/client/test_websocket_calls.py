"""The client over real WebSockets: what is sent to open one, what refuses it, what breaks it, and attaching again."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from antiphon.agent import Agent, tool
from antiphon.client import (
    CallNotFoundError,
    ClientSettings,
    ClosedError,
    ConnectError,
    Patience,
    RealtimeClient,
    RefusedError,
    UnauthorizedError,
    WebSocketTransport,
    realtime_url,
)
from antiphon.client.addresses import shown
from antiphon.client.refusals import unreachable
from antiphon.errors import ConfigurationError
from antiphon.protocol import RealtimeSession

KEY = "sk-very-secret-0123456789"
QUICK = Patience(within_s=6.0, first_wait_s=0.01, last_wait_s=0.05)
SETTINGS = ClientSettings(
    attach=QUICK,
    reattach=QUICK,
    connect=None,
    reconnect=None,
    connect_timeout_s=5,
    answer_timeout_s=5,
    close_timeout_s=1,
)

Talk = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Door:
    """A WebSocket server whose refusals and talks are taken one by one; the last talk is for all that follow."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    refusals: list[Response] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self, _connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        self.changed.set()
        return self.refusals.pop(0) if self.refusals else None

    async def handle(self, connection: ServerConnection) -> None:
        talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
        await talk(connection)

    async def listen(self, connection: ServerConnection) -> None:
        """Greet, and keep what comes."""
        await greet(connection)
        async for message in connection:
            event = json.loads(message)
            self.received.append(event)
            if event["type"] == "session.update":
                session = {"type": "realtime", **event["session"]}
                await connection.send(json.dumps({"type": "session.updated", "session": session}))
            self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def greet(connection: ServerConnection) -> None:
    await connection.send(json.dumps({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}}))


def refusal(status: int, code: str = "", message: str = "No.", **headers: str) -> Response:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()
    return Response(status, HTTPStatus(status).phrase, Headers({"Content-Length": str(len(body)), **headers}), body)


@asynccontextmanager
async def door(*talks: Talk, refusals: tuple[Response, ...] = ()) -> AsyncIterator[Door]:
    made = Door(refusals=list(refusals), talks=list(talks))
    if not talks:
        made.talks.append(made.listen)
    async with serve(made.handle, "127.0.0.1", 0, process_request=made.check, compression=None) as server:
        made.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "more", "expected"),
    [
        ("http://h:3000", {}, "ws://h:3000/v1/realtime"),
        ("https://h/v1/", {"model": "m x"}, "wss://h/v1/realtime?model=m+x"),
        ("ws://h/v1/realtime?model=mine", {"model": "m"}, "ws://h/v1/realtime?model=mine"),
        ("wss://h/openai/v1/realtime?a=b", {"model": "m", "call_id": "rtc_1"}, "wss://h/openai/v1/realtime?a=b&call_id=rtc_1"),
        ("wss://h/else/where", {}, "wss://h/else/where"),
    ],
)  # fmt: skip
def test_addresses_as_people_give_them_lead_to_the_socket(url: str, more: dict[str, str], expected: str) -> None:
    assert realtime_url(url, **more) == expected


@pytest.mark.parametrize("url", ["h:3000", "ftp://h", "ws://", "ws://h:99999", "ws://[::1", ""])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        realtime_url(url)


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert shown("wss://user:pass@h:1/v1/realtime?api-key=x") == "wss://h:1/v1/realtime"
    assert KEY not in repr(WebSocketTransport(f"ws://h/?api-key={KEY}", api_key=KEY))


async def test_key_model_headers_and_subprotocols_are_sent_and_compression_is_not_offered() -> None:
    async with door() as server:
        agent = Agent(model="gpt-realtime-2.1")
        async with RealtimeClient(
            server.url, api_key=KEY, agent=agent, headers={"X-App": "mine"}, settings=SETTINGS
        ) as call:
            assert isinstance(call.session, RealtimeSession)
        (request,) = server.requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["X-App"] == "mine"
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert "OpenAI-Beta" not in request.headers


async def test_no_key_sends_no_authorization() -> None:
    async with door() as server, RealtimeClient(server.url, settings=SETTINGS):
        pass
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(401, "invalid_api_key", f"Incorrect API key provided: {KEY}."), UnauthorizedError),
        (refusal(403, "forbidden"), UnauthorizedError),
        (refusal(429, "rate_limit_exceeded"), RefusedError),
        (refusal(500), RefusedError),
        (Response(502, "Bad Gateway", Headers({"Content-Length": "4"}), b"oops"), RefusedError),
        (refusal(404, "model_not_found"), RefusedError),
    ],
)
async def test_a_refusal_tells_why_and_never_the_key(answer: Response, expected: type[ConnectError]) -> None:
    async with door(refusals=(answer,)) as server:
        with pytest.raises(ConnectError) as caught:
            await RealtimeClient(server.url, api_key=KEY, settings=SETTINGS).__aenter__()
    assert type(caught.value) is expected
    assert f"HTTP {answer.status_code}" in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_redirect_is_not_followed_for_it_would_carry_the_key() -> None:
    async with door() as elsewhere, door(refusals=(refusal(302, Location=elsewhere.url),)) as server:
        with pytest.raises(RefusedError) as caught:
            await RealtimeClient(server.url, headers={"api-key": KEY}, settings=SETTINGS).__aenter__()
    assert caught.value.status == 302
    assert elsewhere.requests == []


async def test_nobody_listening_and_nobody_answering_are_connect_errors() -> None:
    async with door() as server:
        url = server.url
    for transport in ("websocket", "webrtc"):
        with pytest.raises(
            ConnectError, match=r"Cannot connect to \w+://127\.0\.0\.1.*nobody listens there. Is the server run"
        ):
            await RealtimeClient(url, transport=transport, settings=SETTINGS).__aenter__()
    wrapped = OSError("All attempts failed")
    wrapped.__cause__ = socket.gaierror(-2, "Name or service not known")
    wrong = str(unreachable("ws://nobody.example", wrapped, secrets=()))
    assert wrong == "Cannot connect to ws://nobody.example: there is no such host. Is the address right?"

    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reader.read()
        writer.close()

    silent = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError, match="No answer from"):
            settings = ClientSettings(connect_timeout_s=0.1)
            await RealtimeClient(f"ws://127.0.0.1:{port}", settings=settings).__aenter__()


async def test_who_gives_no_key_where_one_is_asked_for_is_told_so() -> None:
    async with door(refusals=(refusal(401, "invalid_api_key", "Missing bearer."), refusal(401))) as server:
        with pytest.raises(UnauthorizedError, match=r"asks for a key, and none was given \(HTTP 401\): Missing bearer"):
            await RealtimeClient(server.url, settings=SETTINGS).__aenter__()
        with pytest.raises(UnauthorizedError, match="does not accept the key"):
            await RealtimeClient(server.url, api_key=KEY, settings=SETTINGS).__aenter__()


# ── the sideband ─────────────────────────────────────────────────────────────────────────────────────────────────────

NOT_YET = ("call_id_not_found", "No session found for the provided call_id")


async def test_a_call_that_is_not_found_yet_is_looked_for() -> None:
    async with (
        door(refusals=tuple(refusal(404, *NOT_YET) for _ in range(4))) as server,
        RealtimeClient(server.url, api_key=KEY, call_id="rtc_1", settings=SETTINGS) as call,
    ):
        await call.send_text("hi", respond=False)
        await server.until(lambda: server.received)
    assert [request.path for request in server.requests] == ["/v1/realtime?call_id=rtc_1"] * 5


async def test_a_call_that_is_never_found_is_given_up_in_time() -> None:
    settings = ClientSettings(attach=Patience(within_s=0.05, first_wait_s=0.01))
    async with door(refusals=tuple(refusal(404, *NOT_YET) for _ in range(100))) as server:
        with pytest.raises(CallNotFoundError, match="knows no such call"):
            await RealtimeClient(server.url, call_id="rtc_1", settings=settings).__aenter__()
    assert 2 <= len(server.requests) <= 6


async def test_only_what_may_pass_is_tried_again() -> None:
    async with door(refusals=(refusal(503), refusal(401))) as server:
        with pytest.raises(UnauthorizedError):
            await RealtimeClient(server.url, call_id="rtc_1", settings=SETTINGS).__aenter__()
    assert len(server.requests) == 2


async def test_a_lost_sideband_is_attached_again_and_nothing_of_a_tool_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()

    @tool
    async def add(a: int, b: int) -> int:
        """Add."""
        await release.wait()
        return a + b

    item = {"type": "function_call", "id": "i", "call_id": "c", "name": "add", "arguments": '{"a":2,"b":5}'}

    async def break_off(connection: ServerConnection) -> None:
        await greet(connection)
        update = json.loads(await connection.recv())
        await connection.send(
            json.dumps({"type": "session.updated", "session": {"type": "realtime", **update["session"]}})
        )
        response = {"id": "r", "conversation_id": "conv"}
        await connection.send(json.dumps({"type": "response.created", "response": response}))
        done = {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": item}
        await connection.send(json.dumps(done))
        await connection.send(json.dumps({"type": "response.done", "response": {**response, "status": "completed"}}))
        connection.transport.abort()

    async with door(break_off) as server:
        server.talks.append(server.listen)
        async with RealtimeClient(
            server.url, call_id="rtc_1", agent=Agent(tools=[add], filler=None), settings=SETTINGS
        ) as call:
            await server.until(lambda: len(server.requests) == 2)
            release.set()
            await server.until(lambda: len(server.received) >= 2)
            assert call.closed is None
    assert [event["type"] for event in server.received] == ["conversation.item.create", "response.create"]
    assert server.received[0]["item"]["output"] == "7"
    assert "the sideband was lost" in caplog.text


async def test_a_sideband_whose_call_has_ended_is_over() -> None:
    async def leave(connection: ServerConnection) -> None:
        await greet(connection)
        await connection.close(1011, "gone")

    async with door(leave) as server, RealtimeClient(server.url, call_id="rtc_1", settings=SETTINGS) as call:
        server.refusals += [refusal(404, *NOT_YET) for _ in range(100)]
        with pytest.raises(ClosedError) as caught:
            async for _event in call:
                pass
    assert (caught.value.code, caught.value.reason) == (1011, "gone")


@pytest.mark.parametrize(("call_id", "code"), [("rtc_1", 1008), (None, 1011), (None, 4000)])
async def test_some_ends_are_ends(call_id: str | None, code: int) -> None:
    async def leave(connection: ServerConnection) -> None:
        await greet(connection)
        await connection.close(code, "no more")

    async with door(leave) as server, RealtimeClient(server.url, call_id=call_id, settings=SETTINGS) as call:
        with pytest.raises(ClosedError) as caught:
            async for _event in call:
                pass
        assert len(server.requests) == 1
    assert caught.value.code == code


async def test_a_half_open_line_is_noticed_by_its_pings() -> None:
    async def fall_silent(connection: ServerConnection) -> None:
        await greet(connection)
        connection.transport.pause_reading()
        await asyncio.Event().wait()

    running: list[asyncio.Task[Any]] = []

    async def silent(connection: ServerConnection) -> None:
        running.append(asyncio.current_task())  # type: ignore[arg-type]
        await fall_silent(connection)

    async with door(silent) as server:
        transport = WebSocketTransport(server.url, ping_interval_s=0.05, ping_timeout_s=0.05, close_timeout_s=0.1)
        async with RealtimeClient(transport=transport, settings=SETTINGS) as call:
            with pytest.raises(ClosedError):
                async with asyncio.timeout(10):
                    async for _event in call:
                        pass
        for task in running:
            task.cancel()


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "antiphon")
    async with (
        door(refusals=(refusal(404, *NOT_YET),)) as server,
        RealtimeClient(server.url, api_key=KEY, call_id="rtc_1", settings=SETTINGS) as call,
    ):
        await call.send_text("hi", respond=False)
        await server.until(lambda: server.received)
    assert KEY not in caplog.text
