"""What can be set about the server. The engine's own settings are not here: the server is given whoever answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.rtc import RtcSettings

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Defaults are those of a server that only this machine can reach.

    allowed_hosts: names that a `Host` header may carry beside the loopback ones; "*" for any. A page of a stranger
        whose name was made to point at this machine (DNS rebinding) is stopped by this check.
    allowed_origins: web origins such as "https://app.example" that may call, beside the server's own and, on a
        loopback host, other loopback ones; "*" for any.
    access_token: when set, every request but the health check must carry it.
    max_calls: calls at once, over WebSocket and WebRTC together.
    max_call_seconds: a call is ended after this time.
    channel_seconds: a WebRTC call whose data channel has not opened by then is hung up.
    ready_seconds: how long a call waits for a server that is still loading its models.
    max_unsent_bytes: events that a WebSocket peer has not read yet; one who lets more pile up is cut off with 1008.
    max_sdp_bytes, max_session_bytes: the two parts of a call's request.
    body_seconds: how long a request's body may take to arrive.
    page: the folder of the web page, or None for the one in the package.
    rtc: settings of the peer connections, or None for their defaults.
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    access_token: str | None = field(default=None, repr=False)
    max_calls: int = 64
    max_call_seconds: float = 3600.0
    channel_seconds: float = 20.0
    ready_seconds: float = 20.0
    max_unsent_bytes: int = 32 * MIB
    max_sdp_bytes: int = 64 * KIB
    max_session_bytes: int = 512 * KIB
    body_seconds: float = 15.0
    page: Path | None = None
    rtc: RtcSettings | None = None

    def __post_init__(self) -> None:
        for name in ("max_calls", "max_unsent_bytes", "max_sdp_bytes", "max_session_bytes"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("max_call_seconds", "channel_seconds", "ready_seconds", "body_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be more than 0 seconds, not {getattr(self, name)}.")
        if self.access_token is not None and len(self.access_token) < 16:
            raise ConfigurationError("The access token must have at least 16 characters.")
        if self.access_token is not None and not all(
            c.isascii() and (c.isalnum() or c in "-_.~") for c in self.access_token
        ):
            raise ConfigurationError("The access token may hold letters, digits, '-', '_', '.' and '~' only.")
