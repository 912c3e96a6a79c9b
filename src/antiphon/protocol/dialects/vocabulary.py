"""The two dialects' words, as tables: event names, fields and where they moved, formats, content parts.

How whole objects are translated with them is in `sessions`, `responses`, `items` and `errors`. Source: the Realtime
API's beta reference (header `OpenAI-Beta: realtime=v1`) and its beta-to-GA migration guide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SessionKind = Literal["realtime", "transcription"]

BETA_TEMPERATURE = 0.8
"""What a beta session shows unless it was told otherwise. The GA API has no temperature."""

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.6, 1.2

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

SERVER_EVENTS_TO_BETA = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
"""Server events that only changed their name. The others kept theirs, have none in the beta, or are in a caller's and
an upstream's translator, because they changed more (`conversation.item.*`, `session.*` of transcriptions)."""

SERVER_EVENTS_TO_GA = {beta: ga for ga, beta in SERVER_EVENTS_TO_BETA.items()}

TRANSCRIPTION_EVENTS_TO_BETA = {
    "session.update": "transcription_session.update",
    "session.created": "transcription_session.created",
    "session.updated": "transcription_session.updated",
}
"""In GA these are told apart by `session.type`."""

TRANSCRIPTION_EVENTS_TO_GA = {beta: ga for ga, beta in TRANSCRIPTION_EVENTS_TO_BETA.items()}

# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS_TO_BETA = {"output_text": "text", "output_audio": "audio"}
"""Content parts inside items. The `part` of `response.content_part.*` is "text" or "audio" in both dialects."""

FORMATS_TO_BETA = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
FORMATS_TO_GA: dict[str, dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}


def _same(value: Any) -> Any:
    return value


def _modalities_to_ga(value: Any) -> Any:
    # Speech always comes with its transcript in GA, which refuses the pair.
    return ["audio"] if isinstance(value, list) and "audio" in value and set_of_names(value) <= _BOTH else value


def _modalities_to_beta(value: Any) -> Any:
    return ["audio", "text"] if value == ["audio"] else value


def _format_to_ga(value: Any) -> Any:
    # A format that nobody knows becomes one that GA refuses by name.
    return dict(FORMATS_TO_GA.get(value, {"type": value})) if isinstance(value, str) else value


