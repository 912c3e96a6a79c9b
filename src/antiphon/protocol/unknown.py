"""An event of a kind, or in a shape, that this version does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """Kept as it came, so that it can be passed on. type: its `type`, or "" when it has none that is a string."""

    type: str
    raw: dict[str, Any]
