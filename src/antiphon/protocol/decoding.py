"""From JSON to structs: strictly for servers, leniently for clients and gateways.

The promise: whatever a peer sends, `decode_client_event` either gives a valid event or raises `InvalidEvent`, never
anything else; and whatever JSON object a peer sends, `decode_server_event` and `decode_event` give something whose
encoding is the same JSON value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from antiphon.protocol import schema
from antiphon.protocol.client_events import MAX_EVENT_ID_LENGTH, ClientEvent
from antiphon.protocol.encoding import encode_bytes
from antiphon.protocol.faults import ErrorDetail, InvalidEvent, invalid_request
from antiphon.protocol.leniency import Misfit, fit
from antiphon.protocol.rules import broken_rule, broken_session_rule
from antiphon.protocol.schema import Shape
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.sessions import SessionConfig
from antiphon.protocol.unknown import UnknownEvent
from antiphon.protocol.validation import find_fault

_client_events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ClientEvent)
_server_events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ServerEvent)
_all_events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ClientEvent | ServerEvent)
_sessions: msgspec.json.Decoder[Any] = msgspec.json.Decoder(SessionConfig)
_values: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

_REFUSALS = (msgspec.DecodeError, UnicodeError, RecursionError)
"""All that the JSON decoder raises: malformed or mistyped, not UTF-8 (a str with lone surrogates too), too deep."""


def decode_client_event(data: str | bytes) -> ClientEvent:
    """One client event, checked as the Realtime API checks it. data: the whole text frame.

    Raises InvalidEvent, whose `error` is what to answer; the event is then refused whole.
    """
    try:
        event = cast("ClientEvent", _client_events.decode(data))
    except _REFUSALS as refusal:
        raise InvalidEvent(_explain_event(data, refusal)) from None
    broken = broken_rule(event)
    if broken is not None:
        broken.event_id = event.event_id
        raise InvalidEvent(broken)
    return event


def decode_session(data: dict[str, Any] | str | bytes) -> SessionConfig:
    """A session from an HTTP body, checked like the `session` of a `session.update`. Raises InvalidEvent.

    data: its JSON, or the dict that was parsed from it.
    """
    try:
        # A dict may hold what JSON cannot, such as NaN or lone surrogates: writing it down again finds that out.
        text = msgspec.json.encode(data) if isinstance(data, dict) else data
        session = cast("SessionConfig", _sessions.decode(text))
    except _REFUSALS as refusal:
        raise InvalidEvent(find_fault(_parse(data), schema.session(), "session") or _unexplained(refusal)) from None
    broken = broken_session_rule(session, "session")
    if broken is not None:
        raise InvalidEvent(broken)
    return session


def decode_server_event(data: str | bytes) -> ServerEvent | UnknownEvent:
    """One server event, keeping everything in it. Raises RemoteProtocolError when it is no JSON object."""
    return cast("ServerEvent | UnknownEvent", _decode_leniently(data, _server_events, schema.server_event))


def decode_event(data: str | bytes) -> ClientEvent | ServerEvent | UnknownEvent:
    """One event of either side, keeping everything in it. Raises RemoteProtocolError when it is no JSON object."""
    return cast("ClientEvent | ServerEvent | UnknownEvent", _decode_leniently(data, _all_events, schema.any_event))


def _decode_leniently(data: str | bytes, decoder: msgspec.json.Decoder[Any], shape: Callable[[], Shape]) -> Any:
    try:
        event = decoder.decode(data)
    except _REFUSALS:
        return _fit_event(_parse_object(data), shape())
    if _may_hold_odd_base64(data):
        value = _values.decode(data)
        if _values.decode(encode_bytes(event)) != value:
            return _fit_event(value, shape())
    return event


def _may_hold_odd_base64(data: str | bytes) -> bool:
    """Whether base64 with padding may be in here: the only kind that two different texts can be written for.

    The bits before the padding are ignored by the decoder ("QQ==" and "QR==" are the same byte) and written as zeros.
    """
    # Looking for one character first is some fifty times faster than looking for two in a long run of base64.
    if isinstance(data, str):
        return ("=" in data and '="' in data) or ("\\" in data and "\\u003" in data)
    return (b"=" in data and b'="' in data) or (b"\\" in data and b"\\u003" in data)


def _fit_event(value: dict[str, Any], shape: Shape) -> Any:
    try:
        return fit(value, shape)
    except Misfit:
        kind = value.get("type")
        return UnknownEvent(type=kind if isinstance(kind, str) else "", raw=value)


def _explain_event(data: str | bytes, refusal: Exception) -> ErrorDetail:
    """Why `data` is no client event."""
    value = _parse_object(data)
    event_id = value.get("event_id")
    if "type" not in value:
        error = invalid_request("invalid_event", "The 'type' field is missing.").error
    else:
        error = find_fault(value, schema.client_event(), "") or _unexplained(refusal)
    if isinstance(event_id, str) and len(event_id) <= MAX_EVENT_ID_LENGTH:
        error.event_id = event_id
    return error


def _unexplained(refusal: Exception) -> ErrorDetail:
    # The decoder and `find_fault` read the same structs, so they agree on what is wrong; a property test holds that.
    return ErrorDetail(type="invalid_request_error", code="invalid_value", message=f"Invalid event: {refusal}")


def _parse_object(data: str | bytes) -> dict[str, Any]:
    value = _parse(data)
    if not isinstance(value, dict):
        raise invalid_request("invalid_event", "The event is not a JSON object.")
    return value


def _parse(data: dict[str, Any] | str | bytes) -> Any:
    try:
        return _values.decode(msgspec.json.encode(data) if isinstance(data, dict) else data)
    except RecursionError:
        raise invalid_request("invalid_event", "The JSON is nested too deeply.") from None
    except UnicodeError:
        raise invalid_request("invalid_event", "This is not valid UTF-8.") from None
    except msgspec.DecodeError as error:
        raise invalid_request("invalid_event", f"This is not valid JSON: {error}.") from None
