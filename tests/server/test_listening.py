"""Binding, and saying in plain words why not."""

from __future__ import annotations

import socket

import pytest

from antiphon.errors import ConfigurationError
from antiphon.server import ServerSettings, bind


def test_a_free_port_is_found_and_the_same_for_every_address() -> None:
    sockets = bind("localhost", 0)
    try:
        ports = {bound.getsockname()[1] for bound in sockets}
        assert len(ports) == 1
        assert ports.pop() > 0
    finally:
        for bound in sockets:
            bound.close()


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} is already in use.*--port {port + 1}"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="does not belong to this machine"):
        bind("192.0.2.1", 0)


def test_a_host_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not known"):
        bind("no host\0", 0)


@pytest.mark.parametrize("field", ["max_calls", "max_call_seconds", "max_sdp_bytes", "ready_seconds"])
def test_limits_that_cannot_work_are_named(field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        ServerSettings(**{field: 0})
