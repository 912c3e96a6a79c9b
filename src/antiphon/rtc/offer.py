"""A peer's SDP offer, read and judged: what of it we take up, as plain data. Nothing is answered here, nothing opened.

Whatever text comes in, `parse_offer` either returns an `Offer` that can be answered or raises InvalidOffer, never any
other error. What can be answered is one bundled transport with an Opus audio section and, mostly, a data channel
section; further sections are kept only to be refused in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from antiphon.rtc.sdp import (
    DEFAULT_MAX_MESSAGE_SIZE,
    RTP_PROTOCOLS,
    Description,
    Direction,
    InvalidDescription,
    RemoteCandidate,
    Section,
    Setup,
    candidates_of,
    read_description,
)


class InvalidOffer(InvalidDescription):
    """An SDP offer that cannot be answered; the message says what is wrong with it, for the peer's developer."""

    kind = "offer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An offer that can be answered.

    sections: every m-line, in order; the answer has as many. audio, channel: the indexes of those taken up.
    bundle: the mids that share the transport, the peer's tagged one first; empty when the peer does not bundle.
    For the rest see `RemoteSide`.
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
    read = read_description(text, InvalidOffer)
    audio, opus = _find_audio(read.sections)
    section = read.sections[audio]
    bundle = read.bundle(section)
    # A channel on a transport of its own is no browser's; it would need a second ICE agent for one call.
    channel = next((i for i, s in enumerate(read.sections) if s.is_channel and s.mid in bundle), None)

    ufrag, password = read.credentials(section)
    if "rtcp-mux" not in section.attributes:
        raise InvalidOffer("the audio section has no a=rtcp-mux")

    sharing = [s for s in read.sections if s is section or (s.mid is not None and s.mid in bundle)]
    data = None if channel is None else read.sections[channel]
    return Offer(
        sections=read.sections,
        audio=audio,
        channel=channel,
        bundle=bundle,
        opus=opus,
        direction=section.direction,
        ice_ufrag=ufrag,
        ice_password=password,
        ice_lite="ice-lite" in read.session,
        fingerprints=read.fingerprints(section),
        setup=_setup(read, section),
        candidates=candidates_of(sharing),
        sctp_port=read.number(data, "sctp-port", 5000, 65_535),
        max_message_size=read.number(data, "max-message-size", DEFAULT_MAX_MESSAGE_SIZE, 2**63),
    )


def _find_audio(sections: Sequence[Section]) -> tuple[int, int]:
    offered = [(i, s) for i, s in enumerate(sections) if s.kind == "audio" and s.is_wanted]
    if not offered:
        raise InvalidOffer("the SDP offer has no audio section (m=audio); a call needs one, recvonly at the least")
    for index, section in offered:
        payload_type = section.opus
        if payload_type is not None and section.protocol in RTP_PROTOCOLS:
            return index, payload_type
    raise InvalidOffer("no audio section of the SDP offer has Opus (opus/48000/2) over DTLS-SRTP")


def _setup(read: Description, section: Section) -> Setup:
    value = read.inherited(section, "setup")
    if value is None:
        return Setup.ACTPASS
    try:
        return Setup(value)
    except ValueError:
        raise InvalidOffer("a=setup of an offer is actpass, active or passive") from None
