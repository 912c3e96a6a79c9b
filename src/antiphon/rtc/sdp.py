"""SDP as text and as what it says: m-sections, attributes, candidates. What offers and answers have in common.

It reads the SDP of RFC 8866 as JSEP (RFC 9429) writes it. What a description must hold to be taken up is judged in
`offer` and `peer_answer`; whatever text comes in, they and this raise their kind of InvalidDescription, nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Final, Protocol

from antiphon.errors import RemoteProtocolError

MAX_CHARACTERS: Final = 256 * 1024
MAX_SECTIONS: Final = 64
MAX_CANDIDATES: Final = 32
"""Addresses of the peer that are tried at most: each one is sent checks, whoever's it is."""

DEFAULT_MAX_MESSAGE_SIZE: Final = 65_536
"""Bytes that a peer takes which says nothing (RFC 8841 section 6.1)."""

RTP_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})
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


class InvalidDescription(RemoteProtocolError):
    """An SDP description that cannot be taken up; the message says what is wrong with it. kind: what it should be."""

    kind: ClassVar[str]


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


class RemoteSide(Protocol):
    """What an offer and an answer both tell of the peer's side of the transport.

    channel: the index of the data channel's section, None without one. opus: the RTP payload type of Opus. direction:
    as the peer wrote it. fingerprints: (algorithm, hex with colons). max_message_size: bytes, 0 for no limit.
    """

    @property
    def channel(self) -> int | None: ...
    @property
    def opus(self) -> int: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def ice_ufrag(self) -> str: ...
    @property
    def ice_password(self) -> str: ...
    @property
    def ice_lite(self) -> bool: ...
    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def candidates(self) -> tuple[RemoteCandidate, ...]: ...
    @property
    def sctp_port(self) -> int: ...
    @property
    def max_message_size(self) -> int: ...


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
    def is_wanted(self) -> bool:
        """Whether the peer wants this section at all: port 0 means no, unless the section is bundle-only (RFC 9143)."""
        return self.port != 0 or "bundle-only" in self.attributes

    @property
    def is_channel(self) -> bool:
        """Whether this is a wanted section for data channels."""
        return (
            self.kind == "application"
            and self.is_wanted
            and self.protocol in _SCTP_PROTOCOLS
            and self.formats == ("webrtc-datachannel",)
        )

    @property
    def opus(self) -> int | None:
        """The first payload type that the section maps to Opus, or None."""
        for value in self.attributes.get("rtpmap", ()):
            match = _RTPMAP.fullmatch(value)
            if match is None or match[2].lower() != "opus/48000/2" or match[1] not in self.formats:
                continue
            number = int(match[1])
            if number < 64 or 96 <= number < 128:  # 64 to 95 cannot be told from RTCP on the same port (RFC 5761)
                return number
        return None

    @property
    def direction(self) -> Direction:
        """As written, sendrecv when nothing is."""
        return next((d for d in Direction if d.value in self.attributes), Direction.SENDRECV)


@dataclass(frozen=True, slots=True)
class Description:
    """A whole description: the session's attributes and the sections. error: what is raised for what is wrong."""

    session: Mapping[str, tuple[str, ...]]
    sections: tuple[Section, ...]
    error: type[InvalidDescription]

    def inherited(self, section: Section, name: str) -> str | None:
        """The section's value of an attribute, or else the session's."""
        value = section.first(name)
        return value if value is not None else next(iter(self.session.get(name, ())), None)

    def bundle(self, section: Section) -> tuple[str, ...]:
        """The mids that share the section's transport, the tagged one first; empty when it is not bundled."""
        for value in self.session.get("group", ()):
            semantics, *mids = value.split()[: MAX_SECTIONS + 1] or [""]
            if semantics == "BUNDLE" and section.mid in mids:
                return tuple(mids)
        return ()

    def credentials(self, section: Section) -> tuple[str, str]:
        """Name and password of the peer's ICE."""
        ufrag, password = self.inherited(section, "ice-ufrag"), self.inherited(section, "ice-pwd")
        if ufrag is None or password is None or not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
            raise self.error("the audio section has no valid a=ice-ufrag and a=ice-pwd")
        return ufrag, password

    def fingerprints(self, section: Section) -> tuple[tuple[str, str], ...]:
        """(algorithm, hex with colons) of the peer's certificate."""
        found = []
        for value in section.attributes.get("fingerprint") or self.session.get("fingerprint", ()):
            match = _FINGERPRINT.fullmatch(value)
            if match is not None and match[1].lower() in _FINGERPRINTS:
                found.append((match[1].lower(), match[2].upper()))
        if not found:
            raise self.error("the audio section has no a=fingerprint of sha-256, sha-384 or sha-512")
        return tuple(found)

    def number(self, section: Section | None, name: str, default: int, maximum: int) -> int:
        """A numeric attribute of a section."""
        value = None if section is None else section.first(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) > maximum:
            raise self.error(f"a={name} is not a number up to {maximum}")
        return int(value)


def read_description(text: str, error: type[InvalidDescription]) -> Description:
    """Read SDP. Raises `error`."""
    if len(text) > MAX_CHARACTERS:
        raise error(f"the SDP {error.kind} has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    blocks: list[tuple[str, dict[str, list[str]]]] = [("", {})]
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r ")
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise error(f"line {number} of the SDP {error.kind} is not of the form <letter>=<value>")
        if number == 1 and line != "v=0":
            raise error(f"the SDP {error.kind} does not begin with v=0")
        letter, value = match[1], match[2]
        if letter == "m":
            if len(blocks) > MAX_SECTIONS:
                raise error(f"the SDP {error.kind} has more than {MAX_SECTIONS} media sections")
            blocks.append((value, {}))
        elif letter == "a":
            name, _, rest = value.partition(":")
            blocks[-1][1].setdefault(name, []).append(rest.strip())
    if not text.startswith("v=0"):
        empty = not text.strip()
        raise error(f"the SDP {error.kind} is empty" if empty else f"the SDP {error.kind} does not begin with v=0")
    (_, session), *media = blocks
    return Description(_frozen(session), tuple(_section(line, found, error) for line, found in media), error)


def candidates_of(sections: Sequence[Section]) -> tuple[RemoteCandidate, ...]:
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


def _section(line: str, attributes: dict[str, list[str]], error: type[InvalidDescription]) -> Section:
    match = _MEDIA.fullmatch(line)
    if match is None:
        raise error(f"an m-line that cannot be read: m={line[:80]}")
    mid = attributes.get("mid", [None])[0]
    if mid is not None and not _TOKEN.fullmatch(mid):
        raise error("an a=mid that is no token")
    return Section(match[1], int(match[2]), match[3], tuple(match[4].split()), mid, _frozen(attributes))


def _frozen(attributes: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in attributes.items()}


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
