"""Resampling: length, pitch, level, and that blocks of any size give the same stream."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio import Resampler, resample


def tone(frequency: float, rate: int, seconds: float) -> bytes:
    count = int(rate * seconds)
    return array("h", [round(8000 * math.sin(2 * math.pi * frequency * i / rate)) for i in range(count)]).tobytes()


DITHER = 3
"""soxr dithers when it rounds to int16: two runs may differ by the last bit or two."""


def largest_difference(a: bytes, b: bytes) -> int:
    return int(np.abs(np.frombuffer(a, "<i2").astype(int) - np.frombuffer(b, "<i2")).max())


def loudest_frequency(pcm: bytes, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2").astype(float)))
    return float(np.argmax(spectrum)) * rate / (len(pcm) // 2)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8000, 24000), (24000, 16000), (48000, 24000), (22050, 24000)])
def test_pitch_level_and_length_survive(from_rate: int, to_rate: int) -> None:
    out = resample(tone(440, from_rate, 1.0), from_rate, to_rate)
    assert len(out) // 2 == pytest.approx(to_rate, abs=1)
    assert loudest_frequency(out, to_rate) == pytest.approx(440, abs=2)
    middle = np.frombuffer(out, "<i2")[to_rate // 4 : to_rate // 2].astype(float)
    assert np.sqrt((middle**2).mean()) == pytest.approx(8000 / math.sqrt(2), rel=0.01)


def test_what_the_new_rate_cannot_carry_is_removed() -> None:
    out = np.frombuffer(resample(tone(10_000, 24_000, 0.5), 24_000, 16_000), "<i2")
    assert np.abs(out[800:-800]).max() < 50


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=3000), max_size=20))
def test_a_stream_in_blocks_of_any_size_is_the_stream_in_one(cuts: list[int]) -> None:
    pcm = tone(300, 24_000, 0.2)
    whole = resample(pcm, 24_000, 16_000)
    stream = Resampler(24_000, 16_000)
    out, position = b"", 0
    for cut in cuts:
        out += stream.feed(pcm[position : position + cut])
        position += cut
    out += stream.feed(pcm[position:]) + stream.flush()
    assert len(out) == len(whole)
    assert largest_difference(out, whole) <= DITHER


def test_after_a_flush_a_new_stream_begins() -> None:
    pcm = tone(300, 24_000, 0.1)
    stream = Resampler(24_000, 16_000)
    first = stream.feed(pcm) + stream.flush()
    second = stream.feed(pcm) + stream.flush()
    assert len(second) == len(first)
    assert largest_difference(first, second) <= DITHER


def test_equal_rates_pass_whole_samples_through() -> None:
    stream = Resampler(24_000, 24_000)
    assert stream.feed(b"abc") == b"ab"
    assert stream.feed(b"d") == b"cd"
    assert stream.flush() == b""


def test_wrong_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 24_000)
