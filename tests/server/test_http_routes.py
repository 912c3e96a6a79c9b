"""What each address answers: health, about, the description of itself, and errors in one shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from antiphon import __version__
from antiphon.errors import StageUnavailable
from antiphon.server import create_app, running
from antiphon.server.openapi import DOCUMENT
from antiphon.server.routes import Resource
from live_server import LiveServer, live_app, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(ScriptedAnswerer(), open_transport=Transports()) as running_server:
        yield running_server


@asynccontextmanager
async def http_to(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base_url) as client:
        yield client


@pytest.mark.parametrize("path", ["/health", "/api/health"])
async def test_health_tells_that_calls_can_be_taken(server: LiveServer, path: str) -> None:
    async with http_to(server.base_url) as http:
        response = await http.get(path)
        assert response.status_code == 200
        assert response.json() == {"status": "ok", "version": __version__, "calls": 0}
        assert response.headers["cache-control"] == "no-store"
        async with websockets.connect(f"{server.ws_url}/v1/realtime") as call:
            await call.recv()
            assert (await http.get(path)).json()["calls"] == 1


async def test_about_tells_what_answers(server: LiveServer) -> None:
    async with http_to(server.base_url) as http:
        about = (await http.get("/about")).json()
    assert about["name"] == "antiphon"
    assert about["version"] == __version__
    assert about["recognizer"] == {
        "name": "ears",
        "summary": "hears well",
        "improve": "use better ears",
        "embedded": True,
    }
    assert about["model"]["embedded"] is False
    assert about["vision"] is None


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
        ("GET", "/" + "a" * 5000, 404, "not_found"),
        ("GET", "/v1/realtime", 426, "upgrade_required"),
        ("GET", "/session", 405, "method_not_allowed"),
        ("GET", "/v1/realtime/calls", 405, "method_not_allowed"),
        ("DELETE", "/v1/realtime/calls", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("PUT", "/v1/realtime", 405, "method_not_allowed"),
        ("POST", "/index.html", 405, "method_not_allowed"),
        ("BREW", "/about", 405, "method_not_allowed"),
        ("GET", "/v1/realtime/calls/rtc_1/hangup", 405, "method_not_allowed"),
        ("POST", "/v1/realtime/calls/rtc_none/hangup", 404, "call_id_not_found"),
        ("POST", "/v1/realtime/calls/%2e%2e/hangup", 404, "call_id_not_found"),
    ],
)
async def test_every_error_has_the_same_shape(
    server: LiveServer, method: str, path: str, status: int, code: str
) -> None:
    async with http_to(server.base_url) as http:
        response = await http.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert error["code"] == code
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    if status == 405:
        assert response.headers["allow"]


async def test_a_bug_is_told_without_its_details(server: LiveServer) -> None:
    answerer = server.calls.answerer
    assert isinstance(answerer, ScriptedAnswerer)
    answerer.next_call_error = RuntimeError("secret detail")
    async with http_to(server.base_url) as http:
        response = await http.post("/session", content="v=0", headers={"Origin": "http://localhost:1"})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "http://localhost:1"
    assert response.json()["error"]["code"] == "internal_error"
    assert response.json()["error"]["type"] == "server_error"
    assert "secret" not in response.text


async def test_head_is_answered_like_get_without_a_body(server: LiveServer) -> None:
    async with http_to(server.base_url) as http:
        response = await http.head("/about")
    assert response.status_code == 200
    assert response.content == b""


# ── the description of itself ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_openapi_document_names_exactly_the_routes_and_methods_there_are(server: LiveServer) -> None:
    async with http_to(server.base_url) as http:
        document = (await http.get("/openapi.json")).json()
    described = {path: {method.upper() for method in item} for path, item in document["paths"].items()}
    actual = {
        route.path: set(route.app.methods) - {"HEAD"}
        for route in server.app.routes
        if isinstance(route, Route) and isinstance(route.app, Resource)
    }
    assert described == actual


def test_every_reference_in_the_openapi_document_exists() -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [str(node["$ref"])] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    found = references(DOCUMENT)
    assert found
    for reference in found:
        *_, group, name = reference.split("/")
        assert name in DOCUMENT["components"][group]


async def test_what_is_answered_is_what_is_described(server: LiveServer) -> None:
    async with http_to(server.base_url) as http:
        about = (await http.get("/about")).json()
        health = (await http.get("/health")).json()
    schemas = DOCUMENT["components"]["schemas"]
    assert set(about) == set(schemas["About"]["properties"]) == set(schemas["About"]["required"])
    assert set(about["model"]) == set(schemas["Stage"]["properties"])
    assert set(health) == set(schemas["Health"]["properties"])
    assert health["status"] in schemas["Health"]["properties"]["status"]["enum"]


# ── readiness ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_it_loads_the_page_is_there_and_calls_wait() -> None:
    gate = asyncio.Event()
    answerer = ScriptedAnswerer(start_gate=gate)
    async with live_server(answerer, wait_until_ready=False) as server, http_to(server.base_url) as http:
        assert (await http.get("/")).status_code == 200
        health = await http.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "starting"
        connecting = asyncio.create_task(_first_event(f"{server.ws_url}/v1/realtime"))
        about = asyncio.create_task(http.get("/about"))
        assert not answerer.made
        gate.set()
        assert "session.created" in await connecting
        assert (await about).status_code == 200
        assert (await http.get("/health")).status_code == 200


async def _first_event(url: str) -> str:
    async with websockets.connect(url) as call:
        return str(await call.recv())


async def test_a_call_does_not_wait_for_ever_for_a_server_that_loads() -> None:
    from antiphon.server import ServerSettings

    settings = ServerSettings(ready_seconds=0.1)
    answerer = ScriptedAnswerer(start_gate=asyncio.Event())
    async with live_server(answerer, settings, wait_until_ready=False) as server, http_to(server.base_url) as http:
        response = await http.post("/v1/realtime/calls", content="v=0")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_ready"
    assert response.headers["retry-after"]
    assert answerer.closed


async def test_a_failed_start_is_raised_to_its_owner_and_told_to_callers() -> None:
    answerer = ScriptedAnswerer(start_error=StageUnavailable("no ears here: install some"))
    async with live_server(answerer, wait_until_ready=False) as server, http_to(server.base_url) as http:
        with pytest.raises(StageUnavailable, match="no ears"):
            await server.calls.settled()
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "failed")
        response = await http.get("/about")
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "engine_unavailable"
    assert answerer.closed


# ── mounted in somebody's app ─────────────────────────────────────────────────────────────────────────────────────


async def test_mounted_under_a_prefix_everything_works() -> None:
    answerer = ScriptedAnswerer()
    voice = create_app(answerer, open_transport=Transports())

    @asynccontextmanager
    async def lifespan(_outer: Starlette) -> AsyncIterator[None]:
        async with running(voice):
            yield

    outer = Starlette(routes=[Mount("/voice", voice)], lifespan=lifespan)
    async with live_app(outer) as base_url, http_to(base_url) as http:
        assert "Antiphon" in (await http.get("/voice/")).text
        assert (await http.get("/voice/about")).json()["name"] == "antiphon"
        answered = await http.post("/voice/v1/realtime/calls", content="v=0")
        assert answered.headers["location"] == "/voice/v1/realtime/calls/rtc_1"
        assert (await http.post(f"{answered.headers['location']}/hangup")).status_code == 200
        created = await _first_event(f"{base_url.replace('http', 'ws', 1)}/voice/v1/realtime")
        assert "session.created" in created
        assert (await http.get("/voice/nothing")).json()["error"]["code"] == "not_found"
        assert answerer.started
    assert answerer.closed


async def test_mounted_without_its_lifespan_it_says_so() -> None:
    voice = create_app(ScriptedAnswerer())
    async with live_app(Starlette(routes=[Mount("/voice", voice)])) as base_url, http_to(base_url) as http:
        response = await http.get("/voice/about")
    assert response.status_code == 503
    assert "running(app)" in response.json()["error"]["message"]


async def test_an_app_runs_once() -> None:
    app = create_app(ScriptedAnswerer())
    async with running(app):
        pass
    with pytest.raises(RuntimeError, match="create_app"):
        async with running(app):
            pass
