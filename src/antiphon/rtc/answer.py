"""The SDP answer, written from an `Offer` and what our side of the transport is. Text out; nothing is opened here."""

from __future__ import annotations

import re
from typing import Final

from antiphon.rtc.local_side import (
    LocalSide,
    audio_lines,
    channel_lines,
    head_lines,
    media_lines,
    transport_lines,
)
from antiphon.rtc.offer import Offer
from antiphon.rtc.sdp import Section, Setup

_KEPT_CODEC: Final = re.compile(r"[!-~]+/[0-9]+(?:/[0-9]+)?")


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
    lines = head_lines(local, [str(mid) for mid in bundled])
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
    return [
        *_media(section, local, str(offer.opus)),
        f"a={offer.direction.mirrored.value}",
        *audio_lines(local, offer.opus),
        *transport_lines(local),
    ]


def _channel(section: Section, local: LocalSide) -> list[str]:
    return [*_media(section, local, "webrtc-datachannel"), *channel_lines(local), *transport_lines(local)]


def _inactive(section: Section, local: LocalSide) -> list[str]:
    codec = _first_codec(section)
    assert codec is not None
    return [
        *_media(section, local, codec[0]),
        "a=inactive",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        f"a=rtpmap:{codec[0]} {codec[1]}",
        *transport_lines(local),
    ]


def _refused(section: Section) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return [*lines, "a=inactive"]


def _media(section: Section, local: LocalSide, formats: str) -> list[str]:
    return media_lines(section.kind, section.protocol, formats, section.mid, local)


def _first_codec(section: Section) -> tuple[str, str] | None:
    """(payload type, codec) of the first mapped format of an RTP section."""
    codecs = dict(value.split(None, 1) for value in section.attributes.get("rtpmap", ()) if len(value.split()) == 2)
    for payload_type in section.formats:
        codec = codecs.get(payload_type, "")
        if payload_type.isascii() and payload_type.isdigit() and _KEPT_CODEC.fullmatch(codec):
            return payload_type, codec
    return None
