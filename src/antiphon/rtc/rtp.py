"""RTP headers, read and written (RFC 3550 section 5.1). No state: who numbers the packets is the sender's business."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER_BYTES: Final = 12

_HEADER: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")


class RtpPacket(NamedTuple):
    """One packet without its header extensions (none is negotiated) and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read one packet, or None when it is not RTP version 2 or its lengths do not add up."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    end = len(data)
    if first & 0x20:
        end -= data[-1]
        if data[-1] == 0:
            return None
    if end < start:
        return None
    return RtpPacket(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end])


def write_rtp(packet: RtpPacket) -> bytes:
    """The bytes of one packet without extensions."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    return _HEADER.pack(0x80, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram that shares its port with RTP is RTCP (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223
