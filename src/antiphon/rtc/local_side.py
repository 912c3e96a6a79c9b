"""Our side of one call's transport, and how SDP says it: the lines that our offers and our answers share."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from antiphon.rtc.sdp import Setup

OPUS_PARAMETERS: Final = "minptime=10;useinbandfec=1"
"""What we say we take (RFC 7587 section 6): 10 ms frames and up, and in-band FEC, which we decode."""


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """One UDP address where we can be reached."""

    foundation: str
    priority: int
    address: str
    port: int
    kind: str = "host"
    related: tuple[str, int] | None = None

    def __str__(self) -> str:
        text = f"{self.foundation} 1 udp {self.priority} {self.address} {self.port} typ {self.kind}"
        return text if self.related is None else f"{text} raddr {self.related[0]} rport {self.related[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSide:
    """What our side of one call's transport is, as our SDP says it.

    session_id: a number, unique on this machine. setup: ACTPASS in an offer. fingerprints: (algorithm, hex with
    colons). ssrc, cname: of the audio that we send. max_message_size: bytes that we take on the data channel.
    """

    session_id: int
    ice_ufrag: str
    ice_password: str = field(repr=False)
    fingerprints: Sequence[tuple[str, str]]
    setup: Setup
    candidates: Sequence[LocalCandidate]
    ssrc: int
    cname: str
    sctp_port: int
    max_message_size: int


def audio_lines(local: LocalSide, payload_type: int) -> list[str]:
    """What an audio section says of what we send and take."""
    return [
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} opus/48000/2",
        f"a=fmtp:{payload_type} {OPUS_PARAMETERS}",
        "a=msid:antiphon antiphon-audio",
        f"a=ssrc:{local.ssrc} cname:{local.cname}",
        f"a=ssrc:{local.ssrc} msid:antiphon antiphon-audio",
    ]


def channel_lines(local: LocalSide) -> list[str]:
    """What a data channel section says of our end of it."""
    return [f"a=sctp-port:{local.sctp_port}", f"a=max-message-size:{local.max_message_size}"]


def media_lines(kind: str, protocol: str, formats: str, mid: str | None, local: LocalSide) -> list[str]:
    """The m-line of a section that is taken up, its address, its name."""
    port, address = (local.candidates[0].port, local.candidates[0].address) if local.candidates else (9, "0.0.0.0")  # noqa: S104
    version = ipaddress.ip_address(address).version
    lines = [f"m={kind} {port} {protocol} {formats}", f"c=IN IP{version} {address}"]
    return lines if mid is None else [*lines, f"a=mid:{mid}"]


def head_lines(local: LocalSide, bundled: Sequence[str]) -> list[str]:
    """What a description begins with, up to its first section. bundled: the names of the sections on one transport."""
    lines = ["v=0", f"o=- {local.session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if bundled:
        lines.append(f"a=group:BUNDLE {' '.join(bundled)}")
    return [*lines, "a=msid-semantic: WMS antiphon"]


def transport_lines(local: LocalSide) -> list[str]:
    """What a section says of the transport below it."""
    return [
        *(f"a=candidate:{candidate}" for candidate in local.candidates),
        "a=end-of-candidates",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_password}",
        *(f"a=fingerprint:{algorithm} {value}" for algorithm, value in local.fingerprints),
        f"a=setup:{local.setup.value}",
    ]
