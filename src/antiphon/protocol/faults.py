"""What goes wrong on the wire: the error object of the protocol, and the exception that carries one."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from antiphon.errors import RemoteProtocolError
from antiphon.protocol.wire import Wire


class ErrorDetail(Wire):
    """The `error` of an `error` event. Its `type` is a plain field: errors have open types.

    type: such as "invalid_request_error" or "server_error". code: such as "unknown_parameter". param: the dotted path
    of the field at fault, such as "session.tools[0].name". event_id: the client event that it is about.
    """

    type: str
    message: str
    code: str | UnsetType | None = UNSET
    param: str | UnsetType | None = UNSET
    event_id: str | UnsetType | None = UNSET


class InvalidEvent(RemoteProtocolError):
    """A client event was refused whole. error: what the server answers with, in an `error` event or an HTTP body."""

    def __init__(self, error: ErrorDetail) -> None:
        super().__init__(error.message)
        self.error = error


def invalid_request(
    code: str, message: str, param: str | None = None, event_id: str | UnsetType = UNSET
) -> InvalidEvent:
    """An `invalid_request_error`, ready to raise. param: None leaves it out (some clients refuse a null)."""
    return InvalidEvent(
        ErrorDetail(
            type="invalid_request_error",
            code=code,
            message=message,
            param=UNSET if param is None else param,
            event_id=event_id,
        )
    )
