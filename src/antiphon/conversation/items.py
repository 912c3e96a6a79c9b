"""What the router knows of each item, so that every fact about one is told once. Pure; the router alone writes it.

An item is announced when the conversation has it (`conversation.item.added`, `committed`) or, from servers that do not
say so, when its first content comes. What is told late (a predecessor, corrected words) is told as a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec
from msgspec import UNSET

from antiphon.conversation.events import (
    AssistantItemDone,
    AssistantItemStarted,
    AssistantTextDone,
    Channel,
    FriendlyEvent,
    ItemAdded,
    ItemMoved,
    Previous,
    ToolApprovalRequested,
    ToolCallDone,
    ToolCallStarted,
    ToolOutput,
    UserCompleted,
    UserItemStarted,
    UserMessage,
)
from antiphon.protocol import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpApprovalRequest,
    McpCall,
    McpListTools,
    McpProtocolError,
    Message,
    OutputAudio,
    OutputText,
)

Kind = Literal["user", "assistant", "call", "other", "deleted"]

MOST_ITEMS = 2048
"""Of which something is known; the oldest are forgotten."""
MOST_ARGUMENTS = 256 * 1024
"""Characters of a call's arguments, kept for servers that do not repeat them at the end."""


@dataclass(slots=True)
class KnownItem:
    """One item.

    session: in which it was first seen. is_heard: the server said that the user began to say it. is_own: this side sent
    it. is_confirmed: the server has it. parts: its final words by content index, None while they stream. arguments: of
    a call, while they stream.
    """

    id: str
    kind: Kind
    session: int
    response_id: str | None = None
    previous: Previous = UNSET
    is_announced: bool = False
    is_done: bool = False
    is_spoken: bool = False
    is_heard: bool = False
    is_own: bool = False
    is_confirmed: bool = False
    parts: dict[int, str | None] = field(default_factory=dict)
    name: str = ""
    call_id: str = ""
    server_label: str | None = None
    arguments: str = ""


