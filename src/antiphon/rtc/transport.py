"""The interface of one peer connection, and nothing of how it is made.

Everything outside `rtc/` sees a call through these protocols only, so that the stack behind them can be replaced
(today: aiortc for ICE, DTLS and SCTP, with our own SDP and audio path).
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from antiphon.rtc.stats import ConnectionStats


class Ending(Enum):
    """Why a connection is over."""

    HERE = "here"
    """This side hung up."""
    PEER = "peer"
    """The peer closed it."""
    LOST = "lost"
    """The peer showed no sign of life any more."""
    UNREACHED = "unreached"
    """It never came about: no address let anything through, or the handshake failed."""
    BROKEN = "broken"
    """The peer broke a rule, or this side failed."""


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


class PeerTransport(Protocol):
    """One peer connection, whoever offered it."""

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

    def stats(self) -> ConnectionStats:
        """How the connection is doing."""
        ...

    async def close(self) -> None:
        """Hang up. Closing twice is closing once."""
        ...


class CallTransport(PeerTransport, Protocol):
    """One peer connection, from our side: the answerer."""

    async def answer(self, offer: str) -> str:
        """Take the peer's SDP offer, return the SDP answer. Raises InvalidOffer when it cannot be answered."""
        ...


class CallerTransport(PeerTransport, Protocol):
    """One peer connection, from our side: the caller. `offer`, `accept`, then at will until `on_closed`."""

    async def offer(self) -> str:
        """Our SDP offer, with all our addresses. Raises TransportUnavailable when no port could be bound."""
        ...

    async def accept(self, answer: str) -> None:
        """Take the peer's SDP answer, and begin to connect. Raises InvalidAnswer; then the transport is closed."""
        ...

    @property
    def has_channel(self) -> bool:
        """Whether the peer has taken the data channel. Known after `accept`."""
        ...

    @property
    def ending(self) -> Ending | None:
        """Why the connection is over, None while it is not."""
        ...

    async def room(self) -> None:
        """Wait while the peer takes no more events. Returns too when the connection is over."""
        ...
