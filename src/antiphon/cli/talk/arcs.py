"""Two arcs that face each other, drawn from how loud each voice has been: nested brackets of text. Pure.

Each arc is a row of brackets, the innermost the loudness of now and every further one that of a moment before, so that
a voice runs outward from the middle, as sound does. A silent voice leaves its innermost bracket, thin and still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

QUIET_DBFS, LOUD_DBFS = -55.0, -12.0
"""Below the first nothing is drawn; at the second a bracket has its full colour."""

LEFT, RIGHT, SMALL = ("⎛", "⎜", "⎝"), ("⎞", "⎟", "⎠"), ("(", ")")
_GAP = " "
_STILL = 0.6
"""How strong the innermost bracket of a silent voice is."""


def strength(dbfs: float) -> float:
    """Loudness as a part of 1, as the eye is to see it."""
    return min(1.0, max(0.0, (dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)))


class Loudness:
    """How loud a voice has been lately, newest first. Bounded: what is older than `most` moments is forgotten."""

    def __init__(self, most: int) -> None:
        self._past: deque[float] = deque([0.0] * most, maxlen=most)

    def put(self, dbfs: float) -> bool:
        """One moment more. False when nothing is to be drawn anew."""
        new = round(strength(dbfs), 2)
        if new == 0.0 and not any(self._past):
            return False
        self._past.appendleft(new)
        return True

    def clear(self) -> None:
        self._past.extendleft([0.0] * len(self._past))

    @property
    def strengths(self) -> Sequence[float]:
        return tuple(self._past)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A piece of a row. side: "you", "them", or "" for space. strength: 0.0 (the paper's colour) to 1.0."""

    text: str
    side: str
    strength: float


def arcs(
    you: Sequence[float], them: Sequence[float], *, reach: int, height: int, muted: bool, middle: int
) -> list[list[Stroke]]:
    """The rows of the picture. reach: brackets of a side. height: rows, 1 or 3. middle: columns between the arcs.

    muted: the left arc is dashed. Each row is `2 * reach + middle` columns wide.
    """
    rows = []
    for row in range(height):
        left = _side(you, LEFT[row] if height == 3 else SMALL[0], "you", reach, dashed=muted and row == 1)
        right = _side(them, RIGHT[row] if height == 3 else SMALL[1], "them", reach, dashed=False)
        rows.append([*reversed(left), Stroke(_GAP * middle, "", 0.0), *right])
    return rows


def _side(strengths: Sequence[float], mark: str, side: str, reach: int, *, dashed: bool) -> list[Stroke]:
    strokes = []
    for index in range(reach):
        loud = strengths[index] if index < len(strengths) else 0.0
        shown = max(loud, _STILL) if index == 0 else loud
        strokes.append(Stroke(_GAP if dashed or shown == 0.0 else mark, side, shown))
    return strokes
