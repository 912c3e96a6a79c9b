"""The lines of the start, and the addresses in them."""

from __future__ import annotations

import pytest

from antiphon.cli.reach import addresses, notes
from antiphon.cli.welcome import welcome
from antiphon.engine import StageDescription
from antiphon.engine.engine import EngineDescription

EVERYWHERE = "0.0.0.0"  # noqa: S104 - only named

EMBEDDED = EngineDescription(
    recognizer=StageDescription("ears", "short, clear English", "use --stt"),
    model=StageDescription("script", "repeats what it heard", "start a model"),
    voice=StageDescription("mouth", "robotic", "use --tts"),
    detector=StageDescription("detector", "notices"),
    vision=None,
)


def test_the_start_says_where_what_and_how_to_make_it_better() -> None:
    text = welcome(EMBEDDED, ["http://127.0.0.1:3000/"], ["A note."])
    for words in (
        "ready",
        "Open         http://127.0.0.1:3000/",
        "Hears with   ears: short, clear English",
        "Thinks with  script: repeats what it heard",
        "Speaks with  mouth: robotic",
        "- Use --stt",
        "- Start a model",
        "- Use --tts",
        "A note.",
        "Ctrl+C",
    ):
        assert words in text
    assert "Sees with" not in text


def test_nothing_better_is_offered_where_there_is_nothing() -> None:
    stage = StageDescription("best", "as good as it gets", None, embedded=False)
    mouth = StageDescription("mouth", "speaks", None, embedded=False)
    text = welcome(EngineDescription(stage, stage, mouth, stage, stage), ["a", "b"], [])
    assert "better" not in text
    assert "or           b" in text
    assert "Sees with    best" in text


@pytest.mark.parametrize(
    ("host", "first"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000/"),
        ("localhost", "http://localhost:3000/"),
        ("::1", "http://[::1]:3000/"),
    ],
)
def test_on_loopback_there_is_one_address_without_a_token(host: str, first: str) -> None:
    assert addresses(host, 3000, None, given=False) == [first]
    assert notes(host) == []


def test_beyond_loopback_the_address_carries_the_token_that_was_made() -> None:
    shown = addresses(EVERYWHERE, 3000, "made-token", given=False)
    assert shown[0] == "http://127.0.0.1:3000/?token=made-token"
    assert all(address.endswith("/?token=made-token") for address in shown)
    assert "https" in notes(EVERYWHERE)[0]


def test_a_token_of_ones_own_is_not_repeated() -> None:
    assert addresses("192.0.2.7", 80, "own-token", given=True) == ["http://192.0.2.7:80/?token=<your token>"]


def test_one_who_does_it_all_is_named_once() -> None:
    stage = StageDescription("gpt", "far away", None, embedded=False)
    text = welcome(EngineDescription(stage, stage, stage, stage, stage), ["a"], [])
    assert "Answers with gpt: far away" in text
    assert text.count("gpt") == 1
