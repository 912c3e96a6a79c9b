"""Rules for client events that their types cannot express."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from antiphon.protocol.client_events import (
    MAX_APPEND_BYTES,
    ClientEvent,
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.faults import ErrorDetail
from antiphon.protocol.items import PARTS_BY_ROLE, Item, ItemReference, Message
from antiphon.protocol.responses import ResponseParams
from antiphon.protocol.sessions import McpTool, RealtimeSession, SessionConfig, ToolDefinition
from antiphon.protocol.validation import fault, listing, missing


def broken_rule(event: ClientEvent) -> ErrorDetail | None:
    """The first rule that a well-formed event breaks, or None."""
    match event:
        case InputAudioBufferAppend(audio=audio) if len(audio) > MAX_APPEND_BYTES:
            message = (
                f"Invalid 'audio': {len(audio)} bytes of audio in one event. Expected at most {MAX_APPEND_BYTES} "
                "bytes (15 MiB); send it in several events."
            )
            return fault("invalid_value", message, "audio")
        case SessionUpdate(session=session):
            return broken_session_rule(session, "session")
        case ConversationItemCreate(item=item):
            return _misplaced_part(item, "item")
        case ResponseCreate(response=ResponseParams() as params):
            return _broken_response_rule(params, "response")
    return None


def broken_session_rule(session: SessionConfig, path: str) -> ErrorDetail | None:
    """The first rule that a well-formed session breaks, or None."""
    if not isinstance(session, RealtimeSession):
        return None
    return _first(_bad_modalities(session.output_modalities, path), *_incomplete_tools(session.tools, path))


def _broken_response_rule(params: ResponseParams, path: str) -> ErrorDetail | None:
    items = [] if params.input is UNSET else params.input
    return _first(
        _bad_modalities(params.output_modalities, path),
        *_incomplete_tools(params.tools, path),
        *(_misplaced_part(item, f"{path}.input[{i}]") for i, item in enumerate(items)),
    )


def _bad_modalities(modalities: Sequence[str] | UnsetType, path: str) -> ErrorDetail | None:
    if modalities is UNSET or list(modalities) in (["audio"], ["text"]):
        return None
    # Speech always comes with its transcript, so that nobody needs both; the GA API refuses the pair.
    message = f"Invalid modalities: {list(modalities)[:4]}. Supported combinations are: ['text'] and ['audio']."
    return fault("invalid_value", message, f"{path}.output_modalities")


def _incomplete_tools(tools: Sequence[ToolDefinition] | UnsetType, path: str) -> Iterable[ErrorDetail | None]:
    for i, tool in enumerate(() if tools is UNSET else tools):
        if isinstance(tool, McpTool) and tool.server_url is tool.connector_id is tool.tunnel_id is UNSET:
            yield missing(f"{path}.tools[{i}].server_url")


def _misplaced_part(item: Item | ItemReference, path: str) -> ErrorDetail | None:
    if not isinstance(item, Message):
        return None
    allowed: tuple[Any, ...] = PARTS_BY_ROLE[item.role]
    for i, part in enumerate(item.content):
        if not isinstance(part, allowed):
            names = listing([str(kind.__struct_config__.tag) for kind in allowed])
            message = (
                f"Invalid value: '{part.type}'. Supported values are: {names} in a message with role '{item.role}'."
            )
            return fault("invalid_value", message, f"{path}.content[{i}].type")
    return None


def _first(*faults: ErrorDetail | None) -> ErrorDetail | None:
    return next(filter(None, faults), None)
