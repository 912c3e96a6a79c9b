"""An app's own messages in a chat: each stands right after a message of the conversation. `chat` alone writes them."""

from __future__ import annotations

from antiphon.conversation.entries import Entry


class AddedMessages:
    """Own messages by the key of the entry they stand after; None for those before all others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[str, Entry] = {}
        self._anchors: dict[str, str | None] = {}
        self._after: dict[str | None, list[Entry]] = {}

    def get(self, message_id: str) -> Entry | None:
        return self._entries.get(message_id)

    def anchor_of(self, message_id: str) -> str | None:
        return self._anchors.get(message_id)

    def after(self, key: str | None) -> list[Entry]:
        return self._after.get(key, [])

    def add(self, entry: Entry, anchor: str | None) -> tuple[bool, list[Entry]]:
        """Whether it is new (else it replaced one with the same id, in its place), and what had to go for it."""
        old = self._entries.get(entry.id)
        if old is not None:
            row = self._after[self._anchors[entry.id]]
            row[row.index(old)] = self._entries[entry.id] = entry
            entry.seq, entry.time = old.seq, old.time
            return False, []
        self._entries[entry.id] = entry
        self._anchors[entry.id] = anchor
        self._after.setdefault(anchor, []).append(entry)
        gone = []
        while len(self._entries) > self._most:
            gone.append(self._remove(next(iter(self._entries))))
        return True, gone

    def clear(self) -> bool:
        """False when there was nothing."""
        was_any = bool(self._entries)
        self._entries.clear()
        self._anchors.clear()
        self._after.clear()
        return was_any

    def rename(self, old: str, new: str) -> None:
        """The entry that some stand after has another key."""
        if old in self._after:
            row = self._after.setdefault(new, [])
            row += self._after.pop(old)
            for entry in row:
                self._anchors[entry.id] = new

    def drop_after(self, key: str) -> list[Entry]:
        """The entry that some stood after has left the chat, and they with it."""
        gone = self._after.pop(key, [])
        for entry in gone:
            del self._entries[entry.id], self._anchors[entry.id]
        return gone

    def _remove(self, message_id: str) -> Entry:
        entry = self._entries.pop(message_id)
        anchor = self._anchors.pop(message_id)
        self._after[anchor].remove(entry)
        if not self._after[anchor]:
            del self._after[anchor]
        return entry
