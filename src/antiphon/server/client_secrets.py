"""Ephemeral keys ("ek_…"): minting and checking them. No request and no clock is known here; times are unix seconds.

A key is a signed statement of its own: id, expiry and, where they are small, the session that it is bound to and who
asked for it. So any process with the same signing key can check it. What is larger stays in a bounded table of the
process that minted it, for a key travels in a header, and headers are short.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.protocol import InvalidEvent, SessionConfig, decode_session, encode_bytes
from antiphon.server.refusals import Refusal

PREFIX = "ek_"
LEAST_SECONDS, USUAL_SECONDS, MOST_SECONDS = 10, 600, 7200
"""How long a key may live, as in the Realtime API."""

INLINE_BYTES = 3 * 1024
"""The largest session that travels inside its key: with it the key stays below 5 KiB, and proxies take lines of 8."""

_MAC_BYTES = 32
_LONGEST_KEY = len(PREFIX) + 4 * (INLINE_BYTES + 256) // 3
_VERSION = 1


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A key that is good now. session: what its calls begin with. old_names, user: as it was minted."""

    id: str
    expires_at: int
    session: SessionConfig
    old_names: bool = False
    user: Any = None


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key. expires_at: unix seconds."""

    value: str
    expires_at: int

    def __repr__(self) -> str:
        return f"Minted(expires_at={self.expires_at})"


class _Statement(msgspec.Struct, array_like=True):
    """What is signed. session: its JSON, or None when it stays here, and the user with it."""

    version: int
    id: str
    expires_at: int
    session: bytes | None
    old_names: bool = False
    user: str | None = None


class ClientSecrets:
    """Mints and checks keys. One for each process; used on one event loop only.

    signing_key: the same for all processes that are to take each other's keys; None makes one that nobody else has,
    and with it the keys end with the process. max_kept: of those that are too large, kept at once.
    """

    def __init__(self, signing_key: str | None = None, *, max_kept: int = 1024) -> None:
        # A setting may be used for more than this one purpose: what signs here is made from it, for here alone.
        material = secrets.token_bytes(32) if signing_key is None else signing_key.encode()
        self._key = hmac.digest(material, b"antiphon client secrets", hashlib.sha256)
        self._max_kept = max_kept
        self._kept: dict[str, ClientSecret] = {}

    def mint(
        self, session: SessionConfig, seconds: int, now: float, *, old_names: bool = False, user: Any = None
    ) -> Minted:
        """A key for calls that begin with `session`, good for `seconds`. Raises Refusal when too many are kept.

        old_names: whether its holder is told what happens under the beta's names too. user: who asks for it (see
        `CURRENT_USER`); one that is no string can only be kept here.
        """
        secret_id = secrets.token_urlsafe(12)
        expires_at = math.ceil(now) + seconds
        data = encode_bytes(session)
        name = user if isinstance(user, str) and user.isprintable() else None
        statement = _Statement(_VERSION, secret_id, expires_at, data, old_names, name)
        if user is not name or len(data) + len((name or "").encode()) > INLINE_BYTES:
            self._keep(ClientSecret(secret_id, expires_at, session, old_names, user), now)
            statement = _Statement(_VERSION, secret_id, expires_at, None)
        payload = msgspec.msgpack.encode(statement)
        return Minted(PREFIX + _text(self._sign(payload) + payload), expires_at)

    def check(self, value: str, now: float) -> ClientSecret:
        """What the key stands for. Raises Refusal when it is not one of ours, was changed, or has expired."""
        statement = self._read(value)
        if statement is None:
            raise _refused("The client secret is not valid.")
        if now >= statement.expires_at:
            raise _refused("The client secret has expired.")
        if statement.session is None:
            kept = self._kept.get(statement.id)
            if kept is None:
                raise _refused(
                    "The client secret is not known here: another server made it, or this one before a restart."
                )
            return kept
        try:
            session = decode_session(statement.session)
        except InvalidEvent:
            # Signed by a version that knew more; whoever holds it needs a new one.
            raise _refused("The client secret is not valid.") from None
        return ClientSecret(statement.id, statement.expires_at, session, statement.old_names, statement.user)

    def _keep(self, secret: ClientSecret, now: float) -> None:
        if len(self._kept) >= self._max_kept:
            self._kept = {entry: kept for entry, kept in self._kept.items() if kept.expires_at > now}
        if len(self._kept) >= self._max_kept:
            raise Refusal(
                503,
                "too_many_client_secrets",
                "Too many client secrets are out that this server has to remember. Try again later.",
                headers={"Retry-After": "60"},
            )
        self._kept[secret.id] = secret

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)

    def _read(self, value: str) -> _Statement | None:
        if not value.startswith(PREFIX) or len(value) > _LONGEST_KEY:
            return None
        data = _bytes(value.removeprefix(PREFIX))
        if data is None or not hmac.compare_digest(data[:_MAC_BYTES], self._sign(data[_MAC_BYTES:])):
            return None
        try:
            statement = msgspec.msgpack.decode(data[_MAC_BYTES:], type=_Statement)
        except msgspec.DecodeError:
            return None
        return statement if statement.version == _VERSION else None


def _refused(message: str) -> Refusal:
    return Refusal(401, "invalid_api_key", message, headers={"WWW-Authenticate": "Bearer"})


def _text(data: bytes) -> str:
    """URL-safe base64 without padding: every character of it may stand in a header and in a subprotocol's name."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    """The inverse of `_text`, and of nothing else: a key has one spelling only."""
    try:
        data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _text(data) == text else None
