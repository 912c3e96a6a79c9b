"""How a connection is doing, in numbers. Pure: counters and the time come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

INTERVAL: Final = 1.0
"""Seconds over which rates and shares are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStats:
    """How a connection is doing. None: not known (yet), or no such thing on this transport.

    round_trip_ms: there and back, by the last check or the last report. jitter_ms: of what comes in (RFC 3550).
    loss_in, loss_out: shares of the audio packets, 0.0 to 1.0, that were missed lately, here and by the peer.
    bitrate_in, bitrate_out: bit/s of the last second, audio and events, as UDP carries them. local_candidate,
    remote_candidate: "host", "srflx", "prflx" or "relay". address_family: "ipv4" or "ipv6". bytes and packets: since
    the beginning; packets are of audio. lost_in counts what never came or came too late to be heard, late_in the latter
    that were expected no more, dropped_in what was refused, invalid_in what was no Opus.
    """

    round_trip_ms: float | None = None
    jitter_ms: float | None = None
    loss_in: float | None = None
    loss_out: float | None = None
    bitrate_in: float | None = None
    bitrate_out: float | None = None
    local_candidate: str | None = None
    remote_candidate: str | None = None
    address_family: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0
    lost_in: int = 0
    late_in: int = 0
    duplicate_in: int = 0
    dropped_in: int = 0
    invalid_in: int = 0


class Counters(NamedTuple):
    """What only ever grows. expected: audio packets that the peer has sent, by its numbering; received: those here."""

    bytes_in: int
    bytes_out: int
    expected: int
    received: int


class Rates:
    """Rates over the last interval. Belongs to one transport, which samples; any number of readers."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._before = Counters(0, 0, 0, 0)
        self.bitrate_in: float | None = None
        self.bitrate_out: float | None = None
        self.loss_in: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether a sample is to be taken."""
        return self._since is None or now - self._since >= INTERVAL

    def sample(self, now: float, counters: Counters) -> None:
        """Take one. Losses are told only for packets that were expected; a packet on its way counts as lost."""
        before, since, self._before, self._since = self._before, self._since, counters, now
        if since is None or now <= since:
            return
        self.bitrate_in = (counters.bytes_in - before.bytes_in) * 8 / (now - since)
        self.bitrate_out = (counters.bytes_out - before.bytes_out) * 8 / (now - since)
        expected = counters.expected - before.expected
        # Fewer expected than before: the peer has begun a new stream.
        if expected > 0:
            received = counters.received - before.received
            self.loss_in = min(1.0, max(0.0, (expected - received) / expected))
        else:
            self.loss_in = None
