"""What can be set about peer connections, and the errors of this room besides InvalidOffer."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from antiphon.errors import AntiphonError, ConfigurationError, LocalProtocolError


class TransportUnavailable(AntiphonError):
    """No peer connection can be opened on this machine now: a package, an address or a free port is missing."""


class EventTooLarge(LocalProtocolError):
    """An event is larger than the peer takes on its data channel; nothing was sent, the call goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """A STUN or TURN server that our side uses: `stun:host:port`, `turn:host:port?transport=udp`, `turns:…`."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcSettings:
    """How peer connections are made. The defaults suit a server that its callers reach directly.

    ice_servers: of our side, of which the first STUN and the first TURN server are asked; by default none, so that
        nothing waits for anybody.
    udp_ports: first and last UDP port to bind, both included; None for any free one.
    advertised_address: the address that callers reach us by when it is not one of our own (NAT, Docker); it is offered
        first, with the port bound here.
    bind_addresses: our addresses to offer; None for all of this machine's.
    bitrate: bit/s of the Opus that we send. complexity: of its encoder, 0 to 10.
    max_event_queue_bytes: bytes waiting for the data channel at most; beyond, the peer reads nothing, and is hung up.
    max_message_bytes: largest message that we take on the data channel, announced as a=max-message-size.
    max_pending_audio_s: seconds of speech waiting to be sent at most.
    gathering_timeout_s: what the STUN and TURN servers get to answer in.
    connect_timeout_s: from the answer to the open connection. silence_timeout_s: without any sign of life from the
        peer for so long, it is taken for gone. shaky_after_s: without one for so long, it is told to be shaky.
    """

    ice_servers: tuple[IceServer, ...] = ()
    udp_ports: tuple[int, int] | None = None
    advertised_address: str | None = None
    bind_addresses: tuple[str, ...] | None = None
    bitrate: int = 48_000
    complexity: int = 5
    max_event_queue_bytes: int = 8 * 1024 * 1024
    max_message_bytes: int = 1024 * 1024
    max_pending_audio_s: float = 600.0
    gathering_timeout_s: float = 2.0
    connect_timeout_s: float = 20.0
    shaky_after_s: float = 3.0
    silence_timeout_s: float = 12.0

    def __post_init__(self) -> None:
        if self.udp_ports is not None:
            first, last = self.udp_ports
            if not 0 < first <= last < 65_536:
                raise ConfigurationError(f"udp_ports is {first}-{last}: it is a range of ports from 1 to 65535")
        for name, addresses in (
            ("advertised_address", () if self.advertised_address is None else (self.advertised_address,)),
            ("bind_addresses", self.bind_addresses or ()),
        ):
            for address in addresses:
                try:
                    ipaddress.ip_address(address)
                except ValueError:
                    raise ConfigurationError(f"{name} has {address!r}: it is an IP address, not a name") from None
        if not 6_000 <= self.bitrate <= 510_000:
            raise ConfigurationError(f"bitrate is {self.bitrate}: it is 6000 to 510000 bit/s")
        if not 0 <= self.complexity <= 10:
            raise ConfigurationError(f"complexity is {self.complexity}: it is 0 to 10")
        for name, value in (
            ("max_event_queue_bytes", self.max_event_queue_bytes),
            ("max_message_bytes", self.max_message_bytes),
            ("max_pending_audio_s", self.max_pending_audio_s),
            ("gathering_timeout_s", self.gathering_timeout_s),
            ("connect_timeout_s", self.connect_timeout_s),
            ("shaky_after_s", self.shaky_after_s),
            ("silence_timeout_s", self.silence_timeout_s),
        ):
            if value <= 0:
                raise ConfigurationError(f"{name} is {value}: it is more than zero")
