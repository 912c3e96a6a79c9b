"""Azure as an upstream, against a stand-in with Azure's paths, keys and habits."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from antiphon.agent import Agent
from antiphon.client import RealtimeClient
from antiphon.errors import ConfigurationError
from antiphon.protocol import RealtimeSession
from antiphon.protocol.dialects import Dialect
from antiphon.upstream import AzureUpstream, EntraToken, UpstreamError, UpstreamSettings
from fakes.hosted import ANSWER, ENTRA, KEY, OFFER, hosted_fake

QUICK = UpstreamSettings(first_wait_s=0.01)


class Credential:
    """An async credential of azure-identity, played."""

    def __init__(self, *lifetimes_s: float, failure: Exception | None = None) -> None:
        self.lifetimes_s = list(lifetimes_s)
        self.failure = failure
        self.scopes: list[str] = []
        self.closed = False

    async def get_token(self, scope: str) -> SimpleNamespace:
        if self.failure is not None:
            raise self.failure
        self.scopes.append(scope)
        return SimpleNamespace(token=ENTRA, expires_on=time.time() + self.lifetimes_s.pop(0))

    async def close(self) -> None:
        self.closed = True


async def test_a_call_is_opened_with_a_key_of_its_own_and_joined_with_the_resources() -> None:
    agent = Agent(instructions="Be brief.")
    async with hosted_fake(azure=True) as fake:
        upstream = AzureUpstream(fake.base_url, "my-deployment", api_key=KEY, settings=QUICK)
        await upstream.start()
        created = await upstream.create_call(OFFER, agent.session())
        assert created.answer_sdp == ANSWER
        assert fake.last.session == {"type": "realtime", "model": "my-deployment", "instructions": "Be brief."}
        assert fake.last.secret is not None
        assert [path for _, path, _ in fake.seen] == [
            "/openai/v1/realtime/client_secrets",
            "/openai/v1/realtime/calls?webrtcfilter=on",
        ]
        assert "api-key" not in fake.seen[1][2], "the resource's key is not shown where the ephemeral one is asked for"
        transport = upstream.attach(created.call_id)
        async with RealtimeClient(call_id=created.call_id, transport=transport, agent=agent) as sideband:
            assert await sideband.ask("hello")
        await upstream.hang_up(created.call_id)
        await upstream.aclose()


async def test_the_filter_can_be_left_off() -> None:
    async with hosted_fake(azure=True) as fake:
        upstream = AzureUpstream(fake.base_url, "d", api_key=KEY, webrtc_filter=False)
        await upstream.start()
        await upstream.create_call(OFFER, RealtimeSession())
        await upstream.aclose()
        assert fake.seen[1][1] == "/openai/v1/realtime/calls"


async def test_entra_tokens_are_asked_for_once_and_again_when_they_run_out() -> None:
    credential = Credential(3600, 3600)
    token = EntraToken(credential)
    async with hosted_fake(azure=True) as fake:
        upstream = AzureUpstream(f"{fake.base_url}/openai/v1/", "d", token=token)
        await upstream.start()
        await upstream.create_call(OFFER, RealtimeSession())
        async with RealtimeClient(transport=upstream.connect()) as client:
            assert await client.ask("hello")
        assert credential.scopes == ["https://ai.azure.com/.default"]
        await upstream.aclose()
    assert credential.closed
    old = Credential(60, 3600)
    token = EntraToken(old)
    await token()
    await token()
    await token()
    assert len(old.scopes) == 2, "one that is about to run out is not used"


async def test_entras_failure_tells_its_kind_and_nothing_more() -> None:
    upstream = AzureUpstream("http://127.0.0.1:9", "d", token=EntraToken(Credential(failure=OSError("tenant 1234"))))
    await upstream.start()
    with pytest.raises(UpstreamError) as caught:
        await upstream.create_call(OFFER, RealtimeSession())
    await upstream.aclose()
    assert str(caught.value) == "Entra gave no token (OSError)."


async def test_the_preview_carries_relays_and_says_why_it_takes_no_offers() -> None:
    upstream = AzureUpstream("https://r.openai.azure.com", "d", api_key=KEY, api_version="2025-04-01-preview")
    described = upstream.describe()
    assert described.dialect is Dialect.AZURE_PREVIEW
    assert not described.webrtc
    with pytest.raises(UpstreamError) as caught:
        await upstream.create_call(OFFER, RealtimeSession())
    assert caught.value.status == 501
    assert "OPENAI_API_VERSION" in str(caught.value)


def test_ga_by_any_name_is_ga() -> None:
    for version in (None, "", "v1", "preview"):
        upstream = AzureUpstream("https://r.openai.azure.com", "d", api_key=KEY, api_version=version)
        assert upstream.describe().dialect is Dialect.AZURE
    assert upstream.describe().max_session_minutes == 30
    assert KEY not in repr(upstream)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_API_KEY"):
        AzureUpstream("https://r.openai.azure.com", "d")
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_DEPLOYMENT"):
        AzureUpstream("https://r.openai.azure.com", "", api_key=KEY)


async def test_a_preview_relay_speaks_the_beta_there_and_ga_here() -> None:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    from live_server import live_app

    heard: list[dict[str, object]] = []
    query: dict[str, str] = {}

    async def preview(websocket: WebSocket) -> None:
        query.update(websocket.query_params)
        await websocket.accept()
        session = {"id": "sess_1", "object": "realtime.session", "modalities": ["text", "audio"], "voice": "alloy"}
        await websocket.send_json({"type": "session.created", "event_id": "e1", "session": session})
        try:
            while True:
                event = await websocket.receive_json()
                heard.append(event)
                updated = {**session, **event["session"]}
                await websocket.send_json({"type": "session.updated", "event_id": "e2", "session": updated})
        except WebSocketDisconnect:
            return

    async with live_app(Starlette(routes=[WebSocketRoute("/openai/realtime", preview)])) as root:
        upstream = AzureUpstream(root, "d", api_key=KEY, api_version="2025-04-01-preview")
        transport = upstream.connect()
        async with asyncio.timeout(10), RealtimeClient(transport=transport, agent=Agent(instructions="Hi.")) as client:
            assert isinstance(client.session, RealtimeSession)
            assert client.session.instructions == "Hi."
            assert client.session.output_modalities == ["audio"]
    assert query == {"api-version": "2025-04-01-preview", "deployment": "d"}
    assert "type" not in heard[0]["session"]  # type: ignore[operator]
