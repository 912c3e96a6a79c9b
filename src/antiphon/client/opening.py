"""From a target and a key to a connection: which transport is taken, and which one instead.

WebRTC is tried first where it was asked for; where no media path opens, the same call is made over a WebSocket, and
whoever asked is told. The key is asked for anew each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from antiphon.client.alive import answers
from antiphon.client.credentials import Credentials
from antiphon.client.errors import ClosedError, ConnectError, NoMediaPathError, RefusedError
from antiphon.client.lifecycle import FaultStage, Stage
from antiphon.client.settings import ClientSettings
from antiphon.client.targets import Target
from antiphon.client.translated import TranslatedTransport
from antiphon.client.transport import (
    ABNORMAL_CLOSE,
    NORMAL_CLOSE,
    MediaTransport,
    Transport,
    stats_of,
)
from antiphon.client.websocket import WebSocketTransport
from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.protocol import SessionConfig
    from antiphon.rtc import ConnectionStats, RtcSettings

TransportKind = Literal["websocket", "webrtc", "auto"]
"""auto: WebRTC where this installation and the server have it, else a WebSocket."""

_NOT_OFFERED = frozenset({404, 405, 501})
"""What servers answer to an offer that have no WebRTC."""


@dataclass(slots=True, kw_only=True)
class Opening:
    """All that is needed to connect.

    fallback: whether WebRTC may become a WebSocket. session: what WebRTC offers go with, where the server takes one.
    on_fallback: is told why, and at what WebRTC failed; on_audio, on_stage, on_shaky: see `MediaTransport`. fell_back:
    WebRTC was tried and found no way, so that the next connections of the same call do not try it again.
    """

    target: Target
    credentials: Credentials
    kind: TransportKind = "websocket"
    fallback: bool = True
    call_id: str | None = None
    settings: ClientSettings = field(default_factory=ClientSettings)
    rtc: RtcSettings | None = None
    session: Callable[[], SessionConfig | None] = field(default=lambda: None)
    on_fallback: Callable[[ConnectError, FaultStage], None] = field(default=lambda _why, _stage: None)
    on_audio: Callable[[bytes], None] | None = None
    on_stage: Callable[[Stage, object], None] | None = None
    on_shaky: Callable[[bool], None] | None = None
    fell_back: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("websocket", "webrtc", "auto"):
            raise ConfigurationError(f"transport is {self.kind!r}; allowed are 'websocket', 'webrtc' and 'auto'")
        if self.kind == "webrtc" and not self.target.offers_webrtc:
            raise ConfigurationError(f"{self.target} takes no WebRTC calls. Use transport='websocket'.")
        if self.kind != "websocket" and self.call_id is not None:
            raise ConfigurationError("A call that runs is joined over a WebSocket. Use transport='websocket'.")

    def __call__(self) -> ChosenTransport:
        """A transport of its own, not connected yet."""
        return ChosenTransport(self)

    async def web_socket(self) -> Transport:
        key = await self.credentials.current()
        socket = WebSocketTransport(
            self.target.socket_url(call_id=self.call_id),
            headers=self.target.authorization(key, token=self.credentials.are_tokens),
            secrets=[key] if key else [],
            media=self.call_id is not None,
            subprotocols=self.target.subprotocols,
            connect_timeout_s=self.settings.connect_timeout_s,
            ping_interval_s=self.settings.ping_interval_s,
            ping_timeout_s=self.settings.ping_timeout_s,
            close_timeout_s=self.settings.close_timeout_s,
        )
        return TranslatedTransport(socket, self.target.dialect) if self.target.dialect.is_beta else socket

    async def peer_connection(self) -> MediaTransport:
        """Raises TransportUnavailable where WebRTC is not installed."""
        from antiphon.client.webrtc import WebRtcTransport  # noqa: PLC0415 - an extra, and slow to load

        key = await self.credentials.current()
        target = self.target
        transport = WebRtcTransport(
            target.url,
            headers=target.authorization(key, token=self.credentials.are_tokens),
            session=self.session(),
            model=target.model,
            mint=target.mints_for_calls and not self.credentials.are_tokens,
            settings=self.rtc,
            fetch_ice_servers=target.tells_ice_servers,
            connect_timeout_s=self.settings.connect_timeout_s,
        )
        transport.on_audio, transport.on_stage, transport.on_shaky = self.on_audio, self.on_stage, self.on_shaky
        return transport


class ChosenTransport:
    """The transport of a client that names a server. One reader, one writer; it can be connected anew."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self.failed_at: FaultStage | None = None
        """At what WebRTC failed last; None when it was not tried, or did not."""
        self._inner: Transport | None = None

    def __repr__(self) -> str:
        return f"ChosenTransport({self._opening.target!r}, {self.kind})"

    @property
    def media(self) -> bool:
        if self._inner is None:
            return self.kind == "webrtc" or self._opening.call_id is not None
        return self._inner.media

    @property
    def kind(self) -> Literal["websocket", "webrtc"]:
        """What is used now, or will be tried first."""
        opening = self._opening
        instead = opening.kind == "websocket" or not opening.target.offers_webrtc or opening.fell_back
        return "websocket" if instead else "webrtc"

    @property
    def inner(self) -> Transport | None:
        """What is used now; None before the first connection."""
        return self._inner

    async def connect(self) -> None:
        """Raises ConnectError, and TransportUnavailable where WebRTC was asked for by name and is not installed."""
        await self.close()
        if self.kind == "webrtc" and await self._connected_by_webrtc():
            return
        inner = await self._opening.web_socket()
        await inner.connect()
        self._inner = inner

    async def _connected_by_webrtc(self) -> bool:
        from antiphon.rtc import TransportUnavailable  # noqa: PLC0415

        inner: MediaTransport | None = None
        self.failed_at = None
        try:
            inner = await self._opening.peer_connection()
            await inner.connect()
        except TransportUnavailable as missing:
            if self._opening.kind == "webrtc":
                raise
            why = ConnectError(str(missing))
        except ConnectError as error:
            self.failed_at = getattr(inner, "failed_at", None)
            if not _another_way_helps(error, self.failed_at):
                raise
            why = error
        else:
            self._inner = inner
            return True
        if not self._opening.fallback:
            raise why
        self._opening.fell_back = True
        self._opening.on_fallback(why, self.failed_at or FaultStage.INIT_PEER_CONNECTION)
        return False

    async def send(self, data: str) -> None:
        await self._open().send(data)

    async def receive(self) -> str | bytes:
        return await self._open().receive()

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        if self._inner is not None:
            await self._inner.close(code, reason)

    async def stats(self) -> ConnectionStats:
        """How the connection is doing."""
        return await stats_of(self._open())

    async def answers(self) -> bool:
        """Wait for a sign of life; True at once where nobody can be asked."""
        return await answers(self._open())

    def _open(self) -> Transport:
        if self._inner is None:
            raise ClosedError(ABNORMAL_CLOSE, "it was never opened")
        return self._inner


def failed_at(transport: Transport) -> FaultStage:
    """At what a connection failed, as far as its transport tells."""
    stage = getattr(transport, "failed_at", None)
    return stage if isinstance(stage, FaultStage) else FaultStage.INIT_PEER_CONNECTION


def _another_way_helps(error: ConnectError, stage: FaultStage | None) -> bool:
    """Whether a WebSocket may go where WebRTC did not: the server offers none, or it is the media that does not flow.

    A wrong key or a server that is busy is the same on each way.
    """
    if isinstance(error, NoMediaPathError):
        return True
    if isinstance(error, RefusedError):
        return error.status in _NOT_OFFERED or error.code == "webrtc_unavailable"
    return stage in (FaultStage.SET_REMOTE_DESCRIPTION, FaultStage.DATA_CHANNEL)
