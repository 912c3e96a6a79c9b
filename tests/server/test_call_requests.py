"""`POST /v1/realtime/calls` and `POST /session`: every body that opens a call, and every one that does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from antiphon.protocol import RealtimeSession, TranscriptionSession
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

KIB = 1024
CALLS = "/v1/realtime/calls"
OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"
SESSION = {"type": "realtime", "instructions": "Sing.", "audio": {"output": {"voice": "marin"}}}


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
def transports() -> Transports:
    return Transports()


@pytest.fixture
async def server(answerer: ScriptedAnswerer, transports: Transports) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, ServerSettings(body_seconds=0.5), open_transport=transports) as running:
        yield running


async def post(server: LiveServer, path: str = CALLS, **request: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        return await http.post(path, **request)


def assert_answered(response: httpx.Response) -> None:
    assert response.status_code == 201, response.text
    assert response.headers["content-type"] == "application/sdp"
    assert response.headers["location"] == "/v1/realtime/calls/rtc_1"
    assert response.text == "v=0\r\nanswer"


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("media_type", ["application/sdp", "application/sdp; charset=utf-8", "Application/SDP"])
async def test_raw_sdp_is_answered(
    server: LiveServer, transports: Transports, answerer: ScriptedAnswerer, media_type: str
) -> None:
    response = await post(server, f"{CALLS}?model=gpt-realtime", content=OFFER, headers={"Content-Type": media_type})
    assert_answered(response)
    assert transports.last.offer == OFFER
    assert (answerer.last.model, answerer.last.session, answerer.last.kind) == ("gpt-realtime", None, "realtime")


async def test_multipart_fields_are_answered(
    server: LiveServer, transports: Transports, answerer: ScriptedAnswerer
) -> None:
    files = {"sdp": (None, OFFER, "application/sdp"), "session": (None, json.dumps(SESSION), "application/json")}
    assert_answered(await post(server, files=files))
    assert transports.last.offer == OFFER
    assert isinstance(answerer.last.session, RealtimeSession)
    assert answerer.last.session.instructions == "Sing."


async def test_multipart_files_are_answered_too(server: LiveServer, transports: Transports) -> None:
    files = {"sdp": ("offer.sdp", OFFER), "session": ("session.json", json.dumps(SESSION))}
    assert_answered(await post(server, files=files))
    assert transports.last.offer == OFFER


async def test_json_is_answered(server: LiveServer, transports: Transports, answerer: ScriptedAnswerer) -> None:
    assert_answered(await post(server, json={"sdp": OFFER, "session": SESSION}))
    assert transports.last.offer == OFFER
    assert isinstance(answerer.last.session, RealtimeSession)


@pytest.mark.parametrize("body", [{"sdp": OFFER}, {"sdp": OFFER, "session": None}])
async def test_the_session_may_be_left_out(server: LiveServer, answerer: ScriptedAnswerer, body: Any) -> None:
    assert_answered(await post(server, json=body))
    assert answerer.last.session is None


async def test_a_transcription_session_opens_a_transcription_call(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    assert_answered(await post(server, json={"sdp": OFFER, "session": {"type": "transcription"}}))
    assert isinstance(answerer.last.session, TranscriptionSession)
    assert answerer.last.kind == "transcription"


async def test_the_founding_route_takes_an_offer_and_gives_the_answer(
    server: LiveServer, transports: Transports, answerer: ScriptedAnswerer
) -> None:
    assert_answered(await post(server, "/session", content=OFFER, headers={"Content-Type": "application/sdp"}))
    assert transports.last.offer == OFFER
    session = answerer.last.session
    assert isinstance(session, RealtimeSession)
    # Its caller sends no session and expects to be shown its own words.
    assert json.loads(_encoded(session))["audio"]["input"]["transcription"]["model"]


def _encoded(session: RealtimeSession) -> str:
    from antiphon.protocol import encode

    return encode(session)


async def test_the_founding_route_takes_no_session(server: LiveServer) -> None:
    assert_refused(await post(server, "/session", json={"sdp": OFFER}), 415, "unsupported_media_type")


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [CALLS, "/session"])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_an_empty_offer_is_refused(server: LiveServer, path: str, body: bytes) -> None:
    response = await post(server, path, content=body, headers={"Content-Type": "application/sdp"})
    assert_refused(response, 400, "missing_required_parameter")
    assert response.json()["error"]["param"] == "sdp"


async def test_an_offer_that_is_not_text_is_refused(server: LiveServer) -> None:
    response = await post(server, content=b"\xff\xfe\x00", headers={"Content-Type": "application/sdp"})
    assert_refused(response, 400, "invalid_offer")


async def test_an_unknown_kind_of_body_is_refused(server: LiveServer) -> None:
    response = await post(server, content=b"x", headers={"Content-Type": "image/png"})
    assert_refused(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"[" * 50_000, "invalid_value"),
        (b'{"sdp": "v=0", "session": ' + b"[" * 50_000, "invalid_json"),
        (b'{"sdp": "v=0", "session": 7}', "invalid_type"),
        (b"[]", "invalid_value"),
        (b"{}", "invalid_value"),
        (b'{"sdp": 1}', "invalid_value"),
        (b'{"sdp": ""}', "missing_required_parameter"),
        (b'{"sdp": "v=0", "session": {}}', "missing_required_parameter"),
        (b'{"sdp": "v=0", "session": {"type": "realtime", "voice": "ash"}}', "unknown_parameter"),
    ],
)
async def test_malformed_json_is_refused(server: LiveServer, body: bytes, code: str) -> None:
    response = await post(server, content=body, headers={"Content-Type": "application/json"})
    assert_refused(response, 400, code)


async def test_a_refused_session_names_the_field(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    session = {"type": "realtime", "modalities": ["audio", "text"]}
    response = await post(server, json={"sdp": OFFER, "session": session})
    assert_refused(response, 400, "unknown_parameter")
    assert "modalities" in response.json()["error"]["param"]
    assert not answerer.made


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv=0', "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nv=0\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"\x00" * 5000, "multipart/form-data; boundary=" + "y" * 300),
    ],
)
async def test_malformed_multipart_is_refused(server: LiveServer, body: bytes, content_type: str) -> None:
    response = await post(server, content=body, headers={"Content-Type": content_type})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] in ("invalid_multipart", "missing_required_parameter")


async def test_multipart_without_an_offer_is_refused(server: LiveServer) -> None:
    response = await post(server, files={"session": (None, json.dumps(SESSION))})
    assert_refused(response, 400, "missing_required_parameter")


async def test_multipart_with_too_many_parts_is_refused(server: LiveServer) -> None:
    response = await post(server, files=[("sdp", (None, OFFER))] * 40)
    assert_refused(response, 400, "invalid_multipart")


@pytest.mark.parametrize("path", [CALLS, "/session"])
async def test_an_offer_that_is_too_large_is_refused(server: LiveServer, path: str) -> None:
    response = await post(server, path, content="v" * (65 * KIB), headers={"Content-Type": "application/sdp"})
    assert response.status_code == 413


async def test_an_offer_that_is_too_large_inside_another_body_is_refused(server: LiveServer) -> None:
    assert_refused(await post(server, json={"sdp": "v" * (65 * KIB)}), 413, "sdp_too_large")
    assert_refused(await post(server, files={"sdp": (None, "v" * (65 * KIB))}), 413, "sdp_too_large")


async def test_a_session_that_is_too_large_is_refused(server: LiveServer) -> None:
    session = {"type": "realtime", "instructions": "x" * (520 * KIB)}
    assert_refused(await post(server, json={"sdp": OFFER, "session": session}), 413, "session_too_large")
    assert_refused(await post(server, json={"sdp": OFFER, "session": "x" * 3_000_000}), 413, "body_too_large")


async def test_a_body_without_an_end_is_refused_at_its_limit_and_cut_off(server: LiveServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {CALLS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"4000\r\n" + b"v" * 16 * KIB + b"\r\n"
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and not writer.is_closing():
                writer.write(chunk)
                await writer.drain()
    writer.close()


async def test_a_declared_size_beyond_the_limit_is_refused_unread(server: LiveServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {CALLS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
    writer.write(head.encode() + b"Content-Length: 999999999\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert b" 413 " in answer.splitlines()[0]
    writer.close()


async def test_a_body_that_does_not_come_is_given_up(server: LiveServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        f"POST {CALLS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\nContent-Length: 100\r\n\r\nv=0"
    )
    writer.write(head.encode())
    async with asyncio.timeout(10):
        status = await reader.readline()
    assert b" 408 " in status
    writer.close()
    await writer.wait_closed()


async def test_an_offer_that_cannot_be_answered_is_refused_in_words() -> None:
    rtc = pytest.importorskip("antiphon.rtc", reason="WebRTC is not installed")
    transports = Transports(error=rtc.InvalidOffer("it offers no audio"))
    async with live_server(ScriptedAnswerer(), open_transport=transports) as server:
        response = await post(server, content=OFFER, headers={"Content-Type": "application/sdp"})
        assert_refused(response, 400, "invalid_offer")
        assert "it offers no audio" in response.json()["error"]["message"]
        assert transports.last.closed.is_set()
        assert server.calls.active == 0
