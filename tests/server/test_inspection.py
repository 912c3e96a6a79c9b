"""Inspection over real HTTP and WebSocket: who may look, what is recorded of which call, and what is told live."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from antiphon.audio.wav import read_wav
from antiphon.client.trace import read_trace
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

TOKEN, APP = "correct-horse-battery", "token-of-another-app"
PATHS = (
    "/inspect",
    "/inspect/",
    "/inspect/inspect.js",
    "/inspect/calls",
    "/inspect/tokens.css",
    "/inspect/calls/x/trace.jsonl",
)


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
def transports() -> Transports:
    return Transports()


@pytest.fixture
async def server(answerer: ScriptedAnswerer, transports: Transports) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, ServerSettings(inspect=True), open_transport=transports) as running:
        yield running


def http_of(server: LiveServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url)


async def calls_of(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await http.get("/inspect/calls")).json()["calls"]
    return found


async def lines_of(http: httpx.AsyncClient, call_id: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (await http.get(f"/inspect/calls/{call_id}/trace.jsonl")).text.splitlines()[1:]
    ]


# ── who may look ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_it_is_off_there_is_nothing() -> None:
    async with live_server(ScriptedAnswerer()) as server, http_of(server) as http:
        for path in PATHS:
            assert (await http.get(path)).status_code == 404, path
        assert "inspect" not in (await http.get("/about")).json()
        with pytest.raises(InvalidStatus):
            async with websockets.connect(f"{server.ws_url}/inspect/live"):
                pass


async def test_this_machine_may_where_nobody_is_asked(server: LiveServer) -> None:
    async with http_of(server) as http:
        assert (await http.get("/inspect", follow_redirects=False)).headers["location"] == "/inspect/"
        for path in PATHS[1:-1]:
            assert (await http.get(path)).status_code == 200, path
        assert (await http.get("/about")).json()["inspect"] == "inspect/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "voice.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Origin": "http://localhost:5173"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_proxy_or_another_page_is_not_this_machine(headers: dict[str, str]) -> None:
    settings = ServerSettings(inspect=True, allowed_hosts=("*",), allowed_origins=("*",))
    async with live_server(ScriptedAnswerer(), settings) as server, http_of(server) as http:
        for path in PATHS:
            assert (await http.get(path, headers=headers)).status_code == 404, path
        with pytest.raises(InvalidStatus):
            async with websockets.connect(f"{server.ws_url}/inspect/live", additional_headers=headers):
                pass


async def test_with_a_token_only_its_holder_may() -> None:
    settings = ServerSettings(inspect=True, access_token=TOKEN, bearer_tokens=(APP,))
    async with live_server(ScriptedAnswerer(), settings) as server, http_of(server) as http:
        for token, status in ((APP, 404), (TOKEN, 200), ("wrong-token-altogether", 401)):
            bearer = {"Authorization": f"Bearer {token}"}
            assert (await http.get("/inspect/calls", headers=bearer)).status_code == status
        assert (await http.get("/inspect/calls")).status_code == 401
        await http.get(f"/?token={TOKEN}")
        assert (await http.get("/inspect/calls")).status_code == 200


async def test_an_apps_users_and_keys_open_calls_and_not_this() -> None:
    async def anybody(_connection: object) -> str:
        return "Ada"

    for settings in (
        ServerSettings(inspect=True, authenticate=anybody),
        ServerSettings(inspect=True, bearer_tokens=(APP,)),
    ):
        async with live_server(ScriptedAnswerer(), settings) as server, http_of(server) as http:
            headers = {"Authorization": f"Bearer {APP}"}
            assert (await http.get("/about", headers=headers)).status_code == 200
            assert (await http.get("/inspect/calls", headers=headers)).status_code == 404


# ── what is recorded ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_over_websocket_both_ways(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    async with http_of(server) as http:
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
            await call.recv()
            await call.send('{"type": "response.create"}')
            await call.recv()
            (live,) = await calls_of(http)
            assert (live["id"], live["kind"], live["ended_at"]) == ("sess_1", "websocket", None)
        await server.calls.idle()
        (ended,) = await calls_of(http)
        assert ended["ended_at"] is not None
        lines = await lines_of(http, "sess_1")
        wire = [(line["dir"], line["event"].get("type")) for line in lines if line["dir"] != "note"]
        assert wire == [("in", "session.created"), ("out", "response.create"), ("in", None)]
        assert lines[-1]["decision"] == "trace_ended"


async def test_a_call_over_webrtc_with_its_session_and_sound(
    server: LiveServer, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    async with http_of(server) as http:
        session = {"type": "realtime", "instructions": "Be brief."}
        files = {"sdp": (None, "v=0", "application/sdp"), "session": (None, json.dumps(session), "application/json")}
        assert (await http.post("/v1/realtime/calls", files=files)).status_code == 201
        handler, call = transports.last.handler, answerer.last
        handler.on_open()
        handler.on_audio(b"\x01\x00" * 2400)
        call.link.send_audio(b"\x02\x00" * 24_000)
        call.link.flush_audio()
        (shown,) = await calls_of(http)
        assert shown["caller_seconds"] == 0.1
        assert shown["answer_seconds"] < 1, "what was flushed was not heard"
        lines = await lines_of(http, call.id)
        assert lines[0]["decision"] == "session_asked"
        assert lines[0]["data"]["session"]["instructions"] == "Be brief."
        sound = await http.get(f"/inspect/calls/{call.id}/sound.wav")
        assert int(sound.headers["x-began-ms"]) >= 0
        recording = read_wav(sound.content)
        assert recording.sample_rate == 24_000
        assert b"\x01\x00" * 2400 in recording.pcm


async def test_a_call_without_sound_has_none_to_play(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        async with http_of(server) as http:
            assert (await http.get("/inspect/calls/sess_1/sound.wav")).status_code == 404
            assert (await http.get("/inspect/calls/nobody/trace.jsonl")).status_code == 404


async def test_further_peers_are_told_of_in_notes(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        async with websockets.connect(f"{server.ws_url}/v1/realtime?call_id=sess_1") as peer:
            await peer.recv()
            await peer.send('{"type": "response.cancel", "token": "sk-abcdefghijk"}')
            await peer.recv()
        async with http_of(server) as http:
            lines = await lines_of(http, "sess_1")
    notes = [(line["decision"], line["data"]) for line in lines if line.get("decision") == "peer_sent"]
    assert notes == [("peer_sent", {"peer": 1, "event": {"type": "response.cancel", "token": "…"}})]


async def test_a_call_that_cannot_be_is_not_listed(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    answerer.next_call_error = RuntimeError("no")
    with pytest.raises(InvalidStatus):
        async with websockets.connect(f"{server.ws_url}/v1/realtime"):
            pass
    async with http_of(server) as http:
        assert await calls_of(http) == []


# ── live ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_happens_is_told_as_it_happens(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/inspect/live") as page:
        assert json.loads(await page.recv()) == {"calls": []}
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
            await call.recv()
            while not (told := json.loads(await page.recv())).get("calls"):
                pass
            await page.send(json.dumps({"call": told["calls"][0]["id"], "after": 0}))
            seen: list[Any] = []
            await call.send(json.dumps({"type": "input_audio_buffer.append", "audio": b64encode(bytes(480)).decode()}))
            while "input_audio_buffer.append" not in [
                line["event"]["type"] for _, _, line in seen if "type" in line.get("event", {})
            ]:
                seen += json.loads(await page.recv()).get("lines", [])
            numbers = [number for number, _, _ in seen]
            assert numbers == list(range(1, len(seen) + 1))
        while (told := json.loads(await page.recv())).get("calls", [{"ended_at": None}])[0]["ended_at"] is None:
            pass


async def test_who_comes_late_gets_everything_in_pieces(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
        for number in range(1200):
            await call.send(json.dumps({"type": "x", "number": number}))
            await call.recv()
        async with websockets.connect(f"{server.ws_url}/inspect/live") as page:
            await page.send(json.dumps({"call": "sess_1", "after": 2000}))
            got: list[Any] = []
            messages = 0
            while len(got) < 402:
                lines = json.loads(await page.recv()).get("lines", [])
                messages += bool(lines)
                got += lines
            assert messages == 1
            await page.send(json.dumps({"call": "sess_1", "after": 0}))
            got = []
            while len(got) < 2402:
                lines = json.loads(await page.recv()).get("lines", [])
                assert len(lines) <= 500
                got += lines


async def test_the_trace_is_a_file_that_the_trace_reader_reads(server: LiveServer, tmp_path: Any) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
        await call.recv()
    await server.calls.idle()
    async with http_of(server) as http:
        response = await http.get("/inspect/calls/sess_1/trace.jsonl")
    assert "attachment" in response.headers["content-disposition"]
    (tmp_path / "t.jsonl").write_bytes(response.content)
    assert read_trace(tmp_path / "t.jsonl").complete
