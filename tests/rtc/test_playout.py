"""What is still to be said, and the beat at which it leaves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.rtc import PlayoutFull
from antiphon.rtc.playout import FRAME_BYTES, FRAME_SAMPLES, MAX_BURST, PERIOD, SLOTS, Beats, Playout


def test_only_whole_frames_leave_until_the_end_is_told() -> None:
    playout = Playout(10)
    playout.push(b"\1" * (FRAME_BYTES + 100))
    assert playout.next_frame() == b"\1" * FRAME_BYTES
    assert playout.next_frame() is None
    assert playout.pending_samples == 50
    playout.end()
    assert playout.next_frame() == b"\1" * 100 + bytes(FRAME_BYTES - 100)
    assert playout.played == FRAME_SAMPLES + 50
    assert playout.pending_samples == 0


def test_a_flush_drops_all_and_counts_anew() -> None:
    playout = Playout(10)
    playout.push(bytes(3 * FRAME_BYTES + 10))
    playout.next_frame()
    playout.flush()
    assert (playout.next_frame(), playout.played, playout.pending_samples) == (None, 0, 0)
    playout.push(bytes(FRAME_BYTES))
    assert playout.next_frame() is not None
    assert playout.played == FRAME_SAMPLES


def test_what_does_not_fit_is_refused_whole() -> None:
    playout = Playout(0.1)
    playout.push(bytes(4 * FRAME_BYTES))
    with pytest.raises(PlayoutFull, match="at most"):
        playout.push(bytes(2 * FRAME_BYTES))
    assert playout.pending_samples == 4 * FRAME_SAMPLES
    playout.push(bytes(FRAME_BYTES))


@given(st.lists(st.one_of(st.binary(max_size=2500), st.just("end"), st.just("frame")), max_size=30))
def test_every_sample_is_pending_or_played(steps: list[bytes | str]) -> None:
    playout = Playout(60)
    pushed, odd = 0, 0
    for step in steps:
        if isinstance(step, bytes):
            playout.push(step)
            pushed += len(step) + odd
            odd = pushed % 2
            pushed -= odd
        elif step == "end":
            playout.end()
            odd = 0
        else:
            playout.next_frame()
        assert playout.played + playout.pending_samples == pushed // 2
    playout.end()
    while playout.next_frame() is not None:
        pass
    assert playout.played == pushed // 2


def test_members_are_spread_over_the_beats_between() -> None:
    beats: Beats[str] = Beats(100.0)
    for name in "abcdefghij":
        beats.join(name, 100.0)
    turns = {}
    for step in range(1, 2 * SLOTS + 1):
        for beat in beats.advance(100.0 + step * PERIOD / SLOTS):
            turns.setdefault(beat.member, []).append(step)
    assert sorted(map(len, turns.values())) == [2] * 10
    assert len({tuple(steps) for steps in turns.values()}) == SLOTS


def test_being_late_is_caught_up_and_being_very_late_is_not() -> None:
    beats: Beats[str] = Beats(0.0)
    beats.join("call", 0.0)
    assert beats.advance(0.0) == []
    assert [tuple(b) for b in beats.advance(3.5 * PERIOD)] == [("call", 3, 0)]
    assert [tuple(b) for b in beats.advance(30.5 * PERIOD)] == [("call", MAX_BURST, 27 - MAX_BURST)]
    assert beats.advance(30.9 * PERIOD) == []


@settings(max_examples=50)
@given(st.lists(st.floats(0.0001, 0.3), min_size=5, max_size=60))
def test_frames_and_skips_add_up_to_the_time_without_drift(pauses: list[float]) -> None:
    beats: Beats[str] = Beats(0.0)
    beats.join("call", 0.0)
    now, total = 0.0, 0
    for pause in pauses:
        now += pause
        total += sum(beat.frames + beat.skipped for beat in beats.advance(now))
        assert abs(total * PERIOD - now) <= PERIOD + 1e-5
        following = beats.next_time()
        assert following is not None
        assert now < following <= now + PERIOD + 1e-5


def test_an_empty_pacer_has_no_next_time() -> None:
    beats: Beats[str] = Beats(0.0)
    assert beats.next_time() is None
    beats.join("call", 5.0)
    assert beats.next_time() == pytest.approx(5.0 + PERIOD)
    beats.leave("call")
    beats.leave("call")
    assert beats.next_time() is None
    assert beats.advance(9.0) == []
