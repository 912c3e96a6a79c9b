"""What a check finds, checks run side by side and bounded in time, and findings as lines or JSON. No check is here."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from antiphon.errors import AntiphonError


class Status(Enum):
    """OK: it works. WARN: it works, with a catch. FAIL: it does not. SKIP: it was not looked at, and why."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. message: one plain sentence. advice: what to do, "" for nothing."""

    check: str
    status: Status
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        found = {"check": self.check, "status": self.status.value, "message": self.message}
        return {**found, "advice": self.advice} if self.advice else found


def ok(check: str, message: str) -> Finding:
    return Finding(check, Status.OK, message)


def warn(check: str, message: str, advice: str = "") -> Finding:
    return Finding(check, Status.WARN, message, advice)


def fail(check: str, message: str, advice: str = "") -> Finding:
    return Finding(check, Status.FAIL, message, advice)


def skip(check: str, message: str, advice: str = "") -> Finding:
    return Finding(check, Status.SKIP, message, advice)


@dataclass(frozen=True, slots=True)
class Check:
    """A thing to look at. run: does so. seconds: for how long at most."""

    name: str
    run: Callable[[], Awaitable[Finding | Sequence[Finding]]]
    seconds: float = 8.0


async def run_checks(checks: Iterable[Check]) -> AsyncIterator[Finding]:
    """Run all of them at once; what they find, in the order of the checks, as soon as it is known."""
    tasks = [asyncio.create_task(_found(check), name=f"doctor {check.name}") for check in checks]
    try:
        for task in tasks:
            for finding in await task:
                yield finding
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _found(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(check.seconds):
            found = await check.run()
    except TimeoutError:
        return [fail(check.name, f"This took longer than {check.seconds:g} s and was given up.")]
    except AntiphonError as error:
        return [fail(check.name, str(error))]
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others found
        return [fail(check.name, f"This could not be looked at: {type(error).__name__}: {error}")]
    return [found] if isinstance(found, Finding) else found


_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIP: "bright_black"}
_NAME_WIDTH = 11


def lines(finding: Finding, width: int, paint: Callable[[str, str], str]) -> str:
    """A finding as text, its sentences wrapped to `width` columns. paint: gives a text a colour of click's."""
    indent = " " * (6 + _NAME_WIDTH)
    text = textwrap.wrap(finding.message, max(20, width - len(indent)), break_long_words=False)
    if finding.advice:
        text += textwrap.wrap(f"→ {finding.advice}", max(20, width - len(indent)), break_long_words=False)
    head = f"{paint(f'{finding.status.value:<4}', _COLOURS[finding.status])}  {finding.check:<{_NAME_WIDTH}}"
    return "\n".join([head + text[0], *(indent + line for line in text[1:])])


def summary(findings: Sequence[Finding]) -> str:
    """The last line."""
    counted = {status: sum(finding.status is status for finding in findings) for status in Status}
    if counted[Status.FAIL]:
        return f"{counted[Status.FAIL]} of {len(findings)} checks failed."
    if counted[Status.WARN]:
        return f"Nothing failed; {counted[Status.WARN]} to look at."
    return "All is well."
