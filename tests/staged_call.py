"""A call for the screen of `antiphon talk`, played from a script: what a test puts there is what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from antiphon.cli.talk.script import Line
from antiphon.cli.talk.seen import Kind, Levels, SoundDevice, TurnTime
from antiphon.cli.talk.state import Ear, Link, TalkState
from antiphon.errors import AntiphonError


class StagedCall:
    """What the app does is in `done`; what it shows is what the attributes hold."""

    def __init__(self, *, name: str = "Antiphon", where: str = "127.0.0.1:3000", ear: Ear = Ear.OPEN) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.notes: list[str] = []
        self.state = TalkState()
        self.state.ear = ear
        self.name = name
        self.where = where
        self.shown: list[Line] = []
        self.known: list[tuple[str, str]] = []
        self.times: list[TurnTime] = []
        self.loud = Levels(-100.0, -100.0)
        self.done: list[tuple[object, ...]] = []
        self.refuses: AntiphonError | None = None
        self.over = asyncio.Event()
        self.listed: dict[Kind, list[SoundDevice]] = {"input": [], "output": []}

    def lines(self) -> Sequence[Line]:
        return self.shown

    def facts(self) -> Sequence[tuple[str, str]]:
        return self.known

    def turn_times(self) -> Sequence[TurnTime]:
        return self.times

    def levels(self) -> Levels:
        return self.loud

    async def run(self) -> None:
        self._note("run")
        self.state.linked(Link.UP)
        self.on_change()
        await self.over.wait()

    async def hang_up(self) -> None:
        self._note("hang_up")
        self.over.set()

    async def say(self, text: str) -> None:
        self._note("say", text)

    async def show(self, path: Path, question: str) -> None:
        self._note("show", path, question)

    async def interrupt(self) -> None:
        self._note("interrupt")

    def toggle_mute(self) -> None:
        self._note("mute")

    def toggle_push_to_talk(self) -> None:
        self._note("push_to_talk")

    def press_or_release(self) -> None:
        self._note("press")

    async def devices(self, kind: Kind) -> Sequence[SoundDevice]:
        return self.listed[kind]

    async def use_device(self, kind: Kind, choice: int | str) -> None:
        self._note("use", kind, choice)

    def save(self, path: Path) -> None:
        self._note("save", path)

    def _note(self, *what: object) -> None:
        self.done.append(what)
        if self.refuses is not None and what[0] not in ("run", "hang_up"):
            raise self.refuses
