"""The WebRTC transport: events on a data channel, audio beside them. The caller's seat.

The peer connection is `antiphon.rtc`'s, and loaded when one is opened; posting the offer is `signalling`'s. A call
cannot be offered again to a hosted service, so that `connect` after a loss is another call.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import httpx

from antiphon.client.addresses import is_loopback
from antiphon.client.errors import ClientError, ClosedError, ConnectError, NoMediaPathError
from antiphon.client.lifecycle import FaultStage, Stage
from antiphon.client.signalling import Signalling
from antiphon.client.transport import ABNORMAL_CLOSE, NORMAL_CLOSE, close_reason
from antiphon.protocol import SessionConfig

if TYPE_CHECKING:
    from antiphon.rtc import CallerTransport, ConnectionStats, Ending, RtcSettings

logger = logging.getLogger("antiphon.client")

GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011

_PROBES_S: Final = (0.3, 1.2)
"""Seconds before each look at a server that has closed a call: one that is stopping may answer once more."""
_PROBE_TIMEOUT_S: Final = 2.0
_LONGEST_ERROR: Final = 2048

MAX_WAITING_EVENTS: Final = 4096
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
"""Events that nobody has read yet; a program that leaves more is not reading, and the call is ended."""


class WebRtcTransport:
    """Events and audio over a peer connection. One call at a time; `connect` again makes another one.

    url, headers, session, model, mint, beta: see `Signalling`; api_key is sent as a bearer token. settings: of the peer
    connection, ICE servers among them; fetch_ice_servers: an Antiphon server is asked for more. label: of the data
    channel. connect_timeout_s: for each request; media_timeout_s: from the answer to the open data channel.

    Audio is offered both ways with and without a microphone: `send_audio` may begin at any time, and until then silence
    is sent. A close is told as: 1000 this side hung up, or the server ended the call; 1001 the server went away, or the
    session reached its cap; 1006 the connection was lost; 1011 something broke.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        session: SessionConfig | None = None,
        model: str | None = None,
        mint: bool | None = None,
        beta: bool = False,
        settings: RtcSettings | None = None,
        fetch_ice_servers: bool = False,
        label: str = "oai-events",
        connect_timeout_s: float = 10.0,
        media_timeout_s: float = 10.0,
        hang_up_timeout_s: float = 2.0,
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        own = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._signalling = Signalling(
            url,
            headers={**(headers or {}), **own},
            session=session,
            model=model,
            mint=mint,
            beta=beta,
            timeout_s=connect_timeout_s,
            http_transport=http_transport,
        )
        self._local = is_loopback(url)
        self._settings = settings
        self._fetch_ice_servers = fetch_ice_servers
        self._label = label
        self._media_timeout_s = media_timeout_s
        self._hang_up_timeout_s = hang_up_timeout_s
        self._line: _Line | None = None
        self._call_id: str | None = None
        self._microphone = True
        self.on_audio: Callable[[bytes], None] | None = None
        """Is told what the server says: 24 kHz int16 mono, in order. Kept over `connect`."""
        self.on_stage: Callable[[Stage, object], None] | None = None
        """Is told of what only a peer connection does: ICE, its state, its transceiver. Kept over `connect`."""
        self.on_shaky: Callable[[bool], None] | None = None
        """Is told True when the media path has fallen silent, False when it is back. Kept over `connect`."""
        self.failed_at: FaultStage | None = None
        """At what the last `connect` failed, None when it did not."""

    def __repr__(self) -> str:
        return f"WebRtcTransport({self._signalling!r}, call_id={self._call_id!r})"

    @property
    def media(self) -> bool:
        return True

    @property
    def call_id(self) -> str | None:
        """The call's id, for whoever attaches to it or hangs it up; None before a call, and where none is told."""
        return self._call_id

    @property
    def max_event_bytes(self) -> int | None:
        """Bytes of the largest event that the server takes, None for no limit; `send` raises EventTooLarge above it."""
        return None if self._line is None else self._line.transport.max_message_size

    @property
    def pending_ms(self) -> float:
        """Milliseconds of what was given to `send_audio` that have not left yet."""
        return 0.0 if self._line is None else self._line.transport.pending_ms

    @property
    def played_samples(self) -> int:
        """Samples of what was given to `send_audio` that have left since the last flush."""
        return 0 if self._line is None else self._line.played

    # ── the connection ────────────────────────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """Open a call. When it raises, or is cancelled, nothing is left open.

        Raises ConnectError and of it the kind that tells why: NoMediaPathError where the server answered but no media
        came through. Raises TransportUnavailable where the [rtc] extra is not installed.
        """
        await self.close()
        self.failed_at, self._line, self._call_id = FaultStage.INIT_PEER_CONNECTION, None, None
        line: _Line | None = None
        try:
            line = _Line(self)
            await self._connect(line)
        except BaseException:
            if line is not None:
                await line.close()
            await self._hang_up()
            self._call_id = None
            raise
        self._line, self.failed_at = line, None

    async def _connect(self, line: _Line) -> None:
        from antiphon.rtc import InvalidAnswer, RtcSettings, TransportUnavailable, open_caller  # noqa: PLC0415

        settings = self._settings or RtcSettings()
        if self._fetch_ice_servers:
            self.failed_at = FaultStage.ICE_GATHERING
            settings = _with_servers(settings, await self._signalling.ice_servers())
        self.failed_at = FaultStage.PEER_CONNECTION
        line.transport = open_caller(
            line,
            settings,
            label=self._label,
            may_be_here=self._local,
            on_shaky=self._shaky,
            on_state=lambda state: self._stage(Stage.CONNECTION_STATE_CHANGED, state),
            on_gathering=self._gathering,
        )
        self.failed_at = FaultStage.CREATE_OFFER
        try:
            offer = await line.transport.offer()
        except TransportUnavailable as error:
            raise NoMediaPathError(str(error)) from None
        self._stage(Stage.TRANSCEIVER_SET, None)
        self.failed_at = FaultStage.API
        answered = await self._signalling.post(offer)
        self._call_id = answered.call_id
        self.failed_at = FaultStage.SET_REMOTE_DESCRIPTION
        try:
            await line.transport.accept(answered.sdp)
        except InvalidAnswer as error:
            raise ConnectError(f"The server's answer cannot be used: {error}.") from None
        self.failed_at = FaultStage.DATA_CHANNEL
        if not line.transport.has_channel:
            raise ConnectError("The server refused the data channel, and without it there are no events.")
        try:
            async with asyncio.timeout(self._media_timeout_s):
                await line.opened()
        except TimeoutError:
            raise NoMediaPathError(
                f"The server answered, but no media path opened within {self._media_timeout_s:g} s."
            ) from None

    async def close(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        line, self._line = self._line, None
        if line is None:
            return
        await line.close(ClosedError(code, close_reason(reason) or "hung up here"))
        if not line.ended_by_peer:
            await self._hang_up()

    async def _hang_up(self) -> None:
        """Tell the server that the call is over, if it can be told; media that ends tells it too, only later."""
        if self._call_id is None:
            return
        try:
            await self._signalling.hang_up(self._call_id, within_s=self._hang_up_timeout_s)
        except ClientError as error:
            # An ephemeral key may not hang up at a hosted service, and a call that has ended is not there any more.
            logger.debug("a call was not hung up: %s", error)

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: str) -> None:
        """Raises ClosedError, and EventTooLarge for an event above `max_event_bytes`, which the call outlives."""
        line = self._open()
        line.raise_if_over()
        line.transport.send_event(data)
        await line.transport.room()
        line.raise_if_over()

    async def receive(self) -> str | bytes:
        line = self._open()
        try:
            return await line.receive()
        except ClosedError:
            if line.ended_by_peer and not line.expired and await self._is_server_there():
                raise ClosedError(NORMAL_CLOSE, "the server ended the call") from None
            raise

    async def _is_server_there(self) -> bool:
        """Why a peer closes is not said over WebRTC. A server that goes on answering has ended this call, and must not
        be called again; one that does not is going away, and may be back."""
        for pause in _PROBES_S:
            await asyncio.sleep(pause)
            if not await self._signalling.is_there(within_s=_PROBE_TIMEOUT_S):
                return False
        return True

    # ── audio ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def send_audio(self, pcm: bytes) -> None:
        """What the user says: 24 kHz int16 mono, any length, played out in real time. Dropped without a connection.

        Raises PlayoutFull when more would wait than the settings allow.
        """
        if self._line is not None and self._microphone:
            self._line.transport.send_audio(pcm)

    def end_audio(self) -> None:
        """What was sent is an utterance's end: a last part of 20 ms leaves too, padded with silence."""
        if self._line is not None:
            self._line.transport.end_audio()

    def flush_audio(self) -> None:
        """Drop what of it has not left yet."""
        if self._line is not None:
            self._line.played = 0
            self._line.transport.flush_audio()

    def set_microphone(self, on: bool) -> None:
        """Whether what is given to `send_audio` is sent; silence is otherwise. It takes no other offer.

        Kept over `connect`.
        """
        self._microphone = on
        if not on:
            self.flush_audio()

    async def stats(self) -> ConnectionStats:
        """How the connection is doing."""
        from antiphon.rtc import ConnectionStats  # noqa: PLC0415 - an extra's room, loaded when a connection is opened

        return ConnectionStats() if self._line is None else self._line.transport.stats()

    # ── what the line tells ───────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> _Line:
        if self._line is None:
            raise ClosedError(ABNORMAL_CLOSE, "it was never opened, or was closed")
        return self._line

    def _shaky(self, shaky: bool) -> None:
        if self.on_shaky is not None:
            self.on_shaky(shaky)

    def _gathering(self, state: str) -> None:
        self._stage(Stage.ICE_GATHERING_STATE_CHANGED, state)
        if state == "complete":
            self._stage(Stage.ICE_GATHERING_COMPLETE, None)
        elif state == "timeout":
            self._stage(Stage.ICE_GATHERING_TIMEOUT, None)

    def _stage(self, stage: Stage, data: object) -> None:
        if self.on_stage is not None:
            self.on_stage(stage, data)


