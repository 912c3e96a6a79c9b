"""Who may call and how often: tokens, an app's own authentication, rates, and strangers at every door."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import websockets
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from antiphon.errors import ConfigurationError
from antiphon.protocol.dialects import ADDRESSES, Purpose
from antiphon.server import ServerSettings
from antiphon.server.answering import CURRENT_USER
from live_server import LiveServer, live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

TOKEN = "correct-horse-battery"
APPS = ("token-of-the-first-app", "token-of-the-second-app")


def serve(settings: ServerSettings, answerer: ScriptedAnswerer | None = None) -> Any:
    return live_server(answerer or ScriptedAnswerer(), settings, open_transport=Transports())


def client(server: LiveServer, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url, headers=headers)


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with websockets.connect(url, **options):
            pass
    return caught.value.response.status_code, json.loads(caught.value.response.body or b"")["error"]["code"]


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_apps_token_lets_it_in_wherever_clients_put_one() -> None:
    async with serve(ServerSettings(access_token=TOKEN, bearer_tokens=APPS)) as server:
        for token in (TOKEN, *APPS):
            for options in (
                {"headers": {"Authorization": f"Bearer {token}"}},
                {"headers": {"api-key": token}},
                {"params": {"api-key": token}},
                {"params": {"Authorization": f"Bearer {token}"}},
            ):
                async with httpx.AsyncClient(base_url=server.base_url) as http:
                    assert (await http.get("/about", **options)).status_code == 200, options  # type: ignore[arg-type]
        for wrong in ("x", TOKEN[:-1], TOKEN + "x", APPS[0] + APPS[1]):
            async with client(server, Authorization=f"Bearer {wrong}") as http:
                assert (await http.get("/about")).status_code == 401


async def test_tokens_alone_lock_the_server_too() -> None:
    async with serve(ServerSettings(bearer_tokens=APPS)) as server, client(server) as http:
        assert (await http.get("/about")).status_code == 401
        assert (await http.get("/")).status_code == 401
        assert (await http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"bearer_tokens": ("short",)},
        {"access_token": "ek_0123456789abcdef"},
        {"bearer_tokens": ("with spaces in the token",)},
        {"signing_key": "too short"},
        {"calls_per_minute": 0},
        {"authenticate_seconds": 0},
    ],
)
def test_settings_that_would_not_protect_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ServerSettings(**settings)


# ── the app's own check ───────────────────────────────────────────────────────────────────────────────────────────


class KeepingAnswerer(ScriptedAnswerer):
    """Keeps who called, as an agent's tools would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.users: list[Any] = []

    def open_call(self, *args: Any, **options: Any) -> Any:
        self.users.append(CURRENT_USER.get())
        return super().open_call(*args, **options)


async def by_cookie(request: HTTPConnection) -> str | None:
    return {"a": "Ada", "b": "Bob"}.get(request.cookies.get("login", ""))


async def test_an_apps_own_check_decides_and_tells_who_is_calling() -> None:
    answerer = KeepingAnswerer()
    async with serve(ServerSettings(authenticate=by_cookie, access_token=TOKEN), answerer) as server:
        async with client(server, Cookie="login=a") as http:
            assert (await http.post("/v1/realtime/calls", content="v=0")).status_code == 201
        async with websockets.connect(f"{server.ws_url}/v1/realtime", additional_headers={"Cookie": "login=b"}) as call:
            await call.recv()
        async with client(server, Authorization=f"Bearer {TOKEN}") as http:
            assert (await http.post("/v1/realtime/calls", content="v=0")).status_code == 201
        assert answerer.users == ["Ada", "Bob", None]
        async with client(server, Cookie="login=a") as http:
            key = (await http.post("/v1/realtime/client_secrets")).json()["value"]
        async with client(server, Authorization=f"Bearer {key}") as http:
            assert (await http.post("/v1/realtime/calls", content="v=0")).status_code == 201
        assert answerer.users.pop() == "Ada", "a key calls for who asked for it"
        async with client(server, Cookie="login=mallory") as http:
            answer = await http.post("/v1/realtime/calls", content="v=0")
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
            assert (await http.post("/v1/realtime/client_secrets")).status_code == 401
        assert await refusal(f"{server.ws_url}/v1/realtime") == (401, "invalid_api_key")
        assert len(answerer.users) == 3


async def fails(_request: HTTPConnection) -> None:
    raise RuntimeError("secret detail of the user database")


