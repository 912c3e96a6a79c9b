"""`openai`'s own client opens and ends WebRTC calls here, unmodified: its body, its headers, its reading of answers."""

from __future__ import annotations

import pytest

from antiphon.protocol import RealtimeSession
from live_server import live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

openai = pytest.importorskip("openai", reason="the stock client is not installed")


async def test_the_stock_client_creates_a_call_and_hangs_it_up() -> None:
    answerer, transports = ScriptedAnswerer(), Transports()
    async with (
        live_server(answerer, open_transport=transports) as server,
        openai.AsyncOpenAI(api_key="sk-x", base_url=f"{server.base_url}/v1", max_retries=0) as client,
    ):
        calls = client.realtime.calls
        answer = await calls.create(
            sdp="v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n",
            session={"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sing."},
        )
        assert answer.text.startswith("v=0")
        assert answer.response.headers["location"] == f"/v1/realtime/calls/{answerer.last.id}"
        assert transports.last.offer.startswith("v=0")
        assert isinstance(answerer.last.session, RealtimeSession)
        assert answerer.last.session.instructions == "Sing."
        await calls.hangup(answerer.last.id)
        assert answerer.last.reasons
        with pytest.raises(openai.NotFoundError) as unknown:
            await calls.hangup("rtc_none")
        assert unknown.value.code == "call_id_not_found"
        with pytest.raises(openai.BadRequestError) as refused:
            await calls.create(sdp="v=0", session={"type": "realtime", "voice": "ash"})
        assert refused.value.code == "unknown_parameter"
