"""The stand-ins are as strict as the services: what those refuse, these refuse, and with the same words."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import websockets

from fakes.hosted import KEY, OFFER, hosted_fake

GOOD = {"type": "realtime", "model": "gpt-realtime-2.1"}
BEARER = {"Authorization": f"Bearer {KEY}"}


def parts(session: dict[str, Any]) -> dict[str, Any]:
    return {"sdp": (None, OFFER, "application/sdp"), "session": (None, json.dumps(session), "application/json")}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"model": "m"}, "missing_required_parameter", "session.type"),
        ({**GOOD, "voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({**GOOD, "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({**GOOD, "input_audio_format": "pcm16"}, "unknown_parameter", "session.input_audio_format"),
        ({**GOOD, "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({**GOOD, "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime"}, "missing_required_parameter", None),
    ],
)
async def test_a_wrong_session_is_refused(session: dict[str, Any], code: str, param: str | None) -> None:
    async with hosted_fake() as fake, httpx.AsyncClient(base_url=fake.base_url) as http:
        response = await http.post("/realtime/calls", headers=BEARER, files=parts(session))
        error = response.json()["error"]
        assert (response.status_code, error["code"], error.get("param")) == (400, code, param)


async def test_wrong_keys_bodies_and_dialects_are_refused() -> None:
    async with hosted_fake() as fake, httpx.AsyncClient(base_url=fake.base_url) as http:
        for headers in ({}, {"Authorization": "Bearer sk-other"}, {"api-key": KEY}):
            assert (await http.post("/realtime/calls", headers=headers, files=parts(GOOD))).status_code == 401
        beta = {**BEARER, "OpenAI-Beta": "realtime=v1"}
        response = await http.post("/realtime/calls", headers=beta, files=parts(GOOD))
        assert response.json()["error"]["code"] == "beta_api_shape_disabled"
        plain = {"sdp": (None, OFFER), "session": (None, json.dumps(GOOD))}
        assert (await http.post("/realtime/calls", headers=BEARER, files=plain)).status_code == 400
        ok = await http.post("/realtime/calls", headers=BEARER, files=parts(GOOD))
        assert (ok.status_code, ok.headers["location"]) == (201, f"/v1/realtime/calls/{fake.last.id}")


async def test_sockets_are_refused_as_there() -> None:
    async with hosted_fake() as fake, httpx.AsyncClient(base_url=fake.base_url) as http:
        url = f"{fake.base_url.replace('http', 'ws')}/realtime"
        for query, headers, status in (
            ("?model=m", {}, 401),
            ("", BEARER, 401),
            ("?call_id=rtc_none", BEARER, 404),
        ):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(url + query, additional_headers=headers)
            assert caught.value.response.status_code == status
        await http.post("/realtime/calls", headers=BEARER, files=parts(GOOD))
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"{url}?call_id={fake.last.id}", additional_headers={"Authorization": "Bearer x"})
        assert caught.value.response.status_code == 401
        async with websockets.connect(
            f"{url}?model=m", additional_headers={**BEARER, "OpenAI-Beta": "realtime=v1"}
        ) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000


async def test_azure_takes_its_own_keys_and_no_versions() -> None:
    async with hosted_fake(azure=True) as fake, httpx.AsyncClient(base_url=f"{fake.base_url}/openai/v1") as http:
        body = {"session": GOOD}
        assert (await http.post("/realtime/client_secrets", headers=BEARER, json=body)).status_code == 401
        versioned = "/realtime/client_secrets?api-version=2025-04-01-preview"
        assert (await http.post(versioned, headers={"api-key": KEY}, json=body)).status_code == 401
        secret = (await http.post("/realtime/client_secrets", headers={"api-key": KEY}, json=body)).json()["value"]
        sdp = {"Content-Type": "application/sdp"}
        with_key = await http.post("/realtime/calls", headers={**sdp, "api-key": KEY}, content=OFFER)
        assert with_key.status_code == 401, "an offer is answered for an ephemeral key only"
        bearer = {**sdp, "Authorization": f"Bearer {secret}"}
        assert (await http.post("/realtime/calls", headers=bearer, content=OFFER)).status_code == 201