async def hangs(_request: HTTPConnection) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("check", [fails, hangs])
async def test_a_check_that_fails_or_hangs_lets_nobody_in(check: Any) -> None:
    async with (
        serve(ServerSettings(authenticate=check, authenticate_seconds=0.05)) as server,
        client(server) as http,
    ):
        answer = await http.get("/about")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "authentication_unavailable")
        assert "secret detail" not in answer.text
        assert await refusal(f"{server.ws_url}/v1/realtime") == (503, "authentication_unavailable")
        assert (await http.get("/health")).status_code == 200


# ── how often ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flood_of_calls_is_refused_in_words_and_nothing_is_left_of_it() -> None:
    answerer = ScriptedAnswerer()
    async with serve(ServerSettings(calls_per_minute=5), answerer) as server, client(server) as http:
        answers = await asyncio.gather(*(http.post("/v1/realtime/calls", content="v=0") for _ in range(60)))
        assert sorted({answer.status_code for answer in answers}) == [201, 429]
        assert sum(answer.status_code == 201 for answer in answers) == 5
        refused = next(answer for answer in answers if answer.status_code == 429)
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")
        assert "5 calls" in error["message"]
        assert 0 < int(refused.headers["retry-after"]) <= 13
        assert await refusal(f"{server.ws_url}/v1/realtime") == (429, "rate_limit_exceeded")
        assert (await http.post("/session", content="v=0")).status_code == 429
        assert len(answerer.made) == 5
        assert (await http.get("/about")).status_code == 200, "only calls are counted"


async def test_keys_are_counted_by_themselves() -> None:
    async with serve(ServerSettings(calls_per_minute=2)) as server, client(server) as http:
        for path in ("/v1/realtime/client_secrets", "/api/realtime/token"):
            assert (await http.post(path)).status_code == 200
        for path in ("/v1/realtime/client_secrets", "/v1/realtime/sessions", "/api/realtime/token"):
            answer = await http.post(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert (await http.get("/realtime/session")).status_code == 429
        assert (await http.post("/v1/realtime/calls", content="v=0")).status_code == 201


async def test_sidebands_are_not_counted_as_calls() -> None:
    async with (
        serve(ServerSettings(calls_per_minute=1)) as server,
        websockets.connect(f"{server.ws_url}/v1/realtime") as caller,
    ):
        call_id = json.loads(await caller.recv())["id"]
        for _ in range(3):
            async with websockets.connect(f"{server.ws_url}/v1/realtime?call_id={call_id}") as sideband:
                await sideband.recv()


# ── strangers at every door ───────────────────────────────────────────────────────────────────────────────────────

POSTS = sorted({entry.path for entry in ADDRESSES if entry.method == "POST"} | {"/api/realtime/token", "/session"})
READ = [path for path in POSTS if path != "/api/realtime/token"]
SOCKETS = sorted(entry.path for entry in ADDRESSES if entry.purpose is Purpose.SOCKET)


async def test_forged_origins_and_hosts_reach_no_door() -> None:
    answerer = ScriptedAnswerer()
    async with serve(ServerSettings(), answerer) as server, client(server) as http:
        for path in POSTS:
            for headers, code in (
                ({"Origin": "https://evil.example"}, "origin_not_allowed"),
                ({"Origin": "null"}, "origin_not_allowed"),
                ({"Host": "evil.example"}, "host_not_allowed"),
            ):
                answer = await http.post(path, content="v=0", headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, code), path
                assert "access-control-allow-origin" not in answer.headers
        for path in ("/realtime/session", "/ice-servers"):
            assert (await http.get(path, headers={"Host": "evil.example"})).status_code == 403
            readable = await http.get(path, headers={"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in readable.headers, "a page of a stranger cannot read it"
        for path in SOCKETS:
            url = f"{server.ws_url}{path}?api-version=2025-04-01-preview"
            assert await refusal(url, origin="https://evil.example") == (403, "origin_not_allowed")
    assert not answerer.made


@pytest.mark.parametrize("path", READ)
async def test_malformed_and_oversize_bodies_are_refused_at_every_door(path: str) -> None:
    answerer = ScriptedAnswerer()
    url = f"{path}?api-version=2025-04-01-preview"
    bounds = ServerSettings(max_sdp_bytes=1000, max_session_bytes=1000)
    async with serve(bounds, answerer) as server, client(server) as http:
        for content in (b"\xff\xfe\x00", b"{" * 50_000, b"x" * 100_000):
            answer = await http.post(url, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 413, 415), (path, content[:9], answer.text)
            assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
    assert not answerer.made
