"""RTCP of one call (RFC 3550 section 6): what we report of both streams, and what the peer reports of ours.

Packet layouts are aiortc's. When a report is due is decided here from the time given; sending is the owner's part.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Final

from aiortc import clock
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    clamp_packets_lost,
)

from antiphon.rtc.jitter import JitterBuffer

_INTERVAL: Final = 1.0
_CNAME: Final = 1
_REMEMBERED: Final = 16


class Reports:
    """The report state of one call. Belongs to its audio path."""

    def __init__(self, ssrc: int, cname: str) -> None:
        self._ssrc = ssrc
        self._cname = cname
        self._due: float | None = None
        self._prior_expected = self._prior_received = 0
        self._sender_report: tuple[int, float] | None = None
        self._sent: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)
        self.round_trip: float | None = None
        """Seconds there and back, by the peer's last report, None before one."""
        self.fraction_lost = 0.0
        """Share of our packets that the peer missed lately, 0.0 to 1.0, as it last reported."""

    def is_due(self, now: float) -> bool:
        """Whether a report is to be sent; the interval varies at random, as RFC 3550 section 6.2 wants it."""
        if self._due is None or now >= self._due:
            due, self._due = self._due is not None, now + _INTERVAL * random.uniform(0.5, 1.5)
            return due
        return False

    def write(
        self, now: float, *, packets: int, octets: int, timestamp: int, peer: int | None, jitter: JitterBuffer
    ) -> bytes:
        """A compound report: packets and octets that we sent up to RTP time `timestamp`; peer: SSRC that we receive."""
        blocks = [] if peer is None or jitter.highest is None else [self._block(now, peer, jitter)]
        report: RtcpSrPacket | RtcpRrPacket
        if packets:
            ntp = clock.current_ntp_time()
            self._sent.append((_middle(ntp), now))
            info = RtcpSenderInfo(
                ntp_timestamp=ntp,
                rtp_timestamp=timestamp,
                packet_count=packets & 0xFFFFFFFF,
                octet_count=octets & 0xFFFFFFFF,
            )
            report = RtcpSrPacket(ssrc=self._ssrc, sender_info=info, reports=blocks)
        else:
            report = RtcpRrPacket(ssrc=self._ssrc, reports=blocks)
        name = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=self._ssrc, items=[(_CNAME, self._cname.encode())])])
        return bytes(report) + bytes(name)

    def goodbye(self) -> bytes:
        """The report that ends our stream."""
        return bytes(RtcpRrPacket(ssrc=self._ssrc)) + bytes(RtcpByePacket(sources=[self._ssrc]))

    def read(self, data: bytes, now: float) -> bool:
        """Take a compound packet from the peer; what cannot be read is ignored. True when it told of our stream."""
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, IndexError, ArithmeticError):
            return False
        told = False
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                self._sender_report = (_middle(packet.sender_info.ntp_timestamp), now)
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                for block in packet.reports:
                    if block.ssrc == self._ssrc:
                        self.fraction_lost = block.fraction_lost / 256
                        self._measure(block, now)
                        told = True
        return told

    def _measure(self, block: RtcpReceiverInfo, now: float) -> None:
        """How long our last report was on its way, and this one back (RFC 3550 section 6.4.1)."""
        # By when it was sent on our loop's clock, which nobody sets, and not by what its timestamp says.
        sent = next((at for middle, at in self._sent if middle == block.lsr), None)
        if sent is not None:
            took = now - sent - block.dlsr / 65_536
            if took >= -0.001:  # a peer that says it held the report for longer than it had it is not believed
                self.round_trip = max(0.0, took)

    def _block(self, now: float, peer: int, jitter: JitterBuffer) -> RtcpReceiverInfo:
        expected, received = jitter.expected, jitter.stats.received - jitter.stats.duplicate
        expected_lately, received_lately = expected - self._prior_expected, received - self._prior_received
        self._prior_expected, self._prior_received = expected, received
        lost = max(0, expected_lately - received_lately)
        last, delay = 0, 0
        if self._sender_report is not None:
            last, at = self._sender_report
            delay = min(int((now - at) * 65_536), 0xFFFFFFFF)
        return RtcpReceiverInfo(
            ssrc=peer,
            fraction_lost=min(255, (lost << 8) // expected_lately) if expected_lately > 0 else 0,
            packets_lost=clamp_packets_lost(expected - received),
            highest_sequence=(jitter.highest or 0) & 0xFFFFFFFF,
            jitter=int(jitter.stats.jitter),
            lsr=last,
            dlsr=delay,
        )


def _middle(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp, in units of 1/65536 s."""
    return (ntp >> 16) & 0xFFFFFFFF
