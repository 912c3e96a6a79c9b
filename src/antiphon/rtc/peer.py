"""One peer connection on aiortc, whoever offered it: its ICE, DTLS and SCTP, our audio path, one task, one end.

The two sides are `aiortc_transport` (answers) and `aiortc_caller` (offers). Each call has one task of ours, which opens
the connection, waits for its end and frees everything. Media takes no task and no thread: a datagram is decrypted and
decoded as it arrives, and leaves on the process's pacer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar, Final

import pylibsrtp
from aioice import Candidate
from aiortc import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceParameters, RTCIceTransport

from antiphon.rtc.audio_path import AudioPath
from antiphon.rtc.certificate import process_certificate
from antiphon.rtc.channel import EventChannel
from antiphon.rtc.ice import CallConnection, CallGatherer
from antiphon.rtc.life import Life
from antiphon.rtc.local_side import LocalSide
from antiphon.rtc.pacer import pacer_of
from antiphon.rtc.playout import SAMPLE_RATE, Playout
from antiphon.rtc.rtp import is_rtcp
from antiphon.rtc.sdp import Direction, RemoteSide, Setup
from antiphon.rtc.settings import RtcSettings
from antiphon.rtc.stats import ConnectionStats, Counters, Rates
from antiphon.rtc.transport import CallHandler, Ending

logger = logging.getLogger(__name__)

CLOSED_HERE: Final = "hung up by this side"
SCTP_PORT: Final = 5000

_LINGER: Final = 0.5
_RELEASE_TIMEOUT: Final = 1.5


class State(Enum):
    """Where a transport is. It only ever moves down this list."""

    NEW = "new"
    DESCRIBING = "describing"
    """Gathers its addresses, for its offer or its answer."""
    OFFERED = "offered"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class _NotConnected(Exception):
    """The connection could not be opened; the message is the reason given to the handler."""


class AiortcPeer:
    """What both sides of a call share. Belongs to whoever made it; use it from one event loop only.

    on_state: told of the connection's state in a browser's words ("connecting", "connected", "disconnected" for a phase
    that may pass, "failed", "closed"), before the handler is told of the end.
    """

    _cancelled: ClassVar[str] = "the call was cancelled"
    """The reason given when the call's task is cancelled from outside."""

    _has_microphone: ClassVar[bool] = False
    """Whether what is sent is spoken right now, and not ahead of time."""

    def __init__(
        self,
        handler: CallHandler,
        settings: RtcSettings | None = None,
        *,
        on_state: Callable[[str], None] | None = None,
    ) -> None:
        self._handler = handler
        self._settings: Final = settings or RtcSettings()
        self._on_state = on_state
        self._state = State.NEW
        self._playout = Playout(self._settings.max_pending_audio_s)
        self._rates = Rates()
        self._ssrc, self._cname = random.getrandbits(32), secrets.token_hex(8)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Future[tuple[str, Ending]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._connection: CallConnection | None = None
        self._ice: RTCIceTransport | None = None
        self._dtls: RTCDtlsTransport | None = None
        self._channel: EventChannel | None = None
        self._audio: AudioPath | None = None

    @property
    def state(self) -> State:
        """Where the connection is."""
        return self._state

    @property
    def ending(self) -> Ending | None:
        """Why the connection is over, None while it is not."""
        if self._ending is not None and self._ending.done():
            return self._ending.result()[1]
        return Ending.HERE if self._state is State.CLOSED else None

    @property
    def max_message_size(self) -> int | None:
        """Bytes of the largest event that the peer takes, None for no limit (or no data channel)."""
        return None if self._channel is None else self._channel.max_message_size

    @property
    def pending_ms(self) -> float:
        """Milliseconds of queued speech that have not left yet."""
        return self._playout.pending_samples * 1000 / SAMPLE_RATE

    def stats(self) -> ConnectionStats:
        """How the connection is doing; all zeros and None before there is one."""
        connection, audio = self._connection, self._audio
        if connection is None or audio is None:
            return ConnectionStats()
        counted, pair = audio.jitter.stats, connection.pair
        round_trip = audio.reports.round_trip if audio.reports.round_trip is not None else connection.round_trip
        return ConnectionStats(
            round_trip_ms=None if round_trip is None else round_trip * 1000,
            jitter_ms=counted.jitter / 48 if counted.received else None,
            loss_in=self._rates.loss_in,
            loss_out=audio.reports.fraction_lost,
            bitrate_in=self._rates.bitrate_in,
            bitrate_out=self._rates.bitrate_out,
            local_candidate=None if pair is None else pair.local_candidate.type,
            remote_candidate=None if pair is None else pair.remote_candidate.type,
            address_family=None if pair is None else f"ipv{ipaddress.ip_address(pair.remote_addr[0]).version}",
            bytes_in=connection.bytes_in,
            bytes_out=connection.bytes_out,
            packets_in=counted.received,
            packets_out=audio.packets_sent,
            lost_in=counted.lost,
            late_in=counted.late,
            duplicate_in=counted.duplicate,
            dropped_in=counted.dropped,
            invalid_in=audio.invalid_packets,
        )

    def send_event(self, data: str) -> None:
        """Queue one message for the data channel, in order; dropped once it is closed, or when the peer has none.

        Raises EventTooLarge for one above `max_message_size`; the call goes on.
        """
        if self._channel is not None and self._state is not State.CLOSED:
            self._channel.send(data)

    def send_audio(self, pcm: bytes) -> None:
        """Queue speech (24 kHz int16 mono). Raises PlayoutFull when more would be held than the settings allow."""
        if self._state is not State.CLOSED:
            self._playout.push(pcm)

    def end_audio(self) -> None:
        """What was queued is an utterance's end: a last part frame is padded with silence."""
        self._playout.end()

    def flush_audio(self) -> None:
        """Drop all speech that has not left; the next packet, 20 ms at most from now, is silence."""
        self._playout.flush()

    async def close(self) -> None:
        """Hang up and free everything. Closing twice is closing once."""
        if self._task is not None:
            self._end(CLOSED_HERE, Ending.HERE)
            await asyncio.wait({self._task})
        elif self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._end(CLOSED_HERE, Ending.HERE)
            if self._connection is not None:
                await self._connection.close()
            self._tell("closed")
            self._handler.on_closed(CLOSED_HERE)

    def on_beat(self, now: float, frames: int, skipped: int) -> None:
        """The pacer's turn."""
        if self._state is not State.CONNECTED or self._audio is None or self._connection is None:
            return
        try:
            self._audio.on_beat(now, frames, skipped)
        except Exception:
            self._end("an internal error")
            raise
        self._connection.watch(now)
        if self._rates.is_due(now):
            jitter, connection = self._audio.jitter, self._connection
            received = jitter.stats.received - jitter.stats.duplicate
            self._rates.sample(now, Counters(connection.bytes_in, connection.bytes_out, jitter.expected, received))

    # ── for the two sides ─────────────────────────────────────────────────────────────────────────────────────────

    async def _gather(self, addresses: Sequence[str], *, controlling: bool) -> CallConnection:
        """Bind our sockets and find our addresses. When it raises, nothing is left to close."""
        self._state = State.DESCRIBING
        self._loop = asyncio.get_running_loop()
        self._ending = self._loop.create_future()
        try:
            connection = self._connection = CallConnection(
                self._settings,
                addresses=addresses,
                on_media=self._on_media,
                on_life=self._on_life,
                controlling=controlling,
            )
            gatherer = CallGatherer(connection)
            self._ice = RTCIceTransport(gatherer)
            await gatherer.gather()
        except BaseException:
            await self._abandon()
            raise
        return connection

    @property
    def _was_closed(self) -> bool:
        """Whether `close` was called while we waited for something else."""
        return self._state is State.CLOSED

    async def _abandon(self) -> None:
        """Free what was bound for a call that will not be."""
        self._state = State.CLOSED
        if self._connection is not None:
            await self._connection.close()

    def _local_side(self, setup: Setup) -> LocalSide:
        """What our SDP says of this side."""
        assert self._connection is not None
        prints = process_certificate().getFingerprints()
        return LocalSide(
            session_id=random.getrandbits(62),
            ice_ufrag=self._connection.local_username,
            ice_password=self._connection.local_password,
            fingerprints=[(f.algorithm, f.value) for f in prints if f.algorithm == "sha-256"],
            setup=setup,
            candidates=self._connection.own_candidates(),
            ssrc=self._ssrc,
            cname=self._cname,
            sctp_port=SCTP_PORT,
            max_message_size=self._settings.max_message_bytes,
        )

    async def _build(
        self, remote: RemoteSide, setup: Setup, *, taken_types: frozenset[int], label: str | None = None
    ) -> None:
        """Make the layers above ICE. setup: our DTLS role. taken_types: RTP payload types that we take for Opus. label:
        of the data channel that we open; None takes the peer's."""
        assert self._connection is not None
        for candidate in remote.candidates:
            await self._connection.add_remote_candidate(
                Candidate(
                    foundation=candidate.foundation,
                    component=1,
                    transport="udp",
                    priority=candidate.priority,
                    host=candidate.address,
                    port=candidate.port,
                    type=candidate.kind,
                )
            )
        assert self._ice is not None
        dtls = self._dtls = RTCDtlsTransport(self._ice, [process_certificate()])
        dtls._set_role("client" if setup is Setup.ACTIVE else "server")
        dtls.on("statechange", self._on_dtls)
        if remote.channel is not None:
            self._channel = EventChannel(
                dtls,
                peer_max_message=remote.max_message_size,
                max_message=self._settings.max_message_bytes,
                max_queue_bytes=self._settings.max_event_queue_bytes,
                on_open=self._handler.on_open,
                on_message=self._handler.on_event,
                on_failure=self._end,
                on_closed=lambda: self._end("the peer closed the data channel", Ending.PEER),
                label=label,
            )
        self._audio = AudioPath(
            payload_type=remote.opus,
            taken_types=taken_types,
            sends=remote.direction in (Direction.SENDRECV, Direction.RECVONLY),
            receives=remote.direction in (Direction.SENDRECV, Direction.SENDONLY),
            ssrc=self._ssrc,
            cname=self._cname,
            bitrate=self._settings.bitrate,
            complexity=self._settings.complexity,
            playout=self._playout,
            transmit=self._transmit,
            transmit_report=self._transmit_report,
            on_audio=self._handler.on_audio,
            on_played=self._handler.on_played,
            catches_up=self._has_microphone,
        )

    def _start(self, remote: RemoteSide) -> None:
        """Begin to connect; the call's task has it from here."""
        self._state = State.CONNECTING
        self._tell("connecting")
        self._task = asyncio.create_task(self._run(remote), name="rtc-call")

    # ── the call's task ───────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, remote: RemoteSide) -> None:
        """The call's own task: connect, wait for the end, free everything, say so."""
        assert self._ending is not None
        establishing = asyncio.create_task(self._establish(remote))
        reason, ending = self._cancelled, Ending.HERE
        try:
            both: set[asyncio.Future[Any]] = {establishing, self._ending}
            await asyncio.wait(both, timeout=self._settings.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not self._ending.done():
                if not establishing.done():
                    self._end(f"no connection within {self._settings.connect_timeout_s:g} s", Ending.UNREACHED)
                elif (error := establishing.exception()) is not None:
                    if isinstance(error, _NotConnected):
                        self._end(str(error), Ending.UNREACHED)
                    else:
                        self._end("an internal error")
                        logger.error("a call could not be connected", exc_info=error)
            await asyncio.wait({self._ending})
            reason, ending = self._ending.result()
        finally:
            self._end(reason, ending)
            establishing.cancel()
            await asyncio.gather(establishing, return_exceptions=True)
            await self._release(reason)
            self._state = State.CLOSED
            self._tell("closed" if ending in (Ending.HERE, Ending.PEER) else "failed")
            self._handler.on_closed(reason)

    async def _establish(self, remote: RemoteSide) -> None:
        assert self._ice is not None and self._dtls is not None and self._loop is not None
        await self._ice.start(
            RTCIceParameters(usernameFragment=remote.ice_ufrag, password=remote.ice_password, iceLite=remote.ice_lite)
        )
        if self._ice.state != "completed":
            raise _NotConnected("the peer could not be reached at any of its addresses")
        fingerprints = [RTCDtlsFingerprint(algorithm=a, value=v) for a, v in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints))
        if self._dtls.state != "connected":
            raise _NotConnected("the DTLS handshake with the peer failed")
        self._state = State.CONNECTED
        self._tell("connected")
        pacer_of(self._loop).join(self)
        if self._channel is not None:
            await self._channel.start(remote.sctp_port)

    async def _release(self, reason: str) -> None:
        """Close what is open, from the top down. A hang-up of ours waits, briefly, for the last events to arrive."""
        if self._loop is not None:
            pacer_of(self._loop).leave(self)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RELEASE_TIMEOUT):  # a TURN server may be slow to let go
                if self._state is State.CONNECTED and self._audio is not None:
                    self._audio.goodbye()
                if self._channel is not None:
                    await self._channel.stop(linger=_LINGER if reason == CLOSED_HERE else 0.0)
                if self._dtls is not None:
                    reading = self._dtls._task
                    await self._dtls.stop()
                    if reading is not None:
                        await asyncio.gather(reading, return_exceptions=True)
                    self._dtls.remove_all_listeners()
                if self._ice is not None:
                    await self._ice.stop()
        self._playout.flush()

    def _end(self, reason: str, ending: Ending = Ending.BROKEN) -> None:
        """The call is over; the first reason given stands."""
        if self._ending is not None and not self._ending.done():
            self._ending.set_result((reason, ending))

    def _tell(self, state: str) -> None:
        if self._on_state is not None:
            self._on_state(state)

    # ── what comes in, and what goes out ──────────────────────────────────────────────────────────────────────────

    def _on_life(self, life: Life) -> None:
        if life is Life.GONE:
            self._end(f"no sign of life from the peer for {self._settings.silence_timeout_s:g} s", Ending.LOST)
        elif self._state is State.CONNECTED:
            self._tell("disconnected" if life is Life.SHAKY else "connected")

    def _on_dtls(self) -> None:
        if self._dtls is not None and self._dtls.state == "closed":
            self._end("the peer closed the connection", Ending.PEER)

    def _on_media(self, data: bytes) -> None:
        """One SRTP or SRTCP datagram, from whomever; what is not authentic goes no further."""
        if self._state is not State.CONNECTED or self._dtls is None or self._audio is None or self._loop is None:
            return
        now = self._loop.time()
        try:
            if is_rtcp(data):
                self._audio.on_rtcp(self._dtls._rx_srtp.unprotect_rtcp(data), now)
            else:
                self._audio.on_rtp(self._dtls._rx_srtp.unprotect(data), now)
        except pylibsrtp.Error:
            return
        if self._connection is not None:
            self._connection.alive()

    def _transmit(self, packet: bytes) -> None:
        if self._dtls is not None and self._connection is not None:
            self._connection.send_now(self._dtls._tx_srtp.protect(packet))

    def _transmit_report(self, packet: bytes) -> None:
        if self._dtls is not None and self._connection is not None:
            self._connection.send_now(self._dtls._tx_srtp.protect_rtcp(packet))
