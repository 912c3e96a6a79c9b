"""Sessions between the dialects: what a client asks for, and what a server echoes.

A beta caller is also read leniently where it mixes in GA's fields, or fields that never existed, as clients that were
migrated half-way do: GA refuses a whole session for one of them, and then instructions and tools never apply. Only
what cannot be misread is lenient; anything else is passed on, to be refused by name.
"""

from __future__ import annotations

from typing import Any

from antiphon.protocol.dialects.translation import Dropped
from antiphon.protocol.dialects.vocabulary import (
    GA_ONLY_DEFAULTS,
    NEWER_MEMBERS,
    RESPONSE_FIELDS,
    SESSION_FIELDS,
    SESSION_ORDER,
    UNKNOWN_TO_BETA_SESSION,
    MovedField,
    SessionKind,
    flat,
    nested,
    turn_detection_to_ga,
)

_NO_TEMPERATURE = "the GA API has no temperature"
_NOT_IN_BETA = "the beta API does not know it"
_GA_MODALITIES = MovedField("output_modalities", ("output_modalities",), RESPONSE_FIELDS[0].to_ga)


# ── a beta client's words, for GA ─────────────────────────────────────────────────────────────────────────────────


def session_to_ga(
    session: dict[str, Any], kind: SessionKind = "realtime", path: str = "session"
) -> tuple[dict[str, Any], list[Dropped]]:
    """A session that a beta client asks for, as GA has it. kind: what it is unless it says so itself."""
    dropped: list[Dropped] = []
    kept = dict(session)
    _drop(kept, "temperature", _NO_TEMPERATURE, path, dropped)
    _drop(kept, "client_secret", "a secret is asked for when a session is made", path, dropped)
    kept.setdefault("type", kind)
    if kept["type"] == "transcription":
        _drop(kept, "modalities", "a transcription session has no output", path, dropped)
    translated = nested(nested(kept, SESSION_FIELDS), (_GA_MODALITIES,))
    _mend_audio_input(translated)
    translate_tools_to_ga(translated, path, dropped)
    return translated, dropped


def translate_tools_to_ga(members: dict[str, Any], path: str, dropped: list[Dropped]) -> None:
    """Change `tools` and `tool_choice` of a session or a response, in place, to what GA takes."""
    choice = members.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        # The shape of the chat API, which the beta's reference named too.
        rest = {name: value for name, value in choice.items() if name != "function"}
        members["tool_choice"] = {**rest, **choice["function"]}
    if isinstance(members.get("tools"), list):
        members["tools"] = [_tool_to_ga(tool, f"{path}.tools[{i}]", dropped) for i, tool in enumerate(members["tools"])]


def _tool_to_ga(tool: Any, path: str, dropped: list[Dropped]) -> Any:
    if not isinstance(tool, dict):
        return tool
    kept = tool if "type" in tool else {"type": "function", **tool}
    if kept.get("type") == "function" and "strict" in kept:
        kept = dict(kept)
        _drop(kept, "strict", "the Realtime API does not enforce a tool's schema", path, dropped)
    return kept


def _mend_audio_input(session: dict[str, Any]) -> None:
    """Mixed sessions put the detector under `audio.input`, as GA does, but as `vad`, a name that never existed."""
    audio = session.get("audio")
    heard = audio.get("input") if isinstance(audio, dict) else None
    if not isinstance(audio, dict) or not isinstance(heard, dict):
        return
    mended = dict(heard)
    if "vad" in mended and "turn_detection" not in mended:
        mended["turn_detection"] = mended.pop("vad")
    if "turn_detection" in mended:
        mended["turn_detection"] = turn_detection_to_ga(mended["turn_detection"])
    session["audio"] = {**audio, "input": mended}


# ── a GA client's words, for a beta upstream ──────────────────────────────────────────────────────────────────────


