"""An agent beside every call of the embedded engine: the policy that binds the caller, and a sideband in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from antiphon.agent import Agent, CallContext
from antiphon.client import ClientError, ClientSettings, ClosedError, RealtimeClient
from antiphon.engine import Call, Engine
from antiphon.protocol import SessionConfig
from antiphon.server.answering import CURRENT_USER, CallKind, Description, Link, Seat, expiry_message, session_expired
from antiphon.server.gateway_policy import CallerPolicy, for_call, opening_session, without_callers_choices
from antiphon.upstream import beside

logger = logging.getLogger("antiphon.server")

_QUIET_CLIENT = ClientSettings(max_events=0, reattach=None)

StateMaker = Callable[[Any], Any]
"""Makes the state of one call; is given the user. A dict of its own is what a call gets otherwise."""


def new_state(_user: Any) -> dict[str, Any]:
    return {}


class AgentAnswerer:
    """An `Answerer` around the engine: each call begins with the agent's session, and the agent sits beside it.

    make_state: the state that the agent's tools share in one call.
    """

    def __init__(self, engine: Engine, agent: Agent, *, make_state: StateMaker = new_state) -> None:
        self._engine = engine
        self._agent = agent
        self._make_state = make_state

    async def start(self) -> None:
        await self._engine.start()

    async def aclose(self) -> None:
        await self._engine.aclose()

    def describe(self) -> Description:
        return self._engine.describe()

    def open_call(
        self, link: Link, *, model: str | None, session: SessionConfig | None = None, kind: CallKind = "realtime"
    ) -> AgentCall:
        user = CURRENT_USER.get()
        context = CallContext(None, user, self._make_state(user))
        agent = for_call(self._agent, context)
        policy = CallerPolicy(agent)
        call = self._engine.open_call(link, model=model, session=opening_session(agent, session), policy=policy)
        return AgentCall(call, link, agent, context, policy)

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        return self._engine.effective_session(opening_session(for_call(self._agent, CallContext()), session))


class AgentCall:
    """A call of the engine and the agent beside it. `run` owns both.

    The agent comes as soon as the caller can be heard by it: a greeting that nobody hears would be wasted.
    """

    def __init__(self, call: Call, link: Link, agent: Agent, context: CallContext, policy: CallerPolicy) -> None:
        self.id = call.id
        self._call = call
        self._link = link
        self._agent = agent
        self._context = context
        self._policy = policy
        self._opened = asyncio.Event()

    def receive_event(self, data: str | bytes) -> None:
        self._call.receive_event(data)

    def receive_audio(self, pcm: bytes) -> None:
        self._call.receive_audio(pcm)

    def audio_played(self, samples: int) -> None:
        self._call.audio_played(samples)

    def opened(self) -> None:
        self._call.opened()
        self._opened.set()

    def attach(self, link: Link) -> Seat:
        # A caller knows its call's id: whoever comes in by it may do what a caller may.
        return self._call.attach(link, CallerPolicy(self._agent))

    def hang_up(self, reason: str) -> None:
        self._call.hang_up(reason)

    async def run(self) -> None:
        limit = self._agent.limits.max_call_s
        timer = None if limit is None else asyncio.get_running_loop().call_later(limit, self._expire, limit)
        seat = asyncio.create_task(self._seat(), name=f"agent-{self.id}")
        try:
            await self._call.run()
        finally:
            if timer is not None:
                timer.cancel()
            seat.cancel()
            await asyncio.gather(seat, return_exceptions=True)

    def _expire(self, seconds: float) -> None:
        self._link.send_event(session_expired(seconds))
        self._link.close(1001, expiry_message(seconds))

    async def _seat(self) -> None:
        await self._opened.wait()
        transport = beside(self._call.attach, media=self._link.kind == "webrtc")
        client = RealtimeClient(
            call_id=self.id,
            transport=transport,
            agent=without_callers_choices(self._agent),
            # Opening the call has given the engine all of the session that it has a use for.
            setup="never",
            conversation=False,
            user=self._context.user,
            state=self._context.state,
            settings=_QUIET_CLIENT,
        )
        try:
            async with client:
                async for _event in client:
                    pass
        except ClosedError:
            logger.debug("call %s: the agent left", self.id)
        except ClientError as error:
            logger.error("call %s: the agent cannot take its seat: %s", self.id, error)
        except Exception:
            logger.exception("call %s: the agent failed", self.id)
        # A call whose agent is missing would be a call with somebody else; one that is over does not mind.
        self._call.hang_up("the agent is gone")
