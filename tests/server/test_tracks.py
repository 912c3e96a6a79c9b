"""Sound on a call's own time: what follows, what waits, what is cut, and what is given up."""

from __future__ import annotations

from antiphon.server.tracks import RATE, Track, stereo

MS = RATE * 2 // 1000


def tone(ms: int, value: int = 1) -> bytes:
    return bytes([value, 0]) * (ms * MS // 2)


def test_packets_that_come_a_little_late_make_one_piece() -> None:
    track = Track(10_000_000)
    for number in range(50):
        track.add(tone(20), 100 + number * 20 + number % 3 * 5)
    assert track.span_ms == (100, 1100)
    assert track.seconds == 1


def test_silence_between_two_sayings_is_silence() -> None:
    track = Track(10_000_000)
    track.add(tone(100, 1), 0)
    track.add(tone(100, 2), 1000)
    pcm = track.rendered(0, 1100)
    assert len(pcm) == 1100 * MS
    assert pcm[: 100 * MS] == tone(100, 1)
    assert not any(pcm[100 * MS : 1000 * MS])
    assert pcm[1000 * MS :] == tone(100, 2)
    assert track.rendered(50, 60) == tone(10, 1)
    assert track.rendered(-20, 0) == bytes(20 * MS)


def test_what_comes_faster_than_it_plays_waits_its_turn_and_is_cut_by_an_interruption() -> None:
    track = Track(10_000_000)
    for _ in range(30):
        track.add(tone(100), 0)
    assert track.span_ms == (0, 3000)
    track.cut(1234)
    assert track.span_ms == (0, 1234)
    track.cut(2000)
    assert track.span_ms == (0, 1234)
    track.cut(0)
    assert track.span_ms is None
    assert track.bytes == 0


def test_the_oldest_sound_goes_first() -> None:
    track = Track(3 * RATE * 2)
    for second in range(10):
        track.add(tone(1000, second), second * 1000)
    assert track.bytes <= 3 * RATE * 2
    assert track.rendered(9000, 10_000) == tone(1000, 9)
    span = track.span_ms
    assert span is not None
    assert span[0] >= 7000
    track.halve()
    assert track.seconds <= 1.5


def test_half_a_sample_is_no_sample() -> None:
    track = Track(1000)
    track.add(b"\x01\x00\x02", 0)
    assert track.bytes == 2


def test_two_sides_are_two_channels() -> None:
    assert stereo(b"\x01\x02\x03\x04", b"\x05\x06\x07\x08") == b"\x01\x02\x05\x06\x03\x04\x07\x08"
