"""What the server says when it will not do something: one exception, one JSON shape, on every route.

The shape is the hosted API's own, `{"error": {"message", "type", "code", "param"}}`, so that stock clients show the
message. Nothing internal is ever part of it: an unexpected exception becomes a fixed sentence and a log entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from antiphon.errors import AntiphonError


class Refusal(AntiphonError):
    """A request is refused.

    status: the HTTP status. code: short and stable, for programs. message: for people; shown to the caller as it is.
    param: the field or header that is at fault, if one is. headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return error_response(self.status, self.code, self.message, param=self.param, headers=self.headers)


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The error as an HTTP response. `type` follows from the status, as in the hosted API."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "code": code, "param": param}}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


async def on_refusal(_connection: HTTPConnection, error: Exception) -> Response:
    """Starlette's exception handler for `Refusal` (on a WebSocket the response becomes its denial)."""
    assert isinstance(error, Refusal)
    return error.response()


_KNOWN = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
}


async def on_http_exception(_connection: HTTPConnection, error: Exception) -> Response:
    """Starlette's own refusals (no such route, wrong method, a broken range), in the house's shape."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    code, message = _KNOWN.get(error.status_code, (phrase.lower().replace(" ", "_").replace("-", "_"), f"{phrase}."))
    return error_response(error.status_code, code, message, headers=error.headers)


def unexpected() -> Response:
    """A bug on this side. What it was stands in the log, never in the answer."""
    return error_response(500, "internal_error", "The server failed on this request. Its log says more.")
