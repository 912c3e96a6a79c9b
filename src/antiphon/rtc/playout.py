"""What is still to be said on one call, in frames of 20 ms, and the beat at which the frames leave. Pure: no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from antiphon.errors import LocalProtocolError

SAMPLE_RATE: Final = 24_000
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = SAMPLE_RATE * FRAME_MS // 1000
FRAME_BYTES: Final = 2 * FRAME_SAMPLES

PERIOD: Final = FRAME_MS / 1000
SLOTS: Final = 5
"""Members are spread over 5 beats 4 ms apart: few wake-ups, and no member waits for all the others."""

MAX_BURST: Final = 5
"""Frames that leave at once after the process was late; what is further behind becomes a jump of the timestamp."""


class PlayoutFull(LocalProtocolError):
    """More speech was queued than the playout holds: wait until some of it was played."""


class Playout:
    """The speech of one call that has not left yet. Belongs to its transport.

    Holds at most `max_seconds` of it. `played` counts the samples that have left since the last flush, padding apart.
    """

    def __init__(self, max_seconds: float) -> None:
        self._max_samples: Final = int(max_seconds * SAMPLE_RATE)
        self._frames: deque[tuple[bytes, int]] = deque()
        self._part = bytearray()
        self._queued = 0
        self.played = 0

    @property
    def pending_samples(self) -> int:
        """Samples that have not left yet, a part frame included."""
        return self._queued + len(self._part) // 2

    def push(self, pcm: bytes) -> None:
        """Add speech, int16 PCM of any length. Raises PlayoutFull when it does not fit, and then adds nothing."""
        if self.pending_samples + len(pcm) // 2 > self._max_samples:
            raise PlayoutFull(
                f"{self.pending_samples / SAMPLE_RATE:.0f} s of speech are queued already; "
                f"at most {self._max_samples / SAMPLE_RATE:.0f} s are held"
            )
        self._part += pcm
        whole = len(self._part) // FRAME_BYTES * FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            self._frames.append((bytes(self._part[start : start + FRAME_BYTES]), FRAME_SAMPLES))
            self._queued += FRAME_SAMPLES
        del self._part[:whole]

    def end(self) -> None:
        """The utterance is complete: what is left of a frame is padded with silence, so that it leaves too."""
        samples = len(self._part) // 2
        if samples:
            self._frames.append((bytes(self._part[: 2 * samples]).ljust(FRAME_BYTES, b"\0"), samples))
            self._queued += samples
        self._part.clear()

    def flush(self) -> None:
        """Forget everything that has not left, and count `played` from zero again."""
        self._frames.clear()
        self._part.clear()
        self._queued = self.played = 0

    def next_frame(self) -> bytes | None:
        """The next 20 ms to send, counted as played; None when there is no whole frame."""
        if not self._frames:
            return None
        frame, samples = self._frames.popleft()
        self._queued -= samples
        self.played += samples
        return frame


Member = TypeVar("Member", bound=Hashable)


class Beat(NamedTuple, Generic[Member]):
    """A member's turn: so many frames leave now, after so many were skipped because the process was late."""

    member: Member
    frames: int
    skipped: int


@dataclass(slots=True)
class _Slot(Generic[Member]):
    offset: float
    last: int = 0
    members: dict[Member, None] = field(default_factory=dict)

    def index(self, now: float) -> int:
        # A microsecond of slack: a timer that fires exactly at the beat must not find it a rounding error away.
        return math.floor((now - self.offset) / PERIOD + 1e-4)

    def time(self, index: int) -> float:
        return self.offset + index * PERIOD


class Beats(Generic[Member]):
    """Who sends when: every member every 20 ms, without drift, however late the caller is. Belongs to one pacer."""

    def __init__(self, epoch: float) -> None:
        self._slots: Final = [_Slot[Member](epoch + i * PERIOD / SLOTS) for i in range(SLOTS)]

    def __len__(self) -> int:
        return sum(len(slot.members) for slot in self._slots)

    def join(self, member: Member, now: float) -> None:
        """Add a member; its first beat is within the next 20 ms."""
        slot = min(self._slots, key=lambda s: len(s.members))
        if not slot.members:
            slot.last = slot.index(now)
        slot.members[member] = None

    def leave(self, member: Member) -> None:
        """Remove a member; unknown ones are ignored."""
        for slot in self._slots:
            slot.members.pop(member, None)

    def next_time(self) -> float | None:
        """When `advance` is to be called next, or None without members."""
        return min((slot.time(slot.last + 1) for slot in self._slots if slot.members), default=None)

    def advance(self, now: float) -> list[Beat[Member]]:
        """Whose turn it is at `now`."""
        beats: list[Beat[Member]] = []
        for slot in self._slots:
            if not slot.members:
                continue
            index = slot.index(now)
            count = index - slot.last
            if count <= 0:
                continue
            slot.last = index
            frames = min(count, MAX_BURST)
            beats += [Beat(member, frames, count - frames) for member in slot.members]
        return beats
