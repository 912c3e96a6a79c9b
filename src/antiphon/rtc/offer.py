"""A peer's SDP offer, read and judged: what of it we take up, as plain data. Nothing is answered here, nothing opened.

Whatever text comes in, `parse_offer` either returns an `Offer` that can be answered or raises InvalidOffer, never any
other error. It reads the SDP of RFC 8866 as JSEP (RFC 9429) writes it: one bundled transport with an Opus audio section
and, mostly, a data channel section; further sections are kept only to be refused in the answer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from antiphon.errors import RemoteProtocolError

MAX_OFFER_CHARACTERS: Final = 256 * 1024
MAX_SECTIONS: Final = 64
MAX_CANDIDATES: Final = 32
"""Addresses of the peer that are tried at most: each one is sent checks, whoever's it is."""

DEFAULT_MAX_MESSAGE_SIZE: Final = 65_536
"""Bytes that a peer takes which says nothing (RFC 8841 section 6.1)."""

_RTP_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})
_SCTP_PROTOCOLS: Final = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"})
_FINGERPRINTS: Final = frozenset({"sha-256", "sha-384", "sha-512"})

_LINE: Final = re.compile(r"([a-z])=(.*)")
_MEDIA: Final = re.compile(r"([!-~]+) ([0-9]{1,5})(?:/[0-9]{1,5})? ([!-~]+) ([ -~]+)")
_TOKEN: Final = re.compile(r"[!-~]{1,256}")
_UFRAG: Final = re.compile(r"[!-9;-~]{4,256}")
_PASSWORD: Final = re.compile(r"[!-~]{22,256}")
_FINGERPRINT: Final = re.compile(r"([!-~]+) +([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+)")
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) +([!-~]+)")
_CANDIDATE: Final = re.compile(
    r"([!-~]{1,64}) ([0-9]{1,3}) ([!-~]+) ([0-9]{1,10}) ([!-~]{1,255}) ([0-9]{1,5}) typ ([a-z]+)(?: .*)?"
)


class InvalidOffer(RemoteProtocolError):
    """An SDP offer that cannot be answered; the message says what is wrong with it, for the peer's developer."""


class Direction(Enum):
    """Which way audio flows, seen from the side that writes it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def mirrored(self) -> Direction:
        """The same flow seen from the other side."""
        return {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}.get(self, self)


class Setup(Enum):
    """Which side opens the DTLS handshake (RFC 5763 section 5)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """One address where the peer may be reached by UDP."""

    foundation: str
    priority: int
    address: str
    port: int
    kind: str

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine's own."""
        return ipaddress.ip_address(self.address).is_loopback


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line, with what an answer must repeat of it even when it refuses it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str | None
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)

    def first(self, name: str) -> str | None:
        """The first value of the attribute `name`, "" for a flag, None when it is not there."""
        values = self.attributes.get(name)
        return values[0] if values else None

    @property
    def is_offered(self) -> bool:
        """Whether the peer wants this section at all: port 0 means no, unless the section is bundle-only (RFC 9143)."""
        return self.port != 0 or "bundle-only" in self.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An offer that can be answered.

    sections: every m-line, in order; the answer has as many. audio, channel: the indexes of those taken up.
    bundle: the mids that share the transport, the peer's tagged one first; empty when the peer does not bundle.
    opus: the RTP payload type of Opus. direction: as the peer wrote it. max_message_size: bytes, 0 for no limit.
    """

    sections: tuple[Section, ...]
    audio: int
    channel: int | None
    bundle: tuple[str, ...]
    opus: int
    direction: Direction
    ice_ufrag: str
    ice_password: str = field(repr=False)
    ice_lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    setup: Setup
    candidates: tuple[RemoteCandidate, ...]
    sctp_port: int
    max_message_size: int


def parse_offer(text: str) -> Offer:
    """Read an SDP offer. Raises InvalidOffer, and nothing else, for what cannot be answered."""
    if len(text) > MAX_OFFER_CHARACTERS:
        raise InvalidOffer(f"the SDP offer has {len(text)} characters; at most {MAX_OFFER_CHARACTERS} are read")
    session, sections = _split(text)
    audio, opus = _find_audio(sections)
    bundle = _find_bundle(session, sections[audio])
    channel = next((i for i, section in enumerate(sections) if _is_channel(section, bundle)), None)
    section = sections[audio]

    ufrag, password = _inherited(session, section, "ice-ufrag"), _inherited(session, section, "ice-pwd")
    if ufrag is None or password is None or not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise InvalidOffer("the audio section has no valid a=ice-ufrag and a=ice-pwd")
    if "rtcp-mux" not in section.attributes:
        raise InvalidOffer("the audio section has no a=rtcp-mux")

    sharing = [s for s in sections if s is section or (s.mid is not None and s.mid in bundle)]
    data = None if channel is None else sections[channel]
    return Offer(
        sections=tuple(sections),
        audio=audio,
        channel=channel,
        bundle=bundle,
        opus=opus,
        direction=next((d for d in Direction if d.value in section.attributes), Direction.SENDRECV),
        ice_ufrag=ufrag,
        ice_password=password,
        ice_lite="ice-lite" in session,
        fingerprints=_fingerprints(session, section),
        setup=_setup(session, section),
        candidates=_candidates(sharing),
        sctp_port=_number(data, "sctp-port", 5000, 65_535),
        max_message_size=_number(data, "max-message-size", DEFAULT_MAX_MESSAGE_SIZE, 2**63),
    )


def opus_payload_type(section: Section) -> int | None:
    """The first payload type that the section maps to Opus, or None."""
    for value in section.attributes.get("rtpmap", ()):
        match = _RTPMAP.fullmatch(value)
        if match is None or match[2].lower() != "opus/48000/2" or match[1] not in section.formats:
            continue
        number = int(match[1])
        if number < 64 or 96 <= number < 128:  # 64 to 95 cannot be told from RTCP on the same port (RFC 5761)
            return number
    return None


def _split(text: str) -> tuple[dict[str, tuple[str, ...]], list[Section]]:
    """The session's attributes, and the m-sections."""
    blocks: list[tuple[str, dict[str, list[str]]]] = [("", {})]
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r ")
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidOffer(f"line {number} of the SDP offer is not of the form <letter>=<value>")
        if number == 1 and line != "v=0":
            raise InvalidOffer("the SDP offer does not begin with v=0")
        letter, value = match[1], match[2]
        if letter == "m":
            if len(blocks) > MAX_SECTIONS:
                raise InvalidOffer(f"the SDP offer has more than {MAX_SECTIONS} media sections")
            blocks.append((value, {}))
        elif letter == "a":
            name, _, rest = value.partition(":")
            blocks[-1][1].setdefault(name, []).append(rest.strip())
    if not text.startswith("v=0"):
        raise InvalidOffer("the SDP offer is empty" if not text.strip() else "the SDP offer does not begin with v=0")
    (_, session), *media = blocks
    return _frozen(session), [_section(line, attributes) for line, attributes in media]


