"""What goes wrong with a call, seen from the client. One small tree.

ClientError
├── ConnectError          no connection came about
│   ├── UnauthorizedError   the server refuses who asks (401, 403)
│   ├── CallNotFoundError   there is no call with this call_id (404)
│   ├── RefusedError        the server refuses otherwise: status, code
│   ├── TokenError          there is no token to connect with
│   └── NoMediaPathError    events could flow, audio could not: WebRTC found no way through
├── ClosedError           the connection is over: code, reason
├── RejectedError         the server refused an event: error
├── AnswerTimeoutError    something that must come did not come in time
└── OverflowingError      more is waiting to be sent, or asked for, than is allowed
"""

from __future__ import annotations

from antiphon.errors import AntiphonError
from antiphon.protocol import ErrorDetail


class ClientError(AntiphonError):
    """Base of all that a client raises."""


class ConnectError(ClientError):
    """No connection came about. The message says to where, and why."""


class UnauthorizedError(ConnectError):
    """The server does not accept the key."""


class CallNotFoundError(ConnectError):
    """The server knows no call with this `call_id`: not yet, or no longer."""


class RefusedError(ConnectError):
    """The server answered the connection with an HTTP error. status: of HTTP; code: of the Realtime API, or "".

    retry_after_s: when it may be asked again, in seconds; None when it does not say.
    """

    def __init__(self, message: str, *, status: int, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class TokenError(ConnectError):
    """The token provider gave none. The server was not asked."""


class NoMediaPathError(ConnectError):
    """The server took the offer, or would have, and no path for media came about (ICE, DTLS, a closed firewall)."""


class ClosedError(ClientError):
    """The connection is over. code, reason: of the close frame; 1006 when there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"The call is over: {reason or 'no reason was given'} (close code {code}).")
        self.code = code
        self.reason = reason


class RejectedError(ClientError):
    """The server refused an event. error: in its own words; `error.param` names the field at fault."""

    def __init__(self, what: str, error: ErrorDetail) -> None:
        super().__init__(f"The server refused {what}: {error.message}")
        self.error = error


class AnswerTimeoutError(ClientError):
    """What the message names did not come in time."""


class OverflowingError(ClientError):
    """The server takes less than is given to it: more waits than is allowed."""
