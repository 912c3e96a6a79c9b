"""What a gateway asks of whoever answers its calls: shapes only, and the same ones for every upstream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from antiphon.client import Transport
from antiphon.protocol import SessionConfig
from antiphon.protocol.dialects import Dialect

DEFAULT_MODEL = "gpt-realtime-2.1"
"""The hosted services' present model; each option and setting of a model has its way before it."""


@dataclass(frozen=True, slots=True)
class UpstreamDescription:
    """Who answers, for the start lines and the page. Nothing in it is secret.

    where: host of the upstream, or "in this process". model: its model (Azure: the deployment). dialect: what it
    speaks. max_session_minutes: after which it ends a session by itself; None when it does not say. webrtc: whether
    it takes SDP offers.
    """

    name: str
    summary: str
    where: str
    model: str | None
    dialect: Dialect = Dialect.GA
    max_session_minutes: float | None = None
    webrtc: bool = True


@dataclass(frozen=True, slots=True)
class CreatedCall:
    """A WebRTC call that the upstream has answered. call_id: "rtc_…"."""

    call_id: str
    answer_sdp: str


@dataclass(frozen=True, slots=True)
class MintedSecret:
    """An ephemeral key for a browser. expires_at: unix seconds. session: as the upstream shows it, plain JSON."""

    value: str = field(repr=False)
    expires_at: int
    session: dict[str, object] = field(repr=False, default_factory=dict)


class Upstream(Protocol):
    """Whoever can hold a session. `start` before anything else, `aclose` at the end; closing twice is closing once."""

    @property
    def name(self) -> str:
        """ "openai", "azure", "url" or "local"."""
        ...

    def describe(self) -> UpstreamDescription: ...

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    def connect(self, *, model: str | None = None) -> Transport:
        """A session over events alone, not connected yet; what a relay stands on."""
        ...

    def attach(self, call_id: str) -> Transport:
        """The sideband of a running call, with this server's own key; not connected yet."""
        ...


class HostedUpstream(Upstream, Protocol):
    """One that answers SDP offers by itself, so that the caller's audio does not pass through this process.

    Every method raises UpstreamError, whose message, code and status may be shown to the caller.
    """

    async def create_call(self, offer: str, session: SessionConfig) -> CreatedCall:
        """Have an offer answered. session: what the call begins with; its model is the upstream's where it has none."""
        ...

    async def hang_up(self, call_id: str) -> None:
        """End a call. One that has ended already is no error."""
        ...

    async def mint_secret(self, session: SessionConfig, *, expires_s: int) -> MintedSecret:
        """An ephemeral key that is bound to `session`. expires_s: for how long one may connect with it."""
        ...