class _Line:
    """One call's peer connection, from its opening to its end: what it tells, and the events that wait to be read.

    Belongs to one `WebRtcTransport`. It stays the owner of its own end, so that one call never ends another.
    """

    transport: CallerTransport

    def __init__(self, owner: WebRtcTransport) -> None:
        self._owner = owner
        self._events: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._is_open = False
        self._over: ClosedError | None = None
        self._ended = False
        self._reason = ""
        self._changed = asyncio.Event()
        self.played = 0
        self.expired = False
        """The session has reached its cap: what follows is no hang-up."""

    @property
    def ended_by_peer(self) -> bool:
        """Whether the server has closed the call, so that it need not be told."""
        return self._over is not None and self._over.code == GOING_AWAY

    async def opened(self) -> None:
        """Wait for the data channel. Raises NoMediaPathError, or ConnectError when the server closed it at once."""
        while not self._is_open:
            if self._ended:
                kind = NoMediaPathError if self._ending.value in ("unreached", "lost") else ConnectError
                raise kind(f"The server answered, but the call did not come about: {self._reason}.")
            await self._change()

    async def receive(self) -> str | bytes:
        while not self._events:
            self.raise_if_over()
            await self._change()
        data = self._events.popleft()
        self._waiting_bytes -= len(data)
        return data

    def raise_if_over(self) -> None:
        if self._over is not None:
            raise ClosedError(self._over.code, self._over.reason)

    async def close(self, error: ClosedError | None = None) -> None:
        """Hang up. error: what `receive` raises from now on, unless the call was over before."""
        self._over = self._over or error or ClosedError(NORMAL_CLOSE, "hung up here")
        self._changed.set()
        transport = getattr(self, "transport", None)
        if transport is not None:
            await transport.close()

    # ── CallHandler ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_open(self) -> None:
        self._is_open = True
        self._changed.set()

    def on_event(self, data: str | bytes) -> None:
        if self._over is not None:
            return
        if len(self._events) >= MAX_WAITING_EVENTS or self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self._over = ClosedError(INTERNAL_ERROR, "nobody reads the events")
        else:
            self._events.append(data)
            self._waiting_bytes += len(data)
            self.expired = self.expired or _tells_expiry(data)
        self._changed.set()

    def on_audio(self, pcm: bytes) -> None:
        if self._owner.on_audio is not None and self._over is None:
            try:
                self._owner.on_audio(pcm)
            except Exception:
                logger.exception("what listens to the server failed")

    def on_played(self, samples: int) -> None:
        self.played = samples

    def on_closed(self, reason: str) -> None:
        self._ended, self._reason = True, reason
        code = {"here": NORMAL_CLOSE, "peer": GOING_AWAY, "broken": INTERNAL_ERROR}.get(
            self._ending.value, ABNORMAL_CLOSE
        )
        self._over = self._over or ClosedError(code, reason)
        self._changed.set()

    @property
    def _ending(self) -> Ending:
        ending = self.transport.ending
        assert ending is not None
        return ending

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _tells_expiry(data: str | bytes) -> bool:
    """Whether an event is the error that a session's cap is told with. It is short: most events are not looked at."""
    if len(data) > _LONGEST_ERROR:
        return False
    return ('"session_expired"' in data) if isinstance(data, str) else (b'"session_expired"' in data)


def _with_servers(settings: RtcSettings, entries: list[dict[str, object]]) -> RtcSettings:
    """The settings with a server's ICE servers, as browsers are given them, behind their own."""
    from antiphon.rtc import IceServer  # noqa: PLC0415

    found = []
    for entry in entries:
        urls = entry.get("urls")
        name, password = entry.get("username"), entry.get("credential")
        for url in urls if isinstance(urls, list) else [urls]:
            if isinstance(url, str):
                found.append(
                    IceServer(
                        url=url,
                        username=name if isinstance(name, str) else None,
                        credential=password if isinstance(password, str) else None,
                    )
                )
    return dataclasses.replace(settings, ice_servers=(*settings.ice_servers, *found))
