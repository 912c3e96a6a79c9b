"""ICE servers and their time-limited credentials: for the caller's browser, and for our own side of each call."""

from __future__ import annotations

import base64
import hashlib
import hmac

import httpx
import pytest

from antiphon.errors import ConfigurationError
from antiphon.server import ServerSettings
from antiphon.server.ice_servers import ice_servers, rtc_settings
from antiphon.server.turn import turn_credential
from live_server import live_server
from scripted_answerer import ScriptedAnswerer
from scripted_transport import Transports

SECRET = "north"
SERVERS = ("stun:stun.example:3478", "turn:turn.example:3478?transport=udp", "turns:turn.example:5349")


def test_the_credential_is_what_coturn_computes() -> None:
    # `turnserver --use-auth-secret` checks base64(HMAC-SHA1(secret, username)) of an expiry that is still to come.
    made = turn_credential(SECRET, "caller", 3600, 1_790_000_000.9)
    assert made.username == "1790003600:caller"
    expected = base64.b64encode(hmac.new(SECRET.encode(), made.username.encode(), hashlib.sha1).digest()).decode()
    assert made.credential == expected
    # Computed once with openssl: printf '1433895918:user' | openssl dgst -sha1 -hmac 'my_secret' -binary | base64
    assert turn_credential("my_secret", "user", 0, 1433895918).credential == KNOWN
    assert made.credential not in repr(made)


KNOWN = "9WaYP85KSShM+JoPZkZfVHRoH7s="


def test_each_call_gets_credentials_of_its_own() -> None:
    settings = ServerSettings(ice_servers=SERVERS, turn_secret=SECRET)
    one, other = ice_servers(settings, 1000.0).for_browser(), ice_servers(settings, 1000.0).for_browser()
    assert one[0] == {"urls": ["stun:stun.example:3478"]}
    assert one[1]["urls"] == list(SERVERS[1:])
    assert one[1]["username"].startswith(f"{1000 + settings.turn_seconds}:")
    assert one[1]["username"] != other[1]["username"]


def test_our_own_side_uses_the_same_servers() -> None:
    pytest.importorskip("antiphon.rtc", reason="WebRTC is not installed")
    settings = ServerSettings(ice_servers=SERVERS, turn_secret=SECRET)
    own = rtc_settings(settings, 1000.0).ice_servers
    assert [server.url for server in own] == list(SERVERS)
    assert own[0].credential is None
    assert own[1].credential
    assert own[1].credential not in repr(own)
    assert rtc_settings(ServerSettings(), 1000.0).ice_servers == ()


@pytest.mark.parametrize(
    "settings",
    [
        {"ice_servers": ("stun.example",)},
        {"ice_servers": ("https://stun.example",)},
        {"ice_servers": ("turn:",)},
        {"ice_servers": ("turn://turn.example",), "turn_secret": "s"},
        {"ice_servers": ("turn:turn.example",)},
        {"ice_servers": SERVERS, "turn_secret": "s", "turn_seconds": 5},
    ],
)
def test_servers_that_cannot_work_are_refused_at_the_start(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        ServerSettings(**settings)  # type: ignore[arg-type]


async def test_the_page_is_told_and_the_shared_secret_is_not() -> None:
    settings = ServerSettings(ice_servers=SERVERS, turn_secret=SECRET)
    async with (
        live_server(ScriptedAnswerer(), settings, open_transport=Transports()) as server,
        httpx.AsyncClient(base_url=server.base_url) as http,
    ):
        answer = await http.get("/ice-servers")
    assert answer.headers["cache-control"] == "no-store"
    assert [sorted(entry) for entry in answer.json()["iceServers"]] == [["urls"], ["credential", "urls", "username"]]
    assert SECRET not in answer.text


async def test_without_servers_there_is_nothing_to_tell() -> None:
    async with (
        live_server(ScriptedAnswerer(), open_transport=Transports()) as server,
        httpx.AsyncClient(base_url=server.base_url) as http,
    ):
        assert (await http.get("/ice-servers")).json() == {"iceServers": []}
