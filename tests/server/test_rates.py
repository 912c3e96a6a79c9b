"""Token buckets: how often an address may call."""

from __future__ import annotations

import pytest

from antiphon.server.rates import Rate, one_caller


def test_a_full_minutes_worth_at_once_and_then_evenly() -> None:
    rate = Rate(6)
    assert [rate.take("a", 0.0) for _ in range(6)] == [0.0] * 6
    assert rate.take("a", 0.0) == pytest.approx(10.0)
    assert rate.take("a", 9.0) == pytest.approx(1.0)
    assert rate.take("a", 10.5) == 0.0
    assert rate.take("a", 10.5) > 9
    assert [rate.take("a", 1000.0) for _ in range(7)].count(0.0) == 6


def test_asking_too_often_does_not_put_the_next_time_off() -> None:
    rate = Rate(1)
    rate.take("a", 0.0)
    for second in range(60):
        assert rate.take("a", float(second)) > 0
    assert rate.take("a", 60.5) == 0.0


def test_one_address_does_not_use_up_anothers() -> None:
    rate = Rate(1)
    assert rate.take("a", 0.0) == 0.0
    assert rate.take("b", 0.0) == 0.0
    assert rate.take("a", 0.0) > 0


def test_the_quietest_address_is_forgotten_first_and_memory_is_bounded() -> None:
    rate = Rate(1, max_addresses=3)
    for address in "abc":
        rate.take(address, 0.0)
    assert rate.take("a", 1.0) > 0
    rate.take("d", 2.0)  # forgets b
    assert rate.take("a", 3.0) > 0
    assert rate.take("b", 3.0) == 0.0


def test_a_clock_that_stands_still_or_jumps_back_gives_nothing() -> None:
    rate = Rate(1)
    assert rate.take("a", 100.0) == 0.0
    assert rate.take("a", 50.0) > 0


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_what_counts_as_one_caller(address: str, caller: str) -> None:
    assert one_caller(address) == caller
