"""The client's WebRTC transport: against our own server and engine, the strict stand-ins, and servers that refuse."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("aiortc", reason="WebRTC is not installed: antiphon[rtc] has it")
pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("espeakng_loader", reason="the embedded engine is not installed: antiphon[local] has it")

from antiphon.client.errors import (
    ClosedError,
    ConnectError,
    NoMediaPathError,
    RefusedError,
    UnauthorizedError,
)
from antiphon.client.lifecycle import FaultStage, Stage
from antiphon.client.transport import MediaTransport, Transport
from antiphon.client.webrtc import WebRtcTransport
from antiphon.engine import build_engine
from antiphon.protocol import AudioConfig, AudioOutput, RealtimeSession
from antiphon.rtc import EventTooLarge, RtcSettings
from antiphon.server import ServerSettings
from call_recorder import tone
from fakes.hosted import KEY, HostedFake
from live_server import LiveServer, live_app, live_server
from speech_samples import say, silence
from stock_answerer import StockAnswerer

SESSION = RealtimeSession(model="gpt-realtime", audio=AudioConfig(output=AudioOutput(voice="alloy")))
HERE = RtcSettings(bind_addresses=("127.0.0.1",))


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(build_engine()) as running:
        yield running


@asynccontextmanager
async def connected(transport: WebRtcTransport) -> AsyncIterator[WebRtcTransport]:
    await transport.connect()
    try:
        yield transport
    finally:
        await transport.close()


async def event(transport: Transport, kind: str, within: float = 20.0) -> dict[str, Any]:
    """The next event of that type; others are passed over."""
    async with asyncio.timeout(within):
        while True:
            found: dict[str, Any] = json.loads(await transport.receive())
            if found["type"] == kind:
                return found


def typed(text: str) -> list[str]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return [
        json.dumps({"type": "conversation.item.create", "item": item}),
        json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}),
    ]


def loudness(pcm: bytes) -> float:
    samples = array("h", pcm)
    return max((abs(sample) for sample in samples), default=0) / 32768


# ── against our own server ────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_said_is_understood_and_the_answer_is_heard(server: LiveServer) -> None:
    heard = bytearray()
    transport = WebRtcTransport(server.base_url, session=SESSION)
    assert isinstance(transport, MediaTransport)
    transport.on_audio = heard.extend
    async with connected(transport):
        assert (await event(transport, "session.created"))["session"]["type"] == "realtime"
        assert transport.call_id is not None
        assert transport.call_id.startswith("rtc_")
        update = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"transcription": {}}}}}
        await transport.send(json.dumps(update))
        await event(transport, "session.updated")
        transport.send_audio(silence(400) + await say("what time is it") + silence(200))
        transport.end_audio()
        said = await event(transport, "conversation.item.input_audio_transcription.completed", within=30)
        assert len({"what", "time", "is", "it"} & set(re.findall("[a-z]+", said["transcript"].lower()))) >= 2
        await event(transport, "output_audio_buffer.stopped", within=30)
        stats = await transport.stats()
        assert stats.packets_in > 50
        assert stats.round_trip_ms is not None
        assert stats.local_candidate in ("host", "prflx")
    assert len(heard) > 48_000
    assert loudness(bytes(heard)) > 0.05
    async with asyncio.timeout(5):
        await server.calls.idle()


async def test_a_call_without_a_microphone_and_one_that_comes_later(server: LiveServer) -> None:
    transport = WebRtcTransport(server.base_url)
    transport.set_microphone(False)
    async with connected(transport):
        await event(transport, "session.created")
        transport.send_audio(tone(300, 0.5))
        assert transport.pending_ms == 0
        for frame in typed("hello"):
            await transport.send(frame)
        assert (await event(transport, "response.done"))["response"]["status"] == "completed"
        transport.set_microphone(True)
        transport.send_audio(await say("go forward"))
        transport.end_audio()
        await event(transport, "input_audio_buffer.speech_started")
        transport.set_microphone(False)
        assert transport.pending_ms == 0
        await event(transport, "input_audio_buffer.speech_stopped")


async def test_hanging_up_tells_the_server_and_frees_everything(server: LiveServer) -> None:
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context)))
    tasks = asyncio.all_tasks()
    transport = WebRtcTransport(server.base_url)
    for _ in range(2):  # a transport may be connected again: that is another call
        await transport.connect()
        first = transport.call_id
        await event(transport, "session.created")
        reading = asyncio.ensure_future(event(transport, "never"))
        await asyncio.sleep(0)
        await transport.close()
        await transport.close()
        with pytest.raises(ClosedError) as closed:
            await reading
        assert closed.value.code == 1000
        with pytest.raises(ClosedError):
            await transport.send("{}")
        async with asyncio.timeout(5):
            await server.calls.idle()
    await transport.connect()
    assert transport.call_id != first
    await transport.close()
    async with asyncio.timeout(5):
        await server.calls.idle()
    if left := asyncio.all_tasks() - tasks:
        # uvicorn keeps one task for each connection that is being closed.
        _, left = await asyncio.wait(left, timeout=5)
    assert not left
    gc.collect()
    assert not problems


async def test_a_hang_up_by_the_server_ends_the_call(server: LiveServer) -> None:
    """It is there and answers, so it meant it: whoever was hung up on does not ring again."""
    async with connected(WebRtcTransport(server.base_url)) as transport:
        await event(transport, "session.created")
        server.calls.hang_up(str(transport.call_id), "enough")
        with pytest.raises(ClosedError) as closed:
            await event(transport, "never")
        assert closed.value.code == 1000


async def test_a_server_that_stops_is_going_away() -> None:
    running = live_server(build_engine())
    server = await running.__aenter__()
    transport = WebRtcTransport(server.base_url)
    await transport.connect()
    await event(transport, "session.created")
    stopping = asyncio.create_task(running.__aexit__(None, None, None))
    with pytest.raises(ClosedError) as closed:
        await event(transport, "never")
    await stopping
    await transport.close()
    assert closed.value.code == 1001


async def test_what_only_a_peer_connection_does_is_told(server: LiveServer) -> None:
    told: list[tuple[Stage, object]] = []
    transport = WebRtcTransport(server.base_url)
    transport.on_stage = lambda stage, data: told.append((stage, data))
    async with connected(transport):
        pass
    assert told == [
        (Stage.ICE_GATHERING_STATE_CHANGED, "gathering"),
        (Stage.ICE_GATHERING_STATE_CHANGED, "complete"),
        (Stage.ICE_GATHERING_COMPLETE, None),
        (Stage.TRANSCEIVER_SET, None),
        (Stage.CONNECTION_STATE_CHANGED, "connecting"),
        (Stage.CONNECTION_STATE_CHANGED, "connected"),
        (Stage.CONNECTION_STATE_CHANGED, "closed"),
    ]


async def test_an_event_that_the_server_cannot_take_is_refused_and_the_call_goes_on(server: LiveServer) -> None:
    async with connected(WebRtcTransport(server.base_url)) as transport:
        limit = transport.max_event_bytes
        assert limit == 1024 * 1024
        with pytest.raises(EventTooLarge, match=str(limit)):
            await transport.send("x" * (limit + 1))
        await transport.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        await event(transport, "session.updated")


async def test_a_server_with_a_token_is_called_with_one_and_tells_its_ice_servers() -> None:
    theirs = RtcSettings(gathering_timeout_s=0.1)
    settings = ServerSettings(access_token="a-long-access-token", ice_servers=("stun:127.0.0.1:9",), rtc=theirs)
    async with live_server(build_engine(), settings) as server:
        with pytest.raises(UnauthorizedError, match="401"):
            await WebRtcTransport(server.base_url, settings=HERE).connect()
        quick = RtcSettings(bind_addresses=("127.0.0.1",), gathering_timeout_s=0.1)
        told: list[Stage] = []
        transport = WebRtcTransport(
            server.base_url, api_key="a-long-access-token", settings=quick, fetch_ice_servers=True
        )
        transport.on_stage = lambda stage, _data: told.append(stage)
        async with connected(transport):
            await event(transport, "session.created")
        assert Stage.ICE_GATHERING_TIMEOUT in told, "nobody asked the STUN server that was told"


async def test_a_beta_server_is_called_as_the_beta_was(server: LiveServer) -> None:
    async with connected(WebRtcTransport(server.base_url, model="gpt-4o-realtime-preview", beta=True)) as transport:
        created = await event(transport, "session.created")
        assert "modalities" in created["session"], "the server does not speak the beta with us"


# ── against the strict stand-ins ──────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def hosted(**options: bool) -> AsyncIterator[HostedFake]:
    fake = HostedFake(media=True, **options)
    async with live_app(fake.app) as fake.base_url:
        yield fake


async def test_openai_is_called_with_a_standard_key_and_a_session() -> None:
    async with hosted() as fake:
        async with connected(WebRtcTransport(f"{fake.base_url}/v1", api_key=KEY, session=SESSION)) as transport:
            created = await event(transport, "session.created")
            assert created["session"]["audio"]["output"]["voice"] == "alloy"
            call_id = str(transport.call_id)
        async with asyncio.timeout(5):
            await fake.calls[call_id].hung_up.wait()
        (posted,) = [headers for _, path, headers in fake.seen if path.endswith("/calls")]
        assert posted["content-type"].startswith("multipart/form-data")


async def test_openai_is_called_with_an_ephemeral_key_that_has_its_session() -> None:
    async with hosted() as fake:
        async with httpx.AsyncClient() as http:
            minted = await http.post(
                f"{fake.base_url}/v1/realtime/client_secrets",
                headers={"Authorization": f"Bearer {KEY}"},
                json={"session": {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}},
            )
        key = minted.json()["value"]
        async with connected(WebRtcTransport(fake.base_url, api_key=key, session=SESSION)) as transport:
            assert (await event(transport, "session.created"))["session"]["instructions"] == "Be brief."


async def test_azure_is_called_with_a_key_made_for_the_call() -> None:
    async with hosted(azure=True) as fake:
        url = f"{fake.base_url}/openai/v1/realtime"
        async with connected(WebRtcTransport(url, headers={"api-key": KEY}, session=SESSION)) as transport:
            await event(transport, "session.created")
            call_id = str(transport.call_id)
        async with asyncio.timeout(5):
            await fake.calls[call_id].hung_up.wait()
        assert [path for _, path, _ in fake.seen][:2] == [
            "/openai/v1/realtime/client_secrets",
            "/openai/v1/realtime/calls",
        ]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_api_key", UnauthorizedError),
        (404, "not_found", RefusedError),
        (429, "insufficient_quota", RefusedError),
        (500, "server_error", RefusedError),
    ],
)
async def test_a_refusal_tells_why_and_never_the_key(status: int, code: str, kind: type[ConnectError]) -> None:
    async with hosted() as fake:
        fake.create_errors.append((status, code, {"Retry-After": "7"}))
        transport = WebRtcTransport(fake.base_url, api_key=KEY, session=SESSION, settings=HERE)
        with pytest.raises(kind) as refused:
            await transport.connect()
        assert type(refused.value) is kind
        assert f"HTTP {status}" in str(refused.value)
        assert KEY not in str(refused.value) + repr(transport)
        if isinstance(refused.value, RefusedError):
            assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (status, code, 7)
        assert transport.failed_at is FaultStage.API
        with pytest.raises(ClosedError):
            await transport.receive()
        fake.create_errors.clear()
        async with connected(transport):
            await event(transport, "session.created")


# ── servers that go wrong ─────────────────────────────────────────────────────────────────────────────────────────

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


def answering(answer: Answer, **options: Any) -> WebRtcTransport:
    options = {"settings": HERE, "connect_timeout_s": 2.0, "media_timeout_s": 1.0, "hang_up_timeout_s": 0.2} | options
    return WebRtcTransport("https://voice.example", http_transport=httpx.MockTransport(answer), **options)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    tasks = asyncio.all_tasks()
    yield
    if left := asyncio.all_tasks() - tasks:
        _, left = await asyncio.wait(left, timeout=5)
    assert not left


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Welcome</html>", b'{"sdp": "v=0"}', b"\xff\xfe\x00", b"v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"],
)
async def test_an_answer_that_is_none_is_said_plainly_and_the_call_is_hung_up(body: bytes) -> None:
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(201, headers={"Location": "/v1/realtime/calls/rtc_7"}, content=body)

    async with nothing_left():
        with pytest.raises(ConnectError, match="answer") as refused:
            await answering(answer).connect()
        assert not isinstance(refused.value, NoMediaPathError)
    assert asked[0] == "/v1/realtime/calls"
    if body != b"\xff\xfe\x00":
        assert asked[1] == "/v1/realtime/calls/rtc_7/hangup"


async def test_an_answer_without_end_and_a_redirect_are_not_followed() -> None:
    async def endless(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, content=b"v=0\r\n" * 200_000)

    async def elsewhere(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(307, headers={"Location": "https://thief.example/"})

    async with nothing_left():
        with pytest.raises(ConnectError, match="more than can be an answer"):
            await answering(endless).connect()
        with pytest.raises(RefusedError, match="307"):
            await answering(elsewhere, api_key=KEY).connect()


async def test_a_server_that_does_not_answer_or_is_not_there_is_given_up() -> None:
    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def absent(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {KEY}")

    async with nothing_left():
        with pytest.raises(ConnectError, match="in time"):
            await answering(never, connect_timeout_s=0.1).connect()
        with pytest.raises(ConnectError, match="Cannot connect") as caught:
            await answering(absent, api_key=KEY).connect()
        assert KEY not in str(caught.value)


async def test_no_media_path_is_told_apart_and_the_call_is_hung_up() -> None:
    answerer, asked = StockAnswerer(), []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/hangup"):
            return httpx.Response(200)
        sdp = await answerer.answer(request.content.decode())
        await answerer.close()
        return httpx.Response(201, headers={"Location": "https://voice.example/v1/realtime/calls/rtc_9"}, content=sdp)

    async with nothing_left():
        transport = answering(answer, media_timeout_s=0.5)
        with pytest.raises(NoMediaPathError, match=r"0\.5 s"):
            await transport.connect()
        assert transport.failed_at is FaultStage.DATA_CHANNEL
    assert asked == ["/v1/realtime/calls", "/v1/realtime/calls/rtc_9/hangup"]


async def test_no_port_of_our_own_is_no_media_path() -> None:
    async def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is posted without an offer")

    async with nothing_left():
        with pytest.raises(NoMediaPathError, match=r"203\.0\.113\.250"):
            await answering(never, settings=RtcSettings(bind_addresses=("203.0.113.250",))).connect()


async def test_a_call_without_a_data_channel_is_refused() -> None:
    answerer = StockAnswerer()

    async def refusing(request: httpx.Request) -> httpx.Response:
        sdp = await answerer.answer(request.content.decode())
        return httpx.Response(201, content=re.sub(r"m=application \d+", "m=application 0", sdp))

    async with nothing_left():
        with pytest.raises(ConnectError, match="refused the data channel"):
            await answering(refusing).connect()
        await answerer.close()


@pytest.mark.parametrize("held", ["offer", "answer", "media"])
async def test_cancelling_a_connect_leaves_nothing_at_any_stage(held: str) -> None:
    answerer, reached, asked = StockAnswerer(), asyncio.Event(), []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/hangup"):
            return httpx.Response(200)
        if held == "answer":
            reached.set()
            await asyncio.Event().wait()
        sdp = await answerer.answer(request.content.decode())
        await answerer.close()
        asyncio.get_running_loop().call_later(0.1, reached.set)
        return httpx.Response(201, headers={"Location": "/v1/realtime/calls/rtc_3"}, content=sdp)

    async with nothing_left():
        transport = answering(answer, media_timeout_s=10.0)
        if held == "offer":
            transport.on_stage = lambda _stage, _data: reached.set()
        connecting = asyncio.create_task(transport.connect())
        async with asyncio.timeout(5):
            await reached.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await transport.close()
        await answerer.close()
    assert (
        asked
        == {
            "offer": [],
            "answer": ["/v1/realtime/calls"],
            "media": ["/v1/realtime/calls", "/v1/realtime/calls/rtc_3/hangup"],
        }[held]
    )
