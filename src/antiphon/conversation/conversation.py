"""One conversation, whole: what came over the wire and what was sent goes in, all that an app wants to know comes out.

Pure: no clock, no socket, no sound. A driver (`antiphon.client`) feeds it, sets `handlers.own` and `handlers.failed`,
and tells it what is played. `now_ms` is always milliseconds on a clock that never goes back and reads like unix time:
the wall's time at the start, plus what a steady clock counted since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from antiphon.conversation.activity import SpeechActivity
from antiphon.conversation.chat import Chat, ChatSettings, IsMeaningful
from antiphon.conversation.events import (
    AssistantItemDone,
    AssistantTextDone,
    AssistantTruncated,
    FriendlyEvent,
    UserFailed,
)
from antiphon.conversation.handlers import HandlerFailure, Handlers
from antiphon.conversation.messages import ChatChange
from antiphon.conversation.microphone import MicrophoneActivity, MicrophoneSettings
from antiphon.conversation.prices import Price
from antiphon.conversation.record import MOST_BYTES, MOST_ITEMS, Record
from antiphon.conversation.router import Router
from antiphon.conversation.turns import Turns
from antiphon.conversation.usage import UsageMeter
from antiphon.protocol import ClientEvent, InputAudioBufferAppend, ServerEvent, UnknownEvent


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """How a conversation is kept.

    is_meaningful: which text counts as words; the chat's own policy comes before it. prices: by model, for the cost;
    None for OpenAI's own. most_record_items, most_record_bytes: what is kept for a new session.
    """

    chat: ChatSettings = field(default_factory=ChatSettings)
    is_meaningful: IsMeaningful | None = None
    microphone: MicrophoneSettings = field(default_factory=MicrophoneSettings)
    prices: Mapping[str, Price] | None = None
    most_record_items: int = MOST_ITEMS
    most_record_bytes: int = MOST_BYTES


class Conversation:
    """A conversation across the sessions that carry it.

    Handlers are told first, then the chat (unless one of them consumed the event); activity, turns, usage and the
    record hear everything.
    """

    def __init__(self, settings: ConversationSettings | None = None) -> None:
        self.settings = settings = settings or ConversationSettings()
        self.router = Router()
        self.handlers = Handlers()
        self.chat = Chat(settings.chat, policy=settings.is_meaningful)
        self.activity = SpeechActivity()
        self.microphone = MicrophoneActivity(settings.microphone)
        self.turns = Turns()
        self.usage = UsageMeter(settings.prices)
        self.record = Record(most_items=settings.most_record_items, most_bytes=settings.most_record_bytes)
        self.chat.report_to(self._listener_failed)
        self._keeping: dict[type, Callable[[Any], None]] = {
            AssistantTruncated: self._keep_heard,
            AssistantTextDone: self._keep_words,
            AssistantItemDone: self._keep_item,
            UserFailed: self._forget_refused,
        }
        parts: tuple[SpeechActivity | Turns | UsageMeter | MicrophoneActivity, ...]
        parts = (self.activity, self.turns, self.usage, self.microphone)
        self._hearing: dict[type, list[Callable[[FriendlyEvent, float], None]]] = {
            kind: [part.receive for part in parts if kind in part.HEARS] for kind in get_args(FriendlyEvent)
        }

    def receive(self, event: ServerEvent | UnknownEvent, now_ms: float) -> list[FriendlyEvent]:
        """Takes in a server event. Returns what it told, after handlers and chat were told."""
        self.record.receive(event)
        return self.tell(self.router.receive(event), now_ms)

    def sent(self, event: ClientEvent | UnknownEvent, now_ms: float) -> list[FriendlyEvent]:
        """What was just sent. A typed message that has an id is in the chat from here on."""
        if isinstance(event, InputAudioBufferAppend):
            return []
        self.record.sent(event)
        return self.tell(self.router.sent(event), now_ms)

    def not_sent(self, event: ClientEvent | UnknownEvent, why: str, now_ms: float) -> list[FriendlyEvent]:
        """What was told as sent never went out. why: for the user to read."""
        return self.tell(self.router.not_sent(event, why), now_ms)

    def played(self, item_id: str, played_ms: float, now_ms: float) -> list[FriendlyEvent]:
        """How much of an item's sound has been heard so far. For transports that carry audio as events."""
        events = self.router.playout.played(item_id, played_ms)
        response_id = self.router.playout.playing
        if response_id is not None:
            self.turns.heard(response_id, now_ms)
        return self.tell(events, now_ms)

    def sounded(self, now_ms: float) -> None:
        """The other voice became audible here. For media transports, whose server says what it plays."""
        response_id = self.router.playout.playing
        if response_id is not None:
            self.turns.heard(response_id, now_ms)

    def flushed(self, now_ms: float, item_id: str | None = None) -> list[FriendlyEvent]:
        """The player threw away what it had not played. item_id: of what, when not of what sounds now."""
        return self.tell(self.router.playout.flushed(item_id), now_ms)

    def tick(self, now_ms: float) -> bool:
        """Time passed; ten times a second is plenty. True if the activity changed by that alone."""
        return self.activity.tick(now_ms)

    def disconnected(self, now_ms: float) -> list[FriendlyEvent]:
        """The connection is gone. A later `session.created` goes on with the same conversation."""
        cut = self.chat.cut_off(now_ms)
        events = self.tell(self.router.disconnected(), now_ms)
        for message in cut:
            if message.item_id is not None:
                heard = message.text if message.heard is None else message.heard
                self.record.heard(message.item_id, heard)
        self.chat.disconnected(now_ms)
        self.activity.disconnected()
        self.microphone.disconnected()
        return events

    def tell(self, events: list[FriendlyEvent], now_ms: float) -> list[FriendlyEvent]:
        """Tells everybody of friendly events, also of such as a driver makes itself (an `error` of its own)."""
        for event in events:
            for hear in self._hearing[type(event)]:
                hear(event, now_ms)
            if self.handlers.tell(event):
                self.chat.receive(event, now_ms)
            keep = self._keeping.get(type(event))
            if keep is not None:
                keep(event)
        return events

    def _listener_failed(self, listener: Callable[[ChatChange], object], change: ChatChange, error: Exception) -> None:
        if self.handlers.failed is None:
            raise error
        self.handlers.failed(HandlerFailure(listener, change, error))

    # ── the record, where friendly events know more than the wire ────────────────────────────────────────────────

    def _keep_heard(self, event: AssistantTruncated) -> None:
        self.record.heard(event.item_id, self.chat.heard_of(event.item_id) or "")

    def _keep_words(self, event: AssistantTextDone) -> None:
        """A server that is asked what it kept of an interrupted answer knows better than an estimate."""
        if self.record.was_cut(event.item_id):
            self.record.heard(event.item_id, self.chat.heard_of(event.item_id) or event.text)

    def _keep_item(self, event: AssistantItemDone) -> None:
        """A server that never says what its items are."""
        if event.item_id not in self.record:
            self.record.said(event.item_id, self.chat.text_of(event.item_id))

    def _forget_refused(self, event: UserFailed) -> None:
        if self.router.was_refused(event.item_id):
            self.record.forget(event.item_id)
