"""A response: what a client may ask of it, what it became, and what it used."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from antiphon.protocol.items import Item, ItemReference
from antiphon.protocol.sessions import (
    AudioFormat,
    MaxOutputTokens,
    Modality,
    Prompt,
    Reasoning,
    ToolChoice,
    ToolDefinition,
    VoiceId,
)
from antiphon.protocol.wire import Wire

ResponseState = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]
StatusReason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
"""Up to 16 pairs, keys up to 64 and values up to 512 characters, as everywhere in OpenAI's API."""


class ResponseAudioOutput(Wire):
    """Format and voice of one response."""

    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET


class ResponseAudio(Wire):
    """A response has audio only on its way out."""

    output: ResponseAudioOutput | UnsetType = UNSET


class ResponseParams(Wire):
    """The `response` of `response.create`: overrides for this one response.

    conversation: "none" for a response beside the conversation. input: the whole context instead of the
    conversation's; [] is an empty context, UNSET the conversation itself.
    """

    output_modalities: list[Modality] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: ResponseAudio | UnsetType = UNSET
    tools: list[ToolDefinition] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType = UNSET
    conversation: Literal["auto", "none"] | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    prompt: Prompt | UnsetType | None = UNSET
    input: list[Item | ItemReference] | UnsetType = UNSET


class StatusError(Wire):
    """Why a response failed. Its `type` is a plain field: errors have open types."""

    type: str | UnsetType | None = UNSET  # type: ignore[assignment]
    code: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET


class StatusDetails(Wire):
    """More about a response that ended. type: the response's status again."""

    type: Literal["completed", "cancelled", "incomplete", "failed"] | UnsetType = UNSET  # type: ignore[assignment]
    reason: StatusReason | UnsetType = UNSET
    error: StatusError | UnsetType | None = UNSET


class CachedTokensDetails(Wire):
    """Cached input tokens by kind."""

    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET
    image_tokens: int | UnsetType = UNSET


class InputTokenDetails(Wire):
    """Input tokens by kind."""

    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET
    image_tokens: int | UnsetType = UNSET
    cached_tokens: int | UnsetType = UNSET
    cached_tokens_details: CachedTokensDetails | UnsetType = UNSET


class OutputTokenDetails(Wire):
    """Output tokens by kind."""

    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET


class Usage(Wire):
    """What a response used, in tokens."""

    total_tokens: int | UnsetType = UNSET
    input_tokens: int | UnsetType = UNSET
    output_tokens: int | UnsetType = UNSET
    input_token_details: InputTokenDetails | UnsetType = UNSET
    output_token_details: OutputTokenDetails | UnsetType = UNSET


class Response(Wire):
    """A response as a server tells of it. conversation_id: None when it is beside the conversation."""

    id: str | UnsetType = UNSET
    object: Literal["realtime.response"] | UnsetType = UNSET
    status: ResponseState | UnsetType = UNSET
    status_details: StatusDetails | UnsetType | None = UNSET
    output: list[Item] | UnsetType = UNSET
    conversation_id: str | UnsetType | None = UNSET
    output_modalities: list[Modality] | UnsetType = UNSET
    max_output_tokens: int | Literal["inf"] | UnsetType | None = UNSET
    audio: ResponseAudio | UnsetType = UNSET
    usage: Usage | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET


class TranscriptionInputTokenDetails(Wire):
    """Input tokens of a transcription by kind. Some clients drop the event when either is missing."""

    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET


class TranscriptionTokensUsage(Wire, tag="tokens"):
    """What a transcription used, billed by tokens."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: TranscriptionInputTokenDetails | UnsetType = UNSET


class TranscriptionDurationUsage(Wire, tag="duration"):
    """What a transcription used, billed by time. seconds: length of the audio."""

    seconds: float


TranscriptionUsage = TranscriptionTokensUsage | TranscriptionDurationUsage
