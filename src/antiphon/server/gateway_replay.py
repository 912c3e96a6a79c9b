"""What was said in a session, kept so that a new session can go on from it. Pure: server events in, items out.

Speech is kept as its transcript, for no API takes an assistant's audio back; what a caller said and nobody transcribed
is lost to the new session. Bounded: the oldest items give way.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.protocol import (
    ContentPart,
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemTruncated,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputAudioTranscriptionCompleted,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
    ServerEvent,
    UnknownEvent,
)

MOST_ITEMS = 200
MOST_BYTES = 512 * 1024
"""Of JSON, pictures included."""


class Replay:
    """The conversation as the server's events told it, in its order. Fed by one call, which alone reads it."""

    def __init__(self, *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._order: list[str] = []
        self._items: dict[str, Item] = {}
        self._sizes: dict[str, int] = {}
        self._transcripts: dict[str, dict[int, str]] = {}

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        match event:
            case (
                ConversationItemAdded(item=item, previous_item_id=before)
                | ConversationItemDone(item=item, previous_item_id=before)
            ) if isinstance(item, Message | FunctionCall | FunctionCallOutput) and isinstance(item.id, str):
                self._keep(item.id, item, before if isinstance(before, str) else None)
            case InputAudioTranscriptionCompleted(item_id=item_id, transcript=transcript):
                if item_id in self._items:
                    self._transcripts.setdefault(item_id, {})[event.content_index] = transcript
            case ConversationItemDeleted(item_id=item_id):
                self._forget(item_id)
            case ConversationItemTruncated(item_id=item_id):
                # The server has deleted the transcript, too: how much of it was heard is not known here.
                if isinstance(said := self._items.get(item_id), Message):
                    self._items[item_id] = msgspec.structs.replace(said, content=[])

    def items(self) -> list[Item]:
        """The items as a new session can be given them, in order, each with the id that it had."""
        found = [self._told(item_id, self._items[item_id]) for item_id in self._order]
        calls = {item.call_id for item in found if isinstance(item, FunctionCall)}
        outputs = {item.call_id for item in found if isinstance(item, FunctionCallOutput)}
        # One without the other would be refused, or be asked for again.
        return [
            item
            for item in found
            if not (isinstance(item, Message) and not item.content)
            and not (isinstance(item, FunctionCall) and item.call_id not in outputs)
            and not (isinstance(item, FunctionCallOutput) and item.call_id not in calls)
        ]

    def _keep(self, item_id: str, item: Item, before: str | None) -> None:
        if item_id not in self._items:
            place = self._order.index(before) + 1 if before in self._items else len(self._order)
            self._order.insert(place, item_id)
        self._items[item_id] = item
        self._sizes[item_id] = len(msgspec.json.encode(_without_audio(item)))
        while len(self._order) > 1 and (
            len(self._order) > self._most_items or sum(self._sizes.values()) > self._most_bytes
        ):
            self._forget(self._order[0])

    def _forget(self, item_id: str) -> None:
        if item_id in self._items:
            self._order.remove(item_id)
            del self._items[item_id], self._sizes[item_id]
            self._transcripts.pop(item_id, None)

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


def _without_audio(item: Item) -> Item:
    if not isinstance(item, Message):
        return item
    parts = [
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, InputAudio | OutputAudio) else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=parts)
