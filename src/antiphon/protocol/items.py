"""Conversation items and their content parts.

Two vocabularies of parts exist on the wire and both are right in their place: parts *inside items* (`output_text`,
`output_audio`, `input_*`) and the `part` of `response.content_part.*` events (`text`, `audio`).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from antiphon.protocol.wire import Wire

ItemStatus = Literal["completed", "incomplete", "in_progress"]
Role = Literal["system", "user", "assistant"]
ImageDetail = Literal["auto", "low", "high"]


class InputText(Wire, tag="input_text"):
    """Text typed by the user, or a system message's text."""

    text: str


class InputAudio(Wire, tag="input_audio"):
    """A user's speech. audio: raw bytes here, base64 on the wire, left out of `added` and `done` events."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET


class InputImage(Wire, tag="input_image"):
    """A picture. image_url: a data URL ("data:image/jpeg;base64,…")."""

    image_url: str
    detail: ImageDetail | UnsetType = UNSET


class OutputText(Wire, tag="output_text"):
    """Text that the assistant wrote."""

    text: str


class OutputAudio(Wire, tag="output_audio"):
    """Speech of the assistant. audio: raw bytes here, base64 on the wire, sent in `retrieved` only."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET


ContentPart = InputText | InputAudio | InputImage | OutputText | OutputAudio

PARTS_BY_ROLE: dict[str, tuple[type[Wire], ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText, OutputAudio),
}
"""Which content parts a message of each role may hold."""


class TextPart(Wire, tag="text"):
    """The `part` of a content_part event while text is written."""

    text: str | UnsetType = UNSET


class AudioPart(Wire, tag="audio"):
    """The `part` of a content_part event while speech is made."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType = UNSET


EventPart = TextPart | AudioPart


class ItemBase(Wire, kw_only=True):
    """What all items share. id: chosen by the client or given by the server."""

    id: str | UnsetType = UNSET
    object: Literal["realtime.item"] | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET


class Message(ItemBase, tag="message"):
    """Something said, typed or shown by one side."""

    role: Role
    content: list[ContentPart]


class FunctionCall(ItemBase, tag="function_call"):
    """The model wants a function run. arguments: a JSON object as text."""

    name: str
    arguments: str
    call_id: str | UnsetType = UNSET


class FunctionCallOutput(ItemBase, tag="function_call_output"):
    """What a function gave back. output: free text, usually JSON."""

    call_id: str
    output: str


class McpListedTool(Wire):
    """One tool of an MCP server. input_schema: its JSON schema."""

    name: str
    input_schema: Any
    description: str | UnsetType | None = UNSET
    annotations: Any | UnsetType = UNSET


class McpListTools(ItemBase, tag="mcp_list_tools"):
    """The tools that an MCP server offers."""

    server_label: str
    tools: list[McpListedTool]


class McpProtocolError(Wire, tag="protocol_error"):
    """The MCP server broke the protocol."""

    code: int
    message: str


class McpToolExecutionError(Wire, tag="tool_execution_error"):
    """The MCP tool ran and failed."""

    message: str


class McpHttpError(Wire, tag="http_error"):
    """The MCP server answered with an HTTP error."""

    code: int
    message: str


McpError = McpProtocolError | McpToolExecutionError | McpHttpError


class McpCall(ItemBase, tag="mcp_call"):
    """A call of an MCP tool, and its output or error once it has one."""

    server_label: str
    name: str
    arguments: str
    approval_request_id: str | UnsetType | None = UNSET
    output: str | UnsetType | None = UNSET
    error: McpError | UnsetType | None = UNSET


class McpApprovalRequest(ItemBase, tag="mcp_approval_request"):
    """The model asks whether it may call an MCP tool."""

    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(ItemBase, tag="mcp_approval_response"):
    """The client's answer to an approval request."""

    approval_request_id: str
    approve: bool
    reason: str | UnsetType | None = UNSET


Item = Message | FunctionCall | FunctionCallOutput | McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse


class ItemReference(Wire, tag="item_reference"):
    """Points at an item of the conversation. Only allowed in the `input` of `response.create`."""

    id: str