def _section(line: str, attributes: dict[str, list[str]]) -> Section:
    match = _MEDIA.fullmatch(line)
    if match is None:
        raise InvalidOffer(f"an m-line that cannot be read: m={line[:80]}")
    mid = attributes.get("mid", [None])[0]
    if mid is not None and not _TOKEN.fullmatch(mid):
        raise InvalidOffer("an a=mid that is no token")
    return Section(match[1], int(match[2]), match[3], tuple(match[4].split()), mid, _frozen(attributes))


def _frozen(attributes: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in attributes.items()}


def _find_audio(sections: Sequence[Section]) -> tuple[int, int]:
    offered = [(i, s) for i, s in enumerate(sections) if s.kind == "audio" and s.is_offered]
    if not offered:
        raise InvalidOffer("the SDP offer has no audio section (m=audio); a call needs one, recvonly at the least")
    for index, section in offered:
        payload_type = opus_payload_type(section)
        if payload_type is not None and section.protocol in _RTP_PROTOCOLS:
            return index, payload_type
    raise InvalidOffer("no audio section of the SDP offer has Opus (opus/48000/2) over DTLS-SRTP")


def _find_bundle(session: Mapping[str, tuple[str, ...]], audio: Section) -> tuple[str, ...]:
    for value in session.get("group", ()):
        semantics, *mids = value.split()[: MAX_SECTIONS + 1] or [""]
        if semantics == "BUNDLE" and audio.mid in mids:
            return tuple(mids)
    return ()


def _is_channel(section: Section, bundle: Sequence[str]) -> bool:
    # A channel on a transport of its own is no browser's; it would need a second ICE agent for one call.
    return (
        section.kind == "application"
        and section.is_offered
        and section.protocol in _SCTP_PROTOCOLS
        and section.formats == ("webrtc-datachannel",)
        and section.mid in bundle
    )


def _inherited(session: Mapping[str, tuple[str, ...]], section: Section, name: str) -> str | None:
    value = section.first(name)
    return value if value is not None else next(iter(session.get(name, ())), None)


def _fingerprints(session: Mapping[str, tuple[str, ...]], section: Section) -> tuple[tuple[str, str], ...]:
    found = []
    for value in section.attributes.get("fingerprint") or session.get("fingerprint", ()):
        match = _FINGERPRINT.fullmatch(value)
        if match is not None and match[1].lower() in _FINGERPRINTS:
            found.append((match[1].lower(), match[2].upper()))
    if not found:
        raise InvalidOffer("the audio section has no a=fingerprint of sha-256, sha-384 or sha-512")
    return tuple(found)


def _setup(session: Mapping[str, tuple[str, ...]], section: Section) -> Setup:
    value = _inherited(session, section, "setup")
    if value is None:
        return Setup.ACTPASS
    try:
        return Setup(value)
    except ValueError:
        raise InvalidOffer("a=setup of an offer is actpass, active or passive") from None


def _candidates(sections: Sequence[Section]) -> tuple[RemoteCandidate, ...]:
    """The UDP candidates with a literal address. Others are left out, not refused:

    a `.local` name would cost up to a second of multicast look-up, and the peer's own checks reveal its address anyway
    (as peer-reflexive); TCP is not spoken here.
    """
    found: dict[tuple[str, int], RemoteCandidate] = {}
    for section in sections:
        for value in section.attributes.get("candidate", ()):
            if (candidate := _candidate(value)) is not None and len(found) < MAX_CANDIDATES:
                found.setdefault((candidate.address, candidate.port), candidate)
    return tuple(found.values())


def _candidate(value: str) -> RemoteCandidate | None:
    match = _CANDIDATE.fullmatch(value)
    if match is None or match[2] != "1" or match[3].lower() != "udp" or match[7] not in ("host", "srflx", "relay"):
        return None
    try:
        address = ipaddress.ip_address(match[5])
    except ValueError:
        return None
    port = int(match[6])
    scoped = isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None
    if scoped or address.is_unspecified or address.is_multicast or not 0 < port < 65_536:
        return None
    return RemoteCandidate(match[1], min(int(match[4]), 2**31 - 1), str(address), port, match[7])


def _number(section: Section | None, name: str, default: int, maximum: int) -> int:
    value = None if section is None else section.first(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) > maximum:
        raise InvalidOffer(f"a={name} is not a number up to {maximum}")
    return int(value)
