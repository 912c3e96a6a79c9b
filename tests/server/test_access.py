"""Who may knock: hosts, origins, tokens."""

from __future__ import annotations

import pytest

from antiphon.server.access import (
    cookie_name,
    host_allowed,
    host_name,
    is_loopback,
    origin_allowed,
    presented_tokens,
    token_accepted,
)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:3000", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::1]:3000", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("voice.example:443", "voice.example"),
        ("", ""),
        ("[::1", ""),
        ("a@b", "b"),
    ],
)
def test_the_name_is_read_from_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_names_are_known(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name", ["", "192.168.0.1", "::", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_other_names_are_not_loopback(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8"])
def test_loopback_hosts_are_always_allowed(host: str) -> None:
    assert host_allowed(host, ())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "", "127.0.0.1.nip.io", "[::1"])
def test_a_rebound_or_broken_host_is_refused(host: str) -> None:
    assert not host_allowed(host, ("voice.example",))


def test_named_hosts_are_allowed_on_any_port_and_in_any_case() -> None:
    assert host_allowed("VOICE.example:8443", ("voice.example",))
    assert host_allowed("anything.example", ("*",))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:3000", "127.0.0.1:3000"),
        ("http://localhost:5173", "127.0.0.1:3000"),
        ("http://[::1]:1", "localhost:3000"),
        ("https://voice.example", "voice.example"),
        ("https://voice.example", "voice.example:443"),
        ("http://voice.example:80", "voice.example"),
    ],
)
def test_own_and_loopback_origins_may_call(origin: str, host: str) -> None:
    assert origin_allowed(origin, host, ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "127.0.0.1:3000"),
        ("http://localhost.evil.example:3000", "localhost:3000"),
        ("http://localhost:5173", "voice.example"),
        ("https://voice.example:8443", "voice.example"),
        ("http://voice.example", "voice.example:443"),
        ("null", "127.0.0.1:3000"),
        ("", "127.0.0.1:3000"),
        ("http://[", "127.0.0.1:3000"),
        ("http://127.0.0.1:99999", "127.0.0.1:3000"),
        ("file://localhost", "localhost"),
        ("http://localhost/path", "localhost"),
    ],
)
def test_strange_origins_may_not_call(origin: str, host: str) -> None:
    assert not origin_allowed(origin, host, ("https://app.example",))


def test_named_origins_may_call_whatever_their_default_port_is_written_as() -> None:
    assert origin_allowed("https://app.example", "voice.example", ("https://app.example:443/",))
    assert origin_allowed("null", "voice.example", ("null",))
    assert origin_allowed("https://any.example", "voice.example", ("*",))
    assert not origin_allowed("http://app.example", "voice.example", ("https://app.example",))


def test_tokens_are_found_wherever_the_protocol_puts_one() -> None:
    found = presented_tokens(
        {"authorization": "bearer one", "api-key": "two"},
        "three",
        "four",
        ["realtime", "openai-insecure-api-key.five"],
    )
    assert sorted(found) == ["five", "four", "one", "three", "two"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic one", "one"])
def test_other_schemes_carry_no_token(authorization: str) -> None:
    assert presented_tokens({"authorization": authorization}, None, None, ()) == []


def test_only_the_right_token_opens() -> None:
    assert token_accepted(["wrong", "right"], "right")
    assert not token_accepted(["wrong", "", "righ", "rightt", "r\u00efght", "\ud800"], "right")
    assert not token_accepted([], "right")


def test_each_token_has_a_cookie_of_its_own_that_does_not_tell_it() -> None:
    assert cookie_name("one") != cookie_name("two")
    assert "secret-token" not in cookie_name("secret-token")
