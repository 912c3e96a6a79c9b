"""Whether a WebSocket still answers: TCP says nothing for minutes when a network is gone. WebRTC looks after itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.client.errors import ClosedError
from antiphon.client.transport import Transport, stats_of


async def watch(
    current: Callable[[], Transport | None], tell: Callable[[bool], None], *, every_s: float, patience_s: float
) -> None:
    """Ask for signs of life until cancelled. current: the connection that there is, None while there is none.

    tell: is told whether it answers. every_s: also how long an answer may take; patience_s: how long a late one is
    waited for.
    """
    while True:
        await asyncio.sleep(every_s)
        transport = current()
        if transport is None or transport.media or not hasattr(transport, "stats"):
            continue
        asked = asyncio.create_task(_answers(transport), name="client-alive")
        try:
            done, _ = await asyncio.wait([asked], timeout=every_s)
            if not done and transport is current():
                tell(False)
                done, _ = await asyncio.wait([asked], timeout=patience_s)
            if done and transport is current():
                tell(asked.result())
        finally:
            asked.cancel()


async def _answers(transport: Transport) -> bool:
    try:
        return (await stats_of(transport)).round_trip_ms is not None
    except ClosedError:
        return False
