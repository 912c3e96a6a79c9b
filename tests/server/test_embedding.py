"""The page's modules for pages of other origins: where the operator allows them, and told of in the log where not."""

from __future__ import annotations

import logging

import httpx
import pytest

from antiphon.server import ServerSettings
from live_server import live_server
from scripted_answerer import ScriptedAnswerer

APP = "https://app.example"


async def test_an_allowed_page_gets_the_modules_and_others_do_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "antiphon.server")
    settings = ServerSettings(allowed_origins=(APP,), allowed_hosts=("voice.example",))
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url, headers={"Host": "voice.example"}) as http,
    ):
        for path in ("/antiphon.js", "/tokens.css", "/icon.svg", "/about"):
            allowed = await http.get(path, headers={"Origin": APP})
            assert allowed.headers["access-control-allow-origin"] == APP
            assert allowed.headers["cross-origin-resource-policy"] == "cross-origin"
            assert "Origin" in allowed.headers["vary"]
            strange = await http.get(path, headers={"Origin": "https://other.example"})
            assert "access-control-allow-origin" not in strange.headers
            assert strange.headers["cross-origin-resource-policy"] == "same-origin"
            # Also without an origin: a cache between us must not give one page's answer to another.
            assert "Origin" in (await http.get(path)).headers["vary"]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1, "once for each origin"
    assert "https://other.example" in told[0]
    assert "--allow-origin" in told[0]


async def test_whether_the_server_is_there_every_page_may_see() -> None:
    async with live_server(ScriptedAnswerer()) as server, httpx.AsyncClient(base_url=server.base_url) as http:
        response = await http.get("/health", headers={"Origin": "https://other.example"})
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in response.headers
