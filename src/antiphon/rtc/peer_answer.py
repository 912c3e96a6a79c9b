"""A peer's SDP answer to our offer, read and judged. Nothing is opened here.

Whatever text comes in, `parse_answer` either returns an `Answer` that a call can be made of or raises InvalidAnswer,
never any other error. Peers differ: ICE-lite or not, either DTLS role, many candidates or none (the peer's own checks
reveal its address), attributes at the session or in the section, the data channel refused.
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


class InvalidAnswer(InvalidDescription):
    """An SDP answer that no call can be made of; the message says what is wrong with it."""

    kind = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that a call can be made of.

    channel: None when the peer refused the data channel, or put it on a transport of its own. setup: the peer's role,
    ACTIVE or PASSIVE. For the rest see `RemoteSide`.
    """

    channel: int | None
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


def parse_answer(text: str, kinds: Sequence[str]) -> Answer:
    """Read an SDP answer. kinds: those of our offer's sections, in order, "audio" once and "application" at most once.

    Raises InvalidAnswer, and nothing else.
    """
    read = read_description(text, InvalidAnswer)
    found = [section.kind for section in read.sections]
    if found != list(kinds):
        raise InvalidAnswer(
            f"the SDP answer has the sections {' '.join(found)[:80] or 'none'}; our offer had {' '.join(kinds)}"
        )
    section = read.sections[kinds.index("audio")]
    if not section.is_wanted:
        raise InvalidAnswer("the peer refused our audio section (port 0)")
    opus = section.opus
    if opus is None or section.protocol not in RTP_PROTOCOLS:
        raise InvalidAnswer("the audio section of the SDP answer has no Opus (opus/48000/2) over DTLS-SRTP")
    ufrag, password = read.credentials(section)
    if "rtcp-mux" not in section.attributes:
        raise InvalidAnswer("the audio section has no a=rtcp-mux")
    channel = next((i for i, s in enumerate(read.sections) if s.is_channel and _shares(read, s, section)), None)
    data = None if channel is None else read.sections[channel]
    return Answer(
        channel=channel,
        opus=opus,
        direction=section.direction,
        ice_ufrag=ufrag,
        ice_password=password,
        ice_lite="ice-lite" in read.session,
        fingerprints=read.fingerprints(section),
        setup=_setup(read, section),
        candidates=candidates_of([section] if data is None else [section, data]),
        sctp_port=read.number(data, "sctp-port", 5000, 65_535),
        max_message_size=read.number(data, "max-message-size", DEFAULT_MAX_MESSAGE_SIZE, 2**63),
    )


def _shares(read: Description, section: Section, audio: Section) -> bool:
    """Whether the section is on the audio section's transport: bundled, or (where nothing is said) the same ICE."""
    bundle = read.bundle(audio)
    if bundle:
        return section.mid in bundle
    return read.inherited(section, "ice-ufrag") == read.inherited(audio, "ice-ufrag")


def _setup(read: Description, section: Section) -> Setup:
    value = read.inherited(section, "setup")
    if value is None:
        return Setup.ACTIVE  # RFC 4145 section 4.1
    if value not in (Setup.ACTIVE.value, Setup.PASSIVE.value):
        raise InvalidAnswer("a=setup of an answer is active or passive")
    return Setup(value)
