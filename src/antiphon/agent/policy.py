"""Server wins: what a caller may change of an agent's session. Pure functions, none of which answers with an error.

Stock clients send a `session.update` on every connect. So what a caller may not change simply stands, and the
`session.updated` that answers shows what really applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET

from antiphon.agent.agent import DEFAULT_CLIENT_MAY
from antiphon.agent.fields import FIELDS, field_of, fields_set, only
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    FunctionCall,
    FunctionCallOutput,
    Message,
    RealtimeSession,
    ResponseCreate,
    ResponseParams,
    SessionConfig,
    SessionUpdate,
)

_GO_WITH: Final[Mapping[str, frozenset[str]]] = {
    # A stored prompt is instructions by another name, and a choice of tools is as good as other tools.
    "instructions": frozenset({"prompt"}),
    "prompt": frozenset({"instructions"}),
    "tools": frozenset({"tool_choice", "parallel_tool_calls"}),
}
_OF_A_RESPONSE: Final[tuple[str, ...]] = (
    "instructions",
    "prompt",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
)


def locked_fields(agent_session: RealtimeSession, client_may: frozenset[str] = DEFAULT_CLIENT_MAY) -> frozenset[str]:
    """The fields (names of `FIELDS`) that a caller cannot change."""
    own = fields_set(agent_session)
    return (own | frozenset().union(*(_GO_WITH.get(name, ()) for name in own))) - client_may


def apply_policy(
    agent_session: RealtimeSession,
    client_update: SessionConfig,
    client_may: frozenset[str] = DEFAULT_CLIENT_MAY,
) -> RealtimeSession:
    """The part of a caller's update that applies: what the agent leaves open, and what `client_may` names.

    A transcription session is none of an agent's; nothing of it applies.
    """
    if not isinstance(client_update, RealtimeSession):
        return RealtimeSession()
    return only(client_update, fields_set(client_update) - locked_fields(agent_session, client_may))


def to_restore(
    agent_session: RealtimeSession, effective: SessionConfig, client_may: frozenset[str] = DEFAULT_CLIENT_MAY
) -> RealtimeSession | None:
    """The update that puts back what a caller changed behind the server's back; None when everything stands.

    effective: what `session.updated` shows. Only what the agent sets itself can be compared and put back; the model is
    in the address, and no update changes it.
    """
    if not isinstance(effective, RealtimeSession):
        return None
    changed = [
        name
        for name in sorted(fields_set(agent_session) - client_may - {"model"})
        if not agrees(field_of(agent_session, name), field_of(effective, name))
    ]
    return only(agent_session, changed) if changed else None


def agrees(wanted: Any, effective: Any) -> bool:
    """Whether what applies is what was wanted, where the server may have filled in what was left open."""
    return _within(_plain(wanted), _plain(effective))


def _within(wanted: Any, effective: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(effective, dict):
        return all(_within(value, effective.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(effective, list):
        return len(wanted) == len(effective) and all(map(_within, wanted, effective))
    return bool(wanted == effective)


def _plain(value: Any) -> Any:
    return None if value is UNSET else msgspec.to_builtins(value)


@dataclass(frozen=True, slots=True)
class Permitted:
    """event: what may be passed on, None for nothing. withheld: names of what was taken out, for a log."""

    event: ClientEvent | None
    withheld: tuple[str, ...] = ()


def permit(
    event: ClientEvent,
    agent_session: RealtimeSession,
    client_may: frozenset[str] = DEFAULT_CLIENT_MAY,
    agent_items: frozenset[str] = frozenset(),
) -> Permitted:
    """A caller's event as it may reach an upstream that runs an agent.

    The session is not the only way to tell a model what it is: a response's own instructions and tools, a system
    message, an output for the agent's own function call would do as well. agent_items: items that a caller cannot
    delete.
    """
    locked = locked_fields(agent_session, client_may)
    match event:
        case SessionUpdate(session=session):
            applied = apply_policy(agent_session, session, client_may)
            asked = fields_set(session) if isinstance(session, RealtimeSession) else frozenset(FIELDS)
            return Permitted(
                msgspec.structs.replace(event, session=applied), tuple(sorted(asked - fields_set(applied)))
            )
        case ResponseCreate(response=ResponseParams() as params):
            kept, withheld = _response_policy(params, locked)
            return Permitted(msgspec.structs.replace(event, response=kept), withheld)
        case ConversationItemCreate(item=Message(role="system")) if "instructions" in locked:
            return Permitted(None, ("system message",))
        case ConversationItemCreate(item=FunctionCall() | FunctionCallOutput()) if "tools" in locked:
            return Permitted(None, (event.item.type,))
        case ConversationItemDelete(item_id=item_id) if item_id in agent_items:
            return Permitted(None, ("deletion of the agent's item",))
    return Permitted(event)


def _response_policy(params: ResponseParams, locked: frozenset[str]) -> tuple[ResponseParams, tuple[str, ...]]:
    withheld: list[str] = [name for name in _OF_A_RESPONSE if name in locked and getattr(params, name) is not UNSET]
    changes: dict[str, Any] = dict.fromkeys(withheld, UNSET)
    if params.input is not UNSET:
        kept = [item for item in params.input if not _tells_the_model(item, locked)]
        if len(kept) < len(params.input):
            changes["input"] = kept
            withheld.append("input")
    return msgspec.structs.replace(params, **changes), tuple(withheld)


def _tells_the_model(item: object, locked: frozenset[str]) -> bool:
    if isinstance(item, Message):
        return item.role == "system" and "instructions" in locked
    return isinstance(item, FunctionCall | FunctionCallOutput) and "tools" in locked
