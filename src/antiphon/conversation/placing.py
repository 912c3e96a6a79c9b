"""The entries of a chat in their places: which there are, which are shown, who is told. `chat` decides.

Bounded: the oldest entries leave, and with them the app's own messages that stood after them; the oldest pictures are
forgotten before their messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from msgspec import UNSET

from antiphon.conversation.added import AddedMessages
from antiphon.conversation.entries import Entry, Showing
from antiphon.conversation.events import Previous
from antiphon.conversation.messages import ChatChange, ChatMessage, MessageRole, MessageStatus, UIMessage
from antiphon.conversation.order import Order
from antiphon.errors import LocalProtocolError

ChangeKind = Literal["added", "changed", "removed", "reordered", "cleared"]
ListenerFailed = Callable[[Callable[[ChatChange], object], ChatChange, Exception], object]


class PlacedEntries:
    """The entries of one chat, by key: the item's id, or a response's until its first item is known."""

    def __init__(self, showing: Showing, *, most: int, most_added: int, most_image_characters: int) -> None:
        self.order = Order()
        self.now_ms = 0.0
        self.next_seq = 1
        self._showing = showing
        self._most = most
        self._most_image_characters = most_image_characters
        self._entries: dict[str, Entry] = {}
        self._added = AddedMessages(most_added)
        self._of_call: dict[str, str] = {}
        self._image_characters = 0
        self.failed: ListenerFailed | None = None
        self._listeners: list[Callable[[ChatChange], object]] = []
        self._shown: tuple[ChatMessage, ...] | None = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def find(self, message_id: str) -> Entry | None:
        """By the id of a message, own ones included, or by its item."""
        entry = self._added.get(message_id) or self._entries.get(message_id)
        return entry or next((one for one in self._entries.values() if one.id == message_id), None)

    def of_call(self, call_id: str) -> Entry | None:
        return self._entries.get(self._of_call.get(call_id, ""))

    def of_response(self, response_id: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.response_id == response_id]

    def shown(self) -> tuple[ChatMessage, ...]:
        """What is to be seen, in order."""
        if self._shown is None:
            shown = [own.look() for own in self._added.after(None)]
            for key in self.order.ids:
                entry = self._entries[key]
                if entry.is_shown:
                    shown.append(entry.look())
                shown += [own.look() for own in self._added.after(key)]
            self._shown = tuple(shown)
        return self._shown

    # ── placing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def entry(
        self,
        item_id: str,
        role: MessageRole,
        previous: Previous = UNSET,
        *,
        response_id: str | None = None,
        is_aside: bool = False,
    ) -> Entry:
        """The entry of an item, made when it is new."""
        entry = self._entries.get(item_id)
        if entry is None:
            return self.enter(item_id, role, previous, response_id=response_id, is_aside=is_aside)
        self.place(item_id, previous)
        entry.response_id = entry.response_id or response_id
        return entry

    def enter(
        self,
        key: str,
        role: MessageRole,
        previous: Previous = UNSET,
        *,
        status: MessageStatus = "streaming",
        **more: Any,
    ) -> Entry:
        """A new entry. more: other fields of it."""
        self._bound()
        more.setdefault("item_id", key)
        entry = Entry(key, key, "tool" if "tool" in more else "text", role, status, self._seq(), self.now_ms, **more)
        self._entries[key] = entry
        if entry.tool is not None:
            self._of_call[entry.tool.call_id] = key
        self.order.place(key, previous)
        self.change(entry)
        return entry

    def place(self, item_id: str, previous: Previous) -> None:
        """Moves a known item to where it belongs."""
        entry = self._entries.get(item_id)
        if entry is None or previous is UNSET:
            return
        if entry.is_aside:
            entry.is_aside = False  # the conversation has it after all
            self.change(entry)
        if self.order.place(item_id, previous):
            self.tell("reordered", None)

    def place_hidden(self, item_id: str, previous: Previous) -> None:
        """An item that is not shown keeps its place."""
        self.hide(self.entry(item_id, "system", previous))

    def adopt(self, placeholder: Entry, item_id: str) -> None:
        """The item that a placeholder was waiting for is known."""
        self.order.rename(placeholder.key, item_id)
        self._added.rename(placeholder.key, item_id)
        del self._entries[placeholder.key]
        placeholder.key = placeholder.item_id = item_id
        self._entries[item_id] = placeholder

    def _seq(self) -> int:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        return seq

    def _bound(self) -> None:
        if len(self._entries) <= self._most + self._most // 5:
            return
        for key in self.order.drop_oldest(len(self._entries) - self._most):
            entry = self._entries.pop(key)
            self._image_characters -= sum(map(len, entry.images))
            if entry.tool is not None:
                self._of_call.pop(entry.tool.call_id, None)
            for own in self._added.drop_after(key):
                self.tell("removed", own.id)
            if entry.is_shown:
                entry.is_shown = False
                self.tell("removed", entry.id)

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def change(self, entry: Entry, status: MessageStatus | None = None) -> None:
        """An entry may look different now, or appear, or vanish."""
        if status is not None:
            entry.status = status
        entry.value = None
        before, entry.is_shown = entry.is_shown, self._showing.shows(entry)
        if entry.is_shown:
            self.tell("changed" if before else "added", entry.id)
        elif before:
            self.tell("removed", entry.id)

    def words(self, entry: Entry) -> None:
        """There is a word more. Cheaper than `change`: what is shown stays shown."""
        if not entry.is_shown:
            self.change(entry)
            return
        entry.value = self._shown = None
        if self._listeners:
            self.tell("changed", entry.id)

    def hide(self, entry: Entry) -> None:
        """An entry is emptied, and keeps its place."""
        self._image_characters -= sum(map(len, entry.images))
        entry.empty()
        self.change(entry)

    def illustrate(self, entry: Entry, images: Sequence[str]) -> None:
        """Pictures come to an entry; the oldest of the chat go when there are too many."""
        if not images:
            return
        entry.images += images
        self._image_characters += sum(map(len, images))
        for old in self:
            if self._image_characters <= self._most_image_characters:
                break
            if old.images:
                self._image_characters -= sum(map(len, old.images))
                old.images.clear()
                self.change(old)
        self.change(entry)

    def clear(self) -> None:
        """Empties every entry of the conversation."""
        for entry in self._entries.values():
            entry.empty()
            entry.is_shown = False
        self._image_characters = 0
        self.tell("cleared", None)

    # ── an app's own messages ────────────────────────────────────────────────────────────────────────────────────

    def add(self, message: UIMessage, now_ms: float | None) -> str:
        if message.id is not None and any(message.id in (one.id, one.key) for one in self._entries.values()):
            raise LocalProtocolError(
                f'"{message.id}" is a message of the conversation: give an own message another id, or none.'
            )
        seq = self._seq()
        time = self.now_ms if now_ms is None else now_ms
        entry = Entry(
            id=message.id or f"added_{seq}",
            key="",
            type="text" if message.kind is None else "ui",
            role=message.role,
            status="done",
            seq=seq,
            time=time if message.time is None else message.time,
            is_shown=True,
            kind=message.kind,
            payload=message.payload,
        )
        if message.text:
            entry.part(0).settle(message.text, may_be_shortened=False)
        is_new, gone = self._added.add(entry, self._anchor(message.after))
        for own in gone:
            self.tell("removed", own.id)
        self.tell("added" if is_new else "changed", entry.id)
        return entry.id

    def clear_added(self) -> None:
        if self._added.clear():
            self.tell("cleared", None)

    def _anchor(self, after: str | None) -> str | None:
        """The key of the entry that an own message stands after."""
        if after is not None:
            if self._added.get(after) is not None:
                return self._added.anchor_of(after)
            if (entry := self.find(after)) is not None:
                return entry.key
        return self.order.ids[-1] if self.order.ids else None

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────

    def on_change(self, listener: Callable[[ChatChange], object]) -> Callable[[], None]:
        self._listeners.append(listener)

        def off() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return off

    def tell(self, kind: ChangeKind, message_id: str | None) -> None:
        self._shown = None
        if self._listeners:
            change = ChatChange(kind=kind, message_id=message_id)
            for listener in tuple(self._listeners):
                try:
                    listener(change)
                except Exception as error:  # an app's listener must not end the call
                    if self.failed is None:
                        raise
                    self.failed(listener, change, error)
