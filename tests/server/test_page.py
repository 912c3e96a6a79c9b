"""The page's files: the right types, the right headers, and nothing but the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from antiphon.server import ServerSettings
from antiphon.server.page import MEDIA_TYPES
from antiphon.server.page_texts import packaged_page, packaged_texts
from antiphon.server.shell import WORKER
from live_server import live_server
from scripted_answerer import ScriptedAnswerer


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    folder = tmp_path / "page"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>home")
    (folder / "app.js").write_text("export {}")
    (folder / "sub" / "index.html").write_text("inner")
    (folder / "secret.py").write_text("KEY = 1")
    (folder / ".env.json").write_text("{}")
    (tmp_path / "outside.js").write_text("outside")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    settings = ServerSettings(page=folder)
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        yield client


async def test_the_page_has_strict_headers(http: httpx.AsyncClient) -> None:
    response = await http.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["permissions-policy"].startswith("microphone=(self), camera=(self)")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-cache"


async def test_scripts_run_under_nosniff(http: httpx.AsyncClient) -> None:
    response = await http.get("/app.js")
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_an_unchanged_file_costs_no_body(http: httpx.AsyncClient) -> None:
    etag = (await http.get("/app.js")).headers["etag"]
    again = await http.get("/app.js", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.content == b""
    assert (await http.get("/app.js", headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/secret.py",
        "/.env.json",
        "/link.js",
        "/../outside.js",
        "/%2e%2e/outside.js",
        "/sub/..%2f..%2foutside.js",
        "/sub",
        "/missing.js",
        "//etc/passwd",
        "/index.html/x.js",
    ],
)
async def test_nothing_else_is_there(http: httpx.AsyncClient, path: str) -> None:
    response = await http.get(f"{http.base_url}".rstrip("/") + path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_every_file_of_the_packaged_page_is_served() -> None:
    files = [file for file in packaged_page().rglob("*") if file.is_file() and file.suffix not in (".py", ".ts")]
    assert files
    settings = ServerSettings(inspect=True)
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        for file in files:
            path = file.relative_to(packaged_page()).as_posix()
            response = await client.get(f"/{path}")
            assert response.status_code == 200, path
            assert response.headers["content-type"] == MEDIA_TYPES[file.suffix]
            # The service worker is told what the page is made of; all else is as it lies there, or its short form.
            content = response.content.partition(b"\n")[2] if path == WORKER else response.content
            text = packaged_texts().at(path)
            assert content == (text.plain if text else file.read_bytes())


async def test_texts_travel_compressed_to_whoever_takes_that(http: httpx.AsyncClient) -> None:
    packed = await http.get("/app.js", headers={"Accept-Encoding": "gzip"})
    plain = await http.get("/app.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == b"export {}"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


async def test_a_changed_file_is_served_as_it_is_now(http: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await http.get("/app.js")).text == "export {}"
    (tmp_path / "page" / "app.js").write_text("export const changed = true;")
    assert (await http.get("/app.js")).text == "export const changed = true;"


async def test_a_part_of_the_packaged_page_that_is_unchanged_costs_no_body() -> None:
    async with (
        live_server(ScriptedAnswerer()) as server,
        httpx.AsyncClient(base_url=server.base_url) as client,
    ):
        first = await client.get("/main.js")
        again = await client.get("/main.js", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"]
        assert (await client.get("/main.js", headers={"If-None-Match": 'W/"other"'})).status_code == 200
        for missing in ("/missing.js", "/../pyproject.toml", "/locked", "/sub/../main.css"):
            assert (await client.get(missing)).status_code == 404, missing


async def test_asking_only_for_the_headers_brings_no_body(http: httpx.AsyncClient) -> None:
    response = await http.head("/app.js")
    assert response.status_code == 200
    assert response.content == b""
