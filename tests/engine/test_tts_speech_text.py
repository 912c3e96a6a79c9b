"""What a voice is given to read, and where its words lie in the text. Pure, so without a voice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engine.tts.espeak_voices import PROTOCOL_VOICES, choose, pace
from antiphon.engine.tts.speech_text import WordPositions, pieces, speakable

LANGUAGES = [["de"], ["en-gb-x-rp", "en-gb", "en"], ["en-gb", "en"], ["fr-fr", "fr"], ["en-us", "en"]]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Bold**, *soft* and __loud__.", "Bold, soft and loud."),
        ("# Title\n- one\n* two", "Title one two"),
        ("Use `ls -l`.", "Use ls -l ."),
        ("See [the docs](https://example.com/a_b).", "See [the docs] ."),
        ("<speak>Hi <break time='1s'/>you</speak>", "Hi you"),
        ("Fine \U0001f600 thanks \u2192 bye\u200d!", "Fine thanks bye\u200d!"),
        ("bell\x07 and \x1b[31mred\x00", "bell and [31mred"),
        ("a lone \ud83d half", "a lone half"),
        ("5 * 3 = 15 and snake_case_name", "5 * 3 = 15 and snake_case_name"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("$5.50 or 20 % or 3 °C", "$5.50 or 20 % or 3 °C"),
        ("Zoë, Grüße, 你好", "Zoë, Grüße, 你好"),
    ],
)
def test_markup_and_signs_are_not_read_out(written: str, spoken: str) -> None:
    assert "".join(speakable(written).split()) == "".join(spoken.split())
    assert len(speakable(written)) == len(written)


@given(st.text(max_size=300))
def test_no_text_changes_its_length_or_keeps_a_control_character(text: str) -> None:
    spoken = speakable(text)
    assert len(spoken) == len(text)
    spoken.encode()  # no lone surrogate is left
    assert all(character.isprintable() or character.isspace() or ord(character) > 127 for character in spoken)
    assert all(kept in (" ", given) for kept, given in zip(spoken, text, strict=True))


@given(st.text(alphabet="ab .,!?\n", max_size=400), st.integers(5, 60))
def test_pieces_cover_every_word_once_and_in_order(text: str, limit: int) -> None:
    parts = list(pieces(text, limit))
    assert all(0 < len(part.text) <= limit for part in parts)
    assert all(text[part.start : part.start + len(part.text)] == part.text for part in parts)
    assert "".join(part.text for part in parts).replace(" ", "").count("a") == text.count("a")
    assert [part.start for part in parts] == sorted({part.start for part in parts})


def test_long_text_is_cut_at_the_best_place() -> None:
    text = "First sentence here. Second one, with a comma and many words after it."
    assert [(part.text, part.ends_clause) for part in pieces(text, 40)] == [
        ("First sentence here. ", True),
        ("Second one, ", True),
        ("with a comma and many words after it.", True),
    ]
    assert [part.ends_clause for part in pieces("word " * 20, 30)] == [False, False, False, True]
    assert [len(part.text) for part in pieces("x" * 100, 40)] == [40, 40, 20]


def test_marks_are_snapped_to_words_and_only_ever_grow() -> None:
    text = "It costs $5.50 at home"
    events = [(0, 0.0), (3, 157.0), (9, 602.0), (10, 888.0), (11, 1219.0), (11, 1543.0), (15, 1500.0), (18, 2309.0)]
    assert list(WordPositions(text).snap(events)) == [(0, 0.0), (3, 157.0), (9, 602.0), (15, 1500.0), (18, 2309.0)]
    assert list(WordPositions(text).snap([(3, 500.0), (9, 400.0)])) == [(3, 500.0), (9, 500.0)]


@given(
    st.text(alphabet="a1. ", min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(-2, 60), st.floats(0, 9000)), max_size=30),
)
def test_whatever_a_voice_reports_marks_are_words_of_the_text_in_order(
    text: str, events: list[tuple[int, float]]
) -> None:
    marks = list(WordPositions(text).snap(events))
    starts = [start for start, _ in marks]
    times = [at_ms for _, at_ms in marks]
    assert starts == sorted(set(starts))
    assert times == sorted(times)
    assert all(not text[start].isspace() and (start == 0 or text[start - 1].isspace()) for start in starts)


def test_the_protocols_voices_are_ten_different_ones() -> None:
    assert len(PROTOCOL_VOICES) == 10
    assert len({voice.names for voice in PROTOCOL_VOICES.values()}) == 10


def test_languages_are_voices_and_unknown_names_get_the_default() -> None:
    assert choose("de", LANGUAGES).names == ("de",)
    assert choose("en-gb", LANGUAGES).names == ("en-gb", "en")
    assert choose("en-gb-x-rp", LANGUAGES).names[0] == "en-gb-x-rp"
    assert choose("fr", LANGUAGES).names == ("fr-fr", "fr")
    assert choose("de+f2", LANGUAGES).names == ("de+f2",)
    for unknown in ("", "nobody", "de+../../x", "xx+f2", "+f2", "de+"):
        assert choose(unknown, LANGUAGES) == PROTOCOL_VOICES["alloy"]


def test_speed_becomes_rate_and_below_the_slowest_rate_gaps() -> None:
    assert pace(1.0) == (170, 0)
    assert pace(1.5) == (255, 0)
    assert pace(0.5) == (85, 0)
    rate, gap = pace(0.25)
    assert rate == 80
    assert gap > 0
    assert pace(0.01) == pace(0.25)
    assert pace(9.0) == pace(1.5)
