"""A transport around another one, for a server that speaks another dialect than GA."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from antiphon.client.alive import answers
from antiphon.client.transport import NORMAL_CLOSE, Transport, stats_of
from antiphon.protocol.dialects import Dialect, frame_from_ga, frame_to_ga, translator_for_upstream

if TYPE_CHECKING:
    from antiphon.rtc import ConnectionStats

logger = logging.getLogger("antiphon.client")


class TranslatedTransport:
    """GA on this side, a server's dialect on the other. One reader, one writer.

    The translator remembers what one connection has said, so that each connection gets a new one.
    """

    def __init__(self, inner: Transport, dialect: Dialect) -> None:
        self._inner = inner
        self._dialect = dialect
        self._translator = translator_for_upstream(dialect)
        self._waiting: deque[str | bytes] = deque()

    @property
    def media(self) -> bool:
        return self._inner.media

    async def connect(self) -> None:
        await self._inner.connect()
        self._translator = translator_for_upstream(self._dialect)
        self._waiting.clear()

    async def send(self, data: str) -> None:
        translated = frame_from_ga(self._translator, data)
        for dropped in translated.dropped:
            logger.warning("the server's dialect has no place for %s: %s", dropped.param, dropped.why)
        for frame in translated.frames:
            await self._inner.send(frame if isinstance(frame, str) else frame.decode())

    async def receive(self) -> str | bytes:
        while not self._waiting:
            self._waiting.extend(frame_to_ga(self._translator, await self._inner.receive()).frames)
        return self._waiting.popleft()

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        await self._inner.close(code, reason)

    async def stats(self) -> ConnectionStats:
        """How the connection is doing."""
        return await stats_of(self._inner)

    async def answers(self) -> bool:
        """Wait for a sign of life; True at once where nobody can be asked."""
        return await answers(self._inner)
