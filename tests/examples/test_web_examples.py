"""The examples for web developers: on an origin of their own, with the server's module and the embedded engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.engine import build_engine
from antiphon.server import ServerSettings
from chromium import launch_arguments, require_chromium
from founding.bundling import installed
from live_server import live_app, live_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "web"
NAMED = "http://localhost:3000"
"""The server's address in the examples; here it has another port."""
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@asynccontextmanager
async def opened(page_name: str, files: dict[str, str]) -> AsyncIterator[Page]:
    """A page of another origin than the server, which its operator allows. files: what it is made of, by name."""
    server_url = ""

    async def deliver(request: Request) -> Response:
        name = request.path_params["name"]
        media_type = TYPES.get(Path(name).suffix, "text/plain")
        return Response(files.get(name, "").replace(NAMED, server_url), media_type=media_type)

    async with live_app(Starlette(routes=[Route("/{name}", deliver)])) as origin:
        settings = ServerSettings(allowed_origins=(origin,))
        async with live_server(build_engine(), settings) as server, async_playwright() as playwright:
            server_url = server.base_url
            browser = await playwright.chromium.launch(executable_path=require_chromium(), args=launch_arguments())
            page = await browser.new_page()
            failures: list[str] = []
            page.on("pageerror", lambda error: failures.append(str(error)))
            await page.goto(f"{origin}/{page_name}")
            yield page
            await browser.close()
            assert failures == []


def bundled(script: Path) -> Path:
    """The React example and React itself as one script."""
    packages = installed()
    options = ["--bundle", "--format=esm", "--jsx=automatic", "--define:process.env.NODE_ENV='production'"]
    subprocess.run(
        [packages / ".bin" / "esbuild", EXAMPLES / "react" / "main.jsx", *options, f"--outfile={script}"],
        env={**os.environ, "NODE_PATH": str(packages)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return script


async def test_the_plain_page_talks_counts_and_is_changed_by_a_tool() -> None:
    files = {path.name: path.read_text() for path in EXAMPLES.iterdir() if path.is_file()}
    async with opened("plain.html", files) as page:
        box = page.get_by_label("Type a message")
        await box.fill("what can you do?")
        await box.press("Enter")
        await expect(page.locator("antiphon-call .theirs").first).to_contain_text("repeat", timeout=30_000)
        await expect(page.locator("#count")).to_have_text("1")
        tools = await page.evaluate(
            "document.querySelector('antiphon-call').call.session.tools.map((tool) => tool.name)"
        )
        assert tools == ["set_title"]
        await page.get_by_role("button", name="End call").click()


async def test_the_react_page_has_the_widget_and_a_call_of_its_own(tmp_path: Path) -> None:
    script = bundled(tmp_path / "main.js")
    index = (EXAMPLES / "react" / "index.html").read_text().replace("main.jsx", "main.js")
    files = {"index.html": index, "main.js": script.read_text()}
    async with opened("index.html", files) as page:
        await page.get_by_role("button", name="Call", exact=True).click()
        await page.get_by_role("button", name="Hang up").wait_for()
        await page.get_by_label("Message", exact=True).fill("what can you do?")
        await page.get_by_label("Message", exact=True).press("Enter")
        await expect(page.locator("#messages")).to_contain_text("repeat", timeout=30_000)
        await page.get_by_role("button", name="Hang up").click()

        box = page.get_by_label("Type a message")
        await box.fill("hello")
        await box.press("Enter")
        await expect(page.locator("#said")).to_have_text("hello")
        await expect(page.locator("antiphon-call .theirs").first).to_be_visible(timeout=30_000)
