"""The conversation of one session: its items in order, what each sounds like, and how a model reads them. Pure.

(The room `antiphon.conversation` is the reader's side of this: it rebuilds what was said from events.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from antiphon.engine.playout import SpokenText
from antiphon.engine.stages import (
    ImageContent,
    ModelItem,
    ModelMessage,
    ModelToolCall,
    ModelToolResult,
    TextContent,
)
from antiphon.engine.states import ITEM, ItemState, ItemTrigger, Machine, TranscriptionState, TranscriptionTrigger
from antiphon.protocol import (
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
)

ROOT = "root"
"""The `previous_item_id` that means "before everything"."""


@dataclass(slots=True, eq=False)
class Entry:
    """One item, and what the wire does not carry of it.

    item: as the wire shows it, without audio bytes. audio: 24 kHz PCM, input or output. spoken: set on spoken answers.
    transcription: set on spoken input.
    """

    item: Item
    machine: Machine[ItemState, ItemTrigger]
    audio: bytearray = field(default_factory=bytearray)
    spoken: SpokenText | None = None
    transcription: Machine[TranscriptionState, TranscriptionTrigger] | None = None
    cut_at_ms: int | None = None
    """Where a truncation cut the audio that is still being made."""

    @property
    def id(self) -> str:
        assert isinstance(self.item.id, str)
        return self.item.id

    @property
    def awaits_text(self) -> bool:
        return self.transcription is not None and self.transcription.state in (
            TranscriptionState.LISTENING,
            TranscriptionState.FINISHING,
        )

    def take(self, trigger: ItemTrigger) -> None:
        """Change the item's status, on the machine and on the wire."""
        self.item = msgspec.structs.replace(self.item, status=self.machine.fire(trigger).value)

    def set_transcript(self, text: str) -> None:
        """The words of the one audio part of this item, input or output."""
        assert isinstance(self.item, Message)
        parts: list[ContentPart] = [
            msgspec.structs.replace(part, transcript=text) if isinstance(part, InputAudio | OutputAudio) else part
            for part in self.item.content
        ]
        self.item = msgspec.structs.replace(self.item, content=parts)


def entry_of(item: Item) -> Entry:
    """An entry for an item that is complete as it comes."""
    state = ItemState.INCOMPLETE if item.status == "incomplete" else ItemState.COMPLETED
    return Entry(msgspec.structs.replace(item, status=state.value), Machine("item", ITEM, state))


class History:
    """The items in order. Bounded in number and in bytes of audio and images; the oldest give way."""

    def __init__(self, *, max_items: int, max_audio_bytes: int, max_content_bytes: int) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._sizes: dict[str, int] = {}
        self._max_items = max_items
        self._max_audio = max_audio_bytes
        self._max_content = max_content_bytes

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return (self._entries[item_id] for item_id in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def get(self, item_id: str) -> Entry | None:
        return self._entries.get(item_id)

    def previous(self, item_id: str) -> str | None:
        position = self._order.index(item_id)
        return self._order[position - 1] if position else None

    @property
    def last_id(self) -> str | None:
        return self._order[-1] if self._order else None

    def insert(self, entry: Entry, after: str | None = None) -> None:
        """Add an entry. after: an item's id, `ROOT`, or None for the end. Raises KeyError for an unknown id."""
        if after is None:
            position = len(self._order)
        elif after == ROOT:
            position = 0
        else:
            if after not in self._entries:
                raise KeyError(after)
            position = self._order.index(after) + 1
        self._order.insert(position, entry.id)
        self._entries[entry.id] = entry
        self._sizes[entry.id] = _content_bytes(entry.item)

    def delete(self, item_id: str) -> Entry:
        self._order.remove(item_id)
        del self._sizes[item_id]
        return self._entries.pop(item_id)

    def give_way(self, keep: Iterable[str]) -> list[str]:
        """Make the bounds hold again: forget old audio, then delete old items. Returns the ids of the deleted.

        keep: ids that must stay (what a running response is writing or reading).
        """
        audio = sum(len(entry.audio) for entry in self._entries.values())
        for entry in self:
            if audio <= self._max_audio:
                break
            if entry.machine.state is not ItemState.IN_PROGRESS:
                audio -= len(entry.audio)
                entry.audio = bytearray()
        kept = frozenset(keep)
        deleted = []
        content = sum(self._sizes.values())
        for item_id in list(self._order):
            if len(self._order) <= self._max_items and content <= self._max_content:
                break
            if item_id not in kept:
                content -= self._sizes[item_id]
                self.delete(item_id)
                deleted.append(item_id)
        return deleted

    def knows_call(self, call_id: str) -> bool:
        return any(isinstance(entry.item, FunctionCall) and entry.item.call_id == call_id for entry in self)


def _content_bytes(item: Item) -> int:
    if isinstance(item, Message):
        size = 0
        for part in item.content:
            if isinstance(part, InputImage):
                size += len(part.image_url)
            elif isinstance(part, InputText | OutputText):
                size += len(part.text)
        return size
    if isinstance(item, FunctionCall):
        return len(item.arguments)
    if isinstance(item, FunctionCallOutput):
        return len(item.output)
    return 0


def retrieved(entry: Entry) -> Item:
    """The item with its audio, for `conversation.item.retrieved`."""
    item = entry.item
    if not isinstance(item, Message) or not entry.audio:
        return item
    parts: list[ContentPart] = [
        msgspec.structs.replace(part, audio=bytes(entry.audio)) if isinstance(part, InputAudio | OutputAudio) else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=parts)


def model_items(entries: Iterable[Entry], limit: int) -> tuple[ModelItem, ...]:
    """What a language model is told of the conversation: the last `limit` items, spoken answers as far as heard."""
    read = [item for item in (_model_item(entry) for entry in entries) if item is not None]
    return tuple(read[-limit:])


def _model_item(entry: Entry) -> ModelItem | None:
    item = entry.item
    if isinstance(item, FunctionCall):
        # A call that was cut off in the writing has no arguments that anybody could run.
        whole = entry.machine.state is ItemState.COMPLETED and isinstance(item.call_id, str)
        return ModelToolCall(str(item.call_id), item.name, item.arguments) if whole else None
    if isinstance(item, FunctionCallOutput):
        return ModelToolResult(item.call_id, item.output)
    if not isinstance(item, Message):
        return None
    content: list[TextContent | ImageContent] = []
    for part in item.content:
        text = ""
        if isinstance(part, InputText | OutputText):
            text = part.text
        elif isinstance(part, InputAudio | OutputAudio):
            text = part.transcript or ""
        elif isinstance(part, InputImage):
            detail = "auto" if part.detail is UNSET else part.detail
            content.append(ImageContent(part.image_url, detail))
        if text.strip():
            content.append(TextContent(text))
    if not content and entry.transcription is None:
        return None
    # A turn in which nothing was recognised stays a turn: the model is told that it was there.
    return ModelMessage(item.role, tuple(content), spoken=entry.transcription is not None)
