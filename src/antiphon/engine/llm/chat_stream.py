"""Reads the answer of an OpenAI-compatible server: bytes to server-sent events, chunks to ModelEvents. No network.

Servers send tool calls in many ways (no index, no id, one index for all, the name in pieces or again and again, the
arguments whole or as an object); all of them come out as the same clean deltas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from antiphon.engine.stages import ModelDone, ModelEvent, TextDelta, ToolCallDelta
from antiphon.errors import StageError

LONGEST_EVENT: Final = 4 * 1024 * 1024
"""Bytes of one server-sent event; a server that sends more is not answering a chat request."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class EventStreamReader:
    """Holds the unfinished part of a `text/event-stream` body (at most LONGEST_EVENT bytes). Owned by one answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Give bytes as they came, get the `data` of each event completed by them. Raises StageError."""
        buffer = self._rest + chunk
        # A carriage return at the very end may be half of a CRLF.
        held = b"\r" if buffer.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(buffer[: len(buffer) - len(held)])
        self._rest = rest + held
        events: list[str] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append("\n".join(self._data))
                self._data, self._size = [], 0
            elif line.startswith(b"data:"):
                self._size += len(line)
                self._data.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))
        if len(self._rest) + self._size > LONGEST_EVENT:
            raise StageError("The language model's server sent an endless line.")
        return events

    def end(self) -> list[str]:
        """The body is over: get the last event of a server that does not close it with an empty line."""
        events = self.feed(b"\n\n")
        self._rest = b""
        return events


class ThoughtFilter:
    """Drops `<think>…</think>` blocks at the beginning of an answer. Holds at most a tag's length of text."""

    _TAGS: Final = {"<think>": "</think>", "<thinking>": "</thinking>", "<thought>": "</thought>"}

    def __init__(self) -> None:
        self._held = ""
        self._closing: str | None = None
        self._begun = False

    def feed(self, text: str) -> str:
        if self._begun:
            return text
        self._held += text
        while True:
            if self._closing is not None:
                end = self._held.find(self._closing)
                if end < 0:
                    self._held = self._held[-len(self._closing) :]
                    return ""
                self._held = self._held[end + len(self._closing) :]
                self._closing = None
            self._held = self._held.lstrip()
            for opening, closing in self._TAGS.items():
                if self._held.startswith(opening):
                    self._held = self._held[len(opening) :]
                    self._closing = closing
                    break
            else:
                if any(opening.startswith(self._held) for opening in self._TAGS):
                    return ""
                self._begun = True
                begun, self._held = self._held, ""
                return begun

    def end(self) -> str:
        """What was held in case it became a tag; nothing of an unfinished thought."""
        return "" if self._closing is not None or self._begun else self._held


@dataclass(slots=True)
class _Call:
    key: object  # the server's index, None when it sends none
    identity: str | None
    name: str = ""
    arguments: str = ""
    announced: bool = False


