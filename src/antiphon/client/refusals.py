"""HTTP refusals of a server, as errors of the client. Pure; nothing of a key ever gets into a message."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

import msgspec

from antiphon.client.attaching import retry_after_s
from antiphon.client.errors import CallNotFoundError, ConnectError, RefusedError, UnauthorizedError

_LONGEST_SHOWN_REASON = 300


def refused(
    where: str, status: int, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str], unix_now: float
) -> ConnectError:
    """The error for an HTTP answer that is no success. where: the address, as it may be shown."""
    message, code = error_body(body)
    message = without_secrets(message, secrets)[:_LONGEST_SHOWN_REASON] or "it does not say why"
    if status in (401, 403):
        secrets = list(secrets)
        how = "does not accept the key" if secrets else "asks for a key, and none was given"
        return UnauthorizedError(f"{where} {how} (HTTP {status}): {message}")
    if code == "call_id_not_found":
        return CallNotFoundError(f"{where} knows no such call (HTTP {status}): {message}")
    return RefusedError(
        f"{where} refused the connection (HTTP {status}): {message}",
        status=status,
        code=code,
        retry_after_s=retry_after_s(headers.get("retry-after"), unix_now),
    )


def unreachable(where: str, error: Exception, *, secrets: Iterable[str]) -> ConnectError:
    """The error for a server that could not be asked. where: the address, as it may be shown."""
    if _is(error, socket.gaierror):
        return ConnectError(f"Cannot connect to {where}: there is no such host. Is the address right?")
    if _is(error, ConnectionRefusedError):
        return ConnectError(f"Cannot connect to {where}: nobody listens there. Is the server running?")
    return ConnectError(f"Cannot connect to {where}: {without_secrets(str(error), secrets) or type(error).__name__}")


def _is(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether this is what it is, or comes from: HTTP libraries wrap what the system says."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def error_body(body: bytes) -> tuple[str, str]:
    """Message and code of an error in the Realtime API's shape; of any other body nothing is shown."""
    try:
        error = msgspec.json.decode(body).get("error")
        return str(error.get("message") or ""), str(error.get("code") or "")
    except (msgspec.DecodeError, UnicodeError, AttributeError, RecursionError):
        return "", ""


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret in it blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
