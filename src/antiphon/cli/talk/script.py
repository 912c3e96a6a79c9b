"""The conversation as a play: who says what, line by line, from the messages of a chat. Pure; how it looks is a view's.

A `Line` is a value: a view draws one again only when it is another than before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from antiphon.conversation import ChatMessage, Turn

_LONGEST_ARGUMENT, _LONGEST_OUTPUT = 60, 200


class Voice(Enum):
    """Whose line it is. NOTE: nobody's; the program says something."""

    YOU = "you"
    THEM = "them"
    TOOL = "tool"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. key: the same for the same line, whatever has changed of it.

    unheard: words after `text` that were cut off before they were heard. is_open: more will come. images: what was
    shown, as data URLs. latency_ms: how long the answer took to begin. problem: why it failed, in the server's words.
    """

    key: str
    voice: Voice
    text: str
    unheard: str = ""
    is_open: bool = False
    images: tuple[str, ...] = ()
    latency_ms: float | None = None
    problem: str = ""


def script(messages: Sequence[ChatMessage], turns: Iterable[Turn] = ()) -> list[Line]:
    """The lines of a chat, in its order."""
    latencies = answer_times(messages, turns)
    return [line_of(message, latencies.get(message.id)) for message in messages]


def answer_times(messages: Iterable[ChatMessage], turns: Iterable[Turn]) -> dict[str, float]:
    """How long each turn took to be answered, in milliseconds, by the message that was the first to answer it."""
    awaited = {response: turn for turn in turns for response in turn.response_ids if turn.kind != "unasked"}
    found: dict[str, float] = {}
    for message in messages:
        turn = awaited.get(message.response_id or "") if message.role == "assistant" else None
        if turn is not None and turn.answer_ms is not None:
            found[message.id] = turn.answer_ms
            for response in turn.response_ids:
                del awaited[response]
    return found


def line_of(message: ChatMessage, latency_ms: float | None = None) -> Line:
    """A message as a line. latency_ms: how long it took to begin."""
    is_open = message.status in ("hearing", "streaming")
    if message.tool is not None:
        return Line(message.id, Voice.TOOL, tool_line(message), is_open=message.tool.output is None and is_open)
    if message.type == "ui" or message.role == "system":
        return Line(message.id, Voice.NOTE, message.text)
    text, unheard = message.text, ""
    if message.heard is not None and text.startswith(message.heard):
        text, unheard = message.heard, text[len(message.heard) :]
    voice = Voice.YOU if message.role == "user" else Voice.THEM
    problem = (message.problem or "This failed.") if message.status == "failed" else ""
    return Line(message.id, voice, text, unheard, is_open, message.images, latency_ms, problem)


def tool_line(message: ChatMessage) -> str:
    """A call of a tool as people write one: `add(a=2, b=5) → 7`."""
    tool = message.tool
    assert tool is not None
    shown = _arguments(tool.arguments) if tool.arguments is not None else cut(tool.text, _LONGEST_OUTPUT)
    called = f"{tool.name}({shown})"
    if tool.output is None:
        return f"{called} …" if message.status != "cancelled" else f"{called}, stopped"
    mark = "✗" if tool.is_error else "→"
    took = "" if tool.ended_at is None else f"  {seconds(tool.ended_at - tool.started_at)}"
    return f"{called} {mark} {cut(_plain(tool.output), _LONGEST_OUTPUT)}{took}"


def _arguments(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={cut(_json(value), _LONGEST_ARGUMENT)}" for name, value in arguments.items())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(output: str) -> str:
    """A tool's output on one line; a JSON string without its quotes."""
    try:
        value = json.loads(output)
    except ValueError:
        value = output
    return " ".join((value if isinstance(value, str) else output).split())


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def seconds(ms: float) -> str:
    """A time as people read it."""
    return f"{ms:.0f} ms" if ms < 995 else f"{ms / 1000:.1f} s"
