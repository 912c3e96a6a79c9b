"""Which faults of a call a person is told of, on the screen and beside pipes."""

from __future__ import annotations

from antiphon.client.lifecycle import Fault, Severity


def is_worth_a_note(fault: Fault) -> bool:
    """Whether its message is to be shown.

    A critical one ends the call and is told by that; one that comes with an attempt to call again is told by that.
    """
    return fault.severity is Severity.WARNING and "attempt" not in fault.context
