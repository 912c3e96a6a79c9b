"""The locked page: shown without the token, takes the one that it was opened with, and shows nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from antiphon.server import ServerSettings
from live_server import live_server
from scripted_answerer import ScriptedAnswerer

TOKEN, APP = "correct-horse-battery", "token-of-another-app"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    settings = ServerSettings(access_token=TOKEN, bearer_tokens=(APP,))
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        yield client


async def test_a_browser_is_asked_for_the_token_by_a_page(http: httpx.AsyncClient) -> None:
    response = await http.get("/", headers=BROWSER)
    assert response.status_code == 401
    assert response.headers["content-type"].startswith("text/html")
    assert "locked/locked.js" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
    for path in ("/locked/locked.js", "/locked/locked.css", "/access.js", "/tokens.css", "/icons/icon-192.png"):
        assert (await http.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/main.js", "/about", "/locked/../main.js", "/locked/..%2fmain.js", "/icons/%2e%2e/main.js", "/inspect/"]
)
async def test_nothing_else_is_shown(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"{str(http.base_url).rstrip('/')}{path}", headers=BROWSER)).status_code == 401


async def test_the_token_is_taken_once_and_kept_in_a_cookie_that_scripts_cannot_read(http: httpx.AsyncClient) -> None:
    response = await http.post("/enter", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 204
    cookie = response.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "path=/", "max-age="):
        assert part in cookie
    assert (await http.get("/", headers=BROWSER)).status_code == 200


async def test_a_wrong_token_and_an_apps_token_leave_no_cookie(http: httpx.AsyncClient) -> None:
    for token, status in (("wrong-token-altogether", 401), (APP, 403)):
        response = await http.post("/enter", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == status
        assert "set-cookie" not in response.headers


async def test_a_strange_page_cannot_let_a_browser_in(http: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}
    response = await http.post("/enter", headers=headers)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_where_nobody_is_asked_there_is_nothing_to_enter() -> None:
    async with (
        live_server(ScriptedAnswerer()) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        assert (await client.post("/enter")).status_code in (404, 405)


async def test_a_page_of_ones_own_without_a_locked_part_is_answered_in_words(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("own")
    settings = ServerSettings(access_token=TOKEN, page=tmp_path)
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        response = await client.get("/", headers=BROWSER)
    assert response.status_code == 401
    assert response.headers["content-type"].startswith("text/plain")
