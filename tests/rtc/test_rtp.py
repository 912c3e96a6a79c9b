"""RTP headers."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from antiphon.rtc.rtp import RtpPacket, is_rtcp, parse_rtp, write_rtp

PACKETS = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=50),
)


@given(PACKETS)
def test_what_was_written_is_read(packet: RtpPacket) -> None:
    assert parse_rtp(write_rtp(packet)) == packet


@given(PACKETS, st.lists(st.integers(0, 0xFFFFFFFF), max_size=15), st.binary(max_size=5), st.integers(0, 9))
def test_contributors_extensions_and_padding_are_skipped(
    packet: RtpPacket, contributors: list[int], words: bytes, padding: int
) -> None:
    data = bytearray(write_rtp(packet))
    extension = struct.pack("!HH", 0xBEDE, len(words)) + words * 4
    data[12:12] = b"".join(struct.pack("!I", c) for c in contributors) + extension
    data[0] |= 0x10 | len(contributors)
    if padding:
        data += bytes(padding - 1) + bytes([padding])
        data[0] |= 0x20
    assert parse_rtp(bytes(data)) == packet


@given(st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_none(data: bytes) -> None:
    packet = parse_rtp(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


def test_reports_are_told_from_packets() -> None:
    assert is_rtcp(bytes([0x80, 200]))
    assert not is_rtcp(write_rtp(RtpPacket(111, True, 1, 1, 1, b"")))
    assert not is_rtcp(b"\x80")
