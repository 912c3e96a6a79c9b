"""What can be said of a key by its shape: the usual mishaps are told apart, and no message repeats any of it."""

from __future__ import annotations

import pytest

from antiphon.cli.doctor.findings import Status
from antiphon.cli.doctor.keys import azure_key, openai_key

GOOD = "sk-proj-" + "a1B2" * 20


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        (GOOD, Status.OK, "shape of a key"),
        ("", Status.FAIL, "empty"),
        (f"Bearer {GOOD}", Status.FAIL, "Bearer"),
        (f'"{GOOD}"', Status.FAIL, "quotation marks"),
        (f"{GOOD}\n", Status.FAIL, "line break"),
        ("sk-your-key-here", Status.FAIL, "placeholder"),
        ("sk-...", Status.FAIL, "placeholder"),
        ("sk-ant-api03-" + "x9" * 30, Status.FAIL, "Anthropic"),
        ("sk-proj-short", Status.FAIL, "cut"),
        ("ek_" + "a1" * 20, Status.WARN, "ephemeral"),
        ("0123456789abcdef" * 3, Status.WARN, "sk-"),
    ],
)
def test_openais(key: str, status: Status, words: str) -> None:
    found = openai_key(key)
    assert found.status is status
    assert words in found.message
    if len(key) > 12:
        assert key.strip('"\n') not in f"{found}"


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("0123456789abcdef" * 2, Status.OK, "shape"),
        (GOOD, Status.FAIL, "OpenAI's own"),
        ("eyJ0eXAi" + "a" * 60, Status.FAIL, "Entra"),
        ("abc", Status.FAIL, "cut"),
    ],
)
def test_azures(key: str, status: Status, words: str) -> None:
    found = azure_key(key)
    assert found.status is status
    assert words in found.message
