"""A further peer of a running call, such as a sideband. The call itself is `call.py`'s."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon.engine.fitting import fit
from antiphon.engine.link import Link
from antiphon.protocol import ServerEvent

logger = logging.getLogger("antiphon.engine")

MAX_ATTACHMENTS = 4
"""Further peers of one call at once: each of them costs the call a copy of every event."""


class Attachment:
    """One further peer's place at a call. Made by `Call.attach`; its link belongs to whoever attached it.

    It is sent every event of the call, and may send any. Its leaving, or its link's failure, ends nothing but itself;
    when the call ends, its link is closed as the caller's is.

    id: the call's.
    """

    def __init__(
        self,
        call_id: str,
        link: Link,
        *,
        receive: Callable[[str | bytes], None],
        leave: Callable[[Attachment], None],
    ) -> None:
        self.id = call_id
        self._link = link
        self._receive = receive
        self._leave = leave
        self._over = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether it has left, or the call has ended."""
        return self._over.is_set()

    # ── what the peer's side calls ────────────────────────────────────────────────────────────────────────────────

    def receive_event(self, data: str | bytes) -> None:
        """One message from the peer, as it came. Ignored once it is closed."""
        if not self.closed:
            self._receive(data)

    def hang_up(self, reason: str) -> None:
        """The peer leaves; the call goes on. Leaving twice is leaving once."""
        if not self.closed:
            logger.debug("a peer left call %s: %s", self.id, reason)
            self._over.set()
            self._leave(self)

    async def run(self) -> None:
        """Wait until it is closed. Being cancelled leaves the call."""
        try:
            await self._over.wait()
        finally:
            self.hang_up("cancelled")

    # ── what the call does with it ────────────────────────────────────────────────────────────────────────────────

    def send(self, event: ServerEvent) -> None:
        """Pass an event on. A link that fails is given up, and harms nobody else."""
        if self.closed:
            return
        try:
            self._link.send_event(fit(event, self._link.max_event_bytes))
        except Exception:
            logger.exception("a peer of call %s cannot be reached and is given up", self.id)
            self.hang_up("its link failed")

    def end(self, code: int, reason: str) -> None:
        """The call is over."""
        if self.closed:
            return
        self._over.set()
        try:
            self._link.close(code, reason)
        except Exception:
            logger.exception("a peer's link of call %s did not close", self.id)
