"""Conversation items between the dialects: their content parts have other names, and GA's clients want no nulls."""

from __future__ import annotations

from typing import Any

from antiphon.protocol.dialects.vocabulary import PARTS_TO_BETA

_PARTS_TO_GA = {
    "assistant": {beta: ga for ga, beta in PARTS_TO_BETA.items()},
    # Nobody but the assistant has a "text" or "audio" in either dialect; clients that write it mean their own input.
    "user": {"text": "input_text", "audio": "input_audio"},
    "system": {"text": "input_text"},
}


def item_to_beta(item: Any) -> Any:
    """A GA item as the beta has it."""
    return _with_parts(item, PARTS_TO_BETA)


def item_to_ga(item: Any) -> Any:
    """A beta client's item as GA has it."""
    role = item.get("role") if isinstance(item, dict) else None
    return _with_parts(item, _PARTS_TO_GA.get(role, {})) if isinstance(role, str) else item


def server_item_to_ga(item: Any) -> Any:
    """A beta server's item as strict GA clients accept it: without the nulls that they refuse."""
    if not isinstance(item, dict):
        return item
    item = without_nulls(item_to_ga(item))
    if isinstance(item.get("content"), list):
        item["content"] = [_part_without_nulls(part) for part in item["content"]]
    return item


def items_to_beta(items: Any) -> Any:
    """The same for a list of them."""
    return [item_to_beta(item) for item in items] if isinstance(items, list) else items


def server_items_to_ga(items: Any) -> Any:
    """The same for a list of them."""
    return [server_item_to_ga(item) for item in items] if isinstance(items, list) else items


def input_to_ga(items: Any) -> Any:
    """The `input` of a beta `response.create`, whose messages may hold references to items between their parts."""
    if not isinstance(items, list):
        return items
    return [piece for item in items for piece in _split_references(item_to_ga(item))]


def without_nulls(value: Any) -> Any:
    """A copy of an object without its null members; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return {name: member for name, member in value.items() if member is not None}


def _with_parts(item: Any, names: dict[str, str]) -> Any:
    if not names or not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [_renamed(part, names) for part in item["content"]]}


def _renamed(part: Any, names: dict[str, str]) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": names[kind]} if isinstance(kind, str) and kind in names else part


def _part_without_nulls(part: Any) -> Any:
    plain = without_nulls(part)
    if isinstance(part, dict) and part.get("type") == "input_audio" and "transcript" in part:
        # The one null that every client knows: the words are not there yet.
        plain["transcript"] = part["transcript"]
    return plain


def _split_references(item: Any) -> list[Any]:
    """GA refers to an item beside messages, not inside one."""
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list) or not any(_is_reference(part) for part in content):
        return [item]
    pieces: list[Any] = []
    said: list[Any] = []
    for part in content:
        if not _is_reference(part):
            said.append(part)
            continue
        if said:
            pieces.append({**item, "content": said})
            said = []
        pieces.append(part)
    if said:
        pieces.append({**item, "content": said})
    return pieces


def _is_reference(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "item_reference"
