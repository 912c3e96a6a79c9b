"""The server events that tell of a response while it is made, MCP calls included."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from antiphon.protocol.items import EventPart, Item
from antiphon.protocol.responses import Response
from antiphon.protocol.wire import Wire


class ServerEventBase(Wire, kw_only=True):
    """What all server events share. event_id: UNSET until the session that sends it fills it in."""

    event_id: str | UnsetType = UNSET


# ── responses ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ResponseCreated(ServerEventBase, tag="response.created"):
    """A response begins."""

    response: Response


class ResponseDone(ServerEventBase, tag="response.done"):
    """A response ended, whatever its status. Its items are included, their audio is not."""

    response: Response


class ResponseOutputItemAdded(ServerEventBase, tag="response.output_item.added"):
    """A response begins an item."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemDone(ServerEventBase, tag="response.output_item.done"):
    """A response finished an item."""

    response_id: str
    output_index: int
    item: Item


class ResponseContentPartAdded(ServerEventBase, tag="response.content_part.added"):
    """An item begins a part."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: EventPart


class ResponseContentPartDone(ServerEventBase, tag="response.content_part.done"):
    """An item finished a part."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: EventPart


class ResponseOutputTextDelta(ServerEventBase, tag="response.output_text.delta"):
    """More text."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseOutputTextDone(ServerEventBase, tag="response.output_text.done"):
    """The whole text."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str


class ResponseOutputAudioDelta(ServerEventBase, tag="response.output_audio.delta"):
    """More speech (not on WebRTC). delta: raw bytes here, base64 on the wire."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: bytes


class ResponseOutputAudioDone(ServerEventBase, tag="response.output_audio.done"):
    """The speech is complete."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


class ResponseOutputAudioTranscriptDelta(ServerEventBase, tag="response.output_audio_transcript.delta"):
    """More of what is being said."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseOutputAudioTranscriptDone(ServerEventBase, tag="response.output_audio_transcript.done"):
    """All that was said."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    transcript: str


class ResponseFunctionCallArgumentsDelta(ServerEventBase, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(ServerEventBase, tag="response.function_call_arguments.done"):
    """A call's arguments are complete, on cancel too."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str
    name: str
    arguments: str


# ── MCP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class ResponseMcpCallArgumentsDelta(ServerEventBase, tag="response.mcp_call_arguments.delta"):
    """More of an MCP call's arguments."""

    response_id: str
    item_id: str
    output_index: int
    delta: str
    obfuscation: str | UnsetType | None = UNSET


class ResponseMcpCallArgumentsDone(ServerEventBase, tag="response.mcp_call_arguments.done"):
    """An MCP call's arguments are complete."""

    response_id: str
    item_id: str
    output_index: int
    arguments: str


class ResponseMcpCallInProgress(ServerEventBase, tag="response.mcp_call.in_progress"):
    """An MCP call runs."""

    output_index: int
    item_id: str


class ResponseMcpCallCompleted(ServerEventBase, tag="response.mcp_call.completed"):
    """An MCP call succeeded."""

    output_index: int
    item_id: str


class ResponseMcpCallFailed(ServerEventBase, tag="response.mcp_call.failed"):
    """An MCP call failed."""

    output_index: int
    item_id: str


class McpListToolsInProgress(ServerEventBase, tag="mcp_list_tools.in_progress"):
    """An MCP server is asked for its tools."""

    item_id: str


class McpListToolsCompleted(ServerEventBase, tag="mcp_list_tools.completed"):
    """An MCP server told its tools."""

    item_id: str


class McpListToolsFailed(ServerEventBase, tag="mcp_list_tools.failed"):
    """An MCP server did not tell its tools."""

    item_id: str
