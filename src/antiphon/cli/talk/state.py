"""What a call looks like at this moment: the connection, whose turn it is, the microphone, and the words for it. Pure.

What was said is the chat's, and whose turn it is the conversation's activity; here they become what a person is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from antiphon.conversation import Phase


class Link(Enum):
    """How the connection is."""

    BEFORE = "before"
    CONNECTING = "connecting"
    UP = "up"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    ERROR = "error"


class Ear(Enum):
    """What becomes of the microphone's sound. NONE: there is none. READY, TALKING: push-to-talk, key up and down."""

    NONE = "none"
    OPEN = "open"
    MUTED = "muted"
    READY = "ready"
    TALKING = "talking"


class Tone(Enum):
    """How a status is to be coloured."""

    SOFT = "soft"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    YOU = "you"
    THEM = "them"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of things in words, and their tone."""

    words: str
    tone: Tone


_LINKS = {
    Link.BEFORE: Status("not connected", Tone.SOFT),
    Link.CONNECTING: Status("connecting", Tone.WARN),
    Link.RECONNECTING: Status("calling again", Tone.WARN),
    Link.ENDED: Status("ended", Tone.SOFT),
    Link.ERROR: Status("no connection", Tone.BAD),
}
_PHASES: dict[Phase, Status] = {
    "hearing": Status("hears you", Tone.YOU),
    "thinking": Status("thinking", Tone.THEM),
    "speaking": Status("speaking", Tone.THEM),
}
_EARS = {
    Ear.NONE: Status("connected, type to talk", Tone.GOOD),
    Ear.OPEN: Status("listening", Tone.GOOD),
    Ear.MUTED: Status("muted", Tone.SOFT),
    Ear.READY: Status("F2 to talk", Tone.GOOD),
    Ear.TALKING: Status("talk now, F2 to end", Tone.YOU),
}


class TalkState:
    """One call as a person sees it. Written by whoever drives the call, read by any view."""

    def __init__(self) -> None:
        self.link = Link.BEFORE
        self.phase: Phase = "listening"
        self.ear = Ear.NONE
        self.trouble = ""
        """What there is to say about the connection, in one sentence with what to do; "" for nothing."""

    @property
    def status(self) -> Status:
        """The state in words: the connection's, then whose turn it is, then what the microphone does."""
        if self.link is not Link.UP:
            return _LINKS[self.link]
        if self.ear is Ear.TALKING and self.phase != "speaking":
            return _EARS[self.ear]
        return _PHASES.get(self.phase) or _EARS[self.ear]

    def linked(self, link: Link, trouble: str = "") -> None:
        """The connection is now like this."""
        self.link, self.trouble = link, trouble
        if link is not Link.UP:
            self.phase = "listening"
