"""The WebSocket transport, on the websockets library."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from antiphon.client.addresses import is_loopback, realtime_url, shown
from antiphon.client.errors import ClosedError, ConnectError
from antiphon.client.refusals import refused, unreachable
from antiphon.client.transport import ABNORMAL_CLOSE, NORMAL_CLOSE, close_reason

MAX_FRAME_BYTES = 32 * 1024 * 1024
"""The largest event that is taken: `conversation.item.retrieved` carries an item's whole audio."""

if TYPE_CHECKING:
    from antiphon.rtc import ConnectionStats

_wire_logger = logging.getLogger("antiphon.client.wire")
"""What the websockets library logs to. At debug level it would write down every request header, the key's too, so that
it is never given that level by an app that only wants to see its own lines."""
_wire_logger.setLevel(logging.INFO)


class _Direct(connect):
    """Follows no redirect: it would carry the key to wherever the redirect points."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketTransport:
    """Events over a WebSocket. One connection at a time; `connect` again after it was lost.

    url: of the server, its API or the socket. api_key: sent as a bearer token, None for none; for other schemes
    (Azure's `api-key`) use headers. call_id: joins a running call beside its caller (the sideband). secrets: what no
    message may show, besides the key and the headers' values. media: as of `Transport`; None for what call_id says.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        call_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        secrets: Sequence[str] = (),
        media: bool | None = None,
        connect_timeout_s: float = 10.0,
        ping_interval_s: float | None = 20.0,
        ping_timeout_s: float | None = 20.0,
        close_timeout_s: float = 5.0,
    ) -> None:
        self._url = realtime_url(url, model=model, call_id=call_id)
        self._media = call_id is not None if media is None else media
        self._headers = dict(headers or {})
        self._secrets = [value for value in self._headers.values() if len(value) >= 8] + list(secrets)
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
            self._secrets.append(api_key)
        self._subprotocols = [Subprotocol(name) for name in subprotocols]
        self._timeouts: dict[str, Any] = {
            "open_timeout": connect_timeout_s,
            "ping_interval": ping_interval_s,
            "ping_timeout": ping_timeout_s,
            "close_timeout": close_timeout_s,
        }
        self._socket: ClientConnection | None = None

    def __repr__(self) -> str:
        return f"WebSocketTransport({shown(self._url)})"

    @property
    def media(self) -> bool:
        # A call that one joins by its id is a WebRTC or SIP call.
        return self._media

    async def connect(self) -> None:
        """Open the connection. Raises ConnectError, and of it the kind that tells why."""
        where = shown(self._url)
        try:
            self._socket = await _Direct(
                self._url,
                additional_headers=self._headers,
                subprotocols=self._subprotocols or None,
                compression=None,  # audio in base64 hardly shrinks, and each frame would wait for the compressor
                max_size=MAX_FRAME_BYTES,
                logger=_wire_logger,
                proxy=None if is_loopback(self._url) else True,
                **self._timeouts,
            )
        except InvalidStatus as refusal:
            answer = refusal.response
            body = bytes(answer.body or b"")
            raise refused(
                where, answer.status_code, answer.headers, body, secrets=self._secrets, unix_now=time.time()
            ) from None
        except TimeoutError:
            raise ConnectError(f"No answer from {where} in time.") from None
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise unreachable(where, error, secrets=self._secrets) from None

    async def send(self, data: str) -> None:
        try:
            await self._open().send(data)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def receive(self) -> str | bytes:
        try:
            return await self._open().recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        if self._socket is not None:
            await self._socket.close(code, close_reason(reason))

    async def stats(self) -> ConnectionStats:
        """The round trip, measured now by a ping, however long it takes. Raises ClosedError."""
        from antiphon.rtc import ConnectionStats  # noqa: PLC0415 - slow to load, and asked for by few

        return ConnectionStats(round_trip_ms=1000 * await self._ping())

    async def answers(self) -> bool:
        """Wait for a sign of life, however long it takes. False when there is no connection any more."""
        try:
            await self._ping()
        except ClosedError:
            return False
        return True

    async def _ping(self) -> float:
        """Seconds there and back."""
        try:
            return await (await self._open().ping())
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    def _open(self) -> ClientConnection:
        if self._socket is None:
            raise ClosedError(ABNORMAL_CLOSE, "it was never opened")
        return self._socket


def _closed(error: ConnectionClosed) -> ClosedError:
    frame = error.rcvd or error.sent
    if frame is None:
        return ClosedError(ABNORMAL_CLOSE, "the connection was cut")
    return ClosedError(frame.code, frame.reason)
