"""Whether a WebSocket still answers: TCP says nothing for minutes when a network is gone. WebRTC looks after itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.client.errors import ClosedError
from antiphon.client.transport import Transport, stats_of

_AGAIN_S = 0.5
"""How soon a line that did not answer is asked again."""


async def watch(current: Callable[[], Transport | None], tell: Callable[[bool], None], *, every_s: float) -> None:
    """Ask for signs of life until cancelled. current: the connection that there is, None while there is none.

    tell: is told whether it answers. every_s: also how long an answer may take.
    """
    wait_s = every_s
    while True:
        await asyncio.sleep(wait_s)
        wait_s = every_s
        transport = current()
        if transport is None or transport.media or not hasattr(transport, "stats"):
            continue
        try:
            async with asyncio.timeout(every_s):
                answers = await _answers(transport)
        except TimeoutError:
            answers = False
        if not answers:
            wait_s = min(_AGAIN_S, every_s)
        if transport is current():
            tell(answers)


async def _answers(transport: Transport) -> bool:
    try:
        return (await stats_of(transport)).round_trip_ms is not None
    except ClosedError:
        return False
