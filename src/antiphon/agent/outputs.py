"""What a tool gave back, as the text that the model reads. Pure functions."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def output_text(value: Any, limit: int) -> str:
    """A tool's return value as text: a string as it is, everything else as JSON. limit: in characters.

    Raises TypeError when the value has no JSON form.
    """
    if isinstance(value, str):
        return bounded(value, limit)
    try:
        encoded = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair cannot be written in UTF-8.
        encoded = json.dumps(msgspec.to_builtins(value))
    except (RecursionError, ValueError, OverflowError) as error:
        raise TypeError(f"the value has no JSON form: {error}") from error
    return bounded(encoded, limit)


def error_text(message: str, **more: str) -> str:
    """A failure as the model reads it. message: never a traceback, never a secret."""
    return json.dumps({"error": message, **more}, ensure_ascii=False)


def bounded(text: str, limit: int) -> str:
    """`text`, cut at `limit` characters; a cut is said, so that the model does not take a part for the whole."""
    if len(text) <= limit:
        return text
    note = f"… [cut here: {len(text)} characters in all]"
    return text[: max(0, limit - len(note))] + note
