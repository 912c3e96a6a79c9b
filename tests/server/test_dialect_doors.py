"""Every door of the Realtime API, OpenAI's and Azure's, GA and beta: the same turn through each means the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from antiphon.protocol import RealtimeSession
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

engine_room = pytest.importorskip("antiphon.engine", reason="the engine is not installed")

BETA = {"OpenAI-Beta": "realtime=v1"}
PREVIEW = "api-version=2025-04-01-preview&deployment=d"
SAID = "The quick brown fox"

GA_UPDATE = {"type": "realtime", "instructions": "Repeat.", "audio": {"output": {"voice": "ash"}}}
BETA_UPDATE = {"instructions": "Repeat.", "voice": "ash", "modalities": ["audio", "text"], "temperature": 0.7}
GA_ONLY = {"response.output_text.delta", "conversation.item.added", "conversation.item.done"}
BETA_ONLY = {"response.text.delta", "conversation.item.created"}


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(engine_room.build_engine()) as running:
        yield running


async def turn(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    *,
    beta: bool,
) -> dict[str, Any]:
    """One typed turn in the caller's own words; what it came to, in words of no dialect."""
    seen: list[dict[str, Any]] = []

    async def until(kind: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                event = await receive()
                seen.append(event)
                assert event["type"] != "error", event
                if event["type"] == kind:
                    return event

    created = await until("session.created")
    await send({"type": "session.update", "session": BETA_UPDATE if beta else GA_UPDATE})
    session = (await until("session.updated"))["session"]
    content = [{"type": "input_text", "text": SAID}]
    await send({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})
    modalities = {"modalities" if beta else "output_modalities": ["text"]}
    await send({"type": "response.create", "response": modalities})
    done = (await until("response.done"))["response"]
    kinds = {event["type"] for event in seen}
    assert not kinds & (GA_ONLY if beta else BETA_ONLY)
    assert kinds >= (BETA_ONLY if beta else GA_ONLY)
    assert ("type" in created["session"]) is not beta
    [part] = done["output"][0]["content"]
    assert part["type"] == ("text" if beta else "output_text")
    streamed = "response.text.delta" if beta else "response.output_text.delta"
    said = "".join(event["delta"] for event in seen if event["type"] == streamed)
    items = {
        event["item"]["id"]
        for event in seen
        if event["type"] in ("conversation.item.created", "conversation.item.added")
    }
    return {
        "instructions": session["instructions"],
        "voice": session["voice"] if beta else session["audio"]["output"]["voice"],
        "status": done["status"],
        "answer": part["text"],
        "streamed": said,
        "items": len(items),
        "tokens": done["usage"]["output_tokens"],
    }


async def over_socket(server: LiveServer, address: str, *, beta: bool, **options: Any) -> dict[str, Any]:
    async with websockets.connect(f"{server.ws_url}{address}", **options) as call:

        async def send(event: dict[str, Any]) -> None:
            await call.send(json.dumps(event))

        async def receive() -> dict[str, Any]:
            event: dict[str, Any] = json.loads(await call.recv())
            return event

        return await turn(send, receive, beta=beta)


async def over_webrtc(server: LiveServer, address: str, *, beta: bool, headers: dict[str, str]) -> dict[str, Any]:
    rtc_caller = pytest.importorskip("rtc_caller", reason="WebRTC is not installed")
    caller = rtc_caller.Caller()
    try:
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            offer = {"Content-Type": "application/sdp", **headers}
            answer = await http.post(address, content=await caller.offer(), headers=offer)
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)

        async def send(event: dict[str, Any]) -> None:
            caller.send(event)

        return await turn(send, caller.next_event, beta=beta)
    finally:
        await caller.close()


async def plainly(server: LiveServer) -> dict[str, Any]:
    """The turn that every other one is held against."""
    result = await over_socket(server, "/v1/realtime?model=m", beta=False)
    assert result["status"] == "completed"
    assert SAID.lower() in result["answer"].lower()
    assert result["streamed"] == result["answer"]
    assert (result["instructions"], result["voice"], result["items"]) == ("Repeat.", "ash", 2)
    return result


