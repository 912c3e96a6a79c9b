"""Credentials for TURN servers that are good for a time only: the shared-secret scheme that coturn and others take."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TurnCredential:
    """username: "<unix seconds of its end>:<user>". credential: the password that goes with it."""

    username: str
    credential: str = field(repr=False)


def turn_credential(shared_secret: str, user: str, seconds: int, now: float) -> TurnCredential:
    """A credential that the TURN server accepts for `seconds` from `now` (unix time).

    The password is base64(HMAC-SHA1(secret, username)), as in "A REST API For Access To TURN Services"
    (draft-uberti-behave-turn-rest-00), which coturn's `use-auth-secret` implements. The scheme names SHA-1; as an
    HMAC it holds.
    """
    username = f"{int(now) + seconds}:{user}"
    mac = hmac.digest(shared_secret.encode(), username.encode(), hashlib.sha1)
    return TurnCredential(username, base64.b64encode(mac).decode())
