"""From structs to JSON. Fields that are UNSET are left out; fields that a lenient decoder set aside are put back.

Half of a surrogate pair, which a model that streams may cut out of an emoji, cannot be written in UTF-8: it becomes
U+FFFD, the character that every decoder puts where text is broken. Nothing else is ever changed.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.protocol.unknown import UnknownEvent
from antiphon.protocol.wire import UnknownFields, Wire

_encoder = msgspec.json.Encoder()


def encode_bytes(event: Wire | UnknownEvent) -> bytes:
    """The event as one JSON object in UTF-8."""
    value = event.raw if isinstance(event, UnknownEvent) else event
    try:
        return _encoder.encode(value)
    except (TypeError, UnicodeEncodeError):
        # TypeError: the encoder refuses `UnknownFields`, so something in here was set aside when it was decoded.
        return _encoder.encode(_plain(value))


def encode(event: Wire | UnknownEvent) -> str:
    """The event as one JSON object, ready for a text frame."""
    return encode_bytes(event).decode()


def to_builtins(value: Wire | UnknownEvent) -> dict[str, Any]:
    """The object as a dict of plain JSON values (audio as base64 text), which shares nothing with it."""
    built: dict[str, Any] = msgspec.to_builtins(_plain(value.raw if isinstance(value, UnknownEvent) else value))
    return built


def _plain(value: Any) -> Any:
    """`value` with every struct in it turned into a dict, and every text in it fit for UTF-8."""
    if isinstance(value, Wire):
        members: dict[str, Any] = {}
        tag = value.__struct_config__.tag
        if tag is not None:
            members["type"] = tag
        for name in value.__struct_fields__:
            field = getattr(value, name)
            if field is UNSET or isinstance(field, UnknownFields):
                continue
            members[name] = _plain(field)
        if value.unknown_fields is not UNSET:
            # What was set aside never hides a member that has a value here.
            members = {**value.unknown_fields.members, **members}
        return members
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {_plain(name): _plain(member) for name, member in value.items()}
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
