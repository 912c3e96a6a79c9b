"""Calls over a bad network: two hosts and a wire between them that loses, delays, reorders and is cut."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon.audio.levels import peak
from antiphon.client.webrtc import WebRtcTransport
from antiphon.engine import build_engine
from antiphon.protocol import RealtimeSession
from antiphon.rtc import ConnectionStats
from antiphon.server import ServerSettings
from live_server import LiveServer, live_server
from network_namespaces import CUT, PERFECT, Conditions, Host, Hosts, two_hosts
from speech_samples import say, silence


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


ROUGH = Conditions(loss=0.05, jitter_ms=200)
"""Every twentieth packet is lost, and the others overtake each other by up to ten packets of audio."""


@asynccontextmanager
async def served(host: Host) -> AsyncIterator[LiveServer]:
    async with live_server(build_engine(), ServerSettings(allowed_hosts=("*",)), host=host.address) as server:
        yield server


async def next_event(call: WebRtcTransport, kind: str, within: float = 40.0) -> dict[str, Any]:
    async with asyncio.timeout(within):
        while True:
            event: dict[str, Any] = json.loads(await call.receive())
            if event["type"] == kind:
                return event


async def talk(server: LiveServer, hosts: Hosts, conditions: Conditions, words: str) -> tuple[str, bytes, Any]:
    """One spoken turn. Returns what was understood, what was heard of the answer, and how the connection did."""
    heard, enough = bytearray(), asyncio.Event()

    def hear(pcm: bytes) -> None:
        heard.extend(pcm)
        if len(heard) > 2 * 24_000 * 2:
            enough.set()

    speech = await say(words)
    hosts.wire.set(conditions)
    call = WebRtcTransport(server.base_url, session=RealtimeSession(model="gpt-realtime"))
    try:
        await call.connect()
        update = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"transcription": {}}}}}
        await call.send(json.dumps(update))
        await next_event(call, "session.updated")
        call.send_audio(silence(500) + speech + silence(100))
        call.end_audio()
        said = await next_event(call, "conversation.item.input_audio_transcription.completed")
        await next_event(call, "output_audio_buffer.started")
        call.on_audio = hear
        async with asyncio.timeout(10):
            await enough.wait()
        stats = await call.stats()
    finally:
        hosts.wire.set(PERFECT)
        await call.close()
    return said["transcript"], bytes(heard), stats


@pytest.mark.timeout(120)
def test_a_turn_is_understood_and_answered_over_a_rough_network(hosts: Hosts) -> None:
    with hosts.far.serving(lambda: served(hosts.far)) as server, hosts.near.entered():
        transcript, heard, stats = asyncio.run(talk(server, hosts, ROUGH, "what time is it"))
    understood = set(re.findall("[a-z]+", transcript.lower()))
    assert understood, "no transcript arrived"
    assert understood & {"what", "time", "is", "it"}, transcript
    assert isinstance(stats, ConnectionStats)
    assert stats.lost_in > 0, "nothing was lost: the wire was not rough"
    assert stats.round_trip_ms is not None
    assert stats.round_trip_ms > 20
    assert stats.jitter_ms is not None
    assert stats.jitter_ms > 20
    # What was lost is concealed: at worst an eighth of the packets, and no hole where the voice should be.
    assert stats.lost_in < stats.packets_in / 8
    assert peak(heard) > 0.05
    loud = [peak(heard[at : at + 9600]) > 0.01 for at in range(0, len(heard) - 9600, 9600)]  # pieces of 0.2 s
    assert sum(loud) > len(loud) / 2
