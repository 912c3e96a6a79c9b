"""Whether a call goes on: trouble on the way, back-off, new sessions before the server's cap. A pure state machine.

What happens goes in, each with the time (`now`, seconds on any monotonic clock); what is to be done comes out of
`take_effects`. After every input: carry out the effects, and call `tick(now)` at `next_timeout()`. No socket, no task
and no clock is known here; `connection` is the driver. A new connection is a new session at the server (the protocol
has no resuming): what it must be told is the matter of `replaying`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from antiphon.client.attaching import RETRIED_CLOSE_CODES, Patience, worth_reconnecting
from antiphon.client.errors import ClientError, ClosedError, ConnectError, RefusedError
from antiphon.errors import ConfigurationError

HOSTED_CAP_S = 3600.0
AZURE_CAP_S = 1800.0
"""Azure tells no `expires_at` that can be relied on, and ends sessions after half the time (protocol.md B.2)."""

_AGAIN_S = 5.0
"""How long a rollover that failed is left alone before it is tried again."""
_LOOK_AGAIN_S = 0.25
"""How often it is looked whether a quiet moment has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverSettings:
    """Times in seconds before the server's cap.

    seek_s: from when on a quiet moment is looked for, in which nobody speaks and no tool runs. force_s: when it is not
    waited for any longer.
    """

    seek_s: float = 180.0
    force_s: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.force_s < self.seek_s:
            raise ConfigurationError("rollover: seek_s must be more than force_s, and both more than 0.")

    def window(self, cap_s: float) -> tuple[float, float]:
        """Seconds of a session's age: from when on a quiet moment is looked for, and when it ends anyhow.

        A cap that is hardly longer than these settings leaves the first half of the session in peace.
        """
        return max(cap_s - self.seek_s, cap_s / 2), max(cap_s - self.force_s, cap_s * 3 / 4)


class LineState(Enum):
    """How the caller's connection stands.

    UP: it carries. SHAKY: its media path is in trouble, which often passes. LOST: there is none; the next attempt
    waits. RECONNECTING: an attempt is under way. ROLLING_OVER: it carries, and the next one is being made. OVER: there
    will be none any more.
    """

    UP = "up"
    SHAKY = "shaky"
    LOST = "lost"
    RECONNECTING = "reconnecting"
    ROLLING_OVER = "rolling_over"
    OVER = "over"


# ── what is to be done ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection that there is: it was waited for long enough. Nothing more is heard of it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Tell who looks on: attempt number `attempt` begins in `wait_s` seconds. why: what ended or refused the last."""

    attempt: int
    wait_s: float
    why: ClientError


