"""The ICE servers of calls, as browsers and as our own peer connections take them, with credentials for each call."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from antiphon.server.settings import ServerSettings
from antiphon.server.turn import TurnCredential, turn_credential

if TYPE_CHECKING:
    from antiphon.rtc import RtcSettings


@dataclass(frozen=True, slots=True)
class IceServers:
    """What one call may use. stun, turn: addresses. credential: for the TURN servers, None where there are none."""

    stun: tuple[str, ...]
    turn: tuple[str, ...]
    credential: TurnCredential | None

    def for_browser(self) -> list[dict[str, Any]]:
        """The `iceServers` of an RTCPeerConnection's configuration."""
        found: list[dict[str, Any]] = [{"urls": list(self.stun)}] if self.stun else []
        if self.turn and self.credential is not None:
            own = {"username": self.credential.username, "credential": self.credential.credential}
            found.append({"urls": list(self.turn), **own})
        return found


def ice_servers(settings: ServerSettings, now: float) -> IceServers:
    """The servers that are configured, with fresh credentials. now: unix seconds."""
    turn = tuple(server for server in settings.ice_servers if server.startswith(("turn:", "turns:")))
    stun = tuple(server for server in settings.ice_servers if server not in turn)
    credential = None
    if turn and settings.turn_secret is not None:
        # A name of its own for each: nobody's calls can be told from another's, or joined together, by it.
        credential = turn_credential(settings.turn_secret, secrets.token_hex(8), settings.turn_seconds, now)
    return IceServers(stun, turn, credential)


def rtc_settings(settings: ServerSettings, now: float) -> RtcSettings:
    """How our side of one call is made: `settings.rtc`, and the ICE servers beside its own."""
    from antiphon.rtc import RtcSettings  # noqa: PLC0415 - the media stack is an extra
    from antiphon.rtc.settings import IceServer  # noqa: PLC0415

    base = settings.rtc or RtcSettings()
    if not settings.ice_servers:
        return base
    servers = ice_servers(settings, now)
    own = [IceServer(url=url) for url in servers.stun]
    if servers.credential is not None:
        name, password = servers.credential.username, servers.credential.credential
        own += [IceServer(url=url, username=name, credential=password) for url in servers.turn]
    return replace(base, ice_servers=(*base.ice_servers, *own))
