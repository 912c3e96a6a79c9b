"""What a person is told when something goes wrong in a call: once, and not by each of the parts that know of it."""

from __future__ import annotations

from antiphon.cli.talk.faults import is_worth_a_note
from antiphon.client import ClosedError, Fault, FaultStage, Severity


def test_a_passing_trouble_is_told_and_what_is_told_otherwise_is_not() -> None:
    lost = ClosedError(1006, "the connection was cut")
    assert is_worth_a_note(Fault(FaultStage.REMOTE_STREAM, lost, Severity.WARNING, recoverable=True))
    assert not is_worth_a_note(Fault(FaultStage.DATA_CHANNEL, lost, Severity.CRITICAL, recoverable=True))
    again = {"attempt": 1, "wait_s": 0.2}
    assert not is_worth_a_note(Fault(FaultStage.PEER_CONNECTION, lost, Severity.WARNING, True, context=again))
