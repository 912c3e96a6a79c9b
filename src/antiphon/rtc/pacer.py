"""The one timer of a process that lets every call's audio leave. When and how much is decided by `playout.Beats`."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from weakref import WeakKeyDictionary

from antiphon.rtc.playout import Beats

logger = logging.getLogger(__name__)


class Paced(Protocol):
    """What the pacer calls."""

    def on_beat(self, now: float, frames: int, skipped: int) -> None:
        """Send so many frames now; so many before them were skipped. now: the loop's time, in seconds."""

    def __hash__(self) -> int: ...


class Pacer:
    """Ticks all calls of one event loop. Use `pacer_of`; without members it has no timer."""

    def __init__(self, epoch: float) -> None:
        # The loop is not kept: `_pacers` could never forget a loop that its own value refers to.
        self._beats: Beats[Paced] = Beats(epoch)
        self._timer: asyncio.TimerHandle | None = None

    def join(self, member: Paced) -> None:
        """Start ticking a member, from the next beat on."""
        self._beats.join(member, asyncio.get_running_loop().time())
        self._schedule()

    def leave(self, member: Paced) -> None:
        """Stop ticking a member."""
        self._beats.leave(member)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._beats.next_time()
        if at is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        try:
            for member, frames, skipped in self._beats.advance(now):
                try:
                    member.on_beat(now, frames, skipped)
                except Exception:
                    logger.exception("a call failed in its beat and is not paced any more")
                    self._beats.leave(member)
        finally:
            self._schedule()


_pacers: WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer] = WeakKeyDictionary()


def pacer_of(loop: asyncio.AbstractEventLoop) -> Pacer:
    """The pacer of an event loop, made on first use."""
    pacer = _pacers.get(loop)
    if pacer is None:
        pacer = _pacers[loop] = Pacer(loop.time())
    return pacer
