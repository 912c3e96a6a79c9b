"""Spoken answers cut to what was heard, by the client or by the playout. Plain functions."""

from __future__ import annotations

from antiphon.engine.core import Core
from antiphon.engine.history import Entry
from antiphon.engine.playout import SAMPLES_PER_MS
from antiphon.engine.states import ItemState, ItemTrigger
from antiphon.protocol import ConversationItemTruncate, ConversationItemTruncated, invalid_request


def truncate(core: Core, event: ConversationItemTruncate) -> None:
    """The client's `conversation.item.truncate`: keep of a spoken answer what was heard. Raises InvalidEvent."""
    entry = core.history.get(event.item_id)
    if entry is None:
        raise invalid_request(
            "item_truncate_invalid_item_id",
            f"Error truncating item: item with id '{event.item_id}' does not exist.",
            "item_id",
        )
    if entry.spoken is None:
        raise invalid_request(
            "unsupported_content_type", "Only model output audio messages can be truncated", "item_id"
        )
    if event.content_index != 0:
        raise invalid_request("invalid_value", "This item has one content part, at index 0.", "content_index")
    if event.audio_end_ms > entry.spoken.audio_ms:
        raise invalid_request(
            "invalid_value",
            f"Audio content of {entry.spoken.audio_ms}ms is already shorter than {event.audio_end_ms}ms",
            "audio_end_ms",
        )
    cut(entry, event.audio_end_ms)
    core.send(
        ConversationItemTruncated(
            item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
        )
    )


def cut(entry: Entry, heard_ms: int) -> bool:
    """Keep `heard_ms` of a spoken item. Returns whether anything was cut off."""
    assert entry.spoken is not None
    writing = entry.machine.state is ItemState.IN_PROGRESS
    if heard_ms >= entry.spoken.audio_ms and not writing:
        return False
    entry.cut_at_ms = heard_ms if entry.cut_at_ms is None else min(heard_ms, entry.cut_at_ms)
    del entry.audio[entry.cut_at_ms * SAMPLES_PER_MS * 2 :]
    if not writing:
        entry.take(ItemTrigger.CUT)
        entry.set_transcript(entry.spoken.heard(entry.cut_at_ms))
    return True
