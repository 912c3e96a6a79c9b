"""Ephemeral keys over HTTP and WebSocket: who gets one, what it is good for, and every way in which one is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from antiphon.cli.logs import RedactingFormatter
from antiphon.protocol import RealtimeSession, TranscriptionSession
from antiphon.server import ServerSettings
from antiphon.server.client_secrets import ClientSecrets
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

TOKEN = "correct-horse-battery"
SIGNING_KEY = "signing-key-that-nobody-must-see-anywhere"
TURN_SECRET = "turn-secret-that-nobody-must-see"
MINT = "/v1/realtime/client_secrets"
SING = {"type": "realtime", "model": "m", "instructions": "Sing."}
SERVER_LOGS = ("antiphon.server", "uvicorn.error", "uvicorn.access")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
async def server(answerer: ScriptedAnswerer) -> AsyncIterator[LiveServer]:
    async with live_server(answerer, open_transport=Transports()) as running:
        yield running


@pytest.fixture
async def locked(answerer: ScriptedAnswerer) -> AsyncIterator[LiveServer]:
    settings = ServerSettings(
        access_token=TOKEN,
        allowed_hosts=("*",),
        signing_key=SIGNING_KEY,
        ice_servers=("turn:turn.example",),
        turn_secret=TURN_SECRET,
    )
    async with live_server(answerer, settings, open_transport=Transports()) as running:
        yield running


@pytest.fixture
async def http(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        yield client


async def mint(server: LiveServer, session: dict[str, Any] | None = None, **options: Any) -> str:
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        answer = await client.post(MINT, json={"session": session or SING}, headers=BEARER, **options)
    assert answer.status_code == 200, answer.text
    value = answer.json()["value"]
    assert isinstance(value, str)
    return value


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(url, **options):
            pass
    return caught.value.response.status_code, json.loads(caught.value.response.body or b"")["error"]["code"]


# ── minting ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_is_answered_with_its_end_and_the_session_as_it_will_be(http: httpx.AsyncClient) -> None:
    answer = await http.post(MINT, json={"expires_after": {"anchor": "created_at", "seconds": 10}, "session": SING})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"value", "expires_at", "session"}
    assert body["value"].startswith("ek_")
    assert body["session"] == {**SING, "id": "sess_shown", "expires_at": 0}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"session": null}', b'{"expires_after": null}'])
async def test_without_a_session_it_is_the_servers_own(http: httpx.AsyncClient, content: bytes) -> None:
    assert (await http.post(MINT, content=content)).json()["session"]["type"] == "realtime"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ("{", 400, "invalid_json", None),
        ("\xff", 400, "invalid_json", None),
        ("[" * 100_000, 400, "invalid_json", None),
        ("[]", 400, "invalid_value", None),
        ('"text"', 400, "invalid_value", None),
        ('{"model": "m"}', 400, "unknown_parameter", "model"),
        ('{"session": []}', 400, "invalid_value", "session"),
        ('{"session": {}}', 400, "missing_required_parameter", "session.type"),
        ('{"session": {"type": "realtime", "voice": "ash"}}', 400, "unknown_parameter", "session.voice"),
        ('{"session": {"type": "realtime", "prompt": {"id": "p"}}}', 400, "invalid_value", "session.prompt"),
        ('{"expires_after": 600}', 400, "invalid_value", "expires_after"),
        ('{"expires_after": {"anchor": "now"}}', 400, "invalid_value", "expires_after.anchor"),
        ('{"expires_after": {"seconds": 9}}', 400, "invalid_value", "expires_after.seconds"),
        ('{"expires_after": {"seconds": 7201}}', 400, "invalid_value", "expires_after.seconds"),
        ('{"expires_after": {"seconds": true}}', 400, "invalid_value", "expires_after.seconds"),
        ('{"expires_after": {"seconds": 60.5}}', 400, "invalid_value", "expires_after.seconds"),
        ('{"expires_after": {"seconds": "60"}}', 400, "invalid_value", "expires_after.seconds"),
        (json.dumps({"session": {"type": "realtime", "instructions": "x" * 600_000}}), 413, "body_too_large", None),
    ],
)
async def test_what_is_wrong_is_named(
    http: httpx.AsyncClient, body: str, status: int, code: str, param: str | None
) -> None:
    answer = await http.post(MINT, content=body.encode("latin-1"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["param"] == param or param == "session.type"


@pytest.mark.parametrize(("method", "path"), [("GET", "/realtime/session"), ("POST", "/api/realtime/token")])
async def test_the_founding_routes_answer_both_ways_of_reading(
    server: LiveServer, http: httpx.AsyncClient, answerer: ScriptedAnswerer, method: str, path: str
) -> None:
    answer = await http.request(method, path)
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert body["value"] == body["client_secret"]["value"]
    assert body["expires_at"] == body["client_secret"]["expires_at"]
    called = await http.post("/v1/realtime/calls", content="v=0", headers={"Authorization": f"Bearer {body['value']}"})
    assert called.status_code == 201
    session = answerer.last.session
    assert isinstance(session, RealtimeSession)
    assert session.audio.input.transcription  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/realtime/sessions", {"model": "m", "voice": "ash", "modalities": ["audio", "text"]}, RealtimeSession),
        ("/v1/realtime/transcription_sessions", {"input_audio_format": "pcm16"}, TranscriptionSession),
        (
            "/openai/realtimeapi/sessions?api-version=2025-04-01-preview",
            {"model": "m", "voice": "ash"},
            RealtimeSession,
        ),
    ],
)
async def test_the_betas_routes_take_and_answer_flat_sessions(
    http: httpx.AsyncClient, answerer: ScriptedAnswerer, path: str, body: dict[str, Any], kind: type
) -> None:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert "audio" not in shown
    if "voice" in body:
        assert shown["voice"] == "ash"
    key = shown["client_secret"]["value"]
    called = await http.post("/v1/realtime/calls", content="v=0", headers={"Authorization": f"Bearer {key}"})
    assert called.status_code == 201
    assert isinstance(answerer.last.session, kind)
    if "voice" in body:
        assert answerer.last.session.audio.output.voice == "ash"  # type: ignore[union-attr]


async def test_a_beta_clients_fault_is_named_in_its_own_words(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/realtime/sessions", json={"voice": 7})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "voice")
    assert "audio.output" not in error["message"]


# ── calling with one ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("times", [1, 3])
async def test_a_key_opens_webrtc_calls_with_its_session_until_it_expires(
    server: LiveServer, http: httpx.AsyncClient, answerer: ScriptedAnswerer, times: int
) -> None:
    headers = {"Authorization": f"Bearer {await mint(server)}", "Content-Type": "application/sdp"}
    for _ in range(times):
        assert (await http.post("/v1/realtime/calls?model=other", content="v=0", headers=headers)).status_code == 201
        session = answerer.last.session
        assert isinstance(session, RealtimeSession)
        assert (session.instructions, session.model) == ("Sing.", "m")


async def test_a_key_opens_websocket_calls_by_header_and_by_subprotocol(
    server: LiveServer, answerer: ScriptedAnswerer
) -> None:
    key = await mint(server)
    url = f"{server.ws_url}/v1/realtime"
    async with websockets.connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as call:
        await call.recv()
    offered: Any = ["realtime", f"openai-insecure-api-key.{key}"]
    async with websockets.connect(url, subprotocols=offered) as call:
        await call.recv()
        assert call.subprotocol == "realtime"
        assert call.response is not None
        assert key not in str(call.response.headers)
    assert [call.session.instructions for call in answerer.made] == ["Sing.", "Sing."]  # type: ignore[union-attr]


async def test_a_transcription_key_opens_a_transcription_call(server: LiveServer, answerer: ScriptedAnswerer) -> None:
    key = await mint(server, {"type": "transcription"})
    headers = {"Authorization": f"Bearer {key}"}
    async with websockets.connect(f"{server.ws_url}/v1/realtime", additional_headers=headers) as call:
        await call.recv()
    assert answerer.last.kind == "transcription"


async def test_the_session_of_a_key_cannot_be_changed_by_the_request(
    server: LiveServer, http: httpx.AsyncClient, answerer: ScriptedAnswerer
) -> None:
    headers = {"Authorization": f"Bearer {await mint(server)}"}
    body = {"sdp": "v=0", "session": {"type": "realtime", "instructions": "Whisper."}}
    answer = await http.post("/v1/realtime/calls", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "session_bound")
    assert not answerer.made


async def test_a_sideband_with_an_ephemeral_key_finds_no_call_not_even_its_own(server: LiveServer) -> None:
    headers = {"Authorization": f"Bearer {await mint(server)}"}
    async with websockets.connect(f"{server.ws_url}/v1/realtime", additional_headers=headers) as caller:
        call_id = json.loads(await caller.recv())["id"]
        url = f"{server.ws_url}/v1/realtime?call_id={call_id}"
        assert await refusal(url, additional_headers=headers) == (404, "call_id_not_found")
        async with websockets.connect(url, additional_headers={"Authorization": "Bearer sk-any"}) as sideband:
            assert "session.created" in await sideband.recv()


async def test_tampered_foreign_and_expired_keys_are_refused_everywhere_also_where_none_is_asked_for(
    server: LiveServer, http: httpx.AsyncClient, answerer: ScriptedAnswerer
) -> None:
    key = await mint(server)
    swapped = key[:-1] + ("A" if key[-1] != "A" else "B")
    foreign = ClientSecrets().mint(RealtimeSession(), 600, 2e9).value
    expired = _secrets_of(server).mint(RealtimeSession(), 10, 1e9).value
    for bad in (swapped, foreign, expired, "ek_test", "ek_"):
        headers = {"Authorization": f"Bearer {bad}"}
        for path in ("/v1/realtime/calls", "/v1/realtime", "/openai/v1/realtime/calls", "/v1/realtimertc"):
            answer = await http.post(path, content="v=0", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
            assert bad not in answer.text or len(bad) < 8
        answer = await http.post("/v1/realtime/calls", content="v=0", headers={"api-key": bad})
        assert answer.status_code == 401
        assert await refusal(f"{server.ws_url}/v1/realtime", additional_headers=headers) == (401, "invalid_api_key")
        offered: Any = ["realtime", f"openai-insecure-api-key.{bad}"]
        assert (await refusal(f"{server.ws_url}/v1/realtime", subprotocols=offered))[0] == 401
    assert not answerer.made


def _secrets_of(server: LiveServer) -> Any:
    """The keys of a running server: the door that Starlette has built holds them."""
    app: Any = server.app.middleware_stack
    while not hasattr(app, "_client_secrets"):
        app = app.__dict__.get("_app", app.__dict__.get("app"))
    return app._client_secrets


# ── where the server asks who is calling ──────────────────────────────────────────────────────────────────────────


async def test_minting_needs_the_token_and_the_key_alone_is_enough_to_call(
    locked: LiveServer, answerer: ScriptedAnswerer
) -> None:
    async with httpx.AsyncClient(base_url=locked.base_url) as http:
        for method, path in (
            ("POST", MINT),
            ("GET", "/realtime/session"),
            ("POST", "/api/realtime/token"),
            ("POST", "/v1/realtime/sessions"),
            ("POST", "/v1/realtime/transcription_sessions"),
            ("POST", "/openai/v1/realtime/client_secrets"),
            ("POST", "/openai/realtimeapi/sessions?api-version=2025-04-01-preview"),
        ):
            answer = await http.request(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key"), path
            assert (await http.request(method, path, headers=BEARER)).status_code == 200, path
        key = {"Authorization": f"Bearer {await mint(locked)}"}
        assert (await http.post("/v1/realtime/calls", content="v=0", headers=key)).status_code == 201
        assert (await http.get("/ice-servers", headers=key)).status_code == 200
        for method, path in (
            ("POST", MINT),
            ("GET", "/about"),
            ("POST", "/session"),
            ("GET", "/"),
            ("POST", f"/v1/realtime/calls/{answerer.last.id}/hangup"),
        ):
            assert (await http.request(method, path, headers=key)).status_code == 401, path
    async with websockets.connect(f"{locked.ws_url}/v1/realtime", additional_headers=key) as call:
        assert "session.created" in await call.recv()


async def test_keys_tokens_and_secrets_are_in_no_answer_event_or_log(
    locked: LiveServer, answerer: ScriptedAnswerer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    key = await mint(locked)
    wrong = "wrong-token-0123456789"
    async with httpx.AsyncClient(base_url=locked.base_url) as http:
        for headers in (BEARER, {"Authorization": f"Bearer {key}"}, {"Authorization": f"Bearer {wrong}"}, {}):
            for method, path in (
                ("GET", "/"),
                ("GET", "/about"),
                ("GET", "/health"),
                ("GET", "/openapi.json"),
                ("GET", "/ice-servers"),
                ("POST", "/v1/realtime/calls"),
                ("POST", "/session"),
                ("POST", "/v1/realtime/calls/rtc_none/hangup"),
                ("GET", f"/v1/realtime?token={wrong}"),
                ("GET", "/nothing"),
            ):
                answer = await http.request(method, path, headers=headers, content="v=0" if method == "POST" else None)
                seen.append(f"{answer.headers} {answer.text}")
        answerer.next_call_error = RuntimeError("a bug")
        seen.append((await http.post("/v1/realtime/calls", content="v=0", headers=BEARER)).text)
        answerer.next_call_error = None
    async with websockets.connect(
        f"{locked.ws_url}/v1/realtime", additional_headers={"Authorization": f"Bearer {key}"}
    ) as call:
        seen.append(str(await call.recv()))
        assert call.response is not None
        seen.append(str(call.response.headers))
    own = [record for record in caplog.records if record.name.startswith("antiphon")]
    # At "debug" the HTTP server below us logs headers as they come: the program's formatter is what stands before that.
    written = [RedactingFormatter("%(message)s").format(entry) for entry in caplog.records if entry.name in SERVER_LOGS]
    assert own
    assert written
    logged = "\n".join([*(record.getMessage() for record in own), *written])
    for secret in (TOKEN, SIGNING_KEY, TURN_SECRET, key, wrong):
        assert not any(secret in text for text in seen)
        assert secret not in logged
        assert secret not in repr(locked.app.state.calls.__dict__)


async def test_the_stock_client_mints_keys() -> None:
    openai = pytest.importorskip("openai", reason="the stock client is not installed")
    answerer = ScriptedAnswerer()
    async with (
        live_server(answerer, open_transport=Transports()) as server,
        openai.AsyncOpenAI(api_key="sk-x", base_url=f"{server.base_url}/v1", max_retries=0) as client,
    ):
        made = await client.realtime.client_secrets.create(
            session=SING, expires_after={"anchor": "created_at", "seconds": 60}
        )
        async with openai.AsyncOpenAI(api_key=made.value, base_url=f"{server.base_url}/v1", max_retries=0) as browser:
            async with browser.realtime.connect(model="any") as call:
                assert (await call.recv()).type == "session.created"
            assert answerer.last.session.instructions == "Sing."  # type: ignore[union-attr]
            with pytest.raises(openai.BadRequestError) as wrong:
                await client.realtime.client_secrets.create(session={"type": "realtime", "voice": "ash"})
            assert wrong.value.code == "unknown_parameter"
