"""The panel beside the play on wide screens: how long each answer took to begin, and what else is known of the call."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from antiphon.cli.talk.script import cut, seconds
from antiphon.cli.talk.seen import TurnTime
from antiphon.cli.talk.theme import TOKENS

MOST_TURNS = 8
_BAR = 14
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SLOW_MS = 1500.0


def bar(part: float, width: int) -> str:
    """A bar of so many columns, to an eighth of one. part: 0.0 to 1.0."""
    eighths = round(min(1.0, max(0.0, part)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


class Panel(Static):
    """Facts and turn times."""

    DEFAULT_CSS = """
    Panel { width: 34; height: 1fr; padding: 1 2; border-left: solid $line; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: Sequence[tuple[str, str]] = ()
        self._turns: Sequence[TurnTime] = ()

    def tell(self, facts: Sequence[tuple[str, str]], turns: Sequence[TurnTime]) -> None:
        """What is known now."""
        if (list(facts), list(turns)) != (list(self._facts), list(self._turns)):
            self._facts, self._turns = facts, turns
            self.refresh()

    def render(self) -> Text:
        tokens = TOKENS.get(self.app.theme, TOKENS["antiphon-dark"])
        ink, soft = Style(color=tokens.ink), Style(color=tokens.soft)
        width = max(12, self.content_size.width)
        text = Text(end="", no_wrap=True)
        for name, value in self._facts:
            text.append(f"{name:<11}", soft)
            text.append(f"{cut(value, width - 11)}\n", ink)
        turns = list(enumerate(self._turns, start=1))[-MOST_TURNS:]
        if turns:
            text.append("\nto the first word\n", soft)
            longest = max(_SLOW_MS, *(turn.ms for _, turn in turns))
            for number, turn in turns:
                colour = tokens.them if turn.ms <= _SLOW_MS else tokens.warn
                drawn = bar(turn.ms / longest, _BAR)
                text.append(f"{number:>3} ", soft)
                text.append(f"{drawn:<{_BAR}}", Style(color=colour))
                text.append(f" {seconds(turn.ms):>7}\n", ink)
        text.rstrip()
        return text
