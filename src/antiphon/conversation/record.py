"""What was said in a session, kept so that a new session can go on from it. Pure: events in, items out.

Speech is kept as its transcript, for no API takes an assistant's audio back; what a caller said and nobody transcribed
is lost to the new session, and so is an interrupted answer unless somebody says what was heard of it. Bounded: the
oldest items give way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.conversation.events import Previous
from antiphon.conversation.mending import mended
from antiphon.conversation.order import Order
from antiphon.protocol import (
    ClientEvent,
    ContentPart,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemTruncated,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputAudioBufferCommitted,
    InputAudioTranscriptionCompleted,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
    SessionCreated,
    UnknownEvent,
)

MOST_ITEMS = 200
MOST_BYTES = 512 * 1024
"""Of JSON, pictures included."""


class Record:
    """The conversation as the events told it, in its order. Fed by one call, which alone reads it."""

    def __init__(self, *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._order = Order()
        self._items: dict[str, Item] = {}
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._transcripts: dict[str, dict[int, str]] = {}
        self._before: set[str] = set()
        self._cut: set[str] = set()
        self._routes: dict[type, Any] = {
            UnknownEvent: self._unknown,
            SessionCreated: self._new_session,
            ConversationItemAdded: lambda event: self._keep(event.item, _named(event)),
            ConversationItemCreated: lambda event: self._keep(event.item, _named(event)),
            ConversationItemDone: lambda event: self._keep(event.item, _named(event)),
            InputAudioBufferCommitted: self._committed,
            InputAudioTranscriptionCompleted: self._transcribed,
            ConversationItemDeleted: lambda event: self.forget(event.item_id),
            ConversationItemTruncated: lambda event: self.heard(event.item_id, ""),
            ResponseOutputItemDone: lambda event: self._keep_finished(event.item),
            ResponseDone: self._response_done,
        }

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def items(self, open_calls: Collection[str] | None = ()) -> list[Item]:
        """The items as a new session can be given them, in order, each with the id that it had.

        open_calls: function calls that are told without an output, because that will be given to the new session; None
        for all that have none.
        """
        found = [self._told(item_id, self._items[item_id]) for item_id in self._order.ids]
        calls = {item.call_id for item in found if isinstance(item, FunctionCall)}
        outputs = {item.call_id for item in found if isinstance(item, FunctionCallOutput)}
        answered = calls if open_calls is None else outputs.union(open_calls)
        # One without the other would be refused, or be asked for again.
        return [
            item
            for item in found
            if not (isinstance(item, Message) and not item.content)
            and not (isinstance(item, FunctionCall) and item.call_id not in answered)
            and not (isinstance(item, FunctionCallOutput) and item.call_id not in calls)
        ]

    # ── driving ──────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        route = self._routes.get(type(event))
        if route is not None:
            route(event)

    def sent(self, event: ClientEvent | UnknownEvent) -> None:
        """What the app has just sent: kept for servers that do not say that they took it."""
        if isinstance(event, ConversationItemCreate) and event.item.id not in self._items:
            previous = event.previous_item_id
            self._keep(event.item, None if previous == "root" else UNSET if previous is None else previous)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def was_cut(self, item_id: str) -> bool:
        """Whether it was an answer that was interrupted."""
        return item_id in self._cut

    def said(self, item_id: str, text: str) -> None:
        """An answer that its server never described as an item."""
        if text:
            self._keep(Message(id=item_id, role="assistant", content=[OutputText(text=text)]), UNSET)

    def heard(self, item_id: str, text: str) -> None:
        """An answer was interrupted. text: what was heard of it, "" for nothing or when that is not known."""
        said = self._items.get(item_id)
        if isinstance(said, Message) and said.role == "assistant":
            self._cut.add(item_id)
            self._store(item_id, msgspec.structs.replace(said, content=[OutputText(text=text)] if text else []))

    def forget(self, item_id: str) -> None:
        """An item is not of the conversation (any more)."""
        if item_id in self._items:
            self._bytes -= self._sizes.pop(item_id)
            del self._items[item_id]
            self._order.remove(item_id)
            self._transcripts.pop(item_id, None)
            self._before.discard(item_id)
            self._cut.discard(item_id)

    def _unknown(self, event: UnknownEvent) -> None:
        whole = mended(event, "")
        if whole is not None:
            self.receive(whole)

    def _new_session(self, _: SessionCreated) -> None:
        self._order.begin_session()
        self._before = set(self._items)

    def _committed(self, event: InputAudioBufferCommitted) -> None:
        spoken = Message(id=event.item_id, role="user", content=[InputAudio()])
        self._keep(spoken, _named(event), is_better=False)

    def _transcribed(self, event: InputAudioTranscriptionCompleted) -> None:
        if event.item_id not in self._items:
            self._keep(Message(id=event.item_id, role="user", content=[InputAudio()]), UNSET)
        self._transcripts.setdefault(event.item_id, {})[event.content_index] = event.transcript

    def _response_done(self, event: ResponseDone) -> None:
        if event.response.conversation_id is None:
            return  # beside the conversation
        for item in event.response.output if isinstance(event.response.output, list) else ():
            self._keep_finished(item)

    def _keep_finished(self, item: Item) -> None:
        """An item as its response tells it: only what the conversation has, or will never say that it has."""
        self._keep(item, UNSET, is_better=isinstance(item.id, str) and self._is_unfinished(item.id))

    def _is_unfinished(self, item_id: str) -> bool:
        known = self._items.get(item_id)
        return isinstance(known, Message) and not known.content and known.status == "in_progress"

    def _keep(self, item: Item, previous: Previous, *, is_better: bool = True) -> None:
        if not isinstance(item, Message | FunctionCall | FunctionCallOutput) or not isinstance(item.id, str):
            return
        item_id = item.id
        if item_id in self._before and not self._is_unfinished(item_id):
            # Told to a new session: what is known of it from the old one is at least as good.
            return
        is_new = item_id not in self._items
        self._order.place(item_id, previous)
        if is_new or (is_better and item_id not in self._cut):
            self._store(item_id, item)
        while len(self._items) > 1 and (len(self._items) > self._most_items or self._bytes > self._most_bytes):
            self.forget(self._order.ids[0])

    def _store(self, item_id: str, item: Item) -> None:
        self._items[item_id] = kept = _without_audio(item)
        size = len(msgspec.json.encode(msgspec.structs.replace(kept, unknown_fields=UNSET)))
        self._bytes += size - self._sizes.get(item_id, 0)
        self._sizes[item_id] = size

    def _told(self, item_id: str, item: Item) -> Item:
        plain: dict[str, Any] = {"object": UNSET, "status": UNSET}
        if not isinstance(item, Message):
            return msgspec.structs.replace(item, **plain)
        said = self._transcripts.get(item_id, {})
        content: list[ContentPart] = []
        for index, part in enumerate(item.content):
            if isinstance(part, InputAudio):
                if isinstance(text := said.get(index) or part.transcript, str) and text:
                    content.append(InputText(text=text))
            elif isinstance(part, OutputAudio):
                if isinstance(part.transcript, str) and part.transcript:
                    content.append(OutputText(text=part.transcript))
            else:
                content.append(part)
        return msgspec.structs.replace(item, content=content, **plain)


def _named(event: Any) -> Previous:
    """The predecessor that an event names. "None" is said of the first item, and by some servers of every one: where
    items come in their order, both mean the next place."""
    return UNSET if event.previous_item_id is None else event.previous_item_id


def _without_audio(item: Item) -> Item:
    if not isinstance(item, Message):
        return item
    parts = [
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, InputAudio | OutputAudio) else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=parts)
