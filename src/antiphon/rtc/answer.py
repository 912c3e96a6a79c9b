"""The SDP answer, written from an `Offer` and what our side of the transport is. Text out; nothing is opened here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from antiphon.rtc.offer import Offer, Section, Setup

OPUS_PARAMETERS: Final = "minptime=10;useinbandfec=1"
"""What we say we take (RFC 7587 section 6): 10 ms frames and up, and in-band FEC, which we decode."""

_KEPT_CODEC: Final = re.compile(r"[!-~]+/[0-9]+(?:/[0-9]+)?")


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
    """What our side of one call's transport is, as the answer says it.

    session_id: a number, unique on this machine. setup: ACTIVE or PASSIVE. fingerprints: (algorithm, hex with colons).
    ssrc, cname: of the audio that we send. max_message_size: bytes that we take on the data channel.
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


def chosen_setup(offer: Offer) -> Setup:
    """Our DTLS role: we open the handshake unless the peer insists on doing so (RFC 5763 section 5)."""
    return Setup.PASSIVE if offer.setup is Setup.ACTIVE else Setup.ACTIVE


def write_answer(offer: Offer, local: LocalSide) -> str:
    """The answer: Opus and the data channel are taken up, every other section is refused with port 0."""
    tagged = _tagged(offer)
    bundled = [
        section.mid
        for index, section in enumerate(offer.sections)
        if section.mid in offer.bundle and (index in (offer.audio, offer.channel) or section is tagged)
    ]
    # The peer's order is kept, so that its tagged section stays first.
    bundled.sort(key=lambda mid: offer.bundle.index(mid) if mid in offer.bundle else -1)
    lines = ["v=0", f"o=- {local.session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if bundled:
        lines.append(f"a=group:BUNDLE {' '.join(str(mid) for mid in bundled)}")
    lines.append("a=msid-semantic: WMS antiphon")
    for index, section in enumerate(offer.sections):
        if index == offer.audio:
            lines += _audio(offer, section, local)
        elif index == offer.channel:
            lines += _channel(section, local)
        elif section is tagged:
            lines += _inactive(section, local)
        else:
            lines += _refused(section)
    return "\r\n".join(lines) + "\r\n"


def _tagged(offer: Offer) -> Section | None:
    """The section that the peer's bundle is tagged by, if we would otherwise refuse it.

    Refusing it would take the shared transport away from the sections that we do take (RFC 9143 section 7.3), so it
    stays, inactive.
    """
    first = offer.bundle[0] if offer.bundle else None
    for index, section in enumerate(offer.sections):
        if section.mid == first and first is not None and index not in (offer.audio, offer.channel):
            return section if _first_codec(section) is not None else None
    return None


def _audio(offer: Offer, section: Section, local: LocalSide) -> list[str]:
    payload_type = offer.opus
    return [
        *_media(section, local, str(payload_type)),
        f"a={offer.direction.mirrored.value}",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} opus/48000/2",
        f"a=fmtp:{payload_type} {OPUS_PARAMETERS}",
        "a=msid:antiphon antiphon-audio",
        f"a=ssrc:{local.ssrc} cname:{local.cname}",
        f"a=ssrc:{local.ssrc} msid:antiphon antiphon-audio",
        *_transport(local),
    ]


def _channel(section: Section, local: LocalSide) -> list[str]:
    return [
        *_media(section, local, "webrtc-datachannel"),
        f"a=sctp-port:{local.sctp_port}",
        f"a=max-message-size:{local.max_message_size}",
        *_transport(local),
    ]


def _inactive(section: Section, local: LocalSide) -> list[str]:
    codec = _first_codec(section)
    assert codec is not None
    return [
        *_media(section, local, codec[0]),
        "a=inactive",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        f"a=rtpmap:{codec[0]} {codec[1]}",
        *_transport(local),
    ]


def _refused(section: Section) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return [*lines, "a=inactive"]


def _media(section: Section, local: LocalSide, formats: str) -> list[str]:
    port, address = (local.candidates[0].port, local.candidates[0].address) if local.candidates else (9, "0.0.0.0")  # noqa: S104
    version = ipaddress.ip_address(address).version
    lines = [f"m={section.kind} {port} {section.protocol} {formats}", f"c=IN IP{version} {address}"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return lines


def _transport(local: LocalSide) -> list[str]:
    return [
        *(f"a=candidate:{candidate}" for candidate in local.candidates),
        "a=end-of-candidates",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_password}",
        *(f"a=fingerprint:{algorithm} {value}" for algorithm, value in local.fingerprints),
        f"a=setup:{local.setup.value}",
    ]


def _first_codec(section: Section) -> tuple[str, str] | None:
    """(payload type, codec) of the first mapped format of an RTP section."""
    codecs = dict(value.split(None, 1) for value in section.attributes.get("rtpmap", ()) if len(value.split()) == 2)
    for payload_type in section.formats:
        codec = codecs.get(payload_type, "")
        if payload_type.isascii() and payload_type.isdigit() and _KEPT_CODEC.fullmatch(codec):
            return payload_type, codec
    return None
