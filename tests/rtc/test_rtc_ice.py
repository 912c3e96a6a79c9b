"""Which addresses are bound and offered; and that the hooks of aioice and aiortc that rtc/ uses are still there."""

import contextlib
import inspect
import random
import re
import socket
from importlib.metadata import version

import aioice.ice
import aiortc
import ifaddr
import pytest

from antiphon.errors import ConfigurationError
from antiphon.rtc import IceServer, RtcSettings, TransportUnavailable
from antiphon.rtc.aiortc_transport import AiortcTransport
from antiphon.rtc.ice import CallConnection, local_addresses
from antiphon.rtc.sdp import RemoteCandidate
from call_recorder import CallRecorder
from rtc_caller import Caller

LOOPBACK = RemoteCandidate("f", 1, "127.0.0.1", 5000, "host")
REMOTE = RemoteCandidate("f", 1, "198.51.100.7", 5000, "host")


def machine_with(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    ips = [ifaddr.IP(a if ":" not in a else (a, 0, 0), 24, "if0") for a in addresses]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [ifaddr.Adapter("if0", "if0", ips)])


def connection(settings: RtcSettings, addresses: list[str]) -> CallConnection:
    return CallConnection(settings, addresses=addresses, on_media=lambda data: None, on_life=lambda life: None)


def test_loopback_and_link_local_addresses_are_not_offered_to_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "127.0.0.1", "::1", "fe80::1", "169.254.1.1", "2001:db8::5", "192.0.2.5")
    assert local_addresses(RtcSettings(), [REMOTE]) == ["192.0.2.5", "2001:db8::5"]


def test_loopback_is_offered_to_a_peer_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "127.0.0.1", "192.0.2.5")
    assert local_addresses(RtcSettings(), [LOOPBACK]) == ["192.0.2.5", "127.0.0.1"]
    assert local_addresses(RtcSettings(), []) == ["192.0.2.5", "127.0.0.1"]
    assert local_addresses(RtcSettings(), [], may_be_here=False) == ["192.0.2.5"]
    assert local_addresses(RtcSettings(), [], may_be_here=True) == ["192.0.2.5", "127.0.0.1"]
    both = [LOOPBACK, RemoteCandidate("f", 1, "::1", 5000, "host")]
    assert local_addresses(RtcSettings(), both) == ["192.0.2.5", "127.0.0.1", "::1"]


def test_a_machine_with_nothing_else_offers_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "127.0.0.1", "::1")
    assert local_addresses(RtcSettings(), [REMOTE]) == ["127.0.0.1"]


def test_a_machine_with_many_bridges_offers_some(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, *(f"172.17.{i}.1" for i in range(30)))
    assert len(local_addresses(RtcSettings(), [REMOTE])) == 8


async def test_a_loopback_only_call_connects() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, RtcSettings(bind_addresses=("127.0.0.1",)))
    try:
        answer = await transport.answer(await caller.offer())
        offered = {line.split()[4] for line in answer.split("\r\n") if line.startswith("a=candidate")}
        assert offered == {"127.0.0.1"}
        await caller.accept(answer)
        await caller.opened()
    finally:
        await transport.close()
        await caller.close()


async def test_an_offer_without_any_candidate_connects() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder)
    lines = [x for x in (await caller.offer()).split("\r\n") if not x.startswith(("a=candidate", "a=end-of-cand"))]
    try:
        await caller.accept(await transport.answer("\r\n".join(lines)))
        await caller.opened()
    finally:
        await transport.close()
        await caller.close()


def two_free_ports() -> tuple[int, int]:
    """Two neighbouring UDP ports, below those that systems give out on their own."""
    for first in random.sample(range(20_000, 30_000), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in (first, first + 1):
                probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("127.0.0.1", port))
            return first, first + 1
    pytest.skip("no two neighbouring UDP ports are free")


