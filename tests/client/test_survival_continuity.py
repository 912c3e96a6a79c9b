"""When a caller's connection is tried again, given up, or replaced in time: the pure machine, on a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from antiphon.client import ClosedError, ConnectError, Patience, RefusedError, UnauthorizedError
from antiphon.client.continuity import (
    Attempt,
    Continuity,
    Drop,
    GiveUp,
    LineState,
    RolloverSettings,
    Wait,
    session_cap,
)

PATIENCE = Patience(within_s=10.0, first_wait_s=1.0, last_wait_s=4.0)


def line(patience: Patience | None = PATIENCE, **more: object) -> Continuity:
    made = Continuity(patience, chance=lambda: 0.0, **more)  # type: ignore[arg-type]
    made.begun(0.0, None)
    return made


def lost(code: int = 1006, **more: object) -> Continuity:
    made = line(**more)  # type: ignore[arg-type]
    made.lost(ClosedError(code, "gone"), 100.0)
    return made


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_a_close_that_says_nothing_about_the_call_is_tried_again(code: int) -> None:
    made = lost(code)
    (wait,) = made.take_effects()
    assert isinstance(wait, Wait)
    assert (wait.attempt, wait.wait_s) == (1, 1.0)
    assert made.state is LineState.LOST
    assert made.next_timeout() == 101.0


@pytest.mark.parametrize("code", [1000, 1008, 4000, 1003])
def test_a_close_that_ends_the_call_ends_it(code: int) -> None:
    made = lost(code)
    (over,) = made.take_effects()
    assert isinstance(over, GiveUp)
    assert over.error.code == code
    assert made.state is LineState.OVER


def test_without_patience_or_another_connection_every_close_is_the_end() -> None:
    for made in (lost(patience=None), lost(renewable=False)):
        assert made.state is LineState.OVER


def test_the_waits_grow_and_end_and_the_end_tells_both_what_broke_and_what_failed() -> None:
    made, now, waits = lost(), 100.0, []
    while made.state is LineState.LOST:
        (wait,) = made.take_effects()
        assert isinstance(wait, Wait)
        waits.append(wait.wait_s)
        now = made.next_timeout() or 0.0
        made.tick(now)
        assert made.take_effects() == [Attempt(len(waits))]
        assert made.state is LineState.RECONNECTING
        made.failed(ConnectError("nobody there"), now)
    assert waits == [1.0, 2.0, 4.0]
    (over,) = made.take_effects()
    assert isinstance(over, GiveUp)
    assert over.error.code == 1006
    assert "gone" in str(over.error)
    assert "nobody there" in str(over.error)


def test_chance_shortens_a_wait_and_never_lengthens_it() -> None:
    patience = Patience(within_s=10.0, first_wait_s=1.0, jitter=0.5)
    assert [patience.wait(1, 0.0, chance) for chance in (0.0, 0.5, 1.0)] == [1.0, 0.75, 0.5]


def test_a_server_that_says_when_is_asked_then() -> None:
    made = lost()
    made.take_effects()
    made.tick(101.0)
    made.take_effects()
    made.failed(RefusedError("later", status=429, retry_after_s=6.5), 101.0)
    (wait,) = made.take_effects()
    assert isinstance(wait, Wait)
    assert wait.wait_s == 6.5
    made.tick(107.5)
    assert made.take_effects() == [Attempt(2)]
    made.failed(RefusedError("much later", status=503, retry_after_s=60.0), 107.5)
    assert made.state is LineState.OVER


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ConnectError("nobody"), True),
        (RefusedError("busy", status=429), True),
        (RefusedError("broken", status=500), True),
        (RefusedError("away", status=503), True),
        (RefusedError("nothing here", status=404), False),
        (RefusedError("bad", status=400), False),
        (UnauthorizedError("key"), False),
        (ClosedError(1006), True),
        (ClosedError(4000, "beta"), False),
        (ClosedError(1008, "policy"), False),
    ],
)
def test_what_is_worth_another_attempt(error: ConnectError | ClosedError, again: bool) -> None:
    made = lost()
    made.tick(101.0)
    made.failed(error, 101.0)
    assert made.state is (LineState.LOST if again else LineState.OVER)


def test_trouble_of_the_media_path_may_pass() -> None:
    made = line(shaky_grace_s=5.0)
    made.trouble(10.0)
    assert made.state is LineState.SHAKY
    assert made.carries
    made.relief(14.9)
    assert (made.state, made.next_timeout(), made.take_effects()) == (LineState.UP, None, [])


def test_trouble_that_does_not_pass_is_a_loss() -> None:
    made = line(shaky_grace_s=5.0)
    made.trouble(10.0)
    made.trouble(12.0)
    assert made.next_timeout() == 15.0
    made.tick(15.0)
    drop, wait = made.take_effects()
    assert isinstance(drop, Drop)
    assert isinstance(wait, Wait)
    assert made.state is LineState.LOST


def capped(cap_s: float = 1000.0) -> Continuity:
    made = Continuity(PATIENCE, rollover=RolloverSettings(seek_s=100, force_s=20), chance=lambda: 0.0)
    made.begun(0.0, cap_s)
    return made


def test_a_rollover_waits_for_quiet_and_not_for_ever() -> None:
    made = capped()
    assert made.next_timeout() == 900.0
    made.tick(900.0, quiet=False)
    assert made.take_effects() == []
    made.tick(made.next_timeout() or 0.0, quiet=True)
    assert (made.state, made.take_effects()) == (LineState.ROLLING_OVER, [Attempt(0)])
    assert not made.carries
    assert not made.away
    made = capped()
    made.tick(979.9, quiet=False)
    assert made.state is LineState.UP
    made.tick(980.0, quiet=False)
    assert made.state is LineState.ROLLING_OVER


def test_a_new_session_has_a_cap_of_its_own() -> None:
    made = capped()
    made.tick(950.0, quiet=True)
    made.brought_up(951.0, 2000.0)
    assert made.state is LineState.UP
    assert made.next_timeout() == 951.0 + 1900.0


def test_a_rollover_that_fails_leaves_the_old_connection_and_is_tried_again() -> None:
    made = capped()
    made.tick(950.0, quiet=True)
    made.take_effects()
    made.failed(ConnectError("no"), 951.0)
    assert (made.state, made.take_effects()) == (LineState.UP, [])
    made.tick(952.0, quiet=True)
    assert made.state is LineState.UP
    made.tick(956.0, quiet=True)
    assert made.state is LineState.ROLLING_OVER


def test_a_server_that_allows_one_connection_gets_the_old_one_closed_first() -> None:
    made = capped()
    made.tick(950.0, quiet=True)
    made.take_effects()
    made.failed(RefusedError("one each", status=429), 951.0)
    drop, wait = made.take_effects()
    assert isinstance(drop, Drop)
    assert isinstance(wait, Wait)
    assert made.state is LineState.LOST


def test_a_call_that_may_not_be_without_a_connection_keeps_the_old_one() -> None:
    made = Continuity(None, rollover=RolloverSettings(seek_s=100, force_s=20))
    made.begun(0.0, 1000.0)
    made.tick(950.0, quiet=True)
    made.take_effects()
    made.failed(RefusedError("one each", status=429), 951.0)
    assert (made.state, made.take_effects()) == (LineState.UP, [])


def test_a_connection_that_breaks_while_the_next_is_made_is_replaced_by_it() -> None:
    made = capped()
    made.tick(950.0, quiet=True)
    made.take_effects()
    made.lost(ClosedError(1001, "expired"), 951.0)
    assert (made.state, made.take_effects()) == (LineState.RECONNECTING, [])
    made.brought_up(952.0, None)
    assert made.state is LineState.UP


def test_the_cap_is_the_least_that_is_known_and_a_wrong_clock_says_nothing() -> None:
    assert session_cap(5000.0, 1400.0, 3600.0, None) == 3600.0
    assert session_cap(2000.0, 1000.0, 3600.0, 100.0) == 100.0
    assert session_cap(2000.0, 9000.0, 1800.0, None) == 1800.0
    assert session_cap(0, 9000.0, None, None) is None
    assert session_cap(None, 9000.0, None, None) is None


class AnyCall(RuleBasedStateMachine):
    """Anything may happen in any order: the machine stays one call with at most one attempt under way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.line = Continuity(PATIENCE, rollover=RolloverSettings(seek_s=20, force_s=5), chance=lambda: 0.5)
        self.line.begun(0.0, 60.0)
        self.attempting = False
        self.over = 0

    def do(self) -> None:
        for effect in self.line.take_effects():
            if isinstance(effect, Attempt):
                assert not self.attempting, "two connections would be made at once"
                self.attempting = True
            elif isinstance(effect, GiveUp):
                self.over += 1
                self.attempting = False

    @rule(seconds=st.floats(0.0, 30.0), quiet=st.booleans())
    def time_passes(self, seconds: float, quiet: bool) -> None:
        self.now += seconds
        self.line.tick(self.now, quiet=quiet)
        self.do()

    @rule(code=st.sampled_from([1000, 1001, 1006, 1008, 4000]))
    def the_connection_breaks(self, code: int) -> None:
        self.line.lost(ClosedError(code), self.now)
        self.do()

    @rule(works=st.booleans())
    def the_path_changes(self, works: bool) -> None:
        (self.line.relief if works else self.line.trouble)(self.now)
        self.do()

    @precondition(lambda self: self.attempting)
    @rule(status=st.sampled_from([0, 401, 404, 429, 503]), cap=st.sampled_from([None, 60.0]))
    def an_attempt_ends(self, status: int, cap: float | None) -> None:
        self.attempting = False
        if status == 0:
            self.line.brought_up(self.now, cap)
        else:
            self.line.failed(RefusedError("no", status=status), self.now)
        self.do()

    @invariant()
    def the_state_is_true(self) -> None:
        state = self.line.state
        assert (self.over == 1) == (state is LineState.OVER)
        if not self.over:
            assert self.attempting == (state in (LineState.RECONNECTING, LineState.ROLLING_OVER))
        if state in (LineState.LOST, LineState.SHAKY):
            assert self.line.next_timeout() is not None, "nobody would ever look again"
        assert not (self.line.carries and self.line.away)


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
