"""The agent's say in a call: what it begins with, and what its caller may do. Pure, no I/O.

Where the caller's events pass through this process (the relay, the embedded engine) they are held to `CallerPolicy`.
Where they do not (a hosted upstream's data channel), `SessionWatch` sees from the sideband what they changed.
"""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from typing import TypeVar

import msgspec
from msgspec import UNSET

from antiphon.agent import (
    FIELDS,
    Agent,
    CallContext,
    agrees,
    apply_policy,
    field_of,
    fields_set,
    overlaid,
    permit,
    session_of,
)
from antiphon.protocol import ClientEvent, RealtimeSession, SessionConfig, SessionUpdate

Session = TypeVar("Session", RealtimeSession, SessionConfig)

logger = logging.getLogger("antiphon.server")

_ATTRIBUTES = frozenset(one.name for one in fields(Agent)) & FIELDS.keys() - {"instructions", "tools"}


def for_call(agent: Agent, call: CallContext) -> Agent:
    """The agent as it is for one call: instructions that are a function are asked once, and stay."""
    return replace(agent, instructions=agent.instructions_for(call)) if callable(agent.instructions) else agent


def without_callers_choices(agent: Agent) -> Agent:
    """The agent with what its caller may choose left open, for a seat that must not undo what was chosen already."""
    chosen = {name: UNSET for name in agent.client_may & _ATTRIBUTES if getattr(agent, name) is not UNSET}
    return replace(agent, **chosen) if chosen else agent  # type: ignore[arg-type]


def opening_session(agent: Agent | None, asked: SessionConfig | None) -> SessionConfig:
    """What a call begins with: the agent's session, and of the caller's what it may choose; never the caller's model.

    Without an agent the session is the caller's own.
    """
    if agent is None:
        return _own_model(asked) if asked is not None else RealtimeSession()
    own = agent.session()
    wished = RealtimeSession() if asked is None else apply_policy(own, asked, agent.client_may)
    return overlaid(own, _own_model(wished))


class CallerPolicy:
    """What the caller of one call may do. Asked about each of the caller's events; changes nothing but the log."""

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent
        self._session = RealtimeSession() if agent is None else agent.session()

    @property
    def strict(self) -> bool:
        """Whether an event that cannot be judged must not pass."""
        return self._agent is not None

    def admit(self, event: ClientEvent) -> ClientEvent | None:
        """The event as it is to be carried out; None for not at all."""
        if isinstance(event, SessionUpdate):
            event = msgspec.structs.replace(event, session=_own_model(event.session))
        if self._agent is None:
            return event
        permitted = permit(event, self._session, self._agent.client_may)
        if permitted.withheld:
            logger.info("withheld from a caller's %s: %s", event.type, ", ".join(permitted.withheld))
        return permitted.event


class SessionWatch:
    """Notices what a caller changes of the agent's session, and counts. One for each call; its sideband feeds it.

    A setting that the upstream never applied is no offence of the caller's: it is left alone. client_may: what a caller
    may change (names of `FIELDS`). most: after how many changes the caller is to be hung up on.
    """

    def __init__(self, client_may: frozenset[str], *, most: int) -> None:
        self._client_may = client_may
        self._most = most
        self._inert: frozenset[str] = frozenset()
        self.changes = 0

    @property
    def exhausted(self) -> bool:
        """Whether the caller went on for too long."""
        return self.changes > self._most

    def applied(self, expected: RealtimeSession, effective: SessionConfig) -> None:
        """The session as it was when the agent had set it up."""
        self._inert = self._changed(expected, effective)

    def updated(self, expected: RealtimeSession, effective: SessionConfig) -> RealtimeSession | None:
        """A `session.updated`: the update that puts back what it changed; None when everything stands."""
        changed = self._changed(expected, effective) - self._inert
        if not changed:
            return None
        self.changes += 1
        return session_of({name: field_of(expected, name) for name in changed})

    def _changed(self, expected: RealtimeSession, effective: SessionConfig) -> frozenset[str]:
        if not isinstance(effective, RealtimeSession):
            return frozenset()
        # The model is in the address: an update cannot change it.
        watched = fields_set(expected) - self._client_may - {"model"}
        return frozenset(name for name in watched if not agrees(field_of(expected, name), field_of(effective, name)))


def _own_model(session: Session) -> Session:
    """Which model answers is for whoever pays to say; stock clients name one in every update."""
    if isinstance(session, RealtimeSession) and session.model is not UNSET:
        return msgspec.structs.replace(session, model=UNSET)
    return session
