"""Every state of the page, of the locked page, of /inspect and of the widget, by name.

`test_states.py` checks in each what a machine can check, `scripts/pictures` takes a picture of each. What is new on the
page gets its state in one of the four files below.
"""

from __future__ import annotations

from web import states_elsewhere, states_of_calls, states_of_panels, states_of_trouble
from web.scene import State

STATES: tuple[State, ...] = (
    *states_of_calls.STATES,
    *states_of_trouble.STATES,
    *states_of_panels.STATES,
    *states_elsewhere.STATES,
)
BY_NAME = {state.name: state for state in STATES}
assert len(BY_NAME) == len(STATES), "two states of one name"
