"""Who may knock: the rules about hosts, origins and the access token, as pure functions.

What is done about a stranger is decided in `door.py`; nothing here knows a request.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Browsers cannot set headers on a WebSocket, so the Realtime API takes a key as a subprotocol of this prefix."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def host_name(host: str) -> str:
    """The name in a `Host` header, lower case and without the port: "[::1]:3000" → "::1". "" when it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_allowed(host: str, allowed: Iterable[str]) -> bool:
    """host: the whole `Host` header. A loopback name is always allowed, for no stranger's DNS can answer with one."""
    name = host_name(host)
    if not name:
        return False
    return is_loopback(name) or any(entry == "*" or host_name(entry) == name for entry in allowed)


def _origin_parts(origin: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(origin)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path not in ("", "/"):
            return None
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None


def origin_allowed(origin: str, host: str, allowed: Iterable[str]) -> bool:
    """Whether a page of `origin` may call the server that it addressed as `host` (the whole `Host` header).

    Its own origin may, and on a loopback host every other loopback origin (a developer's page on another port). The
    scheme is not compared with our own, for behind a TLS proxy we do not see it. "null" (a sandboxed frame, a
    file) is a stranger unless it is named.
    """
    allowed = tuple(allowed)
    if "*" in allowed or origin in allowed:
        return True
    parts = _origin_parts(origin)
    if parts is None:
        return False
    if any(_origin_parts(entry) == parts for entry in allowed):
        return True
    return (is_loopback(parts[1]) and is_loopback(host_name(host))) or is_own_origin(origin, host)


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` is this server's own, which was addressed as `host`. The scheme is not compared."""
    parts = _origin_parts(origin)
    if parts is None:
        return False
    scheme, name, port = parts
    try:
        own = urlsplit(f"//{host}")
        return own.hostname == name and (own.port or _DEFAULT_PORTS[scheme]) == port
    except ValueError:
        return False


def presented_tokens(
    headers: Mapping[str, str],
    query_token: str | None,
    cookie: str | None,
    subprotocols: Iterable[str],
    query: Mapping[str, str] | None = None,
) -> list[str]:
    """Every token that a request presents, wherever the Realtime API, Azure or our own page may put one.

    query: where Azure's browser clients put a key, as `api-key` or as a whole `Authorization`.
    """
    query = query or {}
    found = []
    for authorization in (headers.get("authorization", ""), query.get("Authorization", "")):
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer" and value.strip():
            found.append(value.strip())
    found += [key for key in (headers.get("api-key"), query.get("api-key")) if key]
    found += [entry.removeprefix(KEY_SUBPROTOCOL) for entry in subprotocols if entry.startswith(KEY_SUBPROTOCOL)]
    found += [entry for entry in (query_token, cookie) if entry]
    return found


def token_accepted(presented: Iterable[str], *tokens: str) -> bool:
    """Whether one of the presented is one of the tokens; compared in constant time, and all of them, so that the time
    tells nothing."""
    wanted = [token.encode() for token in tokens]
    results = [hmac.compare_digest(entry.encode("utf-8", "replace"), token) for entry in presented for token in wanted]
    return any(results)


def cookie_name(token: str) -> str:
    """Cookies are shared by all ports of a host, so each server (each token) has a cookie name of its own."""
    return "antiphon_" + hashlib.sha256(token.encode()).hexdigest()[:12]
