"""The service worker's script: what belongs to the page, and a new script for every change of it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from antiphon.server import ServerSettings
from antiphon.server.page_texts import packaged_page, packaged_texts
from antiphon.server.shell import shell_of
from live_server import live_server
from scripted_answerer import ScriptedAnswerer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    for name in (
        "index.html",
        "main.js",
        "icons/a.png",
        "inspect/index.html",
        "locked/locked.js",
        ".hidden.js",
        "x.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "service-worker.js").write_text("self.addEventListener;\n")
    (tmp_path / "outside.js").write_text("outside")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    return folder


def test_the_shell_is_the_page_without_what_needs_the_server(folder: Path) -> None:
    assert shell_of(folder).files == ("./", "icons/a.png", "main.js")


@pytest.mark.parametrize("name", ["main.js", "index.html", "service-worker.js", "icons/a.png"])
def test_any_change_is_another_version(folder: Path, name: str) -> None:
    before = shell_of(folder).version
    (folder / name).write_text("changed")
    assert shell_of(folder).version != before


async def test_the_worker_knows_the_page_and_is_asked_for_each_time(folder: Path) -> None:
    settings = ServerSettings(page=folder)
    async with (
        live_server(ScriptedAnswerer(), settings) as server,
        httpx.AsyncClient(base_url=server.base_url) as http,
    ):
        response = await http.get("/service-worker.js")
        assert response.headers["service-worker-allowed"] == "/"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["content-type"].startswith("text/javascript")
        first, _, rest = response.text.partition("\n")
        assert rest == "self.addEventListener;\n"
        assert json.loads(first.removeprefix("self.shell = ").removesuffix(";"))["files"] == [
            "./",
            "icons/a.png",
            "main.js",
        ]
        (folder / "service-worker.js").unlink()
        assert (await http.get("/service-worker.js")).status_code == 404


def test_the_pages_own_shell_has_all_that_the_page_needs() -> None:
    files = set(shell_of(packaged_page()).files)
    assert {"./", "main.js", "style.css", "worklet.js", "manifest.webmanifest", "icons/icon-512.png"} <= files
    # What travels inside another file is not fetched a second time.
    assert not files & packaged_texts().references()
