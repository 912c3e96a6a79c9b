"""When and how often a connection is tried again. Pure: attempts and times in, waits out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon.client.errors import CallNotFoundError, ConnectError, RefusedError, UnauthorizedError

RETRIED_CLOSE_CODES = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1015})
"""Closes that say nothing about the call itself, so that it may go on. Stock clients reconnect on the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one keeps trying. within_s: from the first attempt; first_wait_s doubles up to last_wait_s.

    jitter: the part of each wait, 0 to 1, that chance may take away, so that a server that was restarted is not met by
    all of its callers at once.
    """

    within_s: float
    first_wait_s: float = 0.1
    last_wait_s: float = 2.0
    jitter: float = 0.0

    def wait(self, attempt: int, waited_s: float, chance: float = 0.0) -> float | None:
        """Seconds before attempt number `attempt` (the first retry is 1); None to give up. chance: 0 to 1."""
        wait = min(self.last_wait_s, self.first_wait_s * 2.0 ** min(attempt - 1, 16))
        return wait * (1.0 - self.jitter * chance) if waited_s + wait <= self.within_s else None


def retry_after_s(header: str | None, unix_now: float) -> float | None:
    """What a `Retry-After` asks for, in seconds from now: it may be a number or a date. None for nothing readable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to load, and hardly ever needed

        try:
            seconds = parsedate_to_datetime(header).timestamp() - unix_now
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def worth_attaching_again(error: ConnectError) -> bool:
    """Whether a call that was just made may be found in a moment: its id is known before the call is everywhere."""
    return isinstance(error, CallNotFoundError) or _passing(error)


def worth_reattaching(error: ConnectError) -> bool:
    """Whether a lost sideband may come back. A call that is not found any more has ended."""
    return not isinstance(error, CallNotFoundError) and _passing(error)


def worth_reconnecting(error: ConnectError) -> bool:
    """Whether a call whose connection was lost may be made anew in a moment."""
    return _passing(error)


def worth_asking_again(error: ConnectError) -> bool:
    """Whether a server that does not take a first connection will take one later: only when it says so itself.

    An address where nobody listens is more often mistyped than being restarted.
    """
    return isinstance(error, RefusedError) and _passing(error)


def _passing(error: ConnectError) -> bool:
    if isinstance(error, UnauthorizedError):
        return False
    if isinstance(error, RefusedError):
        return error.status == 429 or error.status >= 500
    return True
