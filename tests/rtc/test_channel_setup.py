"""How the data channel comes about where packets of its handshake are lost: two ends and a pipe, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiortc.rtcsctptransport import CookieAckChunk, CookieEchoChunk, InitAckChunk, InitChunk, parse_packet

from antiphon.rtc import channel
from antiphon.rtc.channel import EventChannel


class End:
    """One end of a joined pair, in the place of a DTLS transport. lost: the kinds of packets whose first is lost."""

    state = "connected"

    def __init__(self, role: str, lost: set[type]) -> None:
        self._role = role
        self._lost = lost
        self.other: End | None = None
        self._receiver: Any = None
        self._last = asyncio.get_running_loop().create_future()
        self._last.set_result(None)

    def _register_data_receiver(self, receiver: Any) -> None:
        self._receiver = receiver

    def _unregister_data_receiver(self, receiver: Any) -> None:
        self._receiver = None

    async def _send_data(self, data: bytes) -> None:
        kinds = {type(chunk) for chunk in parse_packet(data)[3]}
        if kinds & self._lost:
            self._lost -= kinds
            return
        assert self.other is not None
        asyncio.get_running_loop().call_soon(self.other.arrived, data)

    def arrived(self, data: bytes) -> None:
        async def deliver(after: asyncio.Future[None]) -> None:
            await after
            if self._receiver is not None:
                await self._receiver._handle_data(data)

        self._last = asyncio.ensure_future(deliver(self._last))


def opened(end: End, on_open: Callable[[], None], label: str | None) -> EventChannel:
    return EventChannel(
        end,  # type: ignore[arg-type]
        peer_max_message=65_536,
        max_message=65_536,
        max_queue_bytes=65_536,
        on_open=on_open,
        on_message=lambda data: None,
        on_failure=pytest.fail,
        on_closed=lambda: None,
        label=label,
    )


@pytest.mark.parametrize(
    ("lost_up", "lost_down"),
    [
        (set(), set()),
        ({InitChunk}, set()),
        ({InitChunk}, {InitChunk}),
        ({InitAckChunk}, {InitAckChunk}),
        ({InitChunk, InitAckChunk}, {InitAckChunk}),
        ({CookieEchoChunk}, {CookieEchoChunk}),
        ({CookieAckChunk}, {CookieAckChunk}),
    ],
    ids=str,
)
async def test_a_channel_opens_whichever_first_packets_are_lost(
    lost_up: set[type], lost_down: set[type], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_FIRST_RTO", 0.02)
    up, down = End("client", set(lost_up)), End("server", set(lost_down))
    up.other, down.other = down, up
    both = asyncio.Barrier(3)
    waiting: set[asyncio.Task[int]] = set()

    def on_open() -> None:
        waiting.add(asyncio.ensure_future(both.wait()))

    calling, answering = opened(up, on_open, "oai-events"), opened(down, on_open, None)
    await asyncio.gather(calling.start(5000), answering.start(5000))
    async with asyncio.timeout(5):
        await both.wait()
    await calling.stop(linger=0)
    await answering.stop(linger=0)
