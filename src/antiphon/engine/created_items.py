"""Items that a client creates: what is refused, and the audio that one may bring along. Pure."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from antiphon.engine.history import ROOT, History
from antiphon.protocol import (
    PARTS_BY_ROLE,
    ConversationItemCreate,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    Message,
    OutputAudio,
    invalid_request,
)


def refuse_impossible(event: ConversationItemCreate, history: History) -> str | None:
    """Raises InvalidEvent when the item cannot be created; else returns the id after which it goes (None: the end)."""
    item = event.item
    if not isinstance(item, Message | FunctionCall | FunctionCallOutput):
        raise invalid_request("invalid_value", f"Items of type '{item.type}' cannot be created here.", "item.type")
    if isinstance(item.id, str) and item.id in history:
        raise invalid_request("invalid_value", f"Item with id '{item.id}' already exists.", "item.id")
    after = event.previous_item_id if isinstance(event.previous_item_id, str) else None
    if after is not None and after != ROOT and after not in history:
        raise invalid_request("invalid_value", f"Previous item with id '{after}' does not exist.", "previous_item_id")
    if isinstance(item, FunctionCallOutput) and not history.knows_call(item.call_id):
        raise invalid_request(
            "invalid_tool_call_id",
            f"Tool call ID '{item.call_id}' not found in conversation.",
            "item.call_id",
        )
    if isinstance(item, Message):
        _refuse_impossible_parts(item)
    return after


def _refuse_impossible_parts(item: Message) -> None:
    for position, part in enumerate(item.content):
        if not isinstance(part, PARTS_BY_ROLE[item.role]):
            raise invalid_request(
                "invalid_value", f"A {item.role} message cannot hold '{part.type}'.", f"item.content[{position}].type"
            )
        if isinstance(part, InputImage) and not part.image_url.startswith("data:image/"):
            raise invalid_request(
                "invalid_value",
                "Images are sent as data URLs, such as 'data:image/jpeg;base64,…': this server fetches nothing.",
                f"item.content[{position}].image_url",
            )
        if isinstance(part, OutputAudio) and part.audio is not UNSET:
            raise invalid_request(
                "invalid_value", "Assistant audio cannot be put in: give its text.", f"item.content[{position}].audio"
            )
    spoken = [(position, part) for position, part in enumerate(item.content) if isinstance(part, InputAudio)]
    if len(spoken) > 1:
        raise invalid_request("invalid_value", "A message can hold one audio part.", f"item.content[{spoken[1][0]}]")


def spoken_part(item: Message) -> tuple[int, bytes] | None:
    """The index and the PCM (whole samples of it) of the message's audio part, or None when it has none."""
    for position, part in enumerate(item.content):
        if isinstance(part, InputAudio) and isinstance(part.audio, bytes):
            return position, part.audio[: len(part.audio) & ~1]
    return None


def without_audio(item: Message) -> Message:
    """The message as events show it."""
    return msgspec.structs.replace(
        item, content=[InputAudio() if isinstance(part, InputAudio) else part for part in item.content]
    )
