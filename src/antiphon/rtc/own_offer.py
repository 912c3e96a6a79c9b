"""Our SDP offer: audio both ways from the start, and a data channel. Text out; nothing is opened here."""

from __future__ import annotations

from typing import Final

from antiphon.rtc.local_side import (
    LocalSide,
    audio_lines,
    channel_lines,
    head_lines,
    media_lines,
    transport_lines,
)

OPUS_PAYLOAD_TYPE: Final = 111
"""The number that browsers give Opus, so that the tools of the trade name it rightly."""

SECTIONS: Final = ("audio", "application")
"""The kinds of the offer's sections, in order."""


def write_offer(local: LocalSide) -> str:
    """The offer. Audio is sendrecv with or without a microphone, so that one can be turned on without another offer."""
    lines = [
        *head_lines(local, ["0", "1"]),
        *media_lines("audio", "UDP/TLS/RTP/SAVPF", str(OPUS_PAYLOAD_TYPE), "0", local),
        "a=sendrecv",
        *audio_lines(local, OPUS_PAYLOAD_TYPE),
        *transport_lines(local),
        *media_lines("application", "UDP/DTLS/SCTP", "webrtc-datachannel", "1", local),
        *channel_lines(local),
        *transport_lines(local),
    ]
    return "\r\n".join(lines) + "\r\n"
