"""The two arcs: what is loud is drawn, what is silent is still, and sound runs outward."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon.cli.talk.arcs import Loudness, arcs, strength


def test_silence_draws_nothing_anew() -> None:
    loudness = Loudness(4)
    assert not loudness.put(-100.0)
    assert loudness.put(-20.0)
    assert [loudness.put(-100.0) for _ in range(5)] == [True, True, True, True, False]


def test_sound_runs_outward() -> None:
    loudness = Loudness(3)
    loudness.put(0.0)
    assert loudness.strengths == (1.0, 0.0, 0.0)
    loudness.put(-100.0)
    assert loudness.strengths == (0.0, 1.0, 0.0)


def test_a_silent_voice_keeps_its_innermost_bracket() -> None:
    (row,) = arcs([], [], reach=3, height=1, muted=False, middle=4)
    assert "".join(stroke.text for stroke in row) == "  (    )  "


def test_a_muted_arc_is_dashed() -> None:
    rows = arcs([1.0], [1.0], reach=1, height=3, muted=True, middle=2)
    assert ["".join(stroke.text for stroke in row) for row in rows] == ["⎛  ⎞", "   ⎟", "⎝  ⎠"]


voices = st.lists(st.floats(0, 1), max_size=20)


@given(voices, voices, st.integers(1, 16), st.sampled_from([1, 3]), st.integers(0, 40))
def test_the_picture_is_always_as_wide_as_was_asked(
    you: list[float], them: list[float], reach: int, height: int, middle: int
) -> None:
    rows = arcs(you, them, reach=reach, height=height, muted=reach % 2 == 0, middle=middle)
    assert len(rows) == height
    assert {sum(len(stroke.text) for stroke in row) for row in rows} == {2 * reach + middle}


@given(st.floats(-200, 20))
def test_strength_is_a_part_of_one(dbfs: float) -> None:
    assert 0.0 <= strength(dbfs) <= 1.0
