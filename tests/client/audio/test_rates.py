"""From 24 kHz to a device's rate and back: the same sound, whatever the blocks, and hardly later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio import Resampler
from antiphon.client.audio.rates import Doubler, Halver, open_converter

np = pytest.importorskip("numpy")


def tone(rate: int, hz: float, ms: int = 300) -> bytes:
    return (12_000 * np.sin(2 * np.pi * hz * np.arange(rate * ms // 1000) / rate)).astype("<i2").tobytes()


def level(pcm: bytes) -> float:
    """RMS of the middle, in dB of the tone's."""
    samples = np.frombuffer(pcm, "<i2").astype(float)[1000:-1000]
    return float(20 * np.log10(np.sqrt((samples**2).mean()) / (12_000 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize("hz", [100, 1000, 5000, 10_000])
def test_what_is_heard_passes_both_ways(hz: int) -> None:
    assert abs(level(Doubler().feed(tone(24_000, hz)))) < 0.1
    assert abs(level(Halver().feed(tone(48_000, hz)))) < 0.1


@pytest.mark.parametrize("hz", [14_000, 18_000, 23_000])
def test_what_24_khz_cannot_hold_does_not_come_back_as_something_else(hz: int) -> None:
    assert level(Halver().feed(tone(48_000, hz))) < -55


def test_no_mirror_image_is_added_above_12_khz() -> None:
    doubled = np.frombuffer(Doubler().feed(tone(24_000, 9000)), "<i2").astype(float)[1000:-1000]
    power = np.abs(np.fft.rfft(doubled * np.hanning(len(doubled)))) ** 2
    split = len(power) * 14 // 24
    assert 10 * np.log10(power[split:].sum() / power[:split].sum()) < -55


def test_there_and_back_is_the_same_sound_a_moment_later() -> None:
    sound = tone(24_000, 1000)
    back = np.frombuffer(Halver().feed(Doubler().feed(sound)), "<i2").astype(float)
    sent = np.frombuffer(sound, "<i2").astype(float)
    assert len(back) == len(sent)
    late = 31  # samples: 1.3 ms for both
    assert np.abs(back[late + 100 :] - sent[100 : len(sent) - late]).max() < 12


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.sampled_from([Doubler, Halver]))
def test_blocks_of_any_length_give_the_same_as_one(lengths: list[int], kind: type[Doubler | Halver]) -> None:
    sound = np.random.default_rng(1).integers(-20_000, 20_000, sum(lengths)).astype("<i2").tobytes()
    converter, out, start = kind(), b"", 0
    for length in lengths:
        out += converter.feed(sound[2 * start : 2 * (start + length)])
        start += length
    whole = kind().feed(sound)
    assert len(out) == len(whole) == (2 * len(sound) if kind is Doubler else len(sound) // 4 * 2)
    difference = np.frombuffer(out, "<i2").astype(int) - np.frombuffer(whole, "<i2")
    assert np.abs(difference).max(initial=0) <= 1


def test_each_pair_of_rates_gets_the_converter_of_least_delay() -> None:
    assert isinstance(open_converter(24_000, 48_000), Doubler)
    assert isinstance(open_converter(48_000, 24_000), Halver)
    assert isinstance(open_converter(44_100, 24_000), Resampler)
    assert open_converter(24_000, 24_000).feed(b"abcd") == b"abcd"
