"""The friendly events: what happens in a conversation, in words an app can act on. Data only.

`router` makes them from the wire; `playout` adds what a player reports. Each is frozen, has its dotted name in `type`,
and its JSON is `to_wire(event)`. A field that is `UNSET` is absent in the JSON: the server has not said it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.protocol import ErrorDetail, RateLimit, SessionConfig, TranscriptionError, TranscriptionUsage, Usage
from antiphon.protocol import to_builtins as wire_to_builtins
from antiphon.protocol.wire import Wire

Channel = Literal["text", "audio_transcript"]
"""Whether the assistant's words are written only, or are the transcript of what it says aloud."""

Previous = str | UnsetType | None
"""The item that an item stands after: UNSET while the server has not said, None for the first of its session."""

CompletionStatus = Literal["completed", "cancelled", "failed", "incomplete"]
Scope = Literal["session", "item", "response", "input_audio", "output_audio", "server", "client"]
"""What an error is about. server: the error named no event of ours; client: it arose on this side."""


class Friendly(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all friendly events."""

    type: ClassVar[str] = ""


# ── session ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class SessionCreated(Friendly, frozen=True, kw_only=True, tag="session.created"):
    """A session begins: the first, or a new one after a reconnect. What was said before it stays said."""

    session: SessionConfig


class SessionUpdated(Friendly, frozen=True, kw_only=True, tag="session.updated"):
    """The whole configuration as it is now in effect."""

    session: SessionConfig


class RateLimitsUpdated(Friendly, frozen=True, kw_only=True, tag="session.rate_limits"):
    """What is left of the account's limits."""

    rate_limits: list[RateLimit]


# ── the user ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class UserSpeechStarted(Friendly, frozen=True, kw_only=True, tag="user.speech_started"):
    """The server hears the user. item_id: of the item that this will become. audio_ms: of all audio of the session."""

    item_id: str
    audio_ms: int


class UserSpeechStopped(Friendly, frozen=True, kw_only=True, tag="user.speech_stopped"):
    """The server hears the user no more; it waited for the configured silence before it said so."""

    item_id: str
    audio_ms: int


class UserAudioCleared(Friendly, frozen=True, kw_only=True, tag="user.audio_cleared"):
    """What was heard and not yet committed is thrown away."""


class UserTimeout(Friendly, frozen=True, kw_only=True, tag="user.timeout"):
    """Nobody spoke for `idle_timeout_ms`; the silence becomes the item `item_id`."""

    item_id: str


class UserDtmf(Friendly, frozen=True, kw_only=True, tag="user.dtmf"):
    """A telephone key (SIP only). received_at: unix seconds."""

    key: str
    received_at: int


class UserItemStarted(Friendly, frozen=True, kw_only=True, tag="user.item_started"):
    """What was spoken is an item of the conversation now; its words may still be on their way. Once per item.

    images: what was shown in the same item.
    """

    item_id: str
    images: list[str] = []
    previous_item_id: Previous = UNSET


class UserDelta(Friendly, frozen=True, kw_only=True, tag="user.delta", gc=False):
    """More of what was recognised. Some servers send it while the user still speaks, before `user.item_started`."""

    item_id: str
    content_index: int
    delta: str


class UserCompleted(Friendly, frozen=True, kw_only=True, tag="user.completed"):
    """What the user said, final. May come after the answer to it. usage: of the recognizer, where the server tells."""

    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage | None = None


class UserFailed(Friendly, frozen=True, kw_only=True, tag="user.failed"):
    """Speech that could not be recognised, or a message that the server refused or that could not be sent."""

    item_id: str
    error: TranscriptionError


class UserMessage(Friendly, frozen=True, kw_only=True, tag="user.message"):
    """What the user typed or showed: at once when it is sent, or when another peer of the call sent it. Once per item.

    images: data URLs or addresses, as they were sent.
    """

    item_id: str
    text: str
    images: list[str]
    previous_item_id: Previous = UNSET


# ── the assistant ────────────────────────────────────────────────────────────────────────────────────────────────────


class AssistantResponseRequested(Friendly, frozen=True, kw_only=True, tag="assistant.response_requested"):
    """The app asked for a response in the conversation."""


class AssistantResponseStarted(Friendly, frozen=True, kw_only=True, tag="assistant.response_started"):
    """A response begins. aside: it is not of the conversation (`conversation: "none"`)."""

    response_id: str
    aside: bool = False


class AssistantItemStarted(Friendly, frozen=True, kw_only=True, tag="assistant.item_started"):
    """The assistant begins a message. response_id: None for one that no response made (a replayed history)."""

    item_id: str
    response_id: str | None
    previous_item_id: Previous = UNSET


class AssistantDelta(Friendly, frozen=True, kw_only=True, tag="assistant.delta", gc=False):
    """More of what the assistant writes or says."""

    response_id: str
    item_id: str
    content_index: int
    delta: str
    channel: Channel


class AssistantTextDone(Friendly, frozen=True, kw_only=True, tag="assistant.text_done"):
    """All the words of one content part. Again, with other words, when the server corrects itself: one that shortens
    an interrupted answer keeps what was heard."""

    response_id: str | None
    item_id: str
    content_index: int
    text: str
    channel: Channel


class AssistantItemDone(Friendly, frozen=True, kw_only=True, tag="assistant.item_done"):
    """A message of the assistant is complete, or will stay incomplete. Once per item."""

    item_id: str
    response_id: str | None
    status: Literal["completed", "incomplete"]


class AssistantAudioReceived(Friendly, frozen=True, kw_only=True, tag="assistant.audio_received"):
    """The first sound of a response is here (not on WebRTC). It is heard when `assistant.audio_started` says so."""

    response_id: str
    item_id: str


class AssistantAudioStarted(Friendly, frozen=True, kw_only=True, tag="assistant.audio_started"):
    """The response begins to be heard: told by the server on WebRTC and SIP, else by whoever plays it."""

    response_id: str


class AssistantAudioStopped(Friendly, frozen=True, kw_only=True, tag="assistant.audio_stopped"):
    """The response is heard no more: it was played to its end, or it was interrupted. Once per `audio_started`."""

    response_id: str


class AssistantInterrupted(Friendly, frozen=True, kw_only=True, tag="assistant.interrupted"):
    """The response was stopped while it was made or played. Once per response."""

    response_id: str


class AssistantTruncated(Friendly, frozen=True, kw_only=True, tag="assistant.truncated"):
    """The server cut the audio of an answer at what was heard.

    audio_ms: how much audio of the part had come, where it comes as events (not on WebRTC): with `audio_end_ms` it
    tells which share of the words was heard.
    """

    item_id: str
    content_index: int
    audio_end_ms: int
    audio_ms: int | None = None


class AssistantCompleted(Friendly, frozen=True, kw_only=True, tag="assistant.completed"):
    """A response ended. Exactly once per response, from `response.done`.

    reason: "turn_detected", "client_cancelled", "max_output_tokens", "content_filter"; "disconnected" when the
    connection went before the response's end. error: why it failed, in the server's words.
    """

    response_id: str
    status: CompletionStatus
    reason: str | None = None
    error: str | None = None
    usage: Usage | None = None


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class ToolCallStarted(Friendly, frozen=True, kw_only=True, tag="tool.call_started"):
    """The model begins to call a tool. call_id: the item's id for MCP calls, which have no other.

    server_label: the MCP server; None for functions.
    """

    call_id: str
    item_id: str
    name: str
    response_id: str | None
    server_label: str | None = None
    previous_item_id: Previous = UNSET


class ToolCallDelta(Friendly, frozen=True, kw_only=True, tag="tool.call_delta", gc=False):
    """More of a call's arguments, as JSON text."""

    call_id: str
    item_id: str
    name: str
    delta: str


class ToolCallDone(Friendly, frozen=True, kw_only=True, tag="tool.call_done"):
    """The arguments of a call are complete. Once per call.

    arguments: the JSON object ({} when the text is empty); None when the text is no JSON object, as in a call that
    was cancelled half-way. text: as it came.
    """

    call_id: str
    item_id: str
    name: str
    arguments: dict[str, Any] | None
    text: str
    response_id: str | None = None


class ToolApprovalRequested(Friendly, frozen=True, kw_only=True, tag="tool.approval_requested"):
    """The model asks whether it may call an MCP tool; answer with an `mcp_approval_response` item."""

    item_id: str
    server_label: str
    name: str
    text: str
    previous_item_id: Previous = UNSET


class ToolOutput(Friendly, frozen=True, kw_only=True, tag="tool.output"):
    """What a tool gave back. Once per call.

    item_id: of the output's own item; None for MCP calls. error: the call failed; `output` says how.
    """

    call_id: str
    item_id: str | None
    output: str
    error: bool = False
    previous_item_id: Previous = UNSET


# ── items in general ─────────────────────────────────────────────────────────────────────────────────────────────────


class ItemAdded(Friendly, frozen=True, kw_only=True, tag="item.added"):
    """An item that is nobody's words, such as instructions: it keeps its place in the order. kind: its type or role."""

    item_id: str
    kind: str
    text: str = ""
    previous_item_id: Previous = UNSET


class ItemMoved(Friendly, frozen=True, kw_only=True, tag="item.moved"):
    """The server said, or said otherwise, after which item a known one stands."""

    item_id: str
    previous_item_id: str | None


class ItemDeleted(Friendly, frozen=True, kw_only=True, tag="item.deleted"):
    """An item is gone from the conversation."""

    item_id: str


class Error(Friendly, frozen=True, kw_only=True, tag="error"):
    """Something was refused or failed; the call nearly always goes on.

    event_type: our event that it is about, where the server named one. ordinary: part of taking turns (nothing left to
    cancel, a response is already being made), so not for the user's eyes.
    """

    scope: Scope
    error: ErrorDetail
    event_type: str | None = None
    ordinary: bool = False


FriendlyEvent = (
    SessionCreated
    | SessionUpdated
    | RateLimitsUpdated
    | UserSpeechStarted
    | UserSpeechStopped
    | UserAudioCleared
    | UserTimeout
    | UserDtmf
    | UserItemStarted
    | UserDelta
    | UserCompleted
    | UserFailed
    | UserMessage
    | AssistantResponseRequested
    | AssistantResponseStarted
    | AssistantItemStarted
    | AssistantDelta
    | AssistantTextDone
    | AssistantItemDone
    | AssistantAudioReceived
    | AssistantAudioStarted
    | AssistantAudioStopped
    | AssistantInterrupted
    | AssistantTruncated
    | AssistantCompleted
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallDone
    | ToolApprovalRequested
    | ToolOutput
    | ItemAdded
    | ItemMoved
    | ItemDeleted
    | Error
)
"""Every friendly event."""

for _kind in get_args(FriendlyEvent):
    _kind.type = str(_kind.__struct_config__.tag)

FRIENDLY_TYPES: tuple[str, ...] = tuple(kind.type for kind in get_args(FriendlyEvent))
"""The `type` of every friendly event."""


def to_wire(event: FriendlyEvent) -> dict[str, Any]:
    """The event as a dict of plain JSON values, its `type` first. What is absent stays absent."""
    plain: dict[str, Any] = {"type": event.type}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value is UNSET:
            continue
        if isinstance(value, Wire):
            value = wire_to_builtins(value)
        elif isinstance(value, list):
            value = [wire_to_builtins(one) if isinstance(one, Wire) else one for one in value]
        else:
            value = msgspec.to_builtins(value)
        plain[name] = value
    return plain