class Items:
    """The items of a conversation, across its sessions. Bounded: the oldest are forgotten."""

    def __init__(self) -> None:
        self._items: dict[str, KnownItem] = {}
        self._outputs: dict[str, None] = {}
        self._session = 0
        self._has_first = False

    def get(self, item_id: str) -> KnownItem | None:
        return self._items.get(item_id)

    def begin_session(self) -> None:
        self._session += 1
        self._has_first = False
        for item in self._items.values():
            if item.is_own and not item.is_confirmed:
                item.session = self._session  # said while there was no session, for this one

    def know(self, item_id: str, kind: Kind, response_id: str | None = None) -> KnownItem:
        """The item, made when it is new. What it was before stays, whatever `kind` says now."""
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = KnownItem(item_id, kind, self._session, response_id)
            while len(self._items) > MOST_ITEMS:
                del self._items[next(iter(self._items))]
        elif item.response_id is None and not item.is_own:
            item.response_id = response_id
        return item

    def of_response(self, response_id: str) -> list[KnownItem]:
        return [item for item in self._items.values() if item.response_id == response_id]

    # ── announcing ───────────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, item: KnownItem, previous: Previous = UNSET) -> list[FriendlyEvent]:
        """Tells that an item is there, or that it stands elsewhere than was said."""
        if item.kind == "deleted":
            return []
        named = self._named(item, previous)
        if item.is_announced:
            return self._move(item, named)
        item.is_announced = True
        item.previous = named
        if item.kind == "assistant":
            return [AssistantItemStarted(item_id=item.id, response_id=item.response_id, previous_item_id=named)]
        if item.kind == "call":
            return [
                ToolCallStarted(
                    call_id=item.call_id,
                    item_id=item.id,
                    name=item.name,
                    response_id=item.response_id,
                    server_label=item.server_label,
                    previous_item_id=named,
                )
            ]
        return [UserItemStarted(item_id=item.id, previous_item_id=named)]

    def _named(self, item: KnownItem, previous: Previous) -> Previous:
        """What to believe of a predecessor.

        One item of a session is the first. Servers exist that say "none" of every item: after the first one, that
        means "not said", unless we asked to have the item there.
        """
        if previous is None:
            if self._has_first and item.previous is not None:
                return UNSET
            self._has_first = True
        return UNSET if previous == item.id else previous

    def _move(self, item: KnownItem, named: Previous) -> list[FriendlyEvent]:
        # An item of an earlier session that is told to a new one keeps the place that it had.
        if isinstance(named, str | None) and named != item.previous and item.session == self._session:
            item.previous = named
            return [ItemMoved(item_id=item.id, previous_item_id=named)]
        return []

    # ── items as the wire describes them ─────────────────────────────────────────────────────────────────────────

    def place(
        self, wire: Item, previous: Previous, response_id: str | None, *, is_announced: bool, is_final: bool
    ) -> list[FriendlyEvent]:
        """Takes in an item. is_announced: the conversation has it; is_final: its content is complete."""
        if not isinstance(wire.id, str):
            return []
        match wire:
            case Message(role="user"):
                return self._place_user(wire.id, wire, previous, is_final=is_final)
            case Message(role="assistant"):
                item = self.know(wire.id, "assistant", response_id)
                events = self.announce(item, previous) if is_announced or is_final else []
                return events + (self._finish_assistant(item, wire) if is_final else [])
            case FunctionCall() | McpCall():
                return self._place_call(wire.id, wire, previous, response_id, (is_announced, is_final))
            case FunctionCallOutput():
                return self._place_output(wire.id, wire, previous)
            case McpApprovalRequest():
                item = self.know(wire.id, "other", response_id)
                if item.is_announced:
                    return self._moved(item, previous)
                item.is_announced, item.previous = True, self._named(item, previous)
                return [
                    ToolApprovalRequested(
                        item_id=wire.id,
                        server_label=wire.server_label,
                        name=wire.name,
                        text=wire.arguments,
                        previous_item_id=item.previous,
                    )
                ]
            case Message():
                texts = [part.text for part in wire.content if isinstance(part, InputText)]
                return self.place_other(wire.id, wire.role, previous, "\n".join(texts))
            case McpListTools():
                return self.place_other(wire.id, wire.type, previous) if is_announced or is_final else []
            case _:
                return self.place_other(wire.id, wire.type, previous)

    def place_other(self, item_id: str, kind: str, previous: Previous, text: str = "") -> list[FriendlyEvent]:
        """An item that is nobody's words."""
        item = self.know(item_id, "other")
        if item.is_announced:
            return self._moved(item, previous)
        item.is_announced, item.previous = True, self._named(item, previous)
        return [ItemAdded(item_id=item_id, kind=kind, text=text, previous_item_id=item.previous)]

    def _moved(self, item: KnownItem, previous: Previous) -> list[FriendlyEvent]:
        return [] if item.kind == "deleted" else self._move(item, self._named(item, previous))

    def place_own(self, wire: Item, previous: Previous) -> list[FriendlyEvent]:
        """An item that this side has just sent: told at once if this side gave it an id."""
        if not isinstance(wire.id, str) or wire.id in self._items:
            return []
        wish: Previous = None if previous == "root" else UNSET if previous is None else previous
        events = self.place(wire, UNSET, None, is_announced=True, is_final=True)
        item = self._items[wire.id]
        item.is_own, item.is_confirmed, item.previous = True, False, wish
        return [msgspec.structs.replace(one, previous_item_id=wish) if _is_placed(one) else one for one in events]

    # ── the user ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _place_user(self, item_id: str, wire: Message, previous: Previous, *, is_final: bool) -> list[FriendlyEvent]:
        item = self.know(item_id, "user")
        item.is_confirmed = True
        if item.kind != "user":
            return []
        if item.is_own:
            # This side knows its content better than an echo of it.
            return self.announce(item, previous)
        images = [part.image_url for part in wire.content if isinstance(part, InputImage)]
        if not item.is_spoken and not any(isinstance(part, InputAudio) for part in wire.content):
            if item.is_announced:
                return self.announce(item, previous)
            item.is_announced, item.previous = True, self._named(item, previous)
            text = " ".join(part.text for part in wire.content if isinstance(part, InputText))
            return [UserMessage(item_id=item_id, text=text, images=images, previous_item_id=item.previous)]
        item.is_spoken = True
        events = self.announce(item, previous)
        if images and events and isinstance(events[0], UserItemStarted):
            events[0] = msgspec.structs.replace(events[0], images=images)
        for index, part in enumerate(wire.content):
            if isinstance(part, InputAudio) and is_final and isinstance(part.transcript, str) and part.transcript:
                events += self.recognise(item, index, part.transcript)
            elif isinstance(part, InputText):
                events += self.recognise(item, index, part.text)
        return events

    def recognise(self, item: KnownItem, index: int, transcript: str) -> list[FriendlyEvent]:
        """The final words of one part of a user's item; nothing when they are known."""
        if item.kind != "user" or item.parts.get(index) == transcript:
            return []
        item.parts[index] = transcript
        return [UserCompleted(item_id=item.id, content_index=index, transcript=transcript)]

    # ── the assistant ────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self, item: KnownItem, index: int, text: str, channel: Channel) -> list[FriendlyEvent]:
        """The final words of one part of an answer; nothing when they are known, or when there never were any."""
        known = item.parts.get(index, "")
        if item.kind != "assistant" or known == text:
            return []
        item.parts[index] = text
        return [
            AssistantTextDone(
                response_id=item.response_id, item_id=item.id, content_index=index, text=text, channel=channel
            )
        ]

    def _finish_assistant(self, item: KnownItem, wire: Message) -> list[FriendlyEvent]:
        events: list[FriendlyEvent] = []
        for index, part in enumerate(wire.content):
            if isinstance(part, OutputText):
                events += self.settle(item, index, part.text, "text")
            elif isinstance(part, OutputAudio) and isinstance(part.transcript, str):
                events += self.settle(item, index, part.transcript, "audio_transcript")
        return events + self.close(item, is_complete=wire.status != "incomplete")

    def close(self, item: KnownItem, *, is_complete: bool) -> list[FriendlyEvent]:
        """No more words will come for an item."""
        if item.is_done or not item.is_announced or item.kind == "deleted":
            return []
        item.is_done = True
        if item.kind != "assistant":
            return []
        status: Literal["completed", "incomplete"] = "completed" if is_complete else "incomplete"
        return [AssistantItemDone(item_id=item.id, response_id=item.response_id, status=status)]

    # ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _place_call(
        self,
        item_id: str,
        wire: FunctionCall | McpCall,
        previous: Previous,
        response_id: str | None,
        stage: tuple[bool, bool],
    ) -> list[FriendlyEvent]:
        is_announced, is_final = stage
        item = self.know(item_id, "call", response_id)
        if item.kind != "call":
            return []
        item.name = item.name or wire.name
        if isinstance(wire, McpCall):
            item.call_id, item.server_label = item_id, wire.server_label
        else:
            item.call_id = item.call_id or (wire.call_id if isinstance(wire.call_id, str) else item_id)
        events = self.announce(item, previous) if is_announced or is_final or item.is_announced else []
        if is_final and wire.status != "incomplete":
            events += self.call_done(item, wire.arguments)
        if is_final and isinstance(wire, McpCall):
            error = wire.error if wire.error is not UNSET else None
            if error is not None:
                detail = f"{error.code}: {error.message}" if isinstance(error, McpProtocolError) else error.message
                events += self.output(item.call_id, None, detail, is_error=True)
            elif isinstance(wire.output, str):
                events += self.output(item.call_id, None, wire.output)
        return events

    def call_done(self, item: KnownItem, text: str) -> list[FriendlyEvent]:
        """The arguments of a call are complete: told once."""
        if item.kind != "call" or item.is_done:
            return []
        text = text or item.arguments
        item.is_done, item.arguments = True, ""
        return [
            ToolCallDone(
                call_id=item.call_id,
                item_id=item.id,
                name=item.name,
                arguments=_object_of(text),
                text=text,
                response_id=item.response_id,
            )
        ]

    def _place_output(self, item_id: str, wire: FunctionCallOutput, previous: Previous) -> list[FriendlyEvent]:
        item = self.know(item_id, "other")
        if item.is_announced:
            return self._moved(item, previous)
        item.is_announced, item.previous = True, self._named(item, previous)
        told = self.output(wire.call_id, item_id, wire.output, previous=item.previous)
        return told or [ItemAdded(item_id=item_id, kind=wire.type, previous_item_id=item.previous)]

    def output(
        self, call_id: str, item_id: str | None, output: str, *, is_error: bool = False, previous: Previous = UNSET
    ) -> list[FriendlyEvent]:
        """What a call gave back: told once."""
        if call_id in self._outputs:
            return []
        self._outputs[call_id] = None
        while len(self._outputs) > MOST_ITEMS:
            del self._outputs[next(iter(self._outputs))]
        return [ToolOutput(call_id=call_id, item_id=item_id, output=output, error=is_error, previous_item_id=previous)]


def _is_placed(event: FriendlyEvent) -> bool:
    return "previous_item_id" in event.__struct_fields__


def _object_of(text: str) -> dict[str, object] | None:
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
