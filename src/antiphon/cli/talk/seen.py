"""What the screen asks of a call, and what it is told to show. Interfaces and values; `calling` makes it true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from antiphon.cli.talk.script import Line
from antiphon.cli.talk.state import TalkState

Kind = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class TurnTime:
    """How long one answer took to begin. ms: from the user's last word to its first sound, else its first word."""

    ms: float


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A microphone or a speaker to choose. key: what chooses it."""

    key: int
    name: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud both voices are now, in dBFS."""

    you: float
    them: float


class Call(Protocol):
    """A call, as the screen sees it. Methods that act raise AntiphonError, whose message is for people."""

    on_change: Callable[[], None]
    """Called, on the event loop, whenever something that is shown may have changed."""
    notes: list[str]
    """What there is to say besides, oldest first; the view takes them out."""

    @property
    def state(self) -> TalkState: ...

    @property
    def name(self) -> str:
        """Who answers, for the play: "Antiphon", "OpenAI"."""
        ...

    @property
    def where(self) -> str:
        """Where they are, for the head line."""
        ...

    def lines(self) -> Sequence[Line]: ...

    def facts(self) -> Sequence[tuple[str, str]]:
        """What else is known, as name and value, for the panel."""
        ...

    def turn_times(self) -> Sequence[TurnTime]: ...

    def levels(self) -> Levels: ...

    async def run(self) -> None:
        """Connect, and stay until the call is over. Never raises for what may happen to a call: `state` tells."""
        ...

    async def hang_up(self) -> None: ...

    async def say(self, text: str) -> None: ...

    async def show(self, path: Path, question: str) -> None: ...

    async def interrupt(self) -> None: ...

    def toggle_mute(self) -> None: ...

    def toggle_push_to_talk(self) -> None: ...

    def press_or_release(self) -> None:
        """The key of push-to-talk, which a terminal only tells when it goes down."""
        ...

    async def devices(self, kind: Kind) -> Sequence[SoundDevice]: ...

    async def use_device(self, kind: Kind, choice: int | str) -> None: ...

    def save(self, path: Path) -> None: ...
