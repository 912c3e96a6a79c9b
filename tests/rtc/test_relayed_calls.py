"""Calls that reach their peer through a TURN server alone: the caller has no way out of its machine but that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from antiphon.rtc import IceServer, RtcSettings, open_caller
from antiphon.rtc.aiortc_transport import AiortcTransport
from call_recorder import CallRecorder, arrived, sweep
from network_namespaces import Host, Hosts, two_hosts
from turn_relay import PASSWORD, USER, turn_relay


class Answering:
    """An answerer in another host's event loop. It says one thing, and keeps what it hears."""

    def __init__(self, host: Host) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = RtcSettings(bind_addresses=(host.address,))
        self.recorder = CallRecorder()

    async def answer(self, offer: str, says: bytes) -> str:
        async def there() -> str:
            self.transport = AiortcTransport(self.recorder, self._settings)
            answer = await self.transport.answer(offer)
            self.transport.send_audio(says)
            return answer

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), self._loop))

    async def close(self) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.transport.close(), self._loop))


async def relayed_call(hosts: Hosts, answering: Answering) -> None:
    up, down = sweep(1.0), sweep(1.0, amplitude=5000)
    async with turn_relay(hosts.near.address) as relay:
        server = IceServer(url=f"turn:127.0.0.1:{relay.port}", username=USER, credential=PASSWORD)
        recorder = CallRecorder()
        caller = open_caller(recorder, RtcSettings(ice_servers=(server,), bind_addresses=("127.0.0.1",)))
        offer = await caller.offer()
        assert "typ relay" in offer
        assert PASSWORD not in offer
        await caller.accept(await answering.answer(offer, down))
        try:
            async with asyncio.timeout(10):
                await recorder.opened.wait()
            caller.send_audio(up)
            caller.send_event("through the relay")
            await recorder.has_played(len(up) // 2)
            heard = await recorder.heard(1.4)
            stats = caller.stats()
        finally:
            await caller.close()
            await answering.close()
        assert (stats.local_candidate, stats.remote_candidate) == ("relay", "host")
        assert relay.relayed > 100
        assert not relay.allocations, "the relay was not given back"
    assert arrived(down, heard) > 0.7
    assert arrived(up, bytes(answering.recorder.pcm)) > 0.7
    assert answering.recorder.events.get_nowait() == "through the relay"


@pytest.mark.timeout(60)
def test_audio_and_events_go_through_a_relay() -> None:
    with two_hosts() as hosts:

        @asynccontextmanager
        async def answering() -> AsyncIterator[Answering]:
            yield Answering(hosts.far)

        with hosts.far.serving(answering) as far, hosts.near.entered():
            asyncio.run(relayed_call(hosts, far))
