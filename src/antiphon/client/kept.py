"""What was sent and may not have arrived: what a new session has to be given again, exactly once. Pure.

Client events go in as they are written, server events as they come. An item is known by its id, which this side
chooses, so that a session that is told of it by its history is not told of it again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from antiphon.agent import overlaid
from antiphon.protocol import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemTruncate,
    ErrorEvent,
    FunctionCall,
    FunctionCallOutput,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputImage,
    InputText,
    Item,
    Message,
    OutputAudioBufferClear,
    OutputText,
    RealtimeSession,
    ResponseCancel,
    ResponseCreated,
    ServerEvent,
    SessionConfig,
    SessionUpdate,
    SessionUpdated,
    UnknownEvent,
    new_id,
)

FLEETING = (
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputAudioBufferClear,
    OutputAudioBufferClear,
    ConversationItemTruncate,
    ResponseCancel,
)
"""Of no use to another session: its audio buffers are empty, and it says nothing yet."""

MOST_EVENTS = 256
MOST_BYTES = 8 * 1024 * 1024


def named(event: ClientEvent) -> ClientEvent:
    """The event with the names that tell what became of it: its own, and its item's."""
    if isinstance(event, ConversationItemCreate) and event.item.id is UNSET:
        item = msgspec.structs.replace(event.item, id=new_id("item"))
        event = msgspec.structs.replace(event, item=item)
    if isinstance(event, ConversationItemCreate | ConversationItemDelete | SessionUpdate) and event.event_id is UNSET:
        event = msgspec.structs.replace(event, event_id=new_id("event"))
    return event


@dataclass(frozen=True, slots=True)
class Kept:
    """One event that must arrive. data: its JSON; event: itself, as `named` made it."""

    data: str
    event: ConversationItemCreate | ConversationItemDelete | SessionUpdate


def kept(event: ClientEvent, data: str) -> Kept | None:
    """The event as one that must arrive; None for one that need not, or of which nothing is ever heard."""
    if isinstance(event, ConversationItemCreate | ConversationItemDelete | SessionUpdate):
        return Kept(data, event)
    return None


class Ledger:
    """Written and not confirmed. One for each call; its connection alone feeds it.

    Bounded, the oldest give way: what is so old has arrived, at a server that confirms nothing.
    """

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._waiting: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def sent(self, event: Kept) -> None:
        """It was written to the connection that there is."""
        self._waiting[str(event.event.event_id)] = event
        self._bytes += len(event.data)
        while len(self._waiting) > 1 and (len(self._waiting) > self._most_events or self._bytes > self._most_bytes):
            self._forget(next(iter(self._waiting)))

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        """One event of the server: it may confirm something, or refuse it."""
        if not self._waiting:
            return
        match event:
            case (
                ConversationItemAdded(item=item) | ConversationItemDone(item=item) | ConversationItemCreated(item=item)
            ):
                self._took(self._creates(item))
            case ResponseCreated():
                # Not every server says which items it took.
                self._took(next(reversed(self._waiting)))
            case ConversationItemDeleted(item_id=item_id):
                self._confirm(self._first(lambda known: _deletes(known, item_id)))
            case SessionUpdated():
                self._confirm(self._first(lambda known: isinstance(known.event, SessionUpdate)))
            case ErrorEvent(error=error) if isinstance(error.event_id, str):
                # Refused: to send it again would only be refused again.
                self._confirm(error.event_id)

    def unsent(self, event: Kept) -> None:
        """It could not be written after all."""
        self._confirm(str(event.event.event_id))

    def owed(self) -> list[Kept]:
        """What a new session has to be given, in order."""
        return list(self._waiting.values())

    def clear(self) -> None:
        """There is a new session, and what was owed is on its way to it."""
        self._waiting.clear()
        self._bytes = 0

    def _creates(self, item: Item) -> str | None:
        creates = {
            event_id: known.event.item
            for event_id, known in self._waiting.items()
            if isinstance(known.event, ConversationItemCreate)
        }
        return which(creates, item)

    def _first(self, is_it: Callable[[Kept], bool]) -> str | None:
        return next((event_id for event_id, known in self._waiting.items() if is_it(known)), None)

    def _took(self, last: str | None) -> None:
        """The server has this item, and those written before it, for it reads in order. A deletion waits
        for a word of its own: the record of what was said would not bring it."""
        if last is None:
            return
        for event_id, known in list(self._waiting.items()):
            if isinstance(known.event, ConversationItemCreate):
                self._forget(event_id)
            if event_id == last:
                return

    def _confirm(self, event_id: str | None) -> None:
        if event_id is not None and event_id in self._waiting:
            self._forget(event_id)

    def _forget(self, event_id: str) -> None:
        self._bytes -= len(self._waiting.pop(event_id).data)


class SessionAsked:
    """What the session has been asked to be, and has become, by our own updates. Pure; one for each call.

    A later session is to begin as this one has become. An update that was refused never counts, and one that is not
    answered yet is sent again.
    """

    def __init__(self) -> None:
        self._asked: SessionConfig | None = None
        self._pending: OrderedDict[str, SessionConfig] = OrderedDict()

    @property
    def session(self) -> SessionConfig | None:
        """The session to ask a new connection for; None when none was ever asked for."""
        return self._asked

    @property
    def pending(self) -> bool:
        """Whether an update is not answered yet."""
        return bool(self._pending)

    def sent(self, update: SessionUpdate) -> None:
        self._pending[str(update.event_id)] = update.session
        while len(self._pending) > MOST_EVENTS:
            self._pending.popitem(last=False)

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        if not self._pending:
            return
        if isinstance(event, ErrorEvent) and isinstance(event.error.event_id, str):
            self._pending.pop(event.error.event_id, None)
        elif isinstance(event, SessionUpdated):
            _event_id, session = self._pending.popitem(last=False)
            both = isinstance(self._asked, RealtimeSession) and isinstance(session, RealtimeSession)
            self._asked = overlaid(self._asked, session) if both else session  # type: ignore[arg-type]


def open_outputs(events: Iterable[Kept]) -> set[str]:
    """The calls whose outputs these events bring."""
    created = [known.event.item for known in events if isinstance(known.event, ConversationItemCreate)]
    return {item.call_id for item in created if isinstance(item, FunctionCallOutput)}


def untold(items: Iterable[Item], coming: Iterable[Kept]) -> list[Item]:
    """Of these items those that these events do not bring."""
    brought = {known.event.item.id for known in coming if isinstance(known.event, ConversationItemCreate)}
    return [item for item in items if item.id not in brought]


def which(sent: Mapping[str, Item], come: Item) -> str | None:
    """The key of the item that a server's item came from; None for an item of its own.

    By its id first. Not every server keeps our ids: then the same words are the same item.
    """
    if come.id is not UNSET:
        for key, item in sent.items():
            if item.id == come.id:
                return key
    meant = _meaning(come)
    if meant is None:
        return None
    return next((key for key, item in sent.items() if _meaning(item) == meant), None)


def _deletes(known: Kept, item_id: str) -> bool:
    return isinstance(known.event, ConversationItemDelete) and known.event.item_id == item_id


def _meaning(item: Item) -> tuple[object, ...] | None:
    """What an item says, whatever its id; None for what says nothing that could be compared."""
    if isinstance(item, FunctionCallOutput):
        return ("output", item.call_id)
    if isinstance(item, FunctionCall):
        return ("call", item.call_id)
    if isinstance(item, Message):
        said = [part.text for part in item.content if isinstance(part, InputText | OutputText)]
        shown = sum(isinstance(part, InputImage) for part in item.content)
        return (item.role, *said, shown) if said or shown else None
    return None
