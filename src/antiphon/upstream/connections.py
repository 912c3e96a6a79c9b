"""A transport around another one, which is made, and authorised, anew each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from antiphon.client import ClosedError, ConnectError, Transport
from antiphon.upstream.errors import UpstreamError


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
