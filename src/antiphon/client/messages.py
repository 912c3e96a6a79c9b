"""What people say, type and show, as client events. Pure functions."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from antiphon.errors import LocalProtocolError
from antiphon.protocol import (
    UNSET,
    ConversationItemCreate,
    ImageDetail,
    InputAudioBufferAppend,
    InputImage,
    InputText,
    Message,
    new_id,
)

APPEND_BYTES = 64 * 1024
"""Audio is sent in pieces of at most so much: a second and more, so that a long recording blocks nothing else."""

_IMAGE_TYPES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


def typed(text: str) -> ConversationItemCreate:
    """A message that the user typed."""
    return _from_user(InputText(text=text))


def shown_image(image: bytes | str, *, text: str | None, detail: ImageDetail | None) -> ConversationItemCreate:
    """A picture from the user, with a question to it or without. image: a PNG or JPEG file, or its data URL.

    Raises LocalProtocolError for anything else: servers of the Realtime API take those two.
    """
    url = image if isinstance(image, str) else _data_url(image)
    if not url.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        raise LocalProtocolError("An image must be a PNG or JPEG file, or a data URL of one.")
    picture = InputImage(image_url=url, detail=UNSET if detail is None else detail)
    return _from_user(picture) if text is None else _from_user(InputText(text=text), picture)


def appended(audio: bytes | bytearray | memoryview) -> Iterator[InputAudioBufferAppend]:
    """Audio in the session's input format, in pieces."""
    whole = memoryview(audio).cast("B")
    for begin in range(0, len(whole), APPEND_BYTES):
        yield InputAudioBufferAppend(audio=bytes(whole[begin : begin + APPEND_BYTES]))


def _from_user(*content: InputText | InputImage) -> ConversationItemCreate:
    return ConversationItemCreate(item=Message(id=new_id("item"), role="user", content=list(content)))


def _data_url(image: bytes) -> str:
    kind = next((name for magic, name in _IMAGE_TYPES if image.startswith(magic)), None)
    if kind is None:
        raise LocalProtocolError("An image must be a PNG or JPEG file, or a data URL of one.")
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"
