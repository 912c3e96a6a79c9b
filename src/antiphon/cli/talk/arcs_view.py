"""The arcs as a widget. What they look like is decided in `arcs`; here they get their colours and their pace."""

from __future__ import annotations

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from antiphon.cli.talk.arcs import Loudness, arcs
from antiphon.cli.talk.seen import Levels
from antiphon.cli.talk.theme import TOKENS, Tokens

_MOST_REACH = 16


class Arcs(Widget):
    """Both voices, facing each other, with their names in the middle."""

    DEFAULT_CSS = """
    Arcs { height: 3; width: 1fr; }
    """
    muted = reactive(False)
    alive = reactive(False)
    """Whether there is a call: without one both arcs are grey."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._who = name
        self._you = Loudness(_MOST_REACH)
        self._them = Loudness(_MOST_REACH)

    def put(self, levels: Levels) -> None:
        """How loud both are now; called at an even pace."""
        you = self._you.put(-100.0 if self.muted else levels.you)
        if self._them.put(levels.them) or you:
            self.refresh()

    def render(self) -> Text:
        tokens = TOKENS.get(self.app.theme, TOKENS["antiphon-dark"])
        width, height = self.size.width, 3 if self.size.height >= 3 else 1
        labels = (" you ", f" {self._who} ")
        middle = len(labels[0]) + len(labels[1]) + 4
        reach = max(1, min(_MOST_REACH, (width - middle) // 2))
        rows = arcs(
            self._you.strengths, self._them.strengths, reach=reach, height=height, muted=self.muted, middle=middle
        )
        before = " " * max(0, (width - 2 * reach - middle) // 2)
        text = Text(no_wrap=True, end="")
        for number, row in enumerate(rows):
            text.append(f"\n{before}" if number else before)
            for stroke in row:
                if stroke.side == "" and number == height // 2:
                    text.append(labels[0], self._ink(tokens, "you", 1.0, tokens.soft if self.muted else None))
                    text.append(" " * (middle - len(labels[0]) - len(labels[1])))
                    text.append(labels[1], self._ink(tokens, "them", 1.0, None))
                else:
                    blank = stroke.text.isspace()
                    text.append(stroke.text, None if blank else self._ink(tokens, stroke.side, stroke.strength, None))
        return text

    def _ink(self, tokens: Tokens, side: str, strength: float, instead: str | None) -> Style:
        colour = {"you": tokens.you, "them": tokens.them}.get(side, tokens.soft)
        colour = instead or (colour if self.alive else tokens.soft)
        return Style(color=Color.from_triplet(_mixed(tokens.paper, colour, strength)))


def _mixed(paper: str, ink: str, part: float) -> ColorTriplet:
    """Ink on paper, so strong."""
    below, above = (tuple(int(one[i : i + 2], 16) for i in (1, 3, 5)) for one in (paper, ink))
    return ColorTriplet(*(round(b + (a - b) * part) for b, a in zip(below, above, strict=True)))
