"""Apps that open a call as GA does and listen for the beta's names: who is told under both, and who is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from antiphon.protocol import RealtimeSession
from antiphon.server.client_secrets import INLINE_BYTES, ClientSecrets
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

DELTA = {"type": "response.output_audio_transcript.delta", "event_id": "event_1", "delta": "Hi"}
BESIDE = {**DELTA, "type": "response.audio_transcript.delta"}
AS_TEXT = {**DELTA, "type": "response.text.delta"}


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
def transports() -> Transports:
    return Transports()


@pytest.fixture
async def http(answerer: ScriptedAnswerer, transports: Transports) -> AsyncIterator[httpx.AsyncClient]:
    server: LiveServer
    async with (
        live_server(answerer, open_transport=transports) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        yield client


async def told(
    http: httpx.AsyncClient, answerer: ScriptedAnswerer, transports: Transports, path: str, **headers: str
) -> list[dict[str, Any]]:
    """What a caller at `path` is told of one word that is spoken."""
    answer = await http.post(path, content="v=0", headers={"Content-Type": "application/sdp", **headers})
    assert answer.status_code == 201, answer.text
    transports.last.handler.on_open()
    before = len(transports.last.events)
    answerer.last.link.send_event(json.dumps(DELTA))
    return [json.loads(event) for event in transports.last.events[before:]]


async def test_the_founding_app_of_slash_session_is_told_as_text_too(
    http: httpx.AsyncClient, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    assert await told(http, answerer, transports, "/session") == [DELTA, BESIDE, AS_TEXT]


@pytest.mark.parametrize(("method", "route"), [("POST", "/api/realtime/token"), ("GET", "/realtime/session")])
async def test_a_key_of_a_founding_address_brings_the_old_names(
    http: httpx.AsyncClient, answerer: ScriptedAnswerer, transports: Transports, method: str, route: str
) -> None:
    key = {"Authorization": f"Bearer {(await http.request(method, route)).json()['client_secret']['value']}"}
    assert await told(http, answerer, transports, "/v1/realtime/calls?model=m", **key) == [DELTA, BESIDE]
    # One that says that it speaks the beta is told in the beta's words alone.
    beta = {"OpenAI-Beta": "realtime=v1"}
    assert await told(http, answerer, transports, "/v1/realtime/calls", **key, **beta) == [BESIDE]


async def test_others_are_told_once(
    http: httpx.AsyncClient, answerer: ScriptedAnswerer, transports: Transports
) -> None:
    key = (await http.post("/v1/realtime/client_secrets", json={})).json()["value"]
    bearer = {"Authorization": f"Bearer {key}"}
    assert await told(http, answerer, transports, "/v1/realtime/calls", **bearer) == [DELTA]
    assert await told(http, answerer, transports, "/v1/realtime/calls") == [DELTA]


@pytest.mark.parametrize("length", [10, INLINE_BYTES])
def test_a_key_knows_how_its_holder_is_told(length: int) -> None:
    secrets = ClientSecrets()
    session = RealtimeSession(instructions="x" * length)
    assert secrets.check(secrets.mint(session, 600, 1e9, old_names=True).value, 1e9).old_names
    assert not secrets.check(secrets.mint(session, 600, 1e9).value, 1e9).old_names
