"""Transports around a WebSocket transport: one that is authorised anew each time, one that speaks another dialect."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable

from antiphon.client import ClosedError, ConnectError, Transport
from antiphon.protocol.dialects import Dialect, frame_from_ga, frame_to_ga, translator_for_upstream
from antiphon.upstream.errors import UpstreamError

logger = logging.getLogger("antiphon.upstream")


class RenewedTransport:
    """Makes a new transport each time it connects, for credentials that run out. One reader, one writer.

    renew: makes it; may raise UpstreamError. media: as of `Transport`.
    """

    def __init__(self, renew: Callable[[], Awaitable[Transport]], *, media: bool) -> None:
        self._renew = renew
        self._media = media
        self._inner: Transport | None = None

    @property
    def media(self) -> bool:
        return self._media

    async def connect(self) -> None:
        await self.close()
        try:
            inner = await self._renew()
        except UpstreamError as error:
            raise ConnectError(str(error)) from None
        await inner.connect()
        self._inner = inner

    async def send(self, data: str) -> None:
        await self._open().send(data)

    async def receive(self) -> str | bytes:
        return await self._open().receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._inner is not None:
            await self._inner.close(code, reason)

    def _open(self) -> Transport:
        if self._inner is None:
            raise ClosedError(1006, "it was never opened")
        return self._inner


class TranslatedTransport:
    """GA on this side, an upstream's dialect on the other. One reader, one writer.

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
            logger.warning("the upstream's dialect has no place for %s: %s", dropped.param, dropped.why)
        for frame in translated.frames:
            await self._inner.send(frame if isinstance(frame, str) else frame.decode())

    async def receive(self) -> str | bytes:
        while not self._waiting:
            self._waiting.extend(frame_to_ga(self._translator, await self._inner.receive()).frames)
        return self._waiting.popleft()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)
