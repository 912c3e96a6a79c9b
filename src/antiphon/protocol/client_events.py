"""The 11 events that a client sends."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from antiphon.protocol.items import Item
from antiphon.protocol.responses import ResponseParams
from antiphon.protocol.sessions import Milliseconds, SessionConfig
from antiphon.protocol.wire import Wire

MAX_EVENT_ID_LENGTH = 512
MAX_APPEND_BYTES = 15 * 1024 * 1024
"""The most audio, decoded, that one `input_audio_buffer.append` may carry."""

ContentIndex = Annotated[int, Meta(ge=0, le=2_147_483_647)]


class ClientEventBase(Wire, kw_only=True):
    """What all client events share. event_id: the client's own; errors about the event echo it."""

    event_id: Annotated[str, Meta(max_length=MAX_EVENT_ID_LENGTH)] | UnsetType = UNSET


class SessionUpdate(ClientEventBase, tag="session.update"):
    """Change the fields that are present; the server answers with `session.updated`."""

    session: SessionConfig


class InputAudioBufferAppend(ClientEventBase, tag="input_audio_buffer.append"):
    """More audio from the user. audio: raw bytes in the session's input format, base64 on the wire, at most 15 MiB."""

    audio: bytes


class InputAudioBufferCommit(ClientEventBase, tag="input_audio_buffer.commit"):
    """The user's turn is complete: make an item of it."""


class InputAudioBufferClear(ClientEventBase, tag="input_audio_buffer.clear"):
    """Throw away what was appended and not committed."""


class ConversationItemCreate(ClientEventBase, tag="conversation.item.create"):
    """Put an item into the conversation. previous_item_id: after which; "root" for first, absent or None for last."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ConversationItemRetrieve(ClientEventBase, tag="conversation.item.retrieve"):
    """Ask for the server's view of an item, audio included."""

    item_id: str


class ConversationItemTruncate(ClientEventBase, tag="conversation.item.truncate"):
    """Cut an assistant's audio at what was heard. audio_end_ms: inclusive, from the start of the part."""

    item_id: str
    content_index: ContentIndex
    audio_end_ms: Milliseconds


class ConversationItemDelete(ClientEventBase, tag="conversation.item.delete"):
    """Remove an item."""

    item_id: str


class ResponseCreate(ClientEventBase, tag="response.create"):
    """Make the model answer."""

    response: ResponseParams | UnsetType | None = UNSET


class ResponseCancel(ClientEventBase, tag="response.cancel"):
    """Stop an answer. response_id: which; absent or None for the conversation's active one."""

    response_id: str | UnsetType | None = UNSET


class OutputAudioBufferClear(ClientEventBase, tag="output_audio_buffer.clear"):
    """Stop what is being played (WebRTC and SIP only)."""


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
    | OutputAudioBufferClear
)
