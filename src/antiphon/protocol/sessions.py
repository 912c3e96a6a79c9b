"""Session configuration, for speech-to-speech and for transcription sessions.

One class serves the partial `session.update` of a client and the full configuration that a server echoes: every field
may be absent. What a field may hold is checked by `decoding`, what a change means is decided by the session.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from antiphon.protocol.wire import Wire

Modality = Literal["text", "audio"]
Milliseconds = Annotated[int, Meta(ge=0, le=2_147_483_647)]
"""Bounded, so that no client can ask for a buffer of 10^30 ms."""

MaxOutputTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Include = Literal["item.input_audio_transcription.logprobs"]
ReasoningEffort = Literal["minimal", "low", "medium", "high", "xhigh"]


# ── audio formats ─────────────────────────────────────────────────────────────────────────────────────────────────


class PcmFormat(Wire, tag="audio/pcm"):
    """16-bit little-endian mono. rate: Hz; the protocol knows only 24000."""

    rate: Literal[24000] | UnsetType = UNSET


class PcmuFormat(Wire, tag="audio/pcmu"):
    """G.711 µ-law, 8 kHz mono."""


class PcmaFormat(Wire, tag="audio/pcma"):
    """G.711 A-law, 8 kHz mono."""


AudioFormat = PcmFormat | PcmuFormat | PcmaFormat


# ── audio in ──────────────────────────────────────────────────────────────────────────────────────────────────────


class InputTranscription(Wire):
    """How the user's speech is transcribed. model: any name; a server may know none of the famous ones."""

    model: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    languages: list[str] | UnsetType | None = UNSET
    keywords: list[str] | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType | None = UNSET


class NoiseReduction(Wire):
    """Filtering before the detector and the model hear the audio. Its `type` is a plain field: it can be absent."""

    type: Literal["near_field", "far_field"] | UnsetType = UNSET  # type: ignore[assignment]
    strength: float | UnsetType = UNSET


class ServerVad(Wire, tag="server_vad"):
    """Turns by silence. threshold: 0.0 to 1.0; idle_timeout_ms: 5000 to 30000, or None for no idle prompt."""

    threshold: Annotated[float, Meta(ge=0.0, le=1.0)] | UnsetType = UNSET
    prefix_padding_ms: Milliseconds | UnsetType = UNSET
    silence_duration_ms: Milliseconds | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30000)] | UnsetType | None = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET
    model_version: str | UnsetType | None = UNSET


class SemanticVad(Wire, tag="semantic_vad"):
    """Turns by whether the user seems to have finished. eagerness: how soon to answer; "auto" means "medium"."""

    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET
    model_version: str | UnsetType | None = UNSET


TurnDetection = ServerVad | SemanticVad


class AudioInput(Wire):
    """What is heard. turn_detection: None means that the client itself commits."""

    format: AudioFormat | UnsetType = UNSET
    transcription: InputTranscription | UnsetType | None = UNSET
    noise_reduction: NoiseReduction | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET


# ── audio out ─────────────────────────────────────────────────────────────────────────────────────────────────────


class VoiceId(Wire):
    """A custom voice."""

    id: str


class AudioOutput(Wire):
    """What is spoken. voice: any name; speed: 0.25 to 1.5."""

    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET


class AudioConfig(Wire):
    """Both directions of a session's audio."""

    input: AudioInput | UnsetType = UNSET
    output: AudioOutput | UnsetType = UNSET


class TranscriptionAudioConfig(Wire):
    """A transcription session only listens."""

    input: AudioInput | UnsetType = UNSET


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class FunctionTool(Wire, tag="function"):
    """A function that the client runs. parameters: its JSON schema."""

    name: Annotated[str, Meta(min_length=1)]
    description: Annotated[str, Meta(max_length=1024)] | UnsetType | None = UNSET
    parameters: dict[str, Any] | UnsetType | None = UNSET


class McpToolFilter(Wire):
    """Picks tools of an MCP server by name or by being read-only."""

    tool_names: list[str] | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET


class McpApprovalFilter(Wire):
    """Which tools of an MCP server need approval, and which never do."""

    always: McpToolFilter | UnsetType = UNSET
    never: McpToolFilter | UnsetType = UNSET


class McpTool(Wire, tag="mcp"):
    """The tools of an MCP server, which the Realtime server itself calls."""

    SECRET_FIELDS: ClassVar[frozenset[str]] = frozenset({"authorization", "headers"})

    server_label: str
    server_url: str | UnsetType = UNSET
    connector_id: str | UnsetType = UNSET
    tunnel_id: str | UnsetType = UNSET
    authorization: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    server_description: str | UnsetType = UNSET
    allowed_tools: list[str] | McpToolFilter | UnsetType | None = UNSET
    require_approval: Literal["always", "never"] | McpApprovalFilter | UnsetType | None = UNSET
    allowed_callers: list[Literal["direct", "programmatic"]] | UnsetType | None = UNSET
    defer_loading: bool | UnsetType = UNSET


ToolDefinition = FunctionTool | McpTool


class ToolChoiceFunction(Wire, tag="function"):
    """The model must call this function."""

    name: str


class ToolChoiceMcp(Wire, tag="mcp"):
    """The model must call a tool of this MCP server; name: which one."""

    server_label: str
    name: str | UnsetType | None = UNSET


ToolChoice = Literal["auto", "none", "required"] | ToolChoiceFunction | ToolChoiceMcp


# ── the rest of a session ─────────────────────────────────────────────────────────────────────────────────────────


class Reasoning(Wire):
    """How much a reasoning model thinks before it speaks."""

    effort: ReasoningEffort | UnsetType = UNSET


class Prompt(Wire):
    """A stored prompt template and the values of its variables."""

    id: str
    version: str | UnsetType | None = UNSET
    variables: dict[str, Any] | UnsetType | None = UNSET


class Tracing(Wire):
    """Names under which a trace of the session is kept."""

    workflow_name: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    metadata: Any | UnsetType = UNSET


class TokenLimits(Wire):
    """post_instructions: the most tokens of conversation after the instructions."""

    post_instructions: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class RetentionRatio(Wire, tag="retention_ratio"):
    """When the conversation outgrows the model, keep this share (0.0 to 1.0) of what fits."""

    retention_ratio: Annotated[float, Meta(ge=0.0, le=1.0)]
    token_limits: TokenLimits | UnsetType | None = UNSET


Truncation = Literal["auto", "disabled"] | RetentionRatio


class RealtimeSession(Wire, tag="realtime"):
    """A speech-to-speech session. id, object and expires_at (unix seconds) are the server's to set."""

    id: str | UnsetType = UNSET
    object: Literal["realtime.session"] | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    output_modalities: list[Modality] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: AudioConfig | UnsetType = UNSET
    include: list[Include] | UnsetType | None = UNSET
    tracing: Literal["auto"] | Tracing | UnsetType | None = UNSET
    tools: list[ToolDefinition] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET
    prompt: Prompt | UnsetType | None = UNSET


class TranscriptionSession(Wire, tag="transcription"):
    """A session that only transcribes. id, object and expires_at (unix seconds) are the server's to set."""

    id: str | UnsetType = UNSET
    object: Literal["realtime.transcription_session"] | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET
    audio: TranscriptionAudioConfig | UnsetType = UNSET
    include: list[Include] | UnsetType | None = UNSET


SessionConfig = RealtimeSession | TranscriptionSession
