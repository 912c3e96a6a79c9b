"""What goes wrong with an upstream, in words that a caller may see.

UpstreamError
├── UpstreamRefusal      it answered with an error
├── UpstreamUnreachable  no connection came about
├── UpstreamTimeout      it did not answer in time
└── UpstreamConfused     its answer makes no sense

An upstream's body is never shown raw: only its message, code and field are, and those after `scrub`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from antiphon.errors import AntiphonError

LONGEST_MESSAGE = 300

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_BEARER = re.compile(r"\bbearer\s+[^\s\"',)]+", re.IGNORECASE)
_HEADER = re.compile(r"\b(?:proxy-)?(?:authorization|(?:x-)?api-key)\b\s*[:=]\s*\S+", re.IGNORECASE)
_KEY = re.compile(r"\b(?:sk|ek|pk|rk|sess)[-_][\w.*-]{6,}")
_LONG_TOKEN = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{32,}\b|\beyJ[\w.-]{20,}")
_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,100}")


class UpstreamError(AntiphonError):
    """An upstream did not do what was asked of it.

    status: the HTTP status that the caller of a gateway should get. code: short and stable, for programs. message: for
    people, with nothing secret in it. param: the field at fault, if one is. retry_after_s: when to try again.
    """

    def __init__(
        self, message: str, *, status: int, code: str, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s


class UpstreamRefusal(UpstreamError):
    """The upstream answered with an error. upstream_status: its own HTTP status."""

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int,
        status: int,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, param=param, retry_after_s=retry_after_s)
        self.upstream_status = upstream_status


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream came about."""


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time."""


class UpstreamConfused(UpstreamError):
    """The upstream answered with success, but with nothing that can be used."""


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what could be a secret: the given ones, keys by their looks, credentials and addresses."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    for pattern in (_ADDRESS, _BEARER, _HEADER, _KEY, _LONG_TOKEN):
        text = pattern.sub("…", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def refusal(
    name: str, status: int, body: bytes, *, secrets: Iterable[str] = (), retry_after_s: float | None = None
) -> UpstreamRefusal:
    """What a caller is told about an error that an upstream answered with.

    That this server's own key is refused is this server's fault (502), not the caller's, and nothing of it is shown.
    """
    if status in (401, 403):
        return UpstreamRefusal(
            f"{name} does not accept this server's key.",
            upstream_status=status,
            status=502,
            code="upstream_key_refused",
        )
    secrets = tuple(secrets)
    error = _error_in(body)
    message = scrub(_text(error, "message"), secrets)
    code = _name(_text(error, "code"), secrets) or _name(_text(error, "type"), secrets)
    if status >= 500:
        return UpstreamRefusal(
            f"{name} failed (HTTP {status}).", upstream_status=status, status=502, code="upstream_error"
        )
    if status == 429:
        return UpstreamRefusal(
            f"{name}: {message or 'too many requests.'}",
            upstream_status=status,
            status=429,
            code=code or "rate_limit_exceeded",
            retry_after_s=retry_after_s,
        )
    return UpstreamRefusal(
        f"{name}: {message or 'it refused the request and did not say why.'}",
        upstream_status=status,
        status=status if status in (400, 404, 409, 413, 415, 422) else 502,
        code=code or "upstream_refused",
        param=_name(_text(error, "param"), secrets) or None,
    )


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _text(error: dict[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""


def _name(text: str, secrets: Iterable[str]) -> str:
    """A code or a field's name, when it is one: a name is no place to hide a key in."""
    return text if _NAME.fullmatch(text) and scrub(text, secrets) == text else ""
