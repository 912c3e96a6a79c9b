"""The 46 events that a server sends. Those about responses (and MCP calls in them) are in `response_events`."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from antiphon.protocol.faults import ErrorDetail
from antiphon.protocol.items import Item
from antiphon.protocol.response_events import (
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEventBase,
)
from antiphon.protocol.responses import TranscriptionUsage
from antiphon.protocol.sessions import SessionConfig
from antiphon.protocol.wire import Wire


class Conversation(Wire):
    """The conversation that a session writes to."""

    id: str | UnsetType = UNSET
    object: Literal["realtime.conversation"] | UnsetType = UNSET


class LogProb(Wire):
    """How sure the recognizer was of one token. bytes: the token's UTF-8."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType | None = UNSET


class TranscriptionLanguage(Wire):
    """A language that was heard, as ISO-639-1."""

    code: str


class TranscriptionError(Wire):
    """Why there is no transcript. Its `type` is a plain field: errors have open types."""

    type: str | UnsetType | None = UNSET  # type: ignore[assignment]
    code: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET
    param: str | UnsetType | None = UNSET


class RateLimit(Wire):
    """One limit. name: "requests" or "tokens"; reset_seconds: until it is full again."""

    name: Literal["requests", "tokens"] | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    remaining: int | UnsetType = UNSET
    reset_seconds: float | UnsetType = UNSET


# ── session and conversation ─────────────────────────────────────────────────────────────────────────────────────────


class SessionCreated(ServerEventBase, tag="session.created"):
    """First event on every connection."""

    session: SessionConfig


class SessionUpdated(ServerEventBase, tag="session.updated"):
    """The whole configuration as it is now in effect."""

    session: SessionConfig


class ConversationCreated(ServerEventBase, tag="conversation.created"):
    """Sent by some servers right after `session.created`."""

    conversation: Conversation


class ConversationItemAdded(ServerEventBase, tag="conversation.item.added"):
    """An item entered the conversation; a model's item is still empty and in progress."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ConversationItemDone(ServerEventBase, tag="conversation.item.done"):
    """An item is final. Its audio is left out."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ConversationItemCreated(ServerEventBase, tag="conversation.item.created"):
    """The beta's name for `added`; decoded, never sent by a GA server."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ConversationItemRetrieved(ServerEventBase, tag="conversation.item.retrieved"):
    """Answer to `conversation.item.retrieve`, audio included."""

    item: Item


class ConversationItemDeleted(ServerEventBase, tag="conversation.item.deleted"):
    """An item is gone."""

    item_id: str


class ConversationItemTruncated(ServerEventBase, tag="conversation.item.truncated"):
    """An assistant's audio was cut and its transcript removed."""

    item_id: str
    content_index: int
    audio_end_ms: int


# ── transcription of the user's audio ────────────────────────────────────────────────────────────────────────────────


class InputAudioTranscriptionDelta(ServerEventBase, tag="conversation.item.input_audio_transcription.delta"):
    """More of a transcript."""

    item_id: str
    content_index: int | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    logprobs: list[LogProb] | UnsetType | None = UNSET


class InputAudioTranscriptionCompleted(ServerEventBase, tag="conversation.item.input_audio_transcription.completed"):
    """A transcript is final. May come before or after the response's events."""

    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage
    languages: list[TranscriptionLanguage] | UnsetType | None = UNSET
    logprobs: list[LogProb] | UnsetType | None = UNSET


class InputAudioTranscriptionFailed(ServerEventBase, tag="conversation.item.input_audio_transcription.failed"):
    """There is no transcript; the conversation goes on."""

    item_id: str
    content_index: int
    error: TranscriptionError


class InputAudioTranscriptionSegment(ServerEventBase, tag="conversation.item.input_audio_transcription.segment"):
    """A piece of a transcript with its speaker. start, end: seconds."""

    item_id: str
    content_index: int
    text: str
    id: str
    speaker: str
    start: float
    end: float


# ── the two audio buffers ────────────────────────────────────────────────────────────────────────────────────────────


class InputAudioBufferCommitted(ServerEventBase, tag="input_audio_buffer.committed"):
    """The buffered audio became the item `item_id`."""

    item_id: str
    previous_item_id: str | UnsetType | None = UNSET


class InputAudioBufferCleared(ServerEventBase, tag="input_audio_buffer.cleared"):
    """The input buffer is empty."""


class InputAudioBufferSpeechStarted(ServerEventBase, tag="input_audio_buffer.speech_started"):
    """The user speaks. audio_start_ms: of all audio of the session, padding included."""

    audio_start_ms: int
    item_id: str


class InputAudioBufferSpeechStopped(ServerEventBase, tag="input_audio_buffer.speech_stopped"):
    """The user stopped. audio_end_ms: of all audio of the session."""

    audio_end_ms: int
    item_id: str


class InputAudioBufferTimeoutTriggered(ServerEventBase, tag="input_audio_buffer.timeout_triggered"):
    """Nobody spoke for `idle_timeout_ms`; the silence becomes an item."""

    audio_start_ms: int
    audio_end_ms: int
    item_id: str


class InputAudioBufferDtmfEventReceived(ServerEventBase, tag="input_audio_buffer.dtmf_event_received"):
    """A telephone key (SIP only; the one event without an event_id). received_at: unix seconds."""

    event: str
    received_at: int


class OutputAudioBufferStarted(ServerEventBase, tag="output_audio_buffer.started"):
    """The response begins to be heard (WebRTC and SIP only)."""

    response_id: str


class OutputAudioBufferStopped(ServerEventBase, tag="output_audio_buffer.stopped"):
    """The response was heard to its end (WebRTC and SIP only)."""

    response_id: str


class OutputAudioBufferCleared(ServerEventBase, tag="output_audio_buffer.cleared"):
    """What was not yet heard was thrown away (WebRTC and SIP only)."""

    response_id: str


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class RateLimitsUpdated(ServerEventBase, tag="rate_limits.updated"):
    """What is left, at the beginning of a response."""

    rate_limits: list[RateLimit]


class ErrorEvent(ServerEventBase, tag="error"):
    """Something was refused or failed; the session nearly always goes on."""

    error: ErrorDetail


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemCreated
    | ConversationItemRetrieved
    | ConversationItemDeleted
    | ConversationItemTruncated
    | InputAudioTranscriptionDelta
    | InputAudioTranscriptionCompleted
    | InputAudioTranscriptionFailed
    | InputAudioTranscriptionSegment
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | RateLimitsUpdated
    | ErrorEvent
)
