"""From structs to JSON. Fields that are UNSET are left out; fields that a lenient decoder set aside are put back."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.protocol.unknown import UnknownEvent
from antiphon.protocol.wire import UnknownFields, Wire

_encoder = msgspec.json.Encoder()


def encode_bytes(event: Wire | UnknownEvent) -> bytes:
    """The event as one JSON object in UTF-8."""
    if isinstance(event, UnknownEvent):
        return _encoder.encode(event.raw)
    try:
        return _encoder.encode(event)
    except TypeError:
        # The encoder refuses `UnknownFields`: something in here was set aside when it was decoded.
        return _encoder.encode(_plain(event))


def encode(event: Wire | UnknownEvent) -> str:
    """The event as one JSON object, ready for a text frame."""
    return encode_bytes(event).decode()


def to_builtins(value: Wire | UnknownEvent) -> dict[str, Any]:
    """The object as a dict of plain JSON values (audio as base64 text), which shares nothing with it."""
    plain = value.raw if isinstance(value, UnknownEvent) else _plain(value)
    built: dict[str, Any] = msgspec.to_builtins(plain)
    return built


def _plain(value: Any) -> Any:
    """`value` with every struct in it turned into a dict."""
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
    return value
