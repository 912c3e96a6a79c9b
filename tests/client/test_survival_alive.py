"""How it is noticed that a WebSocket answers no more, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from antiphon.client.alive import watch
from virtual_time import run_in_virtual_time


class Line:
    """Answers after so many seconds, in turn; None: it is closed."""

    media = False

    def __init__(self, *after: float | None) -> None:
        self.after = list(after)

    async def answers(self) -> bool:
        seconds = self.after.pop(0) if self.after else 0.01
        await asyncio.sleep(seconds or 0.0)
        return seconds is not None


def told(line: Any, seconds: float) -> list[tuple[float, bool]]:
    """What the watch tells in so many seconds, and when."""

    async def run() -> list[tuple[float, bool]]:
        loop = asyncio.get_running_loop()
        began, heard = loop.time(), []
        watching = asyncio.create_task(
            watch(
                lambda: line,
                lambda works: heard.append((round(loop.time() - began, 1), works)),
                every_s=5.0,
            )
        )
        await asyncio.sleep(seconds)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1, "a question is still open"
        return heard

    return run_in_virtual_time(run())


def test_a_line_that_answers_is_well() -> None:
    assert told(Line(0.1, 0.2), 11.0) == [(5.1, True), (10.3, True)]


def test_a_late_answer_is_trouble_that_passes() -> None:
    assert told(Line(7.0, 1.5), 13.0) == [(10.0, False), (12.0, True)]


def test_no_answer_is_trouble_that_stays() -> None:
    assert told(Line(1000.0, 1000.0), 16.0) == [(10.0, False), (15.5, False)]


def test_a_line_that_cannot_answer_is_in_trouble() -> None:
    assert told(Line(None), 5.4) == [(5.0, False)]


def test_who_looks_after_itself_or_cannot_be_asked_is_left_alone() -> None:
    class Media(Line):
        media = True

    class Mute:
        media = False

    assert told(Media(), 20.0) == told(Mute(), 20.0) == told(None, 20.0) == []
