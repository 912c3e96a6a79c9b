"""A chat written down: as JSON for programs, as Markdown for people. Pure; where it is kept is others' business."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from antiphon.conversation.messages import ChatMessage, ToolUse

_NAMES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
_SHOWN_ADDRESS = 200
"""Characters. A longer address of a picture is a data URL, which nobody reads."""


def to_json(messages: Iterable[ChatMessage], *, indent: int | None = 2) -> str:
    """The messages as a JSON array; each has every field of `ChatMessage`.

    A `payload` of an app's own that JSON cannot hold is written as its `str`.
    """
    plain = [msgspec.to_builtins(message, enc_hook=str) for message in messages]
    return json.dumps(plain, ensure_ascii=False, indent=indent)


def from_json(text: str | bytes) -> list[ChatMessage]:
    """The messages that `to_json` wrote. Raises msgspec.ValidationError when they are none."""
    return msgspec.json.decode(text, type=list[ChatMessage])


def to_markdown(messages: Iterable[ChatMessage], *, title: str | None = None, times: bool = True) -> str:
    """The messages for people to read. times: say when each was made, in UTC.

    What was cut off of an interrupted answer is struck through. Text is quoted as it is: it may hold Markdown itself.
    """
    blocks = [] if title is None else [f"# {title}"]
    for message in messages:
        body = _body(message)
        if body:
            blocks.append(f"{_heading(message, times=times)}\n\n{body}")
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _heading(message: ChatMessage, *, times: bool) -> str:
    name = _NAMES[message.role]
    notes = []
    if times:
        notes.append(datetime.fromtimestamp(message.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"))
    if message.is_interrupted:
        notes.append("interrupted")
    elif message.status in ("cancelled", "failed"):
        notes.append(message.status)
    return f"**{name}**" + (f" ({', '.join(notes)})" if notes else "")


def _body(message: ChatMessage) -> str:
    if message.tool is not None:
        return _tool(message.tool)
    lines = [_picture(address) for address in message.images]
    if message.text:
        lines.append(_struck(message))
    if message.kind is not None:
        lines.append(f"*{message.kind}*" + ("" if message.payload is None else f": {_short(message.payload)}"))
    if message.problem:
        lines.append(f"> {message.problem}")
    return "\n\n".join(lines)


def _struck(message: ChatMessage) -> str:
    heard = message.heard
    if heard is None or not message.text.startswith(heard):
        return message.text
    rest = message.text[len(heard) :].strip()
    return " ".join(part for part in (heard, f"~~{rest}~~" if rest else "") if part)


def _tool(tool: ToolUse) -> str:
    call = f"`{tool.name}({tool.text})`"
    if tool.output is None:
        return call
    return f"{call}\n\n{'Failed: ' if tool.is_error else ''}`{tool.output}`"


def _picture(address: str) -> str:
    return f"![picture]({address})" if len(address) <= _SHOWN_ADDRESS else "*(a picture)*"


def _short(payload: Any) -> str:
    return json.dumps(payload, ensure_ascii=False, default=str)
