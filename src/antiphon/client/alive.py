"""Whether a WebSocket still answers: TCP says nothing for minutes when a network is gone. WebRTC looks after itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.client.transport import Transport

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
        if transport is None or transport.media or not hasattr(transport, "answers"):
            continue
        try:
            async with asyncio.timeout(every_s):
                well = await answers(transport)
        except TimeoutError:
            well = False
        if not well:
            wait_s = min(_AGAIN_S, every_s)
        if transport is current():
            tell(well)


async def answers(transport: Transport) -> bool:
    """Wait for a sign of life of a transport that can be asked; True at once of any other."""
    ask = getattr(transport, "answers", None)
    return True if ask is None else bool(await ask())
