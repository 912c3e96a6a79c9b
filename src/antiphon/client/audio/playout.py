"""What waits to be played, and how much of it was heard. Pure: the clock is an argument; no device.

Written by the event loop, emptied by the device's own thread, hence the lock: it is held for microseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from antiphon.audio import PCM_RATE

MOST_BUFFERED_S: Final = 300
"""A server may send an answer faster than it is played, but none is longer than the model's 4096 tokens (205 s)."""


class PlayoutState(Enum):
    """IDLE: nothing to play. FILLING: something is there, and a little more is waited for. PLAYING: the rest may still
    come. ENDING: all of the utterance is here, and it is played to its last sample."""

    IDLE = "idle"
    FILLING = "filling"
    PLAYING = "playing"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class _Handed:
    """Samples given to the device in one piece: the first is heard at `heard_at` (seconds), `before` were earlier."""

    heard_at: float
    samples: int
    before: int


class PlayoutBuffer:
    """Bounded to `most_s` seconds; what no longer fits is refused.

    prebuffer_ms: gathered before playing begins, so that sound which arrives as it is spoken does not run dry at once;
    it begins in any case after that time.
    """

    def __init__(self, *, most_s: float = MOST_BUFFERED_S, prebuffer_ms: int = 40) -> None:
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # bytes of the first chunk that are gone
        self._buffered = 0  # samples
        self._most = int(most_s * PCM_RATE)
        self._prebuffer = prebuffer_ms * PCM_RATE // 1000
        self._waited = 0
        self._state = PlayoutState.IDLE
        self._handed: deque[_Handed] = deque()
        self._handed_samples = 0
        self._played = 0
        self.ran_dry = 0
        """How often there was nothing to play in the middle of an utterance."""

    @property
    def state(self) -> PlayoutState:
        return self._state

    def write(self, pcm: bytes) -> int:
        """Add PCM behind all that waits; returns how many samples were accepted."""
        with self._lock:
            accepted = min(len(pcm) // 2, self._most - self._buffered)
            if accepted <= 0:
                return 0
            self._chunks.append(pcm[: 2 * accepted])
            self._buffered += accepted
            if self._state is PlayoutState.IDLE:
                self._state, self._waited = PlayoutState.FILLING, 0
            elif self._state is PlayoutState.ENDING:
                self._state = PlayoutState.PLAYING
            return accepted

    def end(self) -> None:
        """No more of this utterance will come."""
        with self._lock:
            if self._state is not PlayoutState.IDLE:
                self._state = PlayoutState.ENDING

    def flush(self) -> int:
        """Drop all that the device has not taken yet; returns how many samples that were."""
        with self._lock:
            dropped = self._buffered
            self._chunks.clear()
            self._offset = self._buffered = 0
            self._state = PlayoutState.IDLE
            return dropped

    def take(self, samples: int, *, heard_at: float, now: float) -> bytes:
        """Exactly so many samples for the device, with silence behind what there is.

        heard_at: when the first of them will be heard, in seconds of the same clock as `now`.
        """
        with self._lock:
            self._count_heard(now)
            if not self._may_play(samples):
                return bytes(2 * samples)
            real = min(samples, self._buffered)
            pcm = self._cut(2 * real)
            if real:
                self._handed.append(_Handed(heard_at, real, self._handed_samples))
                self._handed_samples += real
            if real < samples:
                if self._state is PlayoutState.PLAYING:
                    self.ran_dry += 1
                self._state = PlayoutState.IDLE
                pcm += bytes(2 * (samples - real))
            return pcm

    def played(self, now: float) -> int:
        """Samples that have been heard by `now`, silence not counted. Never goes back."""
        with self._lock:
            self._count_heard(now)
            return self._played

    def pending(self, now: float) -> int:
        """Samples that wait here or are in the device, on their way to the ear."""
        with self._lock:
            self._count_heard(now)
            return self._buffered + self._handed_samples - self._played

    def _may_play(self, samples: int) -> bool:
        if self._state is PlayoutState.IDLE:
            return False
        if self._state is PlayoutState.FILLING:
            if self._buffered < self._prebuffer and self._waited < self._prebuffer:
                self._waited += samples
                return False
            self._state = PlayoutState.PLAYING
        return True

    def _cut(self, size: int) -> bytes:
        pieces = []
        self._buffered -= size // 2
        while size > 0:
            first = self._chunks[0]
            piece = first[self._offset : self._offset + size]
            pieces.append(piece)
            size -= len(piece)
            self._offset += len(piece)
            if self._offset >= len(first):
                self._chunks.popleft()
                self._offset = 0
        return b"".join(pieces)

    def _count_heard(self, now: float) -> None:
        while self._handed:
            first = self._handed[0]
            heard = int((now - first.heard_at) * PCM_RATE)
            if heard < first.samples:
                self._played = max(self._played, first.before + max(0, heard))
                return
            self._played = first.before + first.samples
            self._handed.popleft()
