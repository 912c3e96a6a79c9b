"""The messages of a chat while they change: mutable, cheap to add a word to, a value only when somebody looks.

`chat` alone writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from antiphon.conversation.events import Channel
from antiphon.conversation.heard import was_shortened
from antiphon.conversation.messages import (
    ChatMessage,
    MessagePart,
    MessageRole,
    MessageStatus,
    MessageType,
    ToolUse,
)

MOST_CHARACTERS = 256 * 1024
"""Of one content part, or of a call's arguments; what comes after them is dropped."""


@dataclass(slots=True)
class Part:
    """The words of one content part. heard: their leading part that was heard, None when nothing was cut off."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    heard: str | None = None
    channel: Channel | None = None
    is_final: bool = False

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces[:] = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def append(self, delta: str) -> None:
        if self.length < MOST_CHARACTERS:
            self.pieces.append(delta[: MOST_CHARACTERS - self.length])
            self.length += len(delta)

    def settle(self, text: str, *, may_be_shortened: bool) -> None:
        """The final words. A beginning of what had streamed is what was heard of it; the rest stays to be seen."""
        self.is_final = True
        text = text[:MOST_CHARACTERS]
        if may_be_shortened and was_shortened(self.text, text):
            self.heard = text
        else:
            self.pieces[:] = [text]
            self.length = len(text)


@dataclass(slots=True)
class Tool:
    """A call of a tool. arguments: None until complete, and when they are no JSON object."""

    call_id: str
    name: str
    started_at: float
    server_label: str | None = None
    text: Part = field(default_factory=Part)
    arguments: dict[str, Any] | None = None
    output: str | None = None
    is_error: bool = False
    ended_at: float | None = None


@dataclass(slots=True)
class Entry:
    """One message. key: its place in the order. is_hidden: it keeps its place and is never shown.

    is_shown: it is in the chat now; `chat` keeps that true to `Showing`. value: what was last looked at, None since
    it changed.
    """

    id: str
    key: str
    type: MessageType
    role: MessageRole
    status: MessageStatus
    seq: int
    time: float
    is_spoken: bool = False
    is_interrupted: bool = False
    is_hidden: bool = False
    is_shown: bool = False
    is_aside: bool = False
    parts: dict[int, Part] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    problem: str | None = None
    tool: Tool | None = None
    item_id: str | None = None
    response_id: str | None = None
    kind: str | None = None
    payload: Any = None
    value: ChatMessage | None = None

    def part(self, index: int) -> Part:
        part = self.parts.get(index)
        if part is None:
            part = self.parts[index] = Part()
        return part

    def empty(self) -> None:
        """Forgets what it said."""
        self.is_hidden = True
        self.parts.clear()
        self.images.clear()
        self.tool = self.payload = self.problem = self.value = None

    @property
    def text(self) -> str:
        if len(self.parts) == 1:
            return next(iter(self.parts.values())).text.strip()
        return " ".join(text for _, part in sorted(self.parts.items()) if (text := part.text.strip()))

    @property
    def heard(self) -> str | None:
        if all(part.heard is None for part in self.parts.values()):
            return None
        heard = (part.text if part.heard is None else part.heard for _, part in sorted(self.parts.items()))
        return " ".join(text for one in heard if (text := one.strip()))

    def look(self) -> ChatMessage:
        """The message as it is now."""
        if self.value is None:
            self.value = ChatMessage(
                id=self.id,
                type=self.type,
                role=self.role,
                status=self.status,
                seq=self.seq,
                time=self.time,
                text=self.text,
                heard=self.heard,
                parts=tuple(
                    MessagePart(
                        index=index, text=part.text, heard=part.heard, channel=part.channel, is_final=part.is_final
                    )
                    for index, part in sorted(self.parts.items())
                ),
                images=tuple(self.images),
                is_spoken=self.is_spoken,
                is_interrupted=self.is_interrupted,
                problem=self.problem,
                tool=None if self.tool is None else _tool_use(self.tool),
                item_id=self.item_id,
                response_id=self.response_id,
                kind=self.kind,
                payload=self.payload,
            )
        return self.value


def _tool_use(tool: Tool) -> ToolUse:
    return ToolUse(
        call_id=tool.call_id,
        name=tool.name,
        text=tool.text.text,
        arguments=tool.arguments,
        output=tool.output,
        is_error=tool.is_error,
        started_at=tool.started_at,
        ended_at=tool.ended_at,
        server_label=tool.server_label,
    )


@dataclass(frozen=True, slots=True)
class Showing:
    """When an entry is in the chat.

    *_placeholder: before there is anything to read. *_deltas: while words stream, not only when they are final.
    """

    is_meaningful: Callable[[str], bool]
    user_placeholder: bool
    user_deltas: bool
    assistant_placeholder: bool
    assistant_deltas: bool
    tools: bool
    aside: bool

    def shows(self, entry: Entry) -> bool:
        if entry.is_hidden or (entry.is_aside and not self.aside):
            return False
        if entry.type != "text":
            return entry.type == "ui" or self.tools
        if entry.images or entry.status == "failed":
            return True
        is_open = entry.status in ("hearing", "streaming")
        is_users = entry.role == "user"
        if is_open and (self.user_placeholder if is_users else self.assistant_placeholder):
            return True
        if is_open and not (self.user_deltas if is_users else self.assistant_deltas):
            return False
        return bool(entry.parts) and self.is_meaningful(entry.text)
