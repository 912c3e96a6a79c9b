"""Host, origin, CORS and the access token, over real HTTP and WebSocket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

TOKEN = "correct-horse-battery"
OFFER = {"content": "v=0", "headers": {"Content-Type": "application/sdp"}}


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(ScriptedAnswerer(), open_transport=Transports()) as running:
        yield running


@pytest.fixture
async def locked() -> AsyncIterator[LiveServer]:
    settings = ServerSettings(access_token=TOKEN, allowed_hosts=("*",))
    async with live_server(ScriptedAnswerer(), settings, open_transport=Transports()) as running:
        yield running


def client(server: LiveServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url)


async def refused_status(url: str, **settings: object) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(url, **settings):  # type: ignore[arg-type]
            pass
    return caught.value


def code_of(body: bytes | str) -> str:
    code = json.loads(body)["error"]["code"]
    assert isinstance(code, str)
    return code


async def test_a_rebound_host_reaches_nothing(server: LiveServer) -> None:
    async with client(server) as http:
        for path in ("/", "/health", "/about", "/v1/realtime/calls"):
            response = await http.get(path, headers={"Host": "evil.example"})
            assert response.status_code == 403
            assert code_of(response.text) == "host_not_allowed"
    error = await refused_status(f"{server.ws_url}/v1/realtime", additional_headers={"Host": "evil.example"})
    assert error.response.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:3000"])
async def test_every_loopback_name_is_answered(server: LiveServer, host: str) -> None:
    async with client(server) as http:
        assert (await http.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/v1/realtime/calls", "/session", "/v1/realtime/calls/rtc_1/hangup"])
async def test_a_post_from_a_strange_page_is_refused(server: LiveServer, path: str) -> None:
    async with client(server) as http:
        response = await http.post(path, content="v=0", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert code_of(response.text) == "origin_not_allowed"
    assert "access-control-allow-origin" not in response.headers


async def test_a_websocket_from_a_strange_page_is_refused_in_words(server: LiveServer) -> None:
    error = await refused_status(f"{server.ws_url}/v1/realtime", origin="https://evil.example")
    assert error.response.status_code == 403
    assert code_of(error.response.body or b"") == "origin_not_allowed"


async def test_own_loopback_and_originless_callers_get_through(server: LiveServer) -> None:
    for origin in (None, server.base_url, "http://localhost:5173"):
        async with websockets.connect(f"{server.ws_url}/v1/realtime", origin=origin) as call:  # type: ignore[arg-type]
            assert "session.created" in await call.recv()


async def test_a_preflight_allows_what_stock_clients_send(server: LiveServer) -> None:
    async with client(server) as http:
        response = await http.options(
            "/v1/realtime/calls",
            headers={
                "Origin": "http://localhost:5173",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
            },
        )
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "x-openai-agents-sdk", "openai-beta"} <= allowed
    assert response.headers["vary"] == "Origin"


async def test_a_preflight_of_a_strange_page_is_refused(server: LiveServer) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with client(server) as http:
        response = await http.options("/v1/realtime/calls", headers=headers)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


async def test_the_answer_of_a_call_exposes_its_location_to_a_page(server: LiveServer) -> None:
    async with client(server) as http:
        headers = {"Content-Type": "application/sdp", "Origin": "http://localhost:5173"}
        response = await http.post("/v1/realtime/calls", content="v=0", headers=headers)
    assert response.status_code == 201
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert response.headers["access-control-expose-headers"] == "Location"


async def test_named_origins_are_allowed() -> None:
    settings = ServerSettings(allowed_origins=("https://app.example",))
    async with live_server(ScriptedAnswerer(), settings) as server, client(server) as http:
        response = await http.get("/about", headers={"Origin": "https://app.example"})
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        other = await http.get("/about", headers={"Origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers
        assert other.headers["vary"] == "Origin"


# ── the access token ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/about", "/openapi.json", "/index.html", "/nothing", "/v1/realtime"])
async def test_without_the_token_nothing_is_shown(locked: LiveServer, path: str) -> None:
    async with client(locked) as http:
        response = await http.get(path)
        assert response.status_code == 401
        assert TOKEN not in response.text
        assert (await http.get(path, headers={"Authorization": "Bearer wrong"})).status_code == 401


async def test_without_the_token_no_call_is_opened(locked: LiveServer) -> None:
    async with client(locked) as http:
        response = await http.post("/v1/realtime/calls", **OFFER)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert code_of(response.text) == "invalid_api_key"
    assert response.headers["www-authenticate"] == "Bearer"
    error = await refused_status(f"{locked.ws_url}/v1/realtime?token=wrong")
    assert error.response.status_code == 401
    assert code_of(error.response.body or b"") == "invalid_api_key"


@pytest.mark.parametrize("path", ["/health", "/api/health"])
async def test_health_needs_no_token(locked: LiveServer, path: str) -> None:
    async with client(locked) as http:
        assert (await http.get(path)).status_code == 200


async def test_the_token_opens_as_bearer_api_key_query_and_subprotocol(locked: LiveServer) -> None:
    url = f"{locked.ws_url}/v1/realtime"
    ways = [
        (url, {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}}),
        (url, {"additional_headers": {"api-key": TOKEN}}),
        (f"{url}?token={TOKEN}", {}),
        (url, {"subprotocols": ["realtime", f"openai-insecure-api-key.{TOKEN}"]}),
    ]
    for address, settings in ways:
        async with websockets.connect(address, **settings) as call:  # type: ignore[arg-type]
            assert "session.created" in await call.recv()
            assert call.subprotocol in (None, "realtime")


async def test_the_printed_address_leaves_a_cookie_and_no_token_in_the_bar(locked: LiveServer) -> None:
    async with client(locked) as http:
        response = await http.get(f"/?token={TOKEN}&lang=ru")
        assert response.status_code == 303
        assert response.headers["location"] == "/?lang=ru"
        cookie = response.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/" in cookie
        assert response.headers["referrer-policy"] == "no-referrer"
        page = await http.get("/")
        assert page.status_code == 200
        assert (await http.post("/v1/realtime/calls", **OFFER)).status_code == 201  # type: ignore[arg-type]
        cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    async with websockets.connect(f"{locked.ws_url}/v1/realtime", additional_headers={"Cookie": cookies}) as call:
        assert "session.created" in await call.recv()


async def test_a_wrong_token_in_the_address_sets_no_cookie(locked: LiveServer) -> None:
    async with client(locked) as http:
        response = await http.get("/?token=wrong")
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "access token" in response.text


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example", "/\\evil.example"])
async def test_the_token_redirect_cannot_be_bent_elsewhere(locked: LiveServer, path: str) -> None:
    async with client(locked) as http:
        response = await http.get(f"{locked.base_url}{path}?token={TOKEN}")
    assert "location" not in response.headers


async def test_on_a_loopback_server_a_key_is_accepted_and_ignored(server: LiveServer) -> None:
    headers = {"Authorization": "Bearer sk-anything"}
    subprotocols = ["realtime", "openai-insecure-api-key.sk-anything"]
    async with websockets.connect(
        f"{server.ws_url}/v1/realtime", additional_headers=headers, subprotocols=subprotocols
    ) as call:
        assert call.subprotocol == "realtime"
        assert "session.created" in await call.recv()


@pytest.mark.parametrize("token", ["short", "with a space in it ok", "semi;colon;semi;colon"])
def test_a_token_that_cannot_work_is_refused_at_start(token: str) -> None:
    from antiphon.errors import ConfigurationError

    with pytest.raises(ConfigurationError) as caught:
        ServerSettings(access_token=token)
    assert token not in str(caught.value)