async def test_ports_come_from_the_range() -> None:
    ports = two_free_ports()
    one, two, three = (connection(RtcSettings(udp_ports=ports), ["127.0.0.1"]) for _ in range(3))
    try:
        await one.gather_candidates()
        await two.gather_candidates()
        assert {one.local_candidates[0].port, two.local_candidates[0].port} == set(ports)
        with pytest.raises(TransportUnavailable, match=f"{ports[0]} to {ports[1]}"):
            await three.gather_candidates()
    finally:
        for each in (one, two, three):
            await each.close()


@pytest.mark.parametrize("url", ["stun", "http://host", "turn:", "stun:host?transport=udp"])
async def test_a_wrong_ice_server_is_named(url: str) -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, RtcSettings(ice_servers=(IceServer(url=url),)))
    with pytest.raises(ConfigurationError, match=re.escape(repr(url))):
        await transport.answer(await caller.offer())
    await caller.close()


async def test_no_port_leaves_no_call() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, RtcSettings(bind_addresses=("203.0.113.250",)))
    with pytest.raises(TransportUnavailable, match=r"203\.0\.113\.250"):
        await transport.answer(await caller.offer())
    await caller.close()


async def test_the_advertised_address_comes_first_with_our_port() -> None:
    settings = RtcSettings(advertised_address="203.0.113.9")
    ice = connection(settings, ["127.0.0.1"])
    try:
        await ice.gather_candidates()
        assert [c.address for c in ice.own_candidates()] == ["127.0.0.1"], "loopback is nobody's public address"
    finally:
        await ice.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    ice = connection(settings, [own])
    try:
        await ice.gather_candidates()
        public, private = ice.own_candidates()
        assert (public.address, private.address) == ("203.0.113.9", own)
        assert public.port == private.port
        assert public.priority > private.priority
    finally:
        await ice.close()


async def test_a_stun_server_that_does_not_answer_does_not_hold_the_answer_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        ice = connection(
            RtcSettings(ice_servers=(IceServer(url=f"stun:127.0.0.1:{deaf.getsockname()[1]}"),)), ["127.0.0.1"]
        )
        try:
            await ice.gather_candidates()
            assert [c.kind for c in ice.own_candidates()] == ["host"]
        finally:
            await ice.close()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"udp_ports": (0, 10)}, "udp_ports"),
        ({"udp_ports": (20, 10)}, "udp_ports"),
        ({"advertised_address": "example.org"}, "advertised_address"),
        ({"bind_addresses": ("localhost",)}, "bind_addresses"),
        ({"bitrate": 1}, "bitrate"),
        ({"complexity": 11}, "complexity"),
        ({"silence_timeout_s": 0}, "silence_timeout_s"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        RtcSettings(**wrong)  # type: ignore[arg-type]


def test_the_libraries_are_those_this_was_written_for() -> None:
    assert version("aiortc").startswith("1.16."), "read rtc/ again: it uses parts of aiortc that are not its API"
    assert version("aioice").startswith("0.13."), "read rtc/ice.py again: it uses parts of aioice that are not its API"


def test_the_hooks_of_aioice_and_aiortc_are_still_there() -> None:
    source = inspect.getsource(aioice.ice)
    for name in (
        "_check_list", "_check_list_state", "_check_periodic", "_early_checks", "_early_checks_done", "_closing",
        "_local_candidates", "_local_candidates_end", "_local_candidates_start", "_nominated", "_protocols", "_queue",
        "_pair_remote_candidate", "_query_consent_task", "_remote_candidates", "_unfreeze_initial",
    ):  # fmt: skip
        assert f"{name}" in source, name
    assert "self.receiver.data_received(data" in inspect.getsource(aioice.ice.StunProtocol.datagram_received)
    dtls = inspect.getsource(aiortc.RTCDtlsTransport)
    for name in ("_rx_srtp", "_tx_srtp", "_set_role", "self._task"):
        assert name in dtls, name
    sctp = inspect.getsource(aiortc.RTCSctpTransport)
    for name in (
        "_advertised_rwnd", "_association_state", "_data_channel_queue", "_data_channels", "_handle_data",
        "_outbound_queue", "_receive_sack_chunk", "_rto", "_send_chunk", "_sent_queue", "_set_state",
    ):  # fmt: skip
        assert name in sctp, name
