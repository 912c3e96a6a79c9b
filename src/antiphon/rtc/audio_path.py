"""The two audio streams of one call: RTP in to PCM, PCM out to RTP. No sockets, no timers: datagrams and beats come in.

Decoding and encoding happen right here, on the caller's thread: 20 ms of speech cost some 30 to 60 microseconds, less
than handing them to another thread and back.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from antiphon.audio.opus import Application, Decoder, Encoder, OpusError, packet_duration_ms
from antiphon.rtc.jitter import CLOCK, JitterBuffer, JitterSettings, Lost, Packet, Piece
from antiphon.rtc.playout import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Playout
from antiphon.rtc.reports import Reports
from antiphon.rtc.rtp import RtpPacket, parse_rtp, write_rtp

_TICKS: Final = CLOCK * FRAME_MS // 1000
_SILENT_FRAME: Final = bytes(FRAME_BYTES)
_SILENT_PACKET_BYTES: Final = 3
_MAX_SILENT_ENCODED: Final = 50

_REPEAT_FROM: Final = 0.07
_REPEAT_UNTIL: Final = 0.02
_SMOOTHING: Final = 0.25
_REPEATING_BITRATE: Final = 32_000
_EXPECTED_LOSS: Final = 10

_MOST_OWED: Final = 50
_OWED_S: Final = 0.5


class SpeechEncoder:
    """Frames of speech, or None for a pause, to Opus packets. Belongs to one call.

    A pause is encoded until the encoder has come to rest (a few frames; then it says "silence" in 3 bytes), and from
    there on that packet is sent again and again, which costs nothing and leaves encoder and decoder in step.

    While the peer misses many packets, each one carries a coarse copy of the one before (in-band FEC), with which the
    peer fills the gap. That takes SILK, which costs three times CELT's CPU and sounds a little duller without loss.
    """

    def __init__(self, bitrate: int, complexity: int) -> None:
        self._bitrate, self._complexity = bitrate, complexity
        self._missed = 0.0
        self.repeats = False
        """Whether packets carry copies now."""
        self._start()

    def expect_loss(self, share: float) -> None:
        """The peer has reported what share of our packets it missed lately."""
        self._missed += (share - self._missed) * _SMOOTHING  # a report is of some 50 packets, and a matter of chance
        if self._missed >= _REPEAT_FROM and not self.repeats:
            self.repeats = True
            self._start()
        elif self._missed <= _REPEAT_UNTIL and self.repeats:
            self.repeats = False
            self._start()

    def _start(self) -> None:
        self._encoder = Encoder(
            SAMPLE_RATE,
            1,
            application=Application.VOIP if self.repeats else Application.LOWDELAY,
            bitrate=min(self._bitrate, _REPEATING_BITRATE) if self.repeats else self._bitrate,
            complexity=self._complexity,
            expected_loss=_EXPECTED_LOSS if self.repeats else 0,
        )
        self._pause: bytes | None = None
        self._silent = 0

    def packet(self, frame: bytes | None) -> bytes:
        """One packet of 20 ms."""
        if frame is not None:
            self._pause, self._silent = None, 0
            return self._encoder.encode(frame)
        if self._pause is not None:
            return self._pause
        packet = self._encoder.encode(_SILENT_FRAME)
        self._silent += 1
        if len(packet) <= _SILENT_PACKET_BYTES or self._silent >= _MAX_SILENT_ENCODED:
            self._pause = packet
        return packet


class AudioPath:
    """Both directions of one call's audio. Belongs to its transport, which hands in datagrams and beats.

    transmit, transmit_report: take an RTP or RTCP packet, not yet protected. on_audio, on_played: as in CallHandler.
    payload_type: of what we send; taken_types: of what we take. sends: whether the peer wants to hear us; without,
    speech is played out to nobody, so that `on_played` goes on. catches_up: after this process stood still, speech that
    came late leaves faster than it is spoken; otherwise a microphone would be that late for the rest of the call.
    """

    def __init__(
        self,
        *,
        payload_type: int,
        taken_types: frozenset[int],
        sends: bool,
        receives: bool,
        ssrc: int,
        cname: str,
        bitrate: int,
        complexity: int,
        playout: Playout,
        transmit: Callable[[bytes], None],
        transmit_report: Callable[[bytes], None],
        on_audio: Callable[[bytes], None],
        on_played: Callable[[int], None],
        catches_up: bool = False,
        jitter: JitterSettings | None = None,
    ) -> None:
        self._payload_type, self._taken_types, self._ssrc = payload_type, taken_types, ssrc
        self._sends, self._receives = sends, receives
        self._transmit, self._transmit_report = transmit, transmit_report
        self._on_audio, self._on_played = on_audio, on_played
        self._playout = playout
        self._encoder = SpeechEncoder(bitrate, complexity)
        self._sequence = random.getrandbits(15)  # below 2**15, so that it does not wrap within the first packets
        self._timestamp = random.getrandbits(32)
        self._talking = False
        self._catches_up = catches_up
        self._owed = 0
        self._owed_until = 0.0
        self.packets_sent = self._octets = 0
        self.jitter: Final = JitterBuffer(jitter)
        self.reports: Final = Reports(ssrc, cname)
        self.invalid_packets = 0
        """Packets from the peer that were no Opus."""
        self._decoder = Decoder(SAMPLE_RATE, 1)
        self._peer: int | None = None

    def on_rtp(self, data: bytes, now: float) -> None:
        """One authenticated RTP packet came in."""
        packet = parse_rtp(data)
        if packet is None or packet.payload_type not in self._taken_types or not self._receives or not packet.payload:
            return
        try:
            ticks = int(packet_duration_ms(packet.payload) * CLOCK) // 1000
        except OpusError:
            self.invalid_packets += 1
            return
        if packet.ssrc != self._peer:
            self._peer = packet.ssrc
            self.jitter.restart()
            self._decoder.reset()
        self.jitter.put(packet.sequence, packet.timestamp, ticks, packet.payload, now)
        self._deliver(self.jitter.take(now))

    def on_rtcp(self, data: bytes, now: float) -> None:
        """One authenticated RTCP packet came in."""
        if self.reports.read(data, now):
            self._encoder.expect_loss(self.reports.fraction_lost)

    def on_beat(self, now: float, frames: int, skipped: int) -> None:
        """Send so many frames; so many before them were skipped, their time has passed all the same."""
        self._timestamp = (self._timestamp + skipped * _TICKS) & 0xFFFFFFFF
        empty = 0
        more = self._owed_now(now)
        for _ in range(frames + more):
            frame = self._playout.next_frame()
            empty += frame is None
            if self._sends:
                self._send(frame)
        if self._catches_up and frames + skipped > 1:
            self._owed, self._owed_until = min(empty + skipped, _MOST_OWED), now + _OWED_S
        if empty < frames + more:
            self._on_played(self._playout.played)
        if self._receives:
            self._deliver(self.jitter.take(now))
        if self.reports.is_due(now):
            report = self.reports.write(
                now,
                packets=self.packets_sent,
                octets=self._octets,
                timestamp=self._timestamp,
                peer=self._peer,
                jitter=self.jitter,
            )
            self._transmit_report(report)

    def goodbye(self) -> None:
        """Tell the peer that our stream ends."""
        self._transmit_report(self.reports.goodbye())

    def _send(self, frame: bytes | None) -> None:
        payload = self._encoder.packet(frame)
        marker = frame is not None and not self._talking  # RFC 3551 section 4.1: the first packet after a pause
        self._talking = frame is not None
        self._transmit(
            write_rtp(RtpPacket(self._payload_type, marker, self._sequence, self._timestamp, self._ssrc, payload))
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + _TICKS) & 0xFFFFFFFF
        self.packets_sent += 1
        self._octets += len(payload)

    def _owed_now(self, now: float) -> int:
        """Frames beyond this beat's own that leave with it: those that came late because this process stood still."""
        if not self._owed or now > self._owed_until:
            return 0
        late = min(self._owed, self._playout.pending_samples // FRAME_SAMPLES - 1)
        if late <= 0:
            return 0
        self._owed -= late
        return late

    def _deliver(self, pieces: list[Piece]) -> None:
        if not pieces:
            return
        pcm = b"".join(map(self._decoded, pieces))
        if pcm:
            self._on_audio(pcm)

    def _decoded(self, piece: Piece) -> bytes:
        try:
            if isinstance(piece, Packet):
                return self._decoder.decode(piece.payload)
            if isinstance(piece, Lost):
                duration = piece.ticks * 1000 / CLOCK
                if piece.following is None:
                    return self._decoder.conceal(duration)
                return self._decoder.recover(piece.following, duration)
        except OpusError:
            self.invalid_packets += 1
            return b""
        return bytes(piece.ticks // (CLOCK // SAMPLE_RATE) * 2)