@dataclass(frozen=True, slots=True)
class Attempt:
    """Open a connection and bring its session up to date; report `brought_up` or `failed`.

    number: 0 for a rollover, whose old connection still stands.
    """

    number: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The call is over. error: what ended it."""

    error: ClosedError


Effect = Drop | Wait | Attempt | GiveUp


class Continuity:
    """The connection of one caller. One for each call; only its driver touches it.

    patience: how a lost connection is tried again, None for not at all. shaky_grace_s: how long trouble may take to
    pass. rollover: None leaves a session until the server ends it. renewable: whether there can be another connection.
    """

    def __init__(
        self,
        patience: Patience | None,
        *,
        shaky_grace_s: float = 5.0,
        rollover: RolloverSettings | None = None,
        renewable: bool = True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._patience = patience if renewable else None
        self._shaky_grace_s = shaky_grace_s
        self._rollover = rollover if renewable else None
        self._chance = chance
        self._state = LineState.UP
        self._effects: list[Effect] = []
        self._attempts = 0
        self._lost_at = 0.0
        self._due: float | None = None
        self._seek_at: float | None = None
        self._force_at: float | None = None
        self._cause = ClosedError(1006)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> LineState:
        return self._state

    @property
    def carries(self) -> bool:
        """Whether there is a connection that events may be written to. While one rolls over they wait for the next."""
        return self._state in (LineState.UP, LineState.SHAKY)

    @property
    def away(self) -> bool:
        """Whether there is no connection, but perhaps another one soon."""
        return self._state in (LineState.LOST, LineState.RECONNECTING)

    def next_timeout(self) -> float | None:
        """When `tick` is due; None when only something from outside can change anything."""
        if self._state in (LineState.LOST, LineState.SHAKY):
            return self._due
        if self._state is LineState.UP and self._seek_at is not None and self._force_at is not None:
            return min(self._seek_at, self._force_at)
        return None

    def take_effects(self) -> list[Effect]:
        taken, self._effects = self._effects, []
        return taken

    # ── the connection ────────────────────────────────────────────────────────────────────────────────────────────

    def begun(self, now: float, cap_s: float | None) -> None:
        """The connection's session has begun. cap_s: after how many seconds the server ends it, None for never."""
        self._attempts = 0
        self._seek_at = self._force_at = None
        if self._rollover is not None and cap_s is not None and cap_s > 0:
            seek_s, force_s = self._rollover.window(cap_s)
            self._seek_at, self._force_at = now + seek_s, now + force_s

    def trouble(self, now: float) -> None:
        """The media path does not answer at the moment."""
        if self._state is LineState.UP:
            self._state = LineState.SHAKY
            self._due = now + self._shaky_grace_s

    def relief(self, now: float) -> None:
        """It does again."""
        if self._state is LineState.SHAKY:
            self._state = LineState.UP

    def lost(self, error: ClosedError, now: float) -> None:
        """The connection is gone."""
        if self._state is LineState.ROLLING_OVER:
            # The next one is being made already: it is now what brings the call back.
            self._cause, self._lost_at, self._attempts = error, now, 1
            self._state = LineState.RECONNECTING
            if self._patience is None or error.code not in RETRIED_CLOSE_CODES:
                self._give_up(error)
        elif self.carries:
            self._cause, self._lost_at, self._attempts = error, now, 0
            if error.code in RETRIED_CLOSE_CODES:
                self._wait(error, now, None)
            else:
                self._give_up(error)

    def hung_up(self) -> None:
        """This side ends the call."""
        self._state = LineState.OVER
        self._effects.clear()

    # ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────────

    def brought_up(self, now: float, cap_s: float | None) -> None:
        """The attempt succeeded: the call goes on over its connection."""
        if self._state in (LineState.RECONNECTING, LineState.ROLLING_OVER):
            self._state = LineState.UP
            self.begun(now, cap_s)

    def failed(self, error: ClientError, now: float) -> None:
        """The attempt did not succeed."""
        if self._state is LineState.ROLLING_OVER:
            self._state = LineState.UP
            full = isinstance(error, RefusedError) and error.status in (409, 429, 503)
            if full and self._patience is not None:
                # The server may allow one connection only: then the old one has to go first.
                self._effects.append(Drop())
                self._cause, self._lost_at, self._attempts = ClosedError(1001, "the session ended"), now, 0
                self._wait(error, now, error.retry_after_s if isinstance(error, RefusedError) else None)
            elif self._force_at is not None:
                self._seek_at = now + _AGAIN_S
                self._force_at = max(self._force_at, self._seek_at)
        elif self._state is LineState.RECONNECTING:
            if isinstance(error, ConnectError) and not worth_reconnecting(error):
                self._give_up(_because(self._cause, error))
            elif isinstance(error, ClosedError) and error.code not in RETRIED_CLOSE_CODES:
                self._give_up(error)
            else:
                self._wait(error, now, error.retry_after_s if isinstance(error, RefusedError) else None)

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float, *, quiet: bool = False) -> None:
        """Time has passed. quiet: nobody speaks, no tool runs, and everything that was sent has arrived."""
        if self._state is LineState.LOST and self._due is not None and now >= self._due:
            self._state = LineState.RECONNECTING
            self._effects.append(Attempt(self._attempts))
        elif self._state is LineState.SHAKY and self._due is not None and now >= self._due:
            self._effects.append(Drop())
            self.lost(ClosedError(1006, "the media path did not come back"), now)
        elif self._state is LineState.UP and self._seek_at is not None and self._force_at is not None:
            if now >= self._force_at or (quiet and now >= self._seek_at):
                self._state = LineState.ROLLING_OVER
                self._effects.append(Attempt(0))
            elif now >= self._seek_at:
                self._seek_at = now + _LOOK_AGAIN_S

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wait(self, error: ClientError, now: float, at_least_s: float | None) -> None:
        """Go to LOST until the next attempt; or give up, when there may be none any more."""
        self._attempts += 1
        waited = now - self._lost_at
        wait = None if self._patience is None else self._patience.wait(self._attempts, waited, self._chance())
        if wait is None or self._patience is None or waited + (at_least_s or 0.0) > self._patience.within_s:
            self._give_up(self._cause if isinstance(error, ClosedError) else _because(self._cause, error))
            return
        wait = max(wait, at_least_s or 0.0)
        self._state = LineState.LOST
        self._due = now + wait
        self._effects.append(Wait(self._attempts, wait, error))

    def _give_up(self, error: ClosedError) -> None:
        self._state = LineState.OVER
        self._effects.append(GiveUp(error))


def session_cap(
    expires_at: float | None, unix_now: float, known_s: float | None, wished_s: float | None
) -> float | None:
    """After how many seconds from now the server ends a session that has just begun; None when nobody knows.

    expires_at: what `session.created` says, unix seconds; known_s: what this kind of server allows; wished_s: a
    setting. The least of them: a clock that goes wrong may say anything, but not that there is more time than known.
    """
    told = expires_at - unix_now if expires_at else None
    caps = [cap for cap in (told, known_s, wished_s) if cap is not None and cap > 0]
    return min(caps, default=None)


def _because(cause: ClosedError, error: ClientError) -> ClosedError:
    return ClosedError(cause.code, f"{cause.reason or 'the connection was lost'}, and it did not come back: {error}")
