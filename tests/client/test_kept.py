"""What was sent and may not have arrived: what confirms it, at servers that name items and at such that do not."""

from __future__ import annotations

from antiphon.client.kept import Ledger, kept, named
from antiphon.client.messages import typed
from antiphon.protocol import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    RealtimeSession,
    ServerEvent,
    SessionUpdate,
    decode_server_event,
    encode,
)

RESPONSE_CREATED = (
    '{"type": "response.created", "event_id": "event_1", "response": {"id": "resp_1", "object": "realtime.response"}}'
)


def written(ledger: Ledger, event: ClientEvent) -> ClientEvent:
    event = named(event)
    entry = kept(event, encode(event))
    assert entry is not None
    ledger.sent(entry)
    return event


def owed(ledger: Ledger) -> list[ClientEvent]:
    return [entry.event for entry in ledger.owed()]


def added(event: ClientEvent) -> ServerEvent:
    assert isinstance(event, ConversationItemCreate)
    return ConversationItemAdded(event_id="event_2", previous_item_id=None, item=event.item)


def test_an_item_that_is_confirmed_confirms_those_that_were_written_before_it() -> None:
    ledger = Ledger()
    _one, two, three = (written(ledger, typed(text)) for text in ("one", "two", "three"))
    ledger.receive(added(two))
    assert owed(ledger) == [three]
    ledger.receive(added(two))
    assert owed(ledger) == [three]


def test_a_response_that_begins_confirms_all_items_and_nothing_else() -> None:
    ledger = Ledger()
    written(ledger, typed("one"))
    update = written(ledger, SessionUpdate(session=RealtimeSession(instructions="Be kind.")))
    deletion = written(ledger, ConversationItemDelete(item_id="item_0"))
    written(ledger, typed("two"))
    ledger.receive(decode_server_event(RESPONSE_CREATED))
    assert owed(ledger) == [update, deletion]


def test_a_server_that_confirms_no_item_leaves_nothing_waiting() -> None:
    ledger = Ledger()
    for number in range(100):
        written(ledger, typed(f"message {number}"))
        ledger.receive(decode_server_event(RESPONSE_CREATED))
    assert len(ledger) == 0
