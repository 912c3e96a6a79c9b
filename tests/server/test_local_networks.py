"""Which addresses of a machine its neighbours reach it by, and what it is called."""

from __future__ import annotations

import socket

import pytest

from antiphon.server.local_networks import choose_addresses, local_name

MACHINE = {
    "lo": ["127.0.0.1", "::1"],
    "wlan0": ["192.168.7.20", "fe80::1", "fd12::20", "2001:4860::20"],
    "eth0": ["10.0.0.4", "169.254.3.3"],
    "eth1": ["8.8.8.8"],
    "docker0": ["172.17.0.1"],
    "br-1f2e": ["172.18.0.1"],
}


def test_private_addresses_are_chosen_and_public_inner_and_link_local_ones_are_not() -> None:
    assert choose_addresses(MACHINE) == ["192.168.7.20", "10.0.0.4", "fd12::20"]


def test_the_way_to_the_network_comes_first() -> None:
    assert choose_addresses(MACHINE, "10.0.0.4")[0] == "10.0.0.4"
    assert choose_addresses(MACHINE, "8.8.8.8")[0] == "192.168.7.20"


@pytest.mark.parametrize(
    ("host", "name"),
    [("Desk-2.home.example", "desk-2.local"), ("localhost", ""), ("ünix", ""), ("a_b", ""), ("", "")],
)
def test_a_name_is_told_only_where_neighbours_could_use_it(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert local_name() == name
