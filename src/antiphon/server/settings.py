"""What can be set about the server. The engine's own settings are not here: the server is given whoever answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.rtc import RtcSettings

KIB = 1024
MIB = 1024 * KIB


Authenticate = Callable[[HTTPConnection], Awaitable[Any]]
"""An app's own way to know its users: given the request, it tells who it is (anything but None), or None for a
stranger. The request's body is not to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionLimits:
    """lines_bytes, sound_bytes: of one call, each side's sound; all_bytes: of all calls together; ended_calls: how many
    are kept after their end."""

    lines_bytes: int = 4 * MIB
    sound_bytes: int = 8 * MIB
    all_bytes: int = 96 * MIB
    ended_calls: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Defaults are those of a server that only this machine can reach.

    allowed_hosts: names that a `Host` header may carry beside the loopback ones; "*" for any. A page of a stranger
        whose name was made to point at this machine (DNS rebinding) is stopped by this check.
    allowed_origins: web origins such as "https://app.example" that may call, beside the server's own and, on a
        loopback host, other loopback ones; "*" for any.
    access_token: when set, every request but the health check must carry it, or another proof of these three.
    bearer_tokens: further tokens that do, such as one for each app that may call.
    authenticate: the app's own check, asked about requests that carry no token; who it names is `CURRENT_USER`.
    authenticate_seconds: how long it may take.
    signing_key: what ephemeral keys are signed with; processes that share it take each other's. None makes one that
        ends with the process.
    max_calls: calls at once, over WebSocket and WebRTC together.
    calls_per_minute: calls that one address (IPv6: one /64) may begin in a minute, and keys that it may ask for; None
        for any number. Behind a proxy of this machine the address is what its X-Forwarded-For says.
    max_call_seconds: a call is ended after this time.
    channel_seconds: a WebRTC call whose data channel has not opened by then is hung up.
    ready_seconds: how long a call waits for a server that is still loading its models.
    max_unsent_bytes: events that a WebSocket peer has not read yet; one who lets more pile up is cut off with 1008.
    max_sdp_bytes, max_session_bytes: the two parts of a call's request.
    body_seconds: how long a request's body may take to arrive.
    inspect: keep what calls say for a while (events, and sound where it passes through), to be looked at under
        /inspect by whoever has the access token; where nobody is asked for one, by this machine alone.
    inspection: how much is kept.
    page: the folder of the web page, or None for the one in the package.
    rtc: settings of the peer connections, or None for their defaults.
    ice_servers: "stun:…", "turn:…" and "turns:…" addresses for callers' browsers and for our side; each call waits for
        their answers. turn_secret: the secret shared with the TURN servers (coturn: `static-auth-secret`), from which
        each call gets credentials of its own, good for turn_seconds.
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    access_token: str | None = field(default=None, repr=False)
    bearer_tokens: tuple[str, ...] = field(default=(), repr=False)
    authenticate: Authenticate | None = None
    authenticate_seconds: float = 10.0
    signing_key: str | None = field(default=None, repr=False)
    max_calls: int = 64
    calls_per_minute: int | None = None
    max_call_seconds: float = 3600.0
    channel_seconds: float = 20.0
    ready_seconds: float = 20.0
    max_unsent_bytes: int = 32 * MIB
    max_sdp_bytes: int = 64 * KIB
    max_session_bytes: int = 512 * KIB
    body_seconds: float = 15.0
    inspect: bool = False
    inspection: InspectionLimits = field(default_factory=InspectionLimits)
    page: Path | None = None
    rtc: RtcSettings | None = None
    ice_servers: tuple[str, ...] = ()
    turn_secret: str | None = field(default=None, repr=False)
    turn_seconds: int = 6 * 3600

    def __post_init__(self) -> None:
        for name in ("max_calls", "max_unsent_bytes", "max_sdp_bytes", "max_session_bytes"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("max_call_seconds", "channel_seconds", "ready_seconds", "body_seconds", "authenticate_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be more than 0 seconds, not {getattr(self, name)}.")
        for token in self.tokens:
            _check_token(token)
        if self.signing_key is not None and len(self.signing_key) < 32:
            raise ConfigurationError("The signing key must have at least 32 characters.")
        if self.calls_per_minute is not None and self.calls_per_minute < 1:
            raise ConfigurationError(f"calls_per_minute must be at least 1, not {self.calls_per_minute}.")
        _check_ice(self.ice_servers, self.turn_secret, self.turn_seconds)

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token that lets a caller in."""
        return self.bearer_tokens if self.access_token is None else (self.access_token, *self.bearer_tokens)


def _check_token(token: str) -> None:
    if len(token) < 16:
        raise ConfigurationError("The access token must have at least 16 characters.")
    if not all(c.isascii() and (c.isalnum() or c in "-_.~") for c in token):
        raise ConfigurationError("The access token may hold letters, digits, '-', '_', '.' and '~' only.")
    if token.startswith("ek_"):
        raise ConfigurationError("The access token must not begin with 'ek_', as ephemeral keys do.")


def _check_ice(servers: tuple[str, ...], secret: str | None, seconds: int) -> None:
    for server in servers:
        scheme, _, rest = server.partition(":")
        if scheme not in ("stun", "stuns", "turn", "turns") or not rest or rest.startswith("//"):
            raise ConfigurationError(
                f"An ICE server is an address such as stun:stun.example:3478 or turn:turn.example, not {server!r}."
            )
        if scheme.startswith("turn") and secret is None:
            raise ConfigurationError(f"The TURN server {server} needs turn_secret, the secret that it shares with us.")
    if seconds < 60:
        raise ConfigurationError(f"turn_seconds must be at least 60, not {seconds}.")
