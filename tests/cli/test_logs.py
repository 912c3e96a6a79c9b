"""What never reaches a log."""

from __future__ import annotations

import logging

import pytest

from antiphon.cli.logs import RedactingFormatter, redact

SECRET = "s3cr3t-Value.x"


@pytest.mark.parametrize(
    "text",
    [
        f'127.0.0.1:5 - "GET /?token={SECRET} HTTP/1.1" 200',
        f"GET /v1/realtime?model=m&api-key={SECRET}&x=1",
        f"GET /v1/realtime?Authorization=Bearer%20{SECRET}",
        f"< Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Bearer {SECRET}'}}",
        f"[(b'authorization', b'Bearer {SECRET}')]",
        f"< Cookie: antiphon_ab={SECRET}; other=1",
        f"< api-key: {SECRET}",
        f"< Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{SECRET}",
        f"Incorrect API key provided: sk-{SECRET}",
        f"ek_{SECRET}",
        f"http://user:{SECRET}@127.0.0.1:1/v1",
        f"retrying with bearer {SECRET}",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    assert SECRET not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        '127.0.0.1:5 - "GET /v1/realtime?model=gpt-realtime&call_id=rtc_1 HTTP/1.1" 101',
        "call sess_1 began (1 at once)",
        "What is this? a=b",
        "http://127.0.0.1:11434/v1 answers",
        "the recognizer's key finding",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert redact(text) == text


def test_arguments_and_tracebacks_are_redacted_too() -> None:
    try:
        raise RuntimeError(f"Bearer {SECRET}")
    except RuntimeError as error:
        record = logging.LogRecord("n", logging.ERROR, __file__, 1, "at %s", (f"/?token={SECRET}",), None)
        record.exc_info = (RuntimeError, error, error.__traceback__)
    text = RedactingFormatter("%(message)s").format(record)
    assert "Traceback" in text
    # The source line of this test is part of the traceback; it names the variable, never the value.
    assert SECRET not in text
