"""The session that is asked for, and where the one that applies is another. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.agent import FIELDS, Agent, CallContext, agrees, field_of, fields_set, first_response, session_of
from antiphon.errors import ConfigurationError, LocalProtocolError
from antiphon.protocol import InvalidEvent, RealtimeSession, ResponseParams, SessionConfig, decode_session


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that was asked for and is not what applies. field: a name of `agent.FIELDS`; values as plain JSON."""

    field: str
    requested: object
    effective: object

    def __str__(self) -> str:
        return f"{self.field}: asked for {_short(self.requested)}, applies {_short(self.effective)}"


def read_session(session: SessionConfig | Mapping[str, Any]) -> SessionConfig:
    """The session as the protocol has it, of its JSON or of structs with pieces of JSON in them.

    Raises LocalProtocolError, which names what is wrong.
    """
    try:
        return decode_session(msgspec.json.encode(session))
    except InvalidEvent as wrong:
        raise LocalProtocolError(f"This session cannot be asked for: {wrong}") from wrong


def wanted_session(agent: Agent | None, session: SessionConfig | None, context: CallContext) -> SessionConfig | None:
    """What the session is asked to be; None to leave it as it is. The model is named by the address alone."""
    if agent is None:
        return session
    if session is not None and not isinstance(session, RealtimeSession):
        raise ConfigurationError("An agent talks: its session cannot be one that only transcribes.")
    values: dict[str, Any] = {}
    for layer in (session, agent.session(context)):
        if layer is not None:
            values |= {name: field_of(layer, name) for name in fields_set(layer) if name != "model"}
    return session_of(values) if values else None


def differences(requested: SessionConfig, effective: SessionConfig) -> tuple[Difference, ...]:
    """Where the effective session is not what was asked for. The model is the server's to name, and is left out."""
    if not isinstance(requested, RealtimeSession) or not isinstance(effective, RealtimeSession):
        return ()
    found = []
    for name in FIELDS:
        if name == "model" or name not in fields_set(requested):
            continue
        wanted, applies = field_of(requested, name), field_of(effective, name)
        if not agrees(wanted, applies):
            found.append(Difference(name, wanted, None if applies is UNSET else applies))
    return tuple(found)


def with_greeting(
    agent: Agent | None, greeting: str | None, greeting_instructions: str | None
) -> tuple[Agent | None, Agent | None]:
    """The agent with this greeting for its own; where there is none, one that only greets, beside it."""
    if greeting is None and greeting_instructions is None:
        return agent, None
    if agent is None:
        return None, Agent(greeting=greeting, greeting_instructions=greeting_instructions)
    return replace(agent, greeting=greeting, greeting_instructions=greeting_instructions), None


def greeting_response(greeter: Agent, session: SessionConfig | None, context: CallContext) -> ResponseParams | None:
    """What a greeting is asked for with. greeter: has it, and nothing else. session: the one that applies.

    A response's own instructions replace the session's (`protocol.md` C.31), so that those are said again.
    """
    said = session.instructions if isinstance(session, RealtimeSession) else UNSET
    return first_response(greeter if said is UNSET else replace(greeter, instructions=said), context)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
