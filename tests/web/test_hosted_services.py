"""`RealtimeCall` straight to OpenAI and Azure, from a page that has an ephemeral key: against stand-ins for them."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Route
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.routing import Route as Path
from starlette.staticfiles import StaticFiles

from antiphon.protocol import RealtimeSession
from antiphon.server.page_texts import packaged_page
from fakes.hosted import HostedFake
from live_server import live_app
from web.calling import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location"}
ECHO = {
    "name": "echo",
    "description": "Says it again.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


async def blank(_request: object) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>a page of somebody's</title>")


@pytest.mark.parametrize(
    ("azure", "address"),
    [
        (False, "https://api.openai.com/v1/realtime/calls"),
        (True, "https://thing.openai.azure.com/openai/v1/realtime/calls?webrtcfilter=on"),
    ],
    ids=["openai", "azure"],
)
async def test_a_page_calls_a_hosted_service_with_an_ephemeral_key(browser: Browser, azure: bool, address: str) -> None:
    fake = HostedFake(azure=azure, media=True)
    fake.secrets["ek_page"] = RealtimeSession(
        model="gpt-realtime-2.1", instructions="Be brief.", output_modalities=["text"]
    )
    site = Starlette(routes=[Path("/", blank), Mount("/", StaticFiles(directory=packaged_page()))])
    async with live_app(fake.app) as service, live_app(site) as base_url:
        page = await browser.new_page()
        origin = address.partition("/openai" if azure else "/v1")[0]

        async def pass_on(route: Route) -> None:
            response = await route.fetch(url=route.request.url.replace(origin, service))
            await route.fulfill(response=response, headers={**response.headers, **CORS})

        await page.route(f"{origin}/**", pass_on)
        await page.goto(base_url)
        await page.evaluate("window.key = async () => 'ek_page'")
        options = {"url": address, "session": None, "microphone": False}
        await page.evaluate(
            """async ([options, tool]) => {
              const { RealtimeCall } = await import("/antiphon.js");
              window.call = new RealtimeCall({ ...options, token: key });
              call.addTool({ ...tool, run: ({ text }) => text });
              await call.connect();
            }""",
            [options, ECHO],
        )
        # The key's own session holds, the page's tool beside it.
        assert await page.evaluate("call.session.instructions") == "Be brief."
        assert await page.evaluate("call.session.tools.map((tool) => tool.name)") == ["echo"]
        assert await page.evaluate("call.id") == fake.last.id
        await page.evaluate("call.sendText('what can you do?')")
        answered = "call.chat.messages.some((m) => m.role === 'assistant' && m.status === 'done' && m.text !== '')"
        await until(page, answered)
        await page.evaluate("call.disconnect()")
        await page.close()
    calls = [(method, headers) for method, path, headers in fake.seen if "realtime/calls" in path]
    # One offer with the key; nothing that only the holder of a standard key may ask for.
    assert [method for method, _ in calls] == ["POST"]
    assert calls[0][1]["authorization"] == "Bearer ek_page"
    assert calls[0][1]["content-type"] == "application/sdp"
