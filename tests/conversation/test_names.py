"""The names that `antiphon.conversation` offers."""

from __future__ import annotations

from typing import get_args

import antiphon.conversation
from antiphon.conversation import FRIENDLY_TYPES, Friendly, FriendlyEvent, events


def test_every_public_name_is_there() -> None:
    for name in antiphon.conversation.__all__:
        assert getattr(antiphon.conversation, name) is not None


def test_every_friendly_event_is_frozen_and_is_called_by_its_type() -> None:
    assert len(set(FRIENDLY_TYPES)) == len(FRIENDLY_TYPES) == len(get_args(FriendlyEvent))
    assert {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Friendly)} == {
        Friendly,
        *get_args(FriendlyEvent),
    }
    for kind in get_args(FriendlyEvent):
        assert kind.__struct_config__.frozen
        assert kind.type == kind.__struct_config__.tag in FRIENDLY_TYPES
