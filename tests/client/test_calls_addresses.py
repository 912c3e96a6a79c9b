"""Where offers are posted, from addresses as people give them; and what a refusal tells."""

from __future__ import annotations

import pytest

from antiphon.client.addresses import beta_calls_url, calls_url
from antiphon.client.errors import CallNotFoundError, RefusedError, UnauthorizedError
from antiphon.client.refusals import refused
from antiphon.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "posted"),
    [
        ("http://host:3000", "http://host:3000/v1/realtime/calls"),
        ("ws://host:3000/", "http://host:3000/v1/realtime/calls"),
        ("wss://api.openai.com/v1/realtime?model=gpt-realtime", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1/realtime/calls", "https://api.openai.com/v1/realtime/calls"),
        ("https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1/realtime/calls"),
        (
            "https://r.openai.azure.com/openai/v1/realtime/calls?webrtcfilter=on",
            "https://r.openai.azure.com/openai/v1/realtime/calls?webrtcfilter=on",
        ),
        ("https://app.example/voice/v1/realtime", "https://app.example/voice/v1/realtime/calls"),
        ("https://app.example/session?room=7", "https://app.example/session?room=7"),
    ],
)
def test_an_offer_is_posted_to(given: str, posted: str) -> None:
    assert calls_url(given) == posted


def test_the_beta_took_offers_where_its_socket_was() -> None:
    assert beta_calls_url("wss://host", model="m") == "https://host/v1/realtime?model=m"


@pytest.mark.parametrize("wrong", ["", "host:3000", "ftp://host", "http://"])
def test_what_is_no_address_is_said(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="address"):
        calls_url(wrong)


def refusal(status: int, body: bytes, **headers: str) -> Exception:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return refused("https://host/x", status, given, body, secrets=["sk-secret-key"], unix_now=1_000_000.0)


def test_a_refusal_is_told_in_the_servers_words_without_the_key() -> None:
    body = b'{"error": {"message": "Incorrect key sk-secret-key.", "code": "rate_limit_exceeded"}}'
    error = refusal(429, body, retry_after="12")
    assert isinstance(error, RefusedError)
    assert (error.status, error.code, error.retry_after_s) == (429, "rate_limit_exceeded", 12)
    assert "Incorrect key …." in str(error)
    assert isinstance(refusal(401, body), UnauthorizedError)
    assert isinstance(refusal(403, body), UnauthorizedError)
    assert isinstance(refusal(404, b'{"error": {"code": "call_id_not_found"}}'), CallNotFoundError)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"<html>sk-secret-key</html>", b'{"error": "x"}', b"[" * 100_000]
)
def test_of_any_other_body_nothing_is_shown(body: bytes) -> None:
    error = refusal(502, body)
    assert isinstance(error, RefusedError)
    assert str(error) == "https://host/x refused the connection (HTTP 502): it does not say why"
