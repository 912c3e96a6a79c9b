"""A tool's output, mostly JSON, as a sentence to be spoken. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from antiphon.engine.llm.words import name_words

_MOST_FIELDS: Final = 5
_LONGEST_TEXT: Final = 400
_DEEPEST: Final = 3
_FAILED: Final = ("error", "errors", "exception")
_PLAIN: Final = ("result", "output", "value", "answer", "text", "message", "content", "data", "response")


def tell_result(tool: str, output: str) -> str:
    """One or two sentences, of bounded length. tool: the called tool's name; output: what it returned, JSON or text."""
    told = _clipped(_told(tool, output))
    return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # escaped JSON may hold half an emoji


def _told(tool: str, output: str) -> str:
    name = " ".join(name_words(tool)) or "the tool"
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        value = output
    if value is None or (isinstance(value, str) and not value.strip()) or value in ("", {}):
        return f"{_capital(name)} is done."
    if isinstance(value, Mapping):
        return _tell_object(name, value)
    if isinstance(value, bool):
        return f"{_capital(name)} says {_say(value)}."
    if isinstance(value, list):
        return f"{_capital(name)} found {_say(value)}."
    return _tell_plain(name, value)


def _tell_object(name: str, value: Mapping[str, Any]) -> str:
    for key in _FAILED:
        if value.get(key):
            reason = value[key]
            if isinstance(reason, Mapping):
                reason = reason.get("message", reason)
            return _closed(f"{_capital(name)} did not work: {_say(reason)}")
    fields = [(key, one) for key, one in value.items() if one is not None and key not in _FAILED]
    if value.get("ok") is True or value.get("success") is True:
        fields = [(key, one) for key, one in fields if key not in ("ok", "success")] or [("done", True)]
        if fields == [("done", True)]:
            return f"{_capital(name)} is done."
    if len(fields) == 1 and fields[0][0] in _PLAIN and not isinstance(fields[0][1], dict | list):
        return _tell_plain(name, fields[0][1])
    told = [f"{' '.join(name_words(key)) or key} is {_say(one)}" for key, one in fields[:_MOST_FIELDS]]
    more = f", and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
    joined = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}" if told else "it is done"
    return _closed(f"From {name}: {joined}{more}")


def _tell_plain(name: str, value: Any) -> str:
    if isinstance(value, str):
        return _closed(f"{_capital(name)} says: {_say(value)}")
    return f"The result of {name} is {_say(value)}."


def _say(value: Any, depth: int = 0) -> str:
    if depth > _DEEPEST and isinstance(value, Mapping | list):
        return "more"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, Mapping):
        fields = [f"{' '.join(name_words(str(key)))} {_say(one, depth + 1)}" for key, one in list(value.items())[:3]]
        return ", ".join(fields) if fields else "nothing"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return "nothing"
        listed = "; ".join(_say(one, depth + 1) for one in value[:_MOST_FIELDS])
        return listed if len(value) == 1 else f"{len(value)} entries: {listed}" + (", …" if len(value) > 5 else "")
    return _clipped(" ".join(str(value).split()))


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rsplit(" ", 1)[0] + " …"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _closed(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else text + "."
