"""Pauses before recognition, with samples made here."""

from __future__ import annotations

from typing import Any

import numpy as np

from antiphon.engine.stt.pauses import PauseShortener

RATE = 16_000
FRAME = 320


def sound(frames: int, dbfs: float = -20.0) -> Any:
    random = np.random.default_rng(3)
    return random.normal(0, 32768 * 10 ** (dbfs / 20), frames * FRAME).astype(np.float32)


def nothing(frames: int) -> Any:
    return np.zeros(frames * FRAME, np.float32)


def frames(samples: Any) -> int:
    assert len(samples) % FRAME == 0
    return len(samples) // FRAME


def test_speech_passes_unchanged() -> None:
    speech = sound(50)
    assert np.array_equal(PauseShortener(np, RATE).feed(speech), speech)


def test_a_short_pause_stays_whole() -> None:
    pauses = PauseShortener(np, RATE)
    given = np.concatenate([sound(10), nothing(18), sound(10)])
    assert np.array_equal(pauses.feed(given), given)


def test_a_long_pause_keeps_its_two_ends() -> None:
    pauses = PauseShortener(np, RATE)
    before, after = sound(10), sound(10, -25)
    assert frames(pauses.feed(np.concatenate([before, nothing(200)]))) == 10 + 10
    assert pauses.in_pause
    assert frames(pauses.feed(after)) == 10 + 10
    assert not pauses.in_pause


def test_silence_in_front_is_held_back_until_there_is_a_sound() -> None:
    pauses = PauseShortener(np, RATE)
    assert frames(pauses.feed(nothing(500))) == 0
    assert pauses.in_pause
    speech = np.concatenate([sound(1, -50), sound(5)])  # it may begin softly
    heard = pauses.feed(speech)
    assert frames(heard) == 10 + 6
    assert np.array_equal(heard[10 * FRAME :], speech)


def test_nothing_is_cut_in_a_noisy_room() -> None:
    pauses = PauseShortener(np, RATE)
    given = np.concatenate([sound(20, -15), sound(200, -40), sound(20, -15)])
    assert np.array_equal(pauses.feed(given), given)


def test_a_soft_voice_is_heard_whole() -> None:
    pauses = PauseShortener(np, RATE)
    given = sound(100, -55)
    assert np.array_equal(pauses.feed(given), given)


def test_the_size_of_the_pieces_does_not_matter() -> None:
    given = np.concatenate([nothing(30), sound(20), nothing(60), sound(20), nothing(40)])
    whole = PauseShortener(np, RATE).feed(given)
    pauses = PauseShortener(np, RATE)
    pieces = [pauses.feed(given[start : start + FRAME]) for start in range(0, len(given), FRAME)]
    assert np.array_equal(np.concatenate(pieces), whole)