def _format_to_beta(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    return FORMATS_TO_BETA.get(kind, value) if isinstance(kind, str) else value


def _voice_to_ga(value: Any) -> Any:
    # Custom voices are objects in GA; their ids are the only voices that begin so.
    return {"id": value} if isinstance(value, str) and value.startswith("voice_") else value


def _voice_to_beta(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"id"} and isinstance(value["id"], str):
        return value["id"]
    return value


def turn_detection_to_ga(value: Any) -> Any:
    """Azure turns detection off with `{"type": "none"}`; an object without a type is a beta client's server VAD."""
    if not isinstance(value, dict):
        return value
    if value.get("type") == "none":
        return None
    return value if "type" in value else {"type": "server_vad", **value}


def _turn_detection_to_beta(value: Any) -> Any:
    if isinstance(value, dict) and value.get("idle_timeout_ms", 0) is None:
        return {name: member for name, member in value.items() if name != "idle_timeout_ms"}
    return value


_BOTH = {"audio", "text"}


def set_of_names(value: Sequence[Any]) -> set[str]:
    """The strings in a JSON array; anything else in it counts as a name that nobody knows."""
    return {name if isinstance(name, str) else "" for name in value}


# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MovedField:
    """A field that is flat in the beta and elsewhere in GA. to_ga, to_beta: what becomes of its value."""

    beta: str
    ga: tuple[str, ...]
    to_ga: Callable[[Any], Any] = _same
    to_beta: Callable[[Any], Any] = _same


_MODALITIES = MovedField("modalities", ("output_modalities",), _modalities_to_ga, _modalities_to_beta)
_VOICE = MovedField("voice", ("audio", "output", "voice"), _voice_to_ga, _voice_to_beta)
_OUTPUT_FORMAT = MovedField("output_audio_format", ("audio", "output", "format"), _format_to_ga, _format_to_beta)

SESSION_FIELDS = (
    _MODALITIES,
    _VOICE,
    MovedField("speed", ("audio", "output", "speed")),
    MovedField("input_audio_format", ("audio", "input", "format"), _format_to_ga, _format_to_beta),
    _OUTPUT_FORMAT,
    MovedField("input_audio_transcription", ("audio", "input", "transcription")),
    MovedField("input_audio_noise_reduction", ("audio", "input", "noise_reduction")),
    MovedField("turn_detection", ("audio", "input", "turn_detection"), turn_detection_to_ga, _turn_detection_to_beta),
    MovedField("max_response_output_tokens", ("max_output_tokens",)),
)
"""Of a session, in requests and in what a server echoes."""

RESPONSE_FIELDS = (_MODALITIES, _VOICE, _OUTPUT_FORMAT)
"""Of the `response` in `response.create`, and of responses that a server tells of. `max_output_tokens` kept its name
there, though some clients send the session's."""

SESSION_ORDER = (
    "object",
    "id",
    "model",
    "expires_at",
    "modalities",
    "instructions",
    "voice",
    "turn_detection",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "tool_choice",
    "temperature",
    "max_response_output_tokens",
    "tools",
    "client_secret",
    "include",
)
"""The order in which the beta service wrote a session down; what else there is comes after."""

GA_ONLY_DEFAULTS: dict[str, Any] = {"tracing": None, "truncation": "auto", "prompt": None}
"""Members of a GA session that the beta's did not show. With these values they say nothing, and are left out."""

# ── what a beta upstream refuses ──────────────────────────────────────────────────────────────────────────────────

UNKNOWN_TO_BETA_SESSION = frozenset(
    {"type", "id", "object", "expires_at", "model", "reasoning", "parallel_tool_calls", "truncation", "prompt"}
)
"""Members of a GA `session.update` that would make a beta server refuse it whole. The model is the connection's there:
stock clients name theirs in every update."""

UNKNOWN_TO_BETA_RESPONSE = frozenset({"reasoning", "parallel_tool_calls", "prompt"})

NEWER_MEMBERS: dict[str, tuple[str, ...]] = {
    "input_audio_transcription": ("languages", "keywords", "delay"),
    "input_audio_noise_reduction": ("strength",),
    "turn_detection": ("idle_timeout_ms", "model_version"),
}
"""Members of inner objects that came after the beta, likewise."""

# ── moving fields ─────────────────────────────────────────────────────────────────────────────────────────────────


def nested(flat: dict[str, Any], fields: Sequence[MovedField]) -> dict[str, Any]:
    """A copy with the fields where GA has them. Where one was given in both places, the beta's word stands."""
    moved = {field.beta: field for field in fields}
    result: dict[str, Any] = {name: value for name, value in flat.items() if name not in moved}
    for name, value in flat.items():
        field = moved.get(name)
        if field is not None and not _put(result, field.ga, field.to_ga(value)):
            # The way is blocked by something that is no object: GA will refuse that, and this stays where it was.
            result[name] = value
    return result


def flat(nested_: dict[str, Any], fields: Sequence[MovedField]) -> dict[str, Any]:
    """A copy with the fields where the beta has them; objects that are empty then are gone."""
    result = dict(nested_)
    for field in fields:
        found, value = _take(result, field.ga)
        if found:
            result[field.beta] = field.to_beta(value)
    return result


def _put(members: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Put a value at `path` into `members`, whose inner objects are copied before they change. False: no way there."""
    step, rest = path[0], path[1:]
    if not rest:
        members[step] = value
        return True
    inner = members.get(step, {})
    if not isinstance(inner, dict):
        return False
    members[step] = inner = dict(inner)
    return _put(inner, rest, value)


def _take(members: dict[str, Any], path: tuple[str, ...]) -> tuple[bool, Any]:
    """Take the value at `path` out of `members`, whose inner objects are copied before they change."""
    step, rest = path[0], path[1:]
    if step not in members:
        return False, None
    if not rest:
        return True, members.pop(step)
    if not isinstance(members[step], dict):
        return False, None
    inner = dict(members[step])
    found, value = _take(inner, rest)
    if found and inner:
        members[step] = inner
    elif found:
        del members[step]
    return found, value