@pytest.mark.parametrize(
    ("address", "beta", "options"),
    [
        ("/v1/realtime?model=m", True, {"additional_headers": BETA}),
        ("/v1/realtime?model=m", True, {"subprotocols": ["realtime", "openai-beta.realtime-v1"]}),
        (f"/openai/realtime?{PREVIEW}", True, {"additional_headers": {"api-key": "k"}}),
        (f"/openai/realtime?{PREVIEW}&api-key=k", True, {}),
        ("/openai/v1/realtime?model=d", False, {"additional_headers": {"api-key": "k"}}),
        (f"/openai/v1/realtime?model=d&{PREVIEW}", True, {}),
    ],
    ids=[
        "beta header",
        "beta subprotocol",
        "azure preview",
        "azure preview, key in the query",
        "azure",
        "azure, dated",
    ],
)
async def test_the_same_turn_over_each_websocket_door(
    server: LiveServer, address: str, beta: bool, options: dict[str, Any]
) -> None:
    assert await over_socket(server, address, beta=beta, **options) == await plainly(server)


@pytest.mark.parametrize(
    ("address", "beta", "headers"),
    [
        ("/v1/realtime/calls", False, {}),
        ("/v1/realtime/calls", True, BETA),
        ("/v1/realtime?model=m", True, {}),
        ("/v1/realtimertc?model=d", True, {}),
        ("/openai/v1/realtime/calls", False, {"api-key": "k"}),
        ("/openai/v1/realtime/calls?webrtcfilter=on", False, {}),
    ],
    ids=["ga", "beta header", "beta address", "azure preview", "azure", "azure, filtered"],
)
async def test_the_same_turn_over_each_webrtc_door(
    server: LiveServer, address: str, beta: bool, headers: dict[str, str]
) -> None:
    assert await over_webrtc(server, address, beta=beta, headers=headers) == await plainly(server)


