"""Levels of PCM."""

import math
from array import array

import pytest

from antiphon.audio import SILENCE_DBFS, peak, rms_dbfs


def test_digital_silence_and_nothing_at_all_are_the_floor() -> None:
    assert rms_dbfs(bytes(960)) == rms_dbfs(b"") == SILENCE_DBFS
    assert peak(bytes(960)) == peak(b"") == 0.0


def test_a_full_scale_square_wave_is_zero_dbfs() -> None:
    pcm = array("h", [-32768, -32768] * 100).tobytes()
    assert rms_dbfs(pcm) == pytest.approx(0.0)
    assert peak(pcm) == 1.0


def test_a_sine_is_three_db_below_its_peak() -> None:
    pcm = array("h", [round(16384 * math.sin(2 * math.pi * i / 48)) for i in range(4800)]).tobytes()
    assert rms_dbfs(pcm) == pytest.approx(-9.03, abs=0.05)
    assert peak(pcm) == pytest.approx(0.5, abs=0.001)


def test_halving_the_amplitude_is_six_db() -> None:
    loud, soft = array("h", [2000, -2000] * 50).tobytes(), array("h", [1000, -1000] * 50).tobytes()
    assert rms_dbfs(loud) - rms_dbfs(soft) == pytest.approx(6.02, abs=0.01)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes"):
        rms_dbfs(bytes(5))
