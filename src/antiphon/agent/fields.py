"""The fields of a session under the short names that agents and policies use, and reading and writing them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from antiphon.protocol import AudioConfig, AudioInput, AudioOutput, RealtimeSession

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model",),
    "instructions": ("instructions",),
    "prompt": ("prompt",),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "reasoning": ("reasoning",),
    "max_output_tokens": ("max_output_tokens",),
    "truncation": ("truncation",),
    "tracing": ("tracing",),
    "include": ("include",),
    "modalities": ("output_modalities",),
    "input_format": ("audio", "input", "format"),
    "transcription": ("audio", "input", "transcription"),
    "noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
}
"""Short name to the path in the session object."""

_PARENTS: Final[Mapping[str, type[msgspec.Struct]]] = {"input": AudioInput, "output": AudioOutput}


def field_of(session: RealtimeSession, name: str) -> Any:
    """The value of a field; UNSET when the session says nothing about it."""
    value: Any = session
    for step in FIELDS[name]:
        value = getattr(value, step)
        if value is UNSET:
            break
    return value


def fields_set(session: RealtimeSession) -> frozenset[str]:
    """The fields that the session says something about, null included."""
    return frozenset(name for name in FIELDS if field_of(session, name) is not UNSET)


def session_of(values: Mapping[str, Any]) -> RealtimeSession:
    """A session that says just this. UNSET values are left out."""
    session = RealtimeSession()
    for name, value in values.items():
        if value is UNSET:
            continue
        *above, last = FIELDS[name]
        target: Any = session
        for step in above:
            if getattr(target, step) is UNSET:
                setattr(target, step, AudioConfig() if step == "audio" else _PARENTS[step]())
            target = getattr(target, step)
        setattr(target, last, value)
    return session


def only(session: RealtimeSession, names: Iterable[str]) -> RealtimeSession:
    """The session with none but these fields (and without the server's own: id, object, expires_at)."""
    return session_of({name: field_of(session, name) for name in names})


def overlaid(session: RealtimeSession, update: RealtimeSession) -> RealtimeSession:
    """The session with the fields that `update` says something about."""
    values = {name: field_of(session, name) for name in FIELDS}
    return session_of(values | {name: field_of(update, name) for name in fields_set(update)})
