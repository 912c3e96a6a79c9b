"""What a session is configured to: the defaults, how an update changes them, and what is refused. Pure.

The effective configuration is kept as the wire's own struct with every field set, so that `session.created` and
`session.updated` show what really applies. What this engine cannot do is either refused with its name or shown as off;
nothing that was asked for is dropped silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import UNSET

from antiphon.engine.turns import TurnSettings
from antiphon.protocol import (
    AudioConfig,
    AudioFormat,
    AudioInput,
    AudioOutput,
    InputTranscription,
    McpTool,
    PcmFormat,
    RealtimeSession,
    SemanticVad,
    ServerVad,
    SessionConfig,
    ToolChoiceMcp,
    TranscriptionAudioConfig,
    TranscriptionSession,
    VoiceId,
    invalid_request,
)

DEFAULT_INSTRUCTIONS = (
    "You are a helpful voice assistant in a live conversation. Answer in the caller's language, in a few short spoken "
    "sentences, without lists or markup. If you did not understand, say so and ask."
)

DEFAULT_VOICE = "alloy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """The bounds and defaults that the operator gives every session.

    model: the name that the session shows. recognizer: likewise, for `transcription.model`.
    max_session_s: a session is closed after so many seconds (the Realtime API's own limit is 60 minutes).
    input_limit_ms: the most audio that waits in the input buffer.
    max_items, max_audio_bytes, max_content_bytes: bounds of the kept conversation; the oldest give way.
    context_items: how many items of the conversation a model is told of at most.
    max_parallel_responses: responses at once, those outside the conversation (`conversation: "none"`) included.
    """

    model: str = "antiphon-embedded"
    recognizer: str = "embedded"
    instructions: str = DEFAULT_INSTRUCTIONS
    voice: str = DEFAULT_VOICE
    max_session_s: float = 3600.0
    input_limit_ms: int = 600_000
    max_items: int = 1000
    max_audio_bytes: int = 16 * 1024 * 1024
    max_content_bytes: int = 32 * 1024 * 1024
    context_items: int = 200
    max_parallel_responses: int = 8
    max_turn_ms: int = 60_000


def default_vad() -> ServerVad:
    return ServerVad(
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=500,
        idle_timeout_ms=None,
        create_response=True,
        interrupt_response=True,
    )


def default_session(settings: SessionSettings, *, session_id: str, expires_at: int) -> RealtimeSession:
    """What `session.created` shows when nothing was asked for."""
    return RealtimeSession(
        object="realtime.session",
        id=session_id,
        model=settings.model,
        output_modalities=["audio"],
        instructions=settings.instructions,
        tools=[],
        tool_choice="auto",
        max_output_tokens="inf",
        tracing=None,
        truncation="auto",
        prompt=None,
        expires_at=expires_at,
        include=None,
        audio=AudioConfig(
            input=AudioInput(
                format=PcmFormat(rate=24_000), transcription=None, noise_reduction=None, turn_detection=default_vad()
            ),
            output=AudioOutput(format=PcmFormat(rate=24_000), voice=settings.voice, speed=1.0),
        ),
    )


def default_transcription_session(
    settings: SessionSettings, *, session_id: str, expires_at: int
) -> TranscriptionSession:
    return TranscriptionSession(
        object="realtime.transcription_session",
        id=session_id,
        expires_at=expires_at,
        include=None,
        audio=TranscriptionAudioConfig(
            input=AudioInput(
                format=PcmFormat(rate=24_000),
                transcription=InputTranscription(model=settings.recognizer),
                noise_reduction=None,
                turn_detection=default_vad(),
            )
        ),
    )


Struct = TypeVar("Struct", bound=msgspec.Struct)

_MERGED = (AudioConfig, TranscriptionAudioConfig, AudioInput, AudioOutput, ServerVad, SemanticVad)
"""Objects of which an update may give a part; every other value is replaced whole."""


def merge(current: Struct, update: Struct) -> Struct:
    """`current` with the fields that `update` sets."""
    changes: dict[str, object] = {}
    for name in update.__struct_fields__:
        value = getattr(update, name)
        if value is UNSET:
            continue
        before = getattr(current, name, UNSET)
        if isinstance(value, _MERGED) and type(before) is type(value):
            value = merge(before, value)  # type: ignore[type-var]
        changes[name] = value
    return msgspec.structs.replace(current, **changes)


def updated(
    current: SessionConfig, update: SessionConfig, settings: SessionSettings, *, voice_locked: bool
) -> SessionConfig:
    """The configuration after a `session.update`. Raises InvalidEvent, and then nothing has changed.

    voice_locked: audio has been sent, so the voice can no longer be another one.
    """
    if type(update) is not type(current):
        wanted = "transcription" if isinstance(current, TranscriptionSession) else "realtime"
        raise invalid_request(
            "invalid_value", f"The type of a running session cannot change: it is '{wanted}'.", "session.type"
        )
    if isinstance(update, RealtimeSession):
        assert isinstance(current, RealtimeSession)
        _refuse_unsupported(update)
        if voice_locked and _voice(update) not in (None, _voice(current)):
            raise invalid_request(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "session.audio.output.voice",
            )
    merged = merge(current, update)
    # Identity and model are this server's to say; a client that names another model is answered by ours.
    merged = msgspec.structs.replace(merged, id=current.id, object=current.object, expires_at=current.expires_at)
    return _effective(merged, settings)


def _effective(session: SessionConfig, settings: SessionSettings) -> SessionConfig:
    """Show as off what is not applied here, and fill in what a partly given object left open."""
    heard = _heard(session)
    heard = msgspec.structs.replace(heard, noise_reduction=None, turn_detection=_filled(heard.turn_detection))
    if isinstance(heard.transcription, InputTranscription):
        heard = msgspec.structs.replace(
            heard, transcription=msgspec.structs.replace(heard.transcription, model=settings.recognizer)
        )
    audio = msgspec.structs.replace(session.audio, input=heard)  # type: ignore[type-var]
    if isinstance(session, RealtimeSession):
        return msgspec.structs.replace(
            session,
            audio=audio,
            model=settings.model,
            tracing=None,
            truncation="auto",
            include=None,
            reasoning=UNSET,
        )
    return msgspec.structs.replace(session, audio=audio, include=None)


def _filled(detection: object) -> ServerVad | SemanticVad | None:
    if isinstance(detection, ServerVad):
        return merge(default_vad(), detection)
    if isinstance(detection, SemanticVad):
        return merge(SemanticVad(eagerness="auto", create_response=True, interrupt_response=True), detection)
    return None


def _refuse_unsupported(update: RealtimeSession) -> None:
    tools = update.tools if isinstance(update.tools, list) else []
    for position, tool in enumerate(tools):
        if isinstance(tool, McpTool):
            raise invalid_request(
                "invalid_value",
                "This server does not call MCP servers: declare the tools as functions.",
                f"session.tools[{position}]",
            )
    if isinstance(update.tool_choice, ToolChoiceMcp):
        raise invalid_request("invalid_value", "This server does not call MCP servers.", "session.tool_choice")
    if update.prompt is not UNSET and update.prompt is not None:
        raise invalid_request(
            "invalid_value", "This server has no stored prompts: send instructions.", "session.prompt"
        )


def _voice(session: RealtimeSession) -> str | None:
    if not isinstance(session.audio, AudioConfig) or not isinstance(session.audio.output, AudioOutput):
        return None
    return voice_name(session.audio.output.voice)


def voice_name(voice: object) -> str | None:
    """The name in a `voice` value, which is a string or an object with an id."""
    if isinstance(voice, VoiceId):
        return voice.id
    return voice if isinstance(voice, str) else None


def _heard(session: SessionConfig) -> AudioInput:
    assert isinstance(session.audio, AudioConfig | TranscriptionAudioConfig)
    assert isinstance(session.audio.input, AudioInput)
    return session.audio.input


def input_format(session: SessionConfig) -> AudioFormat:
    found = _heard(session).format
    return PcmFormat(rate=24_000) if found is UNSET else found


def turn_detection(session: SessionConfig) -> ServerVad | SemanticVad | None:
    detection = _heard(session).turn_detection
    return detection if isinstance(detection, ServerVad | SemanticVad) else None


def transcription(session: SessionConfig) -> InputTranscription | None:
    wanted = _heard(session).transcription
    return wanted if isinstance(wanted, InputTranscription) else None


def turn_settings(detection: ServerVad | SemanticVad, settings: SessionSettings) -> TurnSettings:
    """The turn rules that a `turn_detection` value stands for."""
    if isinstance(detection, SemanticVad):
        eagerness = "auto" if detection.eagerness is UNSET or detection.eagerness is None else detection.eagerness
        return TurnSettings(eagerness=eagerness, max_turn_ms=settings.max_turn_ms)
    filled = merge(default_vad(), detection)
    assert isinstance(filled.threshold, float | int)
    assert isinstance(filled.prefix_padding_ms, int)
    assert isinstance(filled.silence_duration_ms, int)
    return TurnSettings(
        threshold=float(filled.threshold),
        prefix_padding_ms=filled.prefix_padding_ms,
        silence_duration_ms=filled.silence_duration_ms,
        max_turn_ms=settings.max_turn_ms,
    )


def wants(detection: ServerVad | SemanticVad | None, name: str) -> bool:
    """`create_response` or `interrupt_response` of a turn detection; both default to true."""
    return detection is not None and getattr(detection, name, UNSET) is not False
