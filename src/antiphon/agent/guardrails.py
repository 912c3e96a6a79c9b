"""Output guardrails: checks of what the assistant says, while it says it. The pure part: what to check, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from antiphon.protocol import (
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    UnknownEvent,
)

Verdict = bool | str | None
"""False, None or "" for a good answer; True, or words about what is wrong, for one that must be cut."""

_MOST_RESPONSES = 8


@dataclass(frozen=True, slots=True)
class Guardrail:
    """check: is given all that the answer has said so far; plain (then it runs in a thread) or async."""

    name: str
    check: Callable[[str], Verdict | Awaitable[Verdict]]


def as_guardrail(candidate: Guardrail | Callable[[str], Verdict | Awaitable[Verdict]]) -> Guardrail:
    """A guardrail as it is, a function made one under its own name."""
    if isinstance(candidate, Guardrail):
        return candidate
    return Guardrail(getattr(candidate, "__name__", "guardrail"), candidate)


@dataclass(slots=True)
class _Said:
    """One answer's words. checked: how many characters the last check was given. checking: a check runs."""

    text: str = ""
    checked: int = 0
    checking: bool = False
    final: bool = False
    tripped: bool = False


class OutputWatch:
    """Gathers what each response says and tells when it is to be checked. Only the conductor touches it.

    debounce: characters that must be new before the next check; at the end of the text everything is checked. One check
    runs at a time for a response, so that a slow guardrail is asked less often and not more.
    """

    def __init__(self, debounce: int) -> None:
        self._debounce = debounce
        self._said: dict[str, _Said] = {}

    def receive(self, event: ServerEvent | UnknownEvent) -> tuple[str, str] | None:
        """Response and text to check now, or None."""
        match event:
            case ResponseOutputAudioTranscriptDelta() | ResponseOutputTextDelta():
                said = self._of(event.response_id)
                said.text += event.delta
            case ResponseOutputAudioTranscriptDone(transcript=whole) | ResponseOutputTextDone(text=whole):
                said = self._of(event.response_id)
                # A server that sends no deltas still says what was said.
                said.text = said.text or whole
                said.final = True
            case _:
                return None
        return self._due(event.response_id)

    def checked(self, response_id: str) -> tuple[str, str] | None:
        """A check is over and found nothing. Returns the next one, when more was said meanwhile."""
        said = self._said.get(response_id)
        if said is None:
            return None
        said.checking = False
        return self._due(response_id)

    def trip(self, response_id: str) -> bool:
        """A check found something. False when it did so before: an answer is cut once."""
        said = self._of(response_id)
        first = not said.tripped
        said.tripped = True
        return first

    def tripped(self, response_id: str) -> bool:
        said = self._said.get(response_id)
        return said is not None and said.tripped

    def _due(self, response_id: str) -> tuple[str, str] | None:
        said = self._said[response_id]
        new = len(said.text) - said.checked
        if said.checking or said.tripped or not new or (new < self._debounce and not said.final):
            return None
        said.checked, said.checking = len(said.text), True
        return response_id, said.text

    def _of(self, response_id: str) -> _Said:
        if response_id not in self._said:
            while len(self._said) >= _MOST_RESPONSES:
                del self._said[next(iter(self._said))]
            self._said[response_id] = _Said()
        return self._said[response_id]
