"""What calls survive on a bad network: two hosts, and a wire between them that loses, delays and is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Literal

import pytest

pytest.importorskip("aiortc", reason="WebRTC is not installed: antiphon[rtc] has it")

from antiphon.client import ClientSettings, Patience, RealtimeClient
from antiphon.client.lifecycle import ConnectionState
from antiphon.protocol import RealtimeSession
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from network_namespaces import CUT, PERFECT, Conditions, Hosts, two_hosts
from survival_rig import LINES, States, counting_engine, lines_of

TEXT = RealtimeSession(output_modalities=["text"])
QUICK = Patience(within_s=30.0, first_wait_s=0.1, last_wait_s=0.5)
SETTINGS = ClientSettings(
    connect=QUICK,
    reconnect=QUICK,
    connect_timeout_s=3.0,
    answer_timeout_s=5.0,
    path_check_s=0.5,
    shaky_grace_s=0.5,
    close_timeout_s=1.0,
)

Kind = Literal["websocket", "webrtc"]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with two_hosts(seed=11) as made:
        yield made


def serving(hosts: Hosts) -> AbstractContextManager[LiveServer]:
    """A server on the far host."""
    settings = ServerSettings(allowed_hosts=(hosts.far.address,))
    return hosts.far.serving(lambda: live_server(counting_engine(), settings, host=hosts.far.address))


@pytest.mark.parametrize("kind", ["websocket", "webrtc"])
async def test_a_wire_that_is_cut_for_five_seconds(hosts: Hosts, kind: Kind) -> None:
    states = States()
    with (
        serving(hosts) as server,
        hosts.near.entered(),
    ):
        call = RealtimeClient(
            server.base_url, transport=kind, fallback=False, session=TEXT, settings=SETTINGS, on_state=states
        )
        async with call:
            await call.ask("one")
            hosts.wire.set(CUT)
            cut = asyncio.get_running_loop().time()
            await states.until(lambda: call.state is ConnectionState.RECONNECTING)
            assert asyncio.get_running_loop().time() - cut < 5.0, "it is told while the wire is cut"
            asked = asyncio.create_task(call.ask("two"))
            asyncio.get_running_loop().call_at(cut + 5.0, hosts.wire.set, PERFECT)
            await asked
            await call.ask("three")
            assert lines_of(call) == LINES
    assert states.names == ["connecting", "connected", "reconnecting", "connected", "disconnected"]


@pytest.mark.parametrize("kind", ["websocket", "webrtc"])
async def test_a_wire_that_loses_and_delays(hosts: Hosts, kind: Kind) -> None:
    states = States()
    settings = ClientSettings(connect_timeout_s=20.0)
    with (
        serving(hosts) as server,
        hosts.near.entered(),
    ):
        hosts.wire.set(Conditions(loss=0.05, jitter_ms=200))
        call = RealtimeClient(
            server.base_url, transport=kind, fallback=False, session=TEXT, settings=settings, on_state=states
        )
        async with call:
            for word in ("one", "two", "three"):
                await call.ask(word)
            assert lines_of(call) == LINES
    assert states.names == ["connecting", "connected", "disconnected"], "this is no reason to give a connection up"
