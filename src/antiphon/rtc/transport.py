"""The interface of one peer connection, and nothing of how it is made.

Everything outside `rtc/` sees a call through `CallTransport` and `CallHandler` only, so that the stack behind it can be
replaced (today: aiortc for SDP, ICE, DTLS and SCTP, with our own audio path on top).
"""

from __future__ import annotations

from typing import Protocol


class CallHandler(Protocol):
    """What a transport tells its owner. All of it runs on the event loop, must return quickly and must not raise."""

    def on_open(self) -> None:
        """The data channel is open: events can be sent. Called once."""

    def on_event(self, data: str | bytes) -> None:
        """One message arrived on the data channel (bytes when the peer sent a binary one)."""

    def on_audio(self, pcm: bytes) -> None:
        """Audio arrived: 24 kHz int16 mono, in order, gaps concealed."""

    def on_played(self, samples: int) -> None:
        """So many samples (24 kHz) of what was given to `send_audio` have left for the peer since the last flush."""

    def on_closed(self, reason: str) -> None:
        """The connection is gone, for whatever reason; nothing follows. Called once, also after `close()`."""


class CallTransport(Protocol):
    """One peer connection, from our side: the answerer."""

    async def answer(self, offer: str) -> str:
        """Take the peer's SDP offer, return the SDP answer. Raises InvalidOffer when it cannot be answered."""
        ...

    def send_event(self, data: str) -> None:
        """Queue one message for the data channel, in order. Dropped silently once the channel is closed.

        A channel whose bounded queue is full is a peer that reads nothing: the transport closes with that reason.
        Raises EventTooLarge for one that the peer cannot take (the implementation's `max_message_size` tells).
        """
        ...

    def send_audio(self, pcm: bytes) -> None:
        """Queue speech (24 kHz int16 mono, any length), played out in real time, 20 ms a packet.

        Raises PlayoutFull when more would wait than the settings allow (ten minutes by default).
        """
        ...

    def end_audio(self) -> None:
        """What was queued is an utterance's end: play a last part frame out, padded with silence."""
        ...

    def flush_audio(self) -> None:
        """Drop all speech that has not left yet; `on_played` starts again at zero."""
        ...

    @property
    def max_message_size(self) -> int | None:
        """Bytes of the largest event that the peer takes, None for no limit (or no data channel)."""
        ...

    @property
    def pending_ms(self) -> float:
        """Milliseconds of queued speech that have not left yet."""
        ...

    async def close(self) -> None:
        """Hang up. Closing twice is closing once."""
        ...
