"""From JSON to structs."""

from __future__ import annotations

from typing import Any

import msgspec

from antiphon.errors import RemoteProtocolError
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.faults import invalid_request
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.sessions import SessionConfig
from antiphon.protocol.unknown import UnknownEvent

_client_events: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_server_events: msgspec.json.Decoder[ServerEvent] = msgspec.json.Decoder(ServerEvent)
_all_events: msgspec.json.Decoder[ClientEvent | ServerEvent] = msgspec.json.Decoder(ClientEvent | ServerEvent)


def decode_client_event(data: str | bytes) -> ClientEvent:
    try:
        return _client_events.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise invalid_request("invalid_value", str(error)) from None


def decode_session(data: dict[str, Any] | bytes) -> SessionConfig:
    try:
        if isinstance(data, dict):
            return msgspec.convert(data, SessionConfig)
        return msgspec.json.decode(data, type=SessionConfig)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise invalid_request("invalid_value", str(error)) from None


def _lenient(decoder: Any, data: str | bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RemoteProtocolError(f"not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise RemoteProtocolError("an event is a JSON object")
    kind = raw.get("type")
    return UnknownEvent(type=kind if isinstance(kind, str) else "", raw=raw)


def decode_server_event(data: str | bytes) -> ServerEvent | UnknownEvent:
    return _lenient(_server_events, data)


def decode_event(data: str | bytes) -> ClientEvent | ServerEvent | UnknownEvent:
    return _lenient(_all_events, data)
