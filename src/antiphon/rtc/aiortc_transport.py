"""`CallTransport` on aiortc: its ICE, DTLS and SCTP, our SDP, our audio path. One peer connection, the answering side.

Each call has one task of ours, which opens the connection, waits for its end and frees everything. Media takes no task
and no thread: a datagram is decrypted and decoded as it arrives, and leaves on the process's pacer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import pylibsrtp
from aioice import Candidate
from aiortc import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceParameters, RTCIceTransport

from antiphon.errors import LocalProtocolError
from antiphon.rtc.answer import LocalSide, chosen_setup, write_answer
from antiphon.rtc.audio_path import AudioPath
from antiphon.rtc.certificate import process_certificate
from antiphon.rtc.channel import EventChannel
from antiphon.rtc.ice import CallConnection, CallGatherer, local_addresses
from antiphon.rtc.offer import Direction, Offer, Setup, parse_offer
from antiphon.rtc.pacer import pacer_of
from antiphon.rtc.playout import SAMPLE_RATE, Playout
from antiphon.rtc.rtp import is_rtcp
from antiphon.rtc.settings import RtcSettings
from antiphon.rtc.transport import CallHandler

logger = logging.getLogger(__name__)

CLOSED_HERE: Final = "hung up by this side"

_LINGER: Final = 0.5
_RELEASE_TIMEOUT: Final = 1.5


class State(Enum):
    """Where a transport is. It only ever moves down this list."""

    NEW = "new"
    ANSWERING = "answering"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class _NotConnected(Exception):
    """The connection could not be opened; the message is the reason given to the handler."""


@dataclass(frozen=True, slots=True)
class TransportStats:
    """What a call's transport has counted so far, in packets; for logs and metrics.

    outbound_loss: share of our packets that the peer missed lately, 0.0 to 1.0.
    """

    received: int
    lost: int
    late: int
    duplicate: int
    dropped: int
    invalid: int
    jitter_ms: float
    outbound_loss: float


class AiortcTransport:
    """One peer connection. Belongs to whoever made it; use it from one event loop only.

    `answer` once, then `send_*` at will until `on_closed`. When `answer` raises, nothing is left to close.
    """

    def __init__(self, handler: CallHandler, settings: RtcSettings | None = None) -> None:
        self._handler = handler
        self._settings: Final = settings or RtcSettings()
        self._state = State.NEW
        self._playout = Playout(self._settings.max_pending_audio_s)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Future[str] | None = None
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
    def max_message_size(self) -> int | None:
        """Bytes of the largest event that the peer takes, None for no limit (or no data channel)."""
        return None if self._channel is None else self._channel.max_message_size

    @property
    def pending_ms(self) -> float:
        """Milliseconds of queued speech that have not left yet."""
        return self._playout.pending_samples * 1000 / SAMPLE_RATE

    @property
    def stats(self) -> TransportStats | None:
        """Counters of the audio streams, None before the answer."""
        if self._audio is None:
            return None
        counted = self._audio.jitter.stats
        return TransportStats(
            received=counted.received,
            lost=counted.lost,
            late=counted.late,
            duplicate=counted.duplicate,
            dropped=counted.dropped,
            invalid=self._audio.invalid_packets,
            jitter_ms=counted.jitter / 48,
            outbound_loss=self._audio.reports.fraction_lost,
        )

    async def answer(self, offer: str) -> str:
        """Take the peer's SDP offer, return the answer, and begin to connect.

        Raises InvalidOffer for an offer that cannot be answered, TransportUnavailable when no port could be bound.
        """
        if self._state is not State.NEW:
            raise LocalProtocolError(f"a transport answers one offer, once; this one is {self._state.value}")
        taken = parse_offer(offer)
        self._state = State.ANSWERING
        self._loop = asyncio.get_running_loop()
        self._ending = self._loop.create_future()
        connection = self._connection = CallConnection(
            self._settings,
            addresses=local_addresses(self._settings, taken.candidates),
            on_media=self._on_media,
            on_silence=self._on_silence,
        )
        try:
            gatherer = CallGatherer(connection)
            self._ice = RTCIceTransport(gatherer)
            await gatherer.gather()
            for candidate in taken.candidates:
                await connection.add_remote_candidate(
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
            text = self._compose(taken, connection, self._ice)
        except BaseException:
            self._state = State.CLOSED
            await connection.close()
            raise
        if self._state is not State.ANSWERING:  # closed while we gathered
            await connection.close()
            raise LocalProtocolError("the transport was closed while it answered")
        self._state = State.CONNECTING
        self._task = asyncio.create_task(self._run(taken), name="antiphon-call")
        return text

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
            self._end(CLOSED_HERE)
            await asyncio.wait({self._task})
        elif self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._handler.on_closed(CLOSED_HERE)

    def on_beat(self, now: float, frames: int, skipped: int) -> None:
        """The pacer's turn."""
        if self._state is State.CONNECTED and self._audio is not None:
            try:
                self._audio.on_beat(now, frames, skipped)
            except Exception:
                self._end("an internal error")
                raise

    def _compose(self, offer: Offer, connection: CallConnection, ice: RTCIceTransport) -> str:
        """Build the layers above ICE, and the answer that describes them."""
        certificate = process_certificate()
        setup = chosen_setup(offer)
        dtls = self._dtls = RTCDtlsTransport(ice, [certificate])
        dtls._set_role("client" if setup is Setup.ACTIVE else "server")
        dtls.on("statechange", self._on_dtls)
        connection.ice_controlling = offer.ice_lite
        ssrc, cname = random.getrandbits(32), secrets.token_hex(8)
        if offer.channel is not None:
            self._channel = EventChannel(
                dtls,
                peer_max_message=offer.max_message_size,
                max_message=self._settings.max_message_bytes,
                max_queue_bytes=self._settings.max_event_queue_bytes,
                on_open=self._handler.on_open,
                on_message=self._handler.on_event,
                on_failure=self._end,
            )
        self._audio = AudioPath(
            payload_type=offer.opus,
            sends=offer.direction in (Direction.SENDRECV, Direction.RECVONLY),
            receives=offer.direction in (Direction.SENDRECV, Direction.SENDONLY),
            ssrc=ssrc,
            cname=cname,
            bitrate=self._settings.bitrate,
            complexity=self._settings.complexity,
            playout=self._playout,
            transmit=self._transmit,
            transmit_report=self._transmit_report,
            on_audio=self._handler.on_audio,
            on_played=self._handler.on_played,
        )
        local = LocalSide(
            session_id=random.getrandbits(62),
            ice_ufrag=connection.local_username,
            ice_password=connection.local_password,
            fingerprints=[(f.algorithm, f.value) for f in certificate.getFingerprints() if f.algorithm == "sha-256"],
            setup=setup,
            candidates=connection.answer_candidates(),
            ssrc=ssrc,
            cname=cname,
            sctp_port=5000 if self._channel is None else self._channel.port,
            max_message_size=self._settings.max_message_bytes,
        )
        return write_answer(offer, local)

    async def _run(self, offer: Offer) -> None:
        """The call's own task: connect, wait for the end, free everything, say so."""
        assert self._ending is not None
        establishing = asyncio.create_task(self._establish(offer))
        reason = "the server is stopping"
        try:
            both: set[asyncio.Future[Any]] = {establishing, self._ending}
            await asyncio.wait(both, timeout=self._settings.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not self._ending.done():
                if not establishing.done():
                    self._end(f"no connection within {self._settings.connect_timeout_s:g} s")
                elif (error := establishing.exception()) is not None:
                    self._end(str(error) if isinstance(error, _NotConnected) else "an internal error")
                    if not isinstance(error, _NotConnected):
                        logger.error("a call could not be connected", exc_info=error)
            await asyncio.wait({self._ending})
            reason = self._ending.result()
        finally:
            self._end(reason)
            establishing.cancel()
            await asyncio.gather(establishing, return_exceptions=True)
            await self._release(reason)
            self._state = State.CLOSED
            self._handler.on_closed(reason)

    async def _establish(self, offer: Offer) -> None:
        assert self._ice is not None and self._dtls is not None and self._loop is not None
        await self._ice.start(
            RTCIceParameters(usernameFragment=offer.ice_ufrag, password=offer.ice_password, iceLite=offer.ice_lite)
        )
        if self._ice.state != "completed":
            raise _NotConnected("the peer could not be reached at any of its addresses")
        fingerprints = [RTCDtlsFingerprint(algorithm=a, value=v) for a, v in offer.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints))
        if self._dtls.state != "connected":
            raise _NotConnected("the DTLS handshake with the peer failed")
        self._state = State.CONNECTED
        pacer_of(self._loop).join(self)
        if self._channel is not None:
            await self._channel.start(offer.sctp_port)

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

    def _end(self, reason: str) -> None:
        """The call is over; the first reason given stands."""
        if self._ending is not None and not self._ending.done():
            self._ending.set_result(reason)

    def _on_silence(self) -> None:
        self._end(f"no sign of life from the peer for {self._settings.silence_timeout_s:g} s")

    def _on_dtls(self) -> None:
        if self._dtls is not None and self._dtls.state == "closed":
            self._end("the peer closed the connection")

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
