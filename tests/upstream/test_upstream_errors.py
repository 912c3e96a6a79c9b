"""What a caller is told of an upstream's errors, and what is tried again: the pure parts."""

from __future__ import annotations

import json

import pytest

from antiphon.upstream import UpstreamSettings, scrub
from antiphon.upstream.errors import LONGEST_MESSAGE, refusal
from antiphon.upstream.requests import call_id_of, retry_after, retry_wait

KEY = "sk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-abc***************xyz. You can find it at https://platform.example/keys",
        "ephemeral ek_68af296e8e408191a1120ab6383263c2 was refused",
        "Authorization: Bearer abcdefgh was refused",
        "header api-key=0123456789 is wrong",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
        "key 0123456789abcdef0123456789abcdef (Azure's look like this)",
        "see wss://user:pass@internal.example/path?token=1",
    ],
)
def test_nothing_that_looks_like_a_secret_or_an_address_is_left(text: str) -> None:
    shown = scrub(text)
    for secret in (KEY, "abc***", "68af296e", "abcdefgh", "0123456789", "eyJ", "example", "pass"):
        assert secret not in shown


def test_a_known_secret_is_taken_out_whatever_it_looks_like() -> None:
    assert "hunter2" not in scrub("the key hunter2 is wrong", ["hunter2"])


def test_what_is_no_secret_stays_and_long_or_odd_text_is_cut() -> None:
    words = "Invalid value: 'echoo'. Supported values are: 'alloy', 'ash', and 'verse'."
    assert scrub(words) == words
    assert len(scrub("word " * 1000)) <= LONGEST_MESSAGE + 1
    assert scrub("a\nb\x00c\x1b[31m") == "a b c [31m"


def body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


def test_a_refused_session_keeps_its_words_its_code_and_its_field() -> None:
    error = refusal("OpenAI", 400, body(message="Unknown parameter.", code="unknown_parameter", param="session.voice"))
    assert (error.status, error.code, error.param) == (400, "unknown_parameter", "session.voice")
    assert error.message == "OpenAI: Unknown parameter."


@pytest.mark.parametrize("status", [401, 403])
def test_that_our_key_is_refused_is_our_fault_and_says_nothing_of_it(status: int) -> None:
    error = refusal("OpenAI", status, body(message=f"Incorrect API key provided: {KEY}", code="invalid_api_key"))
    assert (error.status, error.code) == (502, "upstream_key_refused")
    assert "sk-" not in str(error)


def test_a_failure_there_is_a_bad_gateway_and_its_words_are_not_shown() -> None:
    error = refusal("OpenAI", 500, b"<html>stack trace at 10.0.0.1</html>")
    assert (error.status, error.code, error.message) == (502, "upstream_error", "OpenAI failed (HTTP 500).")


def test_too_many_requests_stay_so_with_the_pause_that_was_asked_for() -> None:
    error = refusal("OpenAI", 429, body(message="Rate limit reached.", code="rate_limit_exceeded"), retry_after_s=7.0)
    assert (error.status, error.code, error.retry_after_s) == (429, "rate_limit_exceeded", 7.0)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"error": "no"}', b'{"error": {"message": 3}}', b"\xff", b"{" * 10_000])
def test_any_body_at_all_becomes_an_error(raw: bytes) -> None:
    assert refusal("OpenAI", 400, raw).code == "upstream_refused"


def test_a_code_that_is_no_name_is_not_passed_on() -> None:
    assert refusal("OpenAI", 400, body(message="x", code=KEY)).code == "upstream_refused"
    assert refusal("OpenAI", 400, body(message="x", code="a b c")).code == "upstream_refused"


SETTINGS = UpstreamSettings(retries=2, first_wait_s=0.5, longest_wait_s=3)


@pytest.mark.parametrize(
    ("status", "code", "pause", "attempt", "wait"),
    [
        (429, "rate_limit_exceeded", None, 1, 0.5),
        (429, "rate_limit_exceeded", None, 2, 1.0),
        (429, "rate_limit_exceeded", None, 3, None),
        (429, "rate_limit_exceeded", 2.0, 1, 2.0),
        (429, "rate_limit_exceeded", 20.0, 1, None),
        (429, "insufficient_quota", None, 1, None),
        (500, "upstream_error", None, 1, 0.5),
        (503, "upstream_error", 0.0, 1, 0.0),
        (502, "upstream_error", None, 1, None),
        (504, "upstream_error", None, 1, None),
        (400, "invalid_value", None, 1, None),
        (401, "upstream_key_refused", None, 1, None),
    ],
)
def test_only_what_is_safe_and_soon_is_tried_again(
    status: int, code: str, pause: float | None, attempt: int, wait: float | None
) -> None:
    assert retry_wait(status, code=code, retry_after_s=pause, attempt=attempt, settings=SETTINGS) == wait


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after({"retry-after": "1.5"}, unix_now=0) == 1.5
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, unix_now=50) == 10
    assert retry_after({"retry-after": "soon"}, unix_now=0) is None
    assert retry_after({}, unix_now=0) is None


@pytest.mark.parametrize(
    ("location", "call_id"),
    [
        ("/v1/realtime/calls/rtc_1", "rtc_1"),
        ("https://api.example/v1/realtime/calls/rtc_u1_Ab-9/?x=1", "rtc_u1_Ab-9"),
        ("", None),
        ("/v1/realtime/calls/..%2f..", None),
        ("/v1/realtime/calls/a b", None),
    ],
)
def test_the_calls_id_is_the_locations_last_part(location: str, call_id: str | None) -> None:
    assert call_id_of(location) == call_id
