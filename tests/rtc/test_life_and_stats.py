"""When a silent peer is shaky and when it is gone; rates and shares over time. No clock: times are arguments."""

from __future__ import annotations

import sys

import pytest

from antiphon.rtc import TransportUnavailable, open_caller, open_transport
from antiphon.rtc.life import Life, SignsOfLife
from antiphon.rtc.stats import Counters, Rates
from call_recorder import CallRecorder


def test_a_silence_is_shaky_then_the_end_and_each_is_told_once() -> None:
    signs = SignsOfLife(100.0, shaky_after=3.0, gone_after=12.0)
    assert not signs.look(102.9)
    assert signs.look(103.0)
    assert signs.life is Life.SHAKY
    assert not signs.look(111.9)
    assert signs.look(112.0)
    assert signs.life is Life.GONE
    assert not signs.look(200.0)


def test_a_peer_that_is_heard_again_is_well_and_the_silence_counts_anew() -> None:
    signs = SignsOfLife(0.0, shaky_after=3.0, gone_after=12.0)
    assert not signs.heard(1.0)
    assert signs.look(5.0)
    assert signs.heard(6.0)
    assert signs.life is Life.WELL
    assert not signs.heard(6.1)
    assert not signs.look(9.0)
    assert signs.gone_at == 18.1
    assert signs.look(9.2)


def test_a_peer_that_is_gone_stays_gone() -> None:
    signs = SignsOfLife(0.0, shaky_after=3.0, gone_after=12.0)
    assert signs.look(12.0)
    assert not signs.heard(12.1)
    assert signs.life is Life.GONE


def test_rates_are_of_the_last_interval() -> None:
    rates = Rates()
    assert rates.is_due(0.0)
    rates.sample(0.0, Counters(0, 0, 0, 0))
    assert rates.bitrate_in is None
    assert not rates.is_due(0.9)
    assert rates.is_due(1.0)
    rates.sample(1.0, Counters(1000, 500, 50, 50))
    assert (rates.bitrate_in, rates.bitrate_out, rates.loss_in) == (8000, 4000, 0.0)
    rates.sample(3.0, Counters(1000, 1500, 150, 140))
    assert (rates.bitrate_in, rates.bitrate_out, rates.loss_in) == (0, 4000, pytest.approx(0.1))


def test_a_share_is_told_only_of_packets_that_were_expected() -> None:
    rates = Rates()
    rates.sample(0.0, Counters(0, 0, 100, 100))
    rates.sample(1.0, Counters(0, 0, 100, 100))
    assert rates.loss_in is None
    rates.sample(2.0, Counters(0, 0, 110, 115))
    assert rates.loss_in == 0.0, "late packets of the interval before are no gain"
    rates.sample(3.0, Counters(0, 0, 5, 120))
    assert rates.loss_in is None, "the peer has begun a new stream"


@pytest.mark.parametrize("opening", [open_caller, open_transport])
def test_without_the_extra_it_is_named(opening: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("antiphon.rtc.aiortc_")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "antiphon.rtc.peer", raising=False)
    monkeypatch.setitem(sys.modules, "pylibsrtp", None)
    with pytest.raises(TransportUnavailable, match=r"pylibsrtp.*\[rtc\]"):
        opening(CallRecorder())  # type: ignore[operator]
