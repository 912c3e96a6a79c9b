"""Calls over a bad network: two hosts and a wire between them that loses, delays, reorders and is cut."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from network_namespaces import CUT, PERFECT, Conditions, Host, Hosts, two_hosts


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with two_hosts(seed=7) as made:
        yield made


def bound(host: Host) -> socket.socket:
    with host.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host.address, 0))
        made.settimeout(0.5)
    return made


def arrived(sender: socket.socket, receiver: socket.socket, count: int) -> list[int]:
    """The numbers that came of `count` datagrams, in the order in which they came."""
    for number in range(count):
        sender.sendto(number.to_bytes(2), receiver.getsockname())
    found = []
    try:
        while len(found) < count:
            found.append(int.from_bytes(receiver.recv(16)))
    except TimeoutError:
        pass
    return found


def test_the_wire_does_to_packets_what_it_was_told(hosts: Hosts) -> None:
    with bound(hosts.near) as near, bound(hosts.far) as far:
        assert arrived(near, far, 50) == list(range(50))
        hosts.wire.set(Conditions(loss=0.2))
        kept = arrived(near, far, 200)
        assert 140 < len(kept) < 180
        assert kept == sorted(kept)
        hosts.wire.set(Conditions(jitter_ms=100))
        mixed = arrived(far, near, 100)
        assert sorted(mixed) == list(range(100))
        assert mixed != list(range(100))
        hosts.wire.set(Conditions(delay_ms=60, jitter_ms=60, in_order=True))
        started = time.monotonic()
        assert arrived(near, far, 50) == list(range(50))
        assert time.monotonic() - started >= 0.06
        hosts.wire.set(CUT)
        assert arrived(near, far, 5) == []
        hosts.wire.set(PERFECT)
        assert arrived(near, far, 5) == list(range(5))


def test_the_hosts_share_nothing_but_the_wire(hosts: Hosts) -> None:
    with hosts.near.entered(), socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with hosts.far.entered(), pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.getsockname(), timeout=2).close()
        socket.create_connection(server.getsockname(), timeout=2).close()
