"""Whom a client calls: addresses, how the key travels, tokens asked for anew, the dialect where one is needed."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from antiphon.client import (
    ClientSettings,
    ConnectError,
    Fault,
    FaultStage,
    NoMediaPathError,
    Patience,
    RealtimeClient,
    RefusedError,
    Target,
    TokenError,
    UnauthorizedError,
    azure,
)
from antiphon.client.credentials import Credentials
from antiphon.client.opening import ChosenTransport, Opening
from antiphon.client.transport import Transport
from antiphon.engine import Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.errors import ConfigurationError
from antiphon.protocol import RealtimeSession
from antiphon.protocol.dialects import Dialect
from antiphon.rtc import TransportUnavailable
from engine_bench import Detector, Recognizer, Voice
from fakes.hosted import ENTRA, KEY, hosted_fake
from live_server import live_server
from scripted_realtime import scripted

ENDPOINT = "https://mine.openai.azure.com"
PREVIEW = "2025-04-01-preview"
AT_ONCE = ClientSettings(connect=Patience(within_s=0.0))


# ── addresses and headers ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", [ENDPOINT, f"{ENDPOINT}/", f"{ENDPOINT}/openai/v1/", f"{ENDPOINT}/openai/v1/realtime"]
)
@pytest.mark.parametrize("version", [None, "v1", "preview"])
def test_azure_is_found_however_much_of_its_address_is_given(given: str, version: str | None) -> None:
    target = azure(given, deployment="voice", api_version=version)
    assert target.socket_url() == "wss://mine.openai.azure.com/openai/v1/realtime?model=voice"
    assert target.dialect is Dialect.AZURE
    assert target.offers_webrtc
    assert target.authorization("key", token=False) == {"api-key": "key"}
    assert target.authorization("token", token=True) == {"Authorization": "Bearer token"}
    assert target.known_cap_s == 1800


def test_azures_preview_names_its_deployment_and_version_and_speaks_the_beta() -> None:
    target = azure(ENDPOINT, deployment="voice", api_version=PREVIEW)
    assert target.socket_url() == (
        f"wss://mine.openai.azure.com/openai/realtime?api-version={PREVIEW}&deployment=voice"
    )
    assert target.dialect is Dialect.AZURE_PREVIEW
    assert not target.offers_webrtc


def test_a_beta_server_is_told_so_and_a_key_shows_in_no_repr() -> None:
    target = Target("http://127.0.0.1:9", dialect=Dialect.BETA, headers={"X-Key": "secret-key"})
    headers = target.authorization("sk-secret", token=False)
    assert headers == {"X-Key": "secret-key", "OpenAI-Beta": "realtime=v1", "Authorization": "Bearer sk-secret"}
    assert "OpenAI-Beta" not in Target("http://127.0.0.1:9").authorization("key", token=False)
    shown = repr(target) + repr(Credentials("sk-secret")) + repr(azure(ENDPOINT, deployment="d"))
    assert "secret" not in shown
    assert Target().known_cap_s == 3600
    assert Target("http://127.0.0.1:3000").known_cap_s is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"transport": "carrier pigeon"}, "'websocket', 'webrtc' and 'auto'"),
        ({"setup": "sometimes"}, "'always', 'if_different' and 'never'"),
        ({"transport": "webrtc", "call_id": "rtc_1"}, "joined over a WebSocket"),
        ({"url": azure(ENDPOINT, deployment="d", api_version=PREVIEW), "transport": "webrtc"}, "no WebRTC"),
        ({"url": "nowhere"}, "no address"),
    ],
)
def test_what_cannot_be_is_said_before_any_call(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        RealtimeClient(**wrong)
    with pytest.raises(ConfigurationError, match="deployment"):
        RealtimeClient.azure(ENDPOINT, deployment="")


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_asked_for_anew_at_every_connection_and_by_whoever_was_set_last() -> None:
    asked: list[str] = []

    async def later() -> str:
        asked.append("async")
        return KEY

    def plain() -> str:
        asked.append("plain")
        return KEY

    async with hosted_fake() as fake:
        client = RealtimeClient(fake.base_url, model="m", token_provider=plain)
        for _ in range(2):
            await client.connect()
            await client.disconnect()
        client.set_token_provider(later)
        async with client:
            pass
        assert {headers["authorization"] for _, _, headers in fake.seen} == {f"Bearer {KEY}"}
    assert asked == ["plain", "plain", "async"]


@pytest.mark.parametrize("gives", [None, "", 7, RuntimeError("key=sk-secret")])
async def test_a_provider_that_gives_no_token_is_a_fault_of_the_token(gives: Any) -> None:
    def provider() -> Any:
        if isinstance(gives, Exception):
            raise gives
        return gives

    faults: list[Fault] = []
    client = RealtimeClient("http://127.0.0.1:9", token_provider=provider, on_fault=faults.append)
    with pytest.raises(TokenError) as caught:
        await client.connect()
    assert "secret" not in str(caught.value)
    assert [fault.stage for fault in faults] == [FaultStage.FETCH_TOKEN]


async def test_a_wrong_key_is_refused_and_not_shown() -> None:
    async with hosted_fake() as fake:
        wrong = "sk-wrong-" + "0" * 20
        with pytest.raises(UnauthorizedError) as caught:
            await RealtimeClient(fake.base_url, model="m", api_key=wrong).connect()
        assert wrong not in str(caught.value)


async def test_azure_takes_its_key_as_api_key_and_a_token_as_a_bearer() -> None:
    async with hosted_fake(azure=True) as fake:
        async with RealtimeClient.azure(fake.base_url, deployment="d", api_key=KEY):
            assert fake.seen[-1][2]["api-key"] == KEY
        async with RealtimeClient.azure(fake.base_url, deployment="d", token_provider=lambda: ENTRA):
            assert fake.seen[-1][2]["authorization"] == f"Bearer {ENTRA}"


@pytest.mark.parametrize("kind", [Dialect.BETA, Dialect.AZURE_PREVIEW])
async def test_the_beta_is_spoken_to_a_server_that_needs_it_and_the_app_sees_ga(kind: Dialect) -> None:
    stages = Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05))  # type: ignore[arg-type]
    async with asyncio.timeout(40), live_server(Engine(stages)) as server:
        preview = azure(server.base_url, deployment="d", api_version=PREVIEW)
        target = preview if kind is Dialect.AZURE_PREVIEW else Target(server.base_url, dialect=Dialect.BETA)
        client = RealtimeClient(target, api_key="any")
        said: list[str] = []
        client.on("assistant.text_done", lambda event: said.append(event.text))
        async with client as call:
            applies = await call.switch_mode("text")
            assert isinstance(applies, RealtimeSession)
            assert applies.output_modalities == ["text"]
            answer = await call.ask("hello")
        assert said == [answer]


# ── WebRTC, or a WebSocket instead ───────────────────────────────────────────────────────────────────────────────────


class Choosing(Opening):
    """An opening whose peer connections fail as it is told, and whose WebSockets are in memory."""

    def __init__(self, failure: Exception, socket: Transport, **more: Any) -> None:
        super().__init__(target=Target("http://127.0.0.1:9"), credentials=Credentials(), **more)
        self.failure = failure
        self.socket = socket

    async def peer_connection(self) -> Any:
        raise self.failure

    async def web_socket(self) -> Transport:
        return self.socket


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("webrtc", NoMediaPathError("no way through")),
        ("auto", NoMediaPathError("no way through")),
        ("auto", TransportUnavailable("install antiphon[rtc]")),
        ("webrtc", RefusedError("no such page", status=404)),
        ("webrtc", RefusedError("not here", status=400, code="webrtc_unavailable")),
    ],
)
async def test_where_no_media_path_opens_the_call_is_made_over_a_websocket_and_that_is_said(
    kind: Any, failure: Exception
) -> None:
    why: list[ConnectError] = []
    async with scripted() as (socket, server):
        opening = Choosing(failure, socket, kind=kind, on_fallback=lambda error, _stage: why.append(error))
        transport = ChosenTransport(opening)
        assert (transport.media, transport.kind) == (True, "webrtc")
        async with RealtimeClient(transport=transport) as call:
            assert (transport.media, transport.kind) == (False, "websocket")
            await call.send_text("hi", respond=False)
            await server.until(lambda: server.received)
    assert [str(error) for error in why] == [str(failure)]


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        ({"kind": "webrtc", "fallback": False}, NoMediaPathError("no way through")),
        ({"kind": "webrtc"}, UnauthorizedError("wrong key")),
        ({"kind": "webrtc"}, RefusedError("too many", status=429)),
        ({"kind": "webrtc"}, TransportUnavailable("install antiphon[rtc]")),
    ],
)
async def test_what_a_websocket_would_not_cure_or_what_was_forbidden_is_raised(more: Any, failure: Exception) -> None:
    async with scripted() as (socket, _server):
        with pytest.raises(type(failure), match=re.escape(str(failure))):
            await ChosenTransport(Choosing(failure, socket, **more)).connect()


@pytest.mark.parametrize(
    ("refusal", "stage"), [((404, "not_found", {}), FaultStage.API), (None, FaultStage.SET_REMOTE_DESCRIPTION)]
)
async def test_a_server_without_webrtc_or_with_a_poor_one_is_called_over_a_websocket_and_the_app_is_told(
    refusal: tuple[int, str, dict[str, str]] | None, stage: FaultStage
) -> None:
    pytest.importorskip("aiortc", reason="WebRTC is not installed: antiphon[rtc] has it")
    faults: list[Fault] = []
    async with asyncio.timeout(40), hosted_fake() as fake:
        if refusal is not None:
            fake.create_errors.append(refusal)
        client = RealtimeClient(
            fake.base_url, model="m", api_key=KEY, transport="auto", on_fault=faults.append, settings=AT_ONCE
        )
        async with client as call:
            assert call.transport_kind == "websocket"
            assert call.call_id is None
        assert fake.offers == 1
        for offered in fake.calls.values():
            await offered.hung_up.wait()
    assert [(fault.stage, fault.recoverable) for fault in faults] == [(stage, True)]