class AnswerAssembler:
    """Turns the chunks of one answer into ModelEvents. Holds what is known of its tool calls; owned by one answer.

    tool_names: the offered tools, to know when a name sent in pieces is whole.
    single_call: only the first tool call counts (`parallel_tool_calls` was refused, and the server does not know it).
    """

    def __init__(self, tool_names: Iterable[str] = (), *, single_call: bool = False) -> None:
        self._tool_names = frozenset(tool_names)
        self._single_call = single_call
        self._calls: list[_Call] = []
        self._thoughts = ThoughtFilter()
        self._said = False
        self._half = ""
        self._finish: str | None = None
        self._usage: Mapping[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the server has told why the answer ended."""
        return self._finish is not None

    def feed(self, chunk: Mapping[str, Any]) -> list[ModelEvent]:
        """Take one parsed chunk (or a whole non-streamed answer). Raises StageError on an error object."""
        if chunk.get("error") or chunk.get("object") == "error":
            raise StageError("The language model's server broke off with an error" + _reason(chunk) + ".")
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        events: list[ModelEvent] = []
        choices = chunk.get("choices")
        for choice in choices[:1] if isinstance(choices, Sequence) else ():
            if not isinstance(choice, Mapping):
                continue
            message = choice.get("delta") or choice.get("message")
            if isinstance(message, Mapping):
                events += self._take(message)
            elif isinstance(choice.get("text"), str):
                events += self._say(choice["text"])
            if choice.get("finish_reason"):
                self._finish = str(choice["finish_reason"])
        return events

    def end(self) -> list[ModelEvent]:
        """The stream is over. Returns what was still held back, and the one ModelDone.

        Raises StageError when the model gave neither words nor a call.
        """
        events = self._text(self._thoughts.end())
        for index, call in enumerate(self._counted()):
            events += self._announce(index, call)
            if not call.arguments:
                events.append(ToolCallDelta(index, "{}"))
        finish: Literal["stop", "length", "content_filter"] = "stop"
        if self._finish in ("length", "max_tokens"):
            finish = "length"
        elif self._finish == "content_filter":
            finish = "content_filter"
        if not self._said and not self._calls and finish == "stop":
            raise StageError("The language model gave an empty answer.")
        details = self._usage.get("prompt_tokens_details")
        events.append(
            ModelDone(
                finish,
                input_tokens=_count(self._usage.get("prompt_tokens")),
                output_tokens=_count(self._usage.get("completion_tokens")),
                cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0,
            )
        )
        return events

    def _take(self, message: Mapping[str, Any]) -> list[ModelEvent]:
        events: list[ModelEvent] = []
        content = message.get("content")
        if isinstance(content, str):
            events += self._say(content)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, Mapping) and part.get("type") in ("text", "output_text"):
                    events += self._say(str(part.get("text") or ""))
        if isinstance(message.get("refusal"), str):
            events += self._say(message["refusal"])
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping):
                events += self._call(call)
        if isinstance(message.get("function_call"), Mapping):
            events += self._call({"index": 0, "function": message["function_call"]})
        return events

    def _say(self, text: str) -> list[ModelEvent]:
        return self._text(self._thoughts.feed(text))

    def _text(self, text: str) -> list[ModelEvent]:
        text = self._half + text
        # Escaped JSON may cut an emoji's surrogate pair in two; a half cannot be written to any wire.
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = _whole_characters(text[: len(text) - len(self._half)])
        if not text:
            return []
        self._said = self._said or bool(text.strip())
        return [TextDelta(text)]

    def _call(self, piece: Mapping[str, Any]) -> list[ModelEvent]:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else piece
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        arguments = function.get("arguments")
        if isinstance(arguments, Mapping):
            arguments = json.dumps(arguments, ensure_ascii=False)
        arguments = _whole_characters(arguments) if isinstance(arguments, str) else ""
        identity = piece.get("id") if isinstance(piece.get("id"), str) and piece.get("id") else None
        call = self._find_call(piece.get("index"), identity, name)
        if name and not call.announced and name != call.name:
            call.name += name
        counted = self._counted()
        events: list[ModelEvent] = []
        # A call's name is whole when its arguments begin or the next call does.
        for index, known in enumerate(counted):
            if known is not call or arguments:
                events += self._announce(index, known)
        if arguments:
            call.arguments += arguments
            if call in counted:
                events.append(ToolCallDelta(counted.index(call), arguments))
        return events

    def _find_call(self, key: object, identity: str | None, name: str) -> _Call:
        last = self._calls[-1] if self._calls else None
        found: _Call | None = None
        if key is not None:
            found = next((call for call in reversed(self._calls) if call.key == key), None)
            if found is not None and identity and found.identity and identity != found.identity:
                # One index for all calls: the id tells them apart.
                found = next((call for call in self._calls if call.identity == identity), None)
        elif identity is not None:
            found = next((call for call in self._calls if call.identity == identity), None)
            if found is None and last is not None and last.identity is None and last.key is None and not name:
                found = last
        elif last is not None:
            begins_anew = bool(name) and (
                _is_object(last.arguments) or (last.name in self._tool_names and not last.arguments)
            )
            found = None if begins_anew and (name != last.name or _is_object(last.arguments)) else last
        if found is None:
            found = _Call(key, identity)
            self._calls.append(found)
        elif identity and found.identity is None:
            found.identity = identity
        return found

    def _counted(self) -> list[_Call]:
        return self._calls[:1] if self._single_call else self._calls

    def _announce(self, index: int, call: _Call) -> list[ModelEvent]:
        if call.announced:
            return []
        if not call.name:
            raise StageError("The language model called a tool without naming it.")
        call.announced = True
        return [ToolCallDelta(index, "", name=call.name)]


def _whole_characters(text: str) -> str:
    """Join surrogate pairs, and replace lone surrogates."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _reason(chunk: Mapping[str, Any]) -> str:
    """A short machine-readable code of the error, when there is one; never the server's own prose."""
    error = chunk.get("error")
    for source in (error if isinstance(error, Mapping) else {}, chunk):
        for field in ("code", "type"):
            value = str(source.get(field) or "")
            if re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", value):
                return f" ({value})"
    return ""