async def test_a_caller_and_a_sideband_each_speak_their_own_dialect(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime", additional_headers=BETA) as caller:
        created = json.loads(await caller.recv())["session"]
        assert "modalities" in created
        address = f"{server.ws_url}/openai/v1/realtime?call_id={created['id']}"
        async with websockets.connect(address) as sideband:
            assert "output_modalities" in json.loads(await sideband.recv())["session"]
            await sideband.send(json.dumps({"type": "session.update", "session": GA_UPDATE}))
            assert json.loads(await sideband.recv())["session"]["audio"]["output"]["voice"] == "ash"
        assert json.loads(await caller.recv())["session"]["voice"] == "ash"


async def test_a_beta_clients_error_names_its_own_fields(server: LiveServer) -> None:
    async with websockets.connect(f"{server.ws_url}/v1/realtime", additional_headers=BETA) as caller:
        await caller.recv()
        await caller.send(json.dumps({"type": "session.update", "session": {"voice": 7}}))
        error = json.loads(await caller.recv())["error"]
        assert error["param"] == "session.voice"
        await caller.send("{ no JSON")
        assert json.loads(await caller.recv())["type"] == "error"
        await caller.send(b"binary")
        assert json.loads(await caller.recv())["type"] == "error"


# ── stock clients ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_stock_azure_client_holds_a_turn_at_the_previews_address(server: LiveServer) -> None:
    openai = pytest.importorskip("openai", reason="the stock client is not installed")
    async with (
        openai.AsyncAzureOpenAI(
            azure_endpoint=server.base_url,
            websocket_base_url=f"{server.ws_url}/openai",
            api_version="2025-04-01-preview",
            api_key="k",
            max_retries=0,
        ) as client,
        client.realtime.connect(model="d") as call,
    ):

        async def send(event: dict[str, Any]) -> None:
            await call.send(event)

        async def receive() -> dict[str, Any]:
            event: dict[str, Any] = json.loads(await call.recv_bytes())
            return event

        assert await turn(send, receive, beta=True) == await plainly(server)


async def test_the_stock_beta_client_that_the_hosted_service_has_left_behind_holds_a_turn(
    server: LiveServer,
) -> None:
    openai = pytest.importorskip("openai", reason="the stock client is not installed")
    pytest.importorskip("openai.resources.beta.realtime", reason="this version has no beta client")
    async with (
        openai.AsyncOpenAI(
            api_key="sk-x", base_url=f"{server.base_url}/v1", websocket_base_url=f"{server.ws_url}/v1", max_retries=0
        ) as client,
        client.beta.realtime.connect(model="m") as call,
    ):

        async def send(event: dict[str, Any]) -> None:
            await call.send(event)

        async def receive() -> dict[str, Any]:
            event: dict[str, Any] = json.loads(await call.recv_bytes())
            return event

        assert await turn(send, receive, beta=True) == await plainly(server)
        made = await client.beta.realtime.sessions.create(model="gpt-4o-realtime-preview", voice="ash")
        assert made.client_secret.value.startswith("ek_")
        assert made.voice == "ash"
        heard = await client.beta.realtime.transcription_sessions.create(input_audio_format="pcm16")
        assert heard.client_secret.value.startswith("ek_")


async def test_the_stock_client_at_azures_ga_address(server: LiveServer) -> None:
    openai = pytest.importorskip("openai", reason="the stock client is not installed")
    base = f"{server.base_url}/openai/v1"
    async with openai.AsyncOpenAI(api_key="entra-token", base_url=base, max_retries=0) as client:
        async with client.realtime.connect(model="d") as call:
            assert (await call.recv()).type == "session.created"
        made = await client.realtime.client_secrets.create(session={"type": "realtime"})
        assert made.value.startswith("ek_")


# ── what the door passes on ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "headers", "session"),
    [
        ("/v1/realtime/calls", BETA, {"voice": "ash"}),
        ("/v1/realtime", {}, {"voice": "ash", "modalities": ["text"]}),
        ("/v1/realtime/calls", {}, {"type": "realtime", "audio": {"output": {"voice": "ash"}}}),
    ],
)
async def test_a_session_beside_an_offer_is_in_the_callers_dialect(
    address: str, headers: dict[str, str], session: dict[str, Any]
) -> None:
    answerer = ScriptedAnswerer()
    async with (
        live_server(answerer, open_transport=Transports()) as server,
        httpx.AsyncClient(base_url=server.base_url) as http,
    ):
        answer = await http.post(address, json={"sdp": "v=0", "session": session}, headers=headers)
        assert answer.status_code == 201, answer.text
        asked = answerer.last.session
        assert isinstance(asked, RealtimeSession)
        assert asked.audio.output.voice == "ash"  # type: ignore[union-attr]
        wrong = await http.post(address, json={"sdp": "v=0", "session": {**session, "nonsense": 1}}, headers=headers)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "unknown_parameter")


async def test_models_locations_and_versions() -> None:
    answerer = ScriptedAnswerer()
    async with (
        live_server(answerer, open_transport=Transports()) as server,
        httpx.AsyncClient(base_url=server.base_url) as http,
    ):
        answer = await http.post("/openai/v1/realtime/calls?model=d", content="v=0")
        assert answer.headers["location"] == f"/openai/v1/realtime/calls/{answerer.last.id}"
        assert answerer.last.model == "d"
        assert (await http.post(f"{answer.headers['location']}/hangup")).status_code == 200
        async with websockets.connect(f"{server.ws_url}/openai/realtime?{PREVIEW}") as call:
            await call.recv()
        assert answerer.last.model == "d"
        with pytest.raises(InvalidStatus) as refused:
            async with websockets.connect(f"{server.ws_url}/openai/realtime?deployment=d"):
                pass
        assert refused.value.response.status_code == 400
        missing = await http.post("/openai/realtimeapi/sessions", json={})
        assert (missing.status_code, missing.json()["error"]["param"]) == (400, "api-version")
        assert (await http.get(f"/openai/realtime?{PREVIEW}")).status_code == 426
        assert (await http.get("/openai/v1/realtime/calls")).status_code == 405
