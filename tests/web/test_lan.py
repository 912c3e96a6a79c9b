"""The page over https in the local network: Chromium comes by the machine's address, with the token of the QR code."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from antiphon.cli.commands import serve
from antiphon.cli.reach import Reach, reach_of
from antiphon.cli.serve import ServeOptions, server_settings
from antiphon.errors import ConfigurationError
from antiphon.server import create_app, listening
from antiphon.server.local_networks import local_addresses
from chromium import launch_arguments, require_chromium
from scripted_answerer import ScriptedAnswerer

pytest.importorskip("segno", reason="antiphon[lan] is not installed")
x509 = pytest.importorskip("cryptography.x509", reason="antiphon[lan] is not installed")
pytest.importorskip("aiortc", reason="antiphon[local] is not installed")

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Lan:
    reach: Reach
    answerer: ScriptedAnswerer
    browser: Browser

    @property
    def url(self) -> str:
        """Without the token."""
        return self.reach.addresses[0].partition("#")[0]


def pinned(certificate: Path) -> str:
    """The hash of a certificate's key, as Chromium takes it to trust that one certificate."""
    from cryptography.hazmat.primitives import serialization

    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lan(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lan]:
    path = require_chromium()
    try:
        local_addresses()
    except ConfigurationError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        with serve.make_context("serve", ["--lan", "--port", "0"]) as context:
            options = ServeOptions(**context.params)
        reach = reach_of(options)
    assert reach.tls is not None
    answerer = ScriptedAnswerer()
    app = create_app(answerer, server_settings(options, reach.token, reach.hosts))
    trust = f"--ignore-certificate-errors-spki-list={pinned(reach.tls.certificate)}"
    async with (
        listening(app, reach.sockets, tls=reach.tls),
        listening(app, reach.plain_sockets, lifespan=False),
        async_playwright() as playwright,
    ):
        await app.state.calls.settled()
        browser = await playwright.chromium.launch(executable_path=path, args=[*launch_arguments(), trust])
        yield Lan(reach, answerer, browser)
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def phone(lan: Lan) -> AsyncIterator[BrowserContext]:
    context = await lan.browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB", has_touch=True)
    await context.grant_permissions(["microphone"])
    yield context
    await context.close()


async def let_in(page: Page, address: str) -> None:
    await page.goto(address)
    await expect(page.locator("#start")).to_be_visible(timeout=10_000)


async def test_the_printed_address_opens_the_page_and_leaves_no_token_behind(lan: Lan, phone: BrowserContext) -> None:
    page = await phone.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await let_in(page, lan.reach.addresses[0])
    assert page.url == lan.url
    assert lan.reach.token is not None
    assert not any(lan.reach.token in url for url in asked)
    assert await page.evaluate("document.cookie") == ""
    # Scanned again: let in already, and the token leaves the address all the same.
    again = await phone.new_page()
    await let_in(again, lan.reach.addresses[0])
    await again.wait_for_url(lan.url)


async def test_the_microphone_opens_and_is_heard(lan: Lan, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await let_in(page, lan.reach.addresses[0])
    assert await page.evaluate("isSecureContext")
    lan.answerer.called.clear()
    await page.click("#start")
    async with asyncio.timeout(10):
        await lan.answerer.called.wait()
        call = lan.answerer.last
        # Chromium's own microphone beeps.
        while not any(call.heard):
            await page.evaluate("new Promise(requestAnimationFrame)")
    await page.close()


async def test_without_the_token_the_page_asks_for_it_in_a_persons_words(lan: Lan, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await page.goto(lan.url)
    await page.fill("#token", "not-the-token-of-this-server")
    await page.click("#enter")
    await expect(page.locator("#problem")).to_contain_text("does not belong to this server")
    assert lan.reach.token is not None
    await page.fill("#token", lan.reach.token)
    await page.press("#token", "Enter")
    await expect(page.locator("#start")).to_be_visible(timeout=10_000)


async def test_others_need_the_token_and_one_of_the_names(lan: Lan) -> None:
    assert lan.reach.tls is not None
    async with httpx.AsyncClient(base_url=lan.url, verify=False) as http:  # noqa: S501 - its names are tested elsewhere
        assert (await http.get("/about")).status_code == 401
        bearer = {"Authorization": f"Bearer {lan.reach.token}"}
        assert (await http.get("/about", headers=bearer)).status_code == 200
        for host in lan.reach.hosts:
            assert (await http.get("/about", headers={**bearer, "Host": host})).status_code == 200, host
        for host in ("evil.example", "192.0.2.77", "desk.local"):
            assert (await http.get("/about", headers={**bearer, "Host": host})).status_code == 403, host
        for origin in ("https://evil.example", "http://127.0.0.1:1", f"http://{lan.reach.hosts[0]}:1"):
            headers = {**bearer, "Origin": origin, "Content-Type": "application/sdp"}
            refused = await http.post("/v1/realtime/calls", content="v=0", headers=headers)
            assert refused.json()["error"]["code"] == "origin_not_allowed", origin


async def test_this_machines_own_browser_needs_no_certificate(lan: Lan, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await let_in(page, lan.reach.addresses[-1])
    assert page.url.startswith("http://127.0.0.1:")
    assert await page.evaluate("isSecureContext")
