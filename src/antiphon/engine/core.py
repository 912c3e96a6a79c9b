"""What the parts of a session share: configuration, conversation, and the list of effects that they write to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from antiphon.engine.configuration import SessionSettings
from antiphon.engine.effects import Effect, Send
from antiphon.engine.history import Entry, History
from antiphon.protocol import (
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemDone,
    RealtimeSession,
    ServerEvent,
    SessionConfig,
)


class Core:
    """Shared by the parts of one session, and only by them.

    media: whether audio travels beside the events (WebRTC) instead of in them (WebSocket).
    new_id: makes an id from a prefix such as "item".
    """

    def __init__(
        self, config: SessionConfig, settings: SessionSettings, *, media: bool, new_id: Callable[[str], str]
    ) -> None:
        self.config = config
        self.settings = settings
        self.media = media
        self.new_id = new_id
        self.conversation_id = new_id("conv")
        self.history = History(
            max_items=settings.max_items,
            max_audio_bytes=settings.max_audio_bytes,
            max_content_bytes=settings.max_content_bytes,
        )
        self._effects: list[Effect] = []

    @property
    def realtime(self) -> RealtimeSession:
        """The configuration of a session that answers (a transcription session never does)."""
        assert isinstance(self.config, RealtimeSession)
        return self.config

    def put(self, effect: Effect) -> None:
        self._effects.append(effect)

    def send(self, event: ServerEvent) -> None:
        self.put(Send(msgspec.structs.replace(event, event_id=self.new_id("event"))))

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def add_item(self, entry: Entry, after: str | None = None) -> None:
        """Put an item into the conversation and say so. Raises KeyError when `after` is unknown."""
        self.history.insert(entry, after)
        self.send(
            ConversationItemAdded(previous_item_id=self.history.previous(entry.id), item=entry.item),
        )

    def finish_item(self, entry: Entry) -> None:
        """Say that the item is final. It may have been deleted meanwhile; every `added` has its `done` all the same."""
        previous = self.history.previous(entry.id) if entry.id in self.history else None
        self.send(ConversationItemDone(previous_item_id=previous, item=entry.item))

    def keep_bounds(self, keep: frozenset[str] = frozenset()) -> None:
        """Let the oldest items give way when the conversation has grown past its bounds."""
        for item_id in self.history.give_way(keep):
            self.send(ConversationItemDeleted(item_id=item_id))
