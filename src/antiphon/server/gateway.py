"""The gateway's seat: between callers and a hosted upstream, with the agent beside each call and the key on this side.

`gateway(upstream, agent)` gives what `create_app` takes in an engine's place. Offers are passed on with the agent's
session and the answer comes back at once (`HostedOffers`); callers over WebSocket are relayed (`gateway_relay`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from antiphon.agent import Agent, CallContext
from antiphon.client import ClientSettings, RolloverSettings
from antiphon.engine.stages import StageDescription
from antiphon.errors import ConfigurationError, LocalProtocolError
from antiphon.protocol import SessionConfig
from antiphon.server.answering import CURRENT_USER, AnsweredCall, CallKind, Link
from antiphon.server.bodies import CallRequest
from antiphon.server.calls import Calls
from antiphon.server.gateway_hosted import HostedCall
from antiphon.server.gateway_local import StateMaker, new_state
from antiphon.server.gateway_policy import for_call, opening_session
from antiphon.server.gateway_relay import RelayedCall
from antiphon.server.inspecting import Inspector
from antiphon.server.inspection import InspectedCall, InspectedUpstream, begin
from antiphon.server.peers import Answered
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings
from antiphon.upstream import HostedUpstream, UpstreamDescription, UpstreamError

if TYPE_CHECKING:
    from antiphon.server.edge import Edge

logger = logging.getLogger("antiphon.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """most_changes: how often what a caller changed of the agent's session is put back, before it is hung up.

    rollover: when a relayed session goes over into a new one. sideband: how patient sidebands are.
    """

    most_changes: int = 10
    rollover: RolloverSettings = field(default_factory=RolloverSettings)
    sideband: ClientSettings = field(default_factory=lambda: ClientSettings(max_events=0))

    def __post_init__(self) -> None:
        if self.most_changes < 0:
            raise ConfigurationError(f"most_changes must be 0 or more, not {self.most_changes}.")


class HostedDescription:
    """What answers, as the start lines and the page show it: one service hears, thinks, speaks and sees."""

    def __init__(self, upstream: UpstreamDescription) -> None:
        stage = StageDescription(upstream.summary, upstream.where, embedded=False)
        self.recognizer = self.model = self.voice = self.detector = stage
        self.vision: StageDescription | None = stage


class GatewayAnswerer:
    """An `Answerer` whose calls a hosted upstream holds. It starts and ends the upstream.

    agent: sits beside every call; None leaves the session to the caller. make_state: the state that the agent's tools
    share in one call.
    """

    def __init__(
        self,
        upstream: HostedUpstream,
        agent: Agent | None = None,
        *,
        settings: GatewaySettings | None = None,
        make_state: StateMaker = new_state,
    ) -> None:
        self._upstream = upstream
        self._agent = agent
        self._settings = settings or GatewaySettings()
        self._make_state = make_state

    async def start(self) -> None:
        await self._upstream.start()

    async def aclose(self) -> None:
        await self._upstream.aclose()

    def describe(self) -> HostedDescription:
        return HostedDescription(self._upstream.describe())

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        return opening_session(self._agent and for_call(self._agent, CallContext()), session)

    def open_call(
        self, link: Link, *, model: str | None, session: SessionConfig | None = None, kind: CallKind = "realtime"
    ) -> RelayedCall:
        """A call over WebSocket, relayed. model: what the caller names; the one that answers is the gateway's."""
        if link.kind != "websocket":
            raise LocalProtocolError("offers are the upstream's to answer")
        if kind == "transcription" and self._agent is None and session is None:
            raise Refusal(
                501, "transcription_unavailable", "This gateway's upstream sessions are conversations.", param="intent"
            )
        agent, context = self._seat()
        return RelayedCall(
            link,
            self._upstream,
            opening_session(agent, session),
            agent,
            context,
            rollover=self._settings.rollover,
        )

    def offers(self, calls: Calls, settings: ServerSettings, inspector: Inspector | None = None) -> HostedOffers:
        return HostedOffers(self, calls, settings, inspector)

    async def create(
        self, wanted: CallRequest, max_seconds: float, inspector: Inspector | None = None
    ) -> tuple[AnsweredCall, str]:
        """Have an offer answered by the upstream: the call, to be run, and the SDP answer. Raises UpstreamError."""
        agent, context = self._seat()
        opening = opening_session(agent, wanted.session)
        created = await self._upstream.create_call(wanted.offer, opening)
        record = None if inspector is None else begin(inspector, "hosted", opening)
        limit = None if agent is None else agent.limits.max_call_s
        call = HostedCall(
            self._upstream if record is None else cast("HostedUpstream", InspectedUpstream(self._upstream, record)),
            created,
            agent,
            context,
            max_seconds=max_seconds if limit is None else min(max_seconds, limit),
            most_changes=self._settings.most_changes,
            settings=self._settings.sideband,
        )
        if inspector is None or record is None:
            return call, created.answer_sdp
        inspector.list(record, call.id)
        return InspectedCall(call, record), created.answer_sdp

    def _seat(self) -> tuple[Agent | None, CallContext]:
        user = CURRENT_USER.get()
        context = CallContext(None, user, self._make_state(user))
        return (None if self._agent is None else for_call(self._agent, context)), context


class HostedOffers:
    """Passes offers on to the upstream. The calls themselves live in `Calls`, each in a task of its own."""

    def __init__(
        self, answerer: GatewayAnswerer, calls: Calls, settings: ServerSettings, inspector: Inspector | None = None
    ) -> None:
        self._answerer = answerer
        self._calls = calls
        self._settings = settings
        self._inspector = inspector

    def load(self) -> None:
        """Nothing takes time here: the peer connections are the upstream's."""

    async def answer(self, wanted: CallRequest, *, model: str | None, edge: Edge | None = None) -> Answered:
        """Have an offer answered; the call then goes on in a task of its own. Raises Refusal."""
        if edge is not None and edge.dialect.is_beta:
            raise Refusal(
                400,
                "beta_api_shape_disabled",
                "The data channel of such a call leads to the upstream, which speaks the GA dialect only."
                " Over WebSocket this server translates.",
            )
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._calls.own(self._run(wanted, answered), "hosted-call")
        try:
            return await answered
        except asyncio.CancelledError:
            if answered.done():
                raise Refusal(503, "closing", "The server is going down.", headers={"Retry-After": "5"}) from None
            raise

    async def _run(self, wanted: CallRequest, answered: asyncio.Future[Answered]) -> None:
        try:
            with self._calls.slot():
                call, sdp = await self._answerer.create(wanted, self._settings.max_call_seconds, self._inspector)
                with self._calls.listed(call, call.hang_up):
                    if answered.cancelled():
                        call.hang_up("its caller is gone")
                    else:
                        answered.set_result(Answered(sdp, call.id))
                    await call.run()
        except UpstreamError as error:
            _fail(answered, upstream_refusal(error))
        except Exception as error:
            if answered.done():
                logger.exception("a hosted call failed")
            else:
                answered.set_exception(error)
        except asyncio.CancelledError:
            answered.cancel()
            raise


def _fail(answered: asyncio.Future[Answered], error: Exception) -> None:
    if not answered.done():
        answered.set_exception(error)


def upstream_refusal(error: UpstreamError) -> Refusal:
    """An upstream's error as this server's own. Its words have been made fit to be shown by `upstream.errors`."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return Refusal(error.status, error.code, error.message, param=error.param, headers=headers)


__all__ = [
    "GatewayAnswerer",
    "GatewaySettings",
    "HostedDescription",
    "HostedOffers",
    "RolloverSettings",
    "upstream_refusal",
]
