"""HTTP refusals of a server, as errors of the client. Pure; nothing of a key ever gets into a message."""

from __future__ import annotations

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
        return UnauthorizedError(f"{where} does not accept the key (HTTP {status}): {message}")
    if code == "call_id_not_found":
        return CallNotFoundError(f"{where} knows no such call (HTTP {status}): {message}")
    return RefusedError(
        f"{where} refused the connection (HTTP {status}): {message}",
        status=status,
        code=code,
        retry_after_s=retry_after_s(headers.get("retry-after"), unix_now),
    )


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
