"""Events made to fit a peer that takes only so much in one message (a WebRTC data channel). Pure."""

from __future__ import annotations

import msgspec

from antiphon.protocol import (
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemRetrieved,
    ErrorDetail,
    ErrorEvent,
    InputAudio,
    InputImage,
    Item,
    Message,
    OutputAudio,
    ServerEvent,
    encode,
)

EMPTY_IMAGE = "data:,"
"""What stands for an image that the peer sent itself and that is too large to be sent back."""


def fit(event: ServerEvent, limit: int | None) -> str:
    """The event as JSON of at most `limit` bytes of UTF-8 (None: any size).

    An item that is too large goes without its audio and images. What is still too large is replaced by an `error` with
    code `event_too_large` that names it: a message beyond the limit would close the channel.
    """
    data = encode(event)
    if limit is None or len(data) * 4 <= limit or len(data.encode()) <= limit:
        return data
    if isinstance(event, ConversationItemAdded | ConversationItemDone | ConversationItemRetrieved):
        data = encode(msgspec.structs.replace(event, item=_lighter(event.item)))
        if len(data.encode()) <= limit:
            return data
    return encode(
        ErrorEvent(
            event_id=event.event_id,
            error=ErrorDetail(
                type="server_error",
                code="event_too_large",
                message=f"A '{event.type}' event was larger than the {limit} bytes that this connection takes.",
            ),
        )
    )


def _lighter(item: Item) -> Item:
    if not isinstance(item, Message):
        return item
    content = [
        msgspec.structs.replace(part, audio=msgspec.UNSET)
        if isinstance(part, InputAudio | OutputAudio)
        else msgspec.structs.replace(part, image_url=EMPTY_IMAGE)
        if isinstance(part, InputImage)
        else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=content)
