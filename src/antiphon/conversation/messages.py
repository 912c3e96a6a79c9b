"""What a chat shows: messages as values. How they come about is in `chat`; how they are written down, in `export`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct

from antiphon.conversation.events import Channel

MessageType = Literal["text", "tool", "ui"]
"""text: said, typed or written. tool: a call and its output. ui: an app's own."""

MessageRole = Literal["user", "assistant", "system", "tool"]

MessageStatus = Literal["hearing", "streaming", "done", "cancelled", "failed"]
"""hearing: the user is still saying it. streaming: more will come. cancelled: it was stopped before its end."""


class MessagePart(Struct, frozen=True, kw_only=True):
    """One content part. heard: the leading part of `text` that was heard; None when nothing of it was cut off."""

    index: int
    text: str
    heard: str | None = None
    channel: Channel | None = None
    is_final: bool = False


class ToolUse(Struct, frozen=True, kw_only=True):
    """A call of a tool. text: its arguments as JSON text; arguments: the same, once complete and valid.

    output: what it gave back, None while it runs. started_at, ended_at: milliseconds, on the caller's clock.
    """

    call_id: str
    name: str
    text: str = ""
    arguments: dict[str, Any] | None = None
    output: str | None = None
    is_error: bool = False
    started_at: float = 0
    ended_at: float | None = None
    server_label: str | None = None


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One message as it is now; a later state of it is another value with the same `id`.

    seq: grows with every message that is made, never changes. time: when it was made, milliseconds, on the caller's
    clock. text: of all parts, joined by a space. heard: what was heard of it, None when nothing was cut off. images:
    data URLs or addresses. is_spoken: the words came, or will come, as sound. problem: why it failed or stayed
    incomplete, in the server's words. kind, payload: of an app's own messages.
    """

    id: str
    type: MessageType
    role: MessageRole
    status: MessageStatus
    seq: int
    time: float
    text: str = ""
    heard: str | None = None
    parts: tuple[MessagePart, ...] = ()
    images: tuple[str, ...] = ()
    is_spoken: bool = False
    is_interrupted: bool = False
    problem: str | None = None
    tool: ToolUse | None = None
    item_id: str | None = None
    response_id: str | None = None
    kind: str | None = None
    payload: Any = None


class UIMessage(Struct, frozen=True, kw_only=True):
    """An app's own message, for `Chat.add`. The server knows nothing of it.

    kind: how the app draws it; without one it is plain text. payload: anything the app needs for that. id: made up
    when None; that of an earlier own message replaces it. after: id of the message to stand after; the last one if
    None or not there (any more). time: milliseconds; the present moment if None.
    """

    kind: str | None = None
    payload: Any = None
    role: MessageRole = "assistant"
    text: str = ""
    id: str | None = None
    after: str | None = None
    time: float | None = None


class ChatChange(Struct, frozen=True, kw_only=True):
    """What happened to a chat. message_id: of the message; None for `cleared` and `reordered`, which touch many."""

    type: ClassVar[str] = "chat.changed"

    kind: Literal["added", "changed", "removed", "reordered", "cleared"]
    message_id: str | None = None
