"""Identifiers as the Realtime API writes them: a prefix that tells the kind, then random letters and digits."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 21
"""62^21 is about 2^125: as good as a UUID, and short enough for every client's limit of 32 characters."""


def new_id(prefix: str) -> str:
    """A fresh identifier: `new_id("item")` gives "item_…". Known kinds: item, resp, event, sess, conv, call, rtc."""
    bits = secrets.randbits(128)
    letters = []
    for _ in range(_LENGTH):
        bits, digit = divmod(bits, 62)
        letters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(letters)}"