def session_to_beta(
    session: dict[str, Any], *, azure: bool = False, path: str = "session"
) -> tuple[dict[str, Any], list[Dropped]]:
    """A session that a GA client asks for, as a beta server takes it. Its kind is said by the event or the address.

    azure: for the preview service, which has no traces, and turns detection off with a type of its own.
    """
    dropped: list[Dropped] = []
    kept = dict(session)
    for name in sorted(UNKNOWN_TO_BETA_SESSION):
        why = "the model is the connection's" if name == "model" else _NOT_IN_BETA
        _drop(kept, name, why, path, dropped, silently=name in ("type", "id", "object", "expires_at"))
    if azure:
        _drop(kept, "tracing", "the Azure preview has no traces", path, dropped)
    translated = flat(kept, SESSION_FIELDS)
    _drop_newer(translated, path, dropped)
    translate_tools_to_beta(translated, path, dropped)
    if azure and translated.get("turn_detection", ...) is None:
        translated["turn_detection"] = {"type": "none"}
    return translated, dropped


def translate_tools_to_beta(members: dict[str, Any], path: str, dropped: list[Dropped]) -> None:
    """Take the tools of MCP servers, which the beta did not call, out of a session or a response, in place."""
    choice = members.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "mcp":
        _drop(members, "tool_choice", _NOT_IN_BETA, path, dropped)
    if not isinstance(members.get("tools"), list):
        return
    kept = []
    for i, tool in enumerate(members["tools"]):
        if isinstance(tool, dict) and tool.get("type") == "mcp":
            dropped.append(Dropped(f"{path}.tools[{i}]", _NOT_IN_BETA))
        else:
            kept.append(tool)
    members["tools"] = kept


def _drop_newer(session: dict[str, Any], path: str, dropped: list[Dropped]) -> None:
    """Take the members of inner objects that came after the beta out, in place."""
    for name, newer in NEWER_MEMBERS.items():
        if not isinstance(session.get(name), dict):
            continue
        session[name] = dict(session[name])
        for member in newer:
            _drop(session[name], member, _NOT_IN_BETA, f"{path}.{name}", dropped)


# ── what a server echoes ──────────────────────────────────────────────────────────────────────────────────────────


def echoed_session_to_beta(session: Any, temperature: float) -> Any:
    """A whole session, as a GA server tells of it, in the beta's shape. temperature: what to show, for GA has none."""
    if not isinstance(session, dict):
        return session
    members = {name: value for name, value in session.items() if name != "type"}
    for name, nothing_said in GA_ONLY_DEFAULTS.items():
        if members.get(name, ...) == nothing_said:
            del members[name]
    members = flat(members, SESSION_FIELDS)
    if members.get("speed") == 1:
        del members["speed"]
    members.setdefault("client_secret", None)
    if session.get("type") != "transcription":
        members.setdefault("temperature", temperature)
    ordered = {name: members.pop(name) for name in SESSION_ORDER if name in members}
    return {**ordered, **members}


def echoed_session_to_ga(session: Any, kind: SessionKind = "realtime") -> Any:
    """A whole session, as a beta server tells of it, in GA's shape, with what GA shows and the beta did not."""
    if not isinstance(session, dict):
        return session
    members = {name: value for name, value in session.items() if name not in ("temperature", "client_secret")}
    if kind == "transcription":
        members.pop("modalities", None)
        return nested({"type": kind, **members}, SESSION_FIELDS)
    members = nested({"type": kind, **GA_ONLY_DEFAULTS, "speed": 1.0, **members}, SESSION_FIELDS)
    audio = members.get("audio")
    heard = audio.get("input") if isinstance(audio, dict) else None
    detection = heard.get("turn_detection") if isinstance(heard, dict) else None
    if isinstance(detection, dict) and detection.get("type") == "server_vad":
        whole = {**detection, "idle_timeout_ms": detection.get("idle_timeout_ms")}
        members["audio"] = {**members["audio"], "input": {**members["audio"]["input"], "turn_detection": whole}}
    return members


def _drop(
    members: dict[str, Any], name: str, why: str, path: str, dropped: list[Dropped], *, silently: bool = False
) -> None:
    """Take a member out; say so when it said something."""
    value = members.pop(name, None)
    if value is not None and value != GA_ONLY_DEFAULTS.get(name) and not silently:
        dropped.append(Dropped(f"{path}.{name}", why))
