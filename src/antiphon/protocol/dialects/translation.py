"""What a translation gives: events in the other dialect, and what had no place there. No dialect is known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Event = dict[str, Any]
"""One event as parsed JSON. Translations never change the dict that they are given, and may share its members."""

Value = TypeVar("Value")

MEMORY = 256
"""The most entries that a translator remembers of one kind, such as items that have begun and not ended."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that the other dialect has no place for, ready to be logged. Its value is no business of a log.

    param: the dotted path in the event as it came, such as "session.temperature". why: half a sentence.
    """

    param: str
    why: str


@dataclass(frozen=True, slots=True)
class Translation:
    """events: in order, often one, none when the other dialect does not say this. An event that needs no translation
    is the very object that was given."""

    events: tuple[Event, ...]
    dropped: tuple[Dropped, ...] = ()


class Translator(Protocol):
    """One connection's translator between GA, which everything inside speaks, and what its peer speaks.

    It is the peer's edge that decides the direction: what the peer sent goes through `to_ga`, what is sent to it
    through `from_ga`. Whatever the peer sends, neither raises: what is not understood is passed on as it came.
    """

    def to_ga(self, event: Event) -> Translation:
        """What the peer sent, as GA events."""
        ...

    def from_ga(self, event: Event) -> Translation:
        """A GA event, as the peer's dialect says it."""
        ...


class Unchanged:
    """The translator of a peer that speaks GA. Holds nothing."""

    def to_ga(self, event: Event) -> Translation:
        return Translation((event,))

    def from_ga(self, event: Event) -> Translation:
        return Translation((event,))


def remember(memory: dict[str, Value], key: object, value: Value) -> None:
    """Keep `value` under an id that came off the wire; the oldest entry gives way when the memory is full."""
    if not isinstance(key, str):
        return
    memory[key] = value
    if len(memory) > MEMORY:
        del memory[next(iter(memory))]


def recall(memory: dict[str, Value], key: object) -> Value | None:
    """What was kept under `key`, which stays; None for nothing, and for a key that is no id."""
    return memory.get(key) if isinstance(key, str) else None


def forget(memory: dict[str, Value], key: object) -> Value | None:
    """What was kept under `key`, which is gone then."""
    return memory.pop(key, None) if isinstance(key, str) else None
