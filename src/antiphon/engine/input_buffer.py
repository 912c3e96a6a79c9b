"""The input audio buffer: what the caller's audio becomes until a turn is made of it. Pure bookkeeping of bytes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from antiphon.engine.stages import SAMPLE_RATE

BYTES_PER_MS = SAMPLE_RATE * 2 // 1000


class DropReason(enum.Enum):
    SILENCE = "silence"
    """Nobody spoke in it, and it is older than the padding that a turn may begin with."""
    FULL = "buffer full"
    CLOSED = "session closed"


@dataclass(slots=True)
class Accounts:
    """Where every byte of PCM went. `appended == committed + cleared + sum(dropped.values()) + still buffered`."""

    appended: int = 0
    committed: int = 0
    cleared: int = 0
    dropped: dict[DropReason, int] = field(default_factory=dict)


class InputAudioBuffer:
    """24 kHz int16 mono PCM on one clock: milliseconds of audio appended since the session began.

    Holds at most `limit_ms`. The audio before `start_ms` is gone, what follows `end_ms` has not arrived yet.
    """

    def __init__(self, limit_ms: int) -> None:
        self.accounts = Accounts()
        self._limit = limit_ms * BYTES_PER_MS
        self._pcm = bytearray()
        self._start = 0  # bytes since the session began

    def __len__(self) -> int:
        return len(self._pcm)

    @property
    def start_ms(self) -> float:
        return self._start / BYTES_PER_MS

    @property
    def end_ms(self) -> float:
        return (self._start + len(self._pcm)) / BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        return len(self._pcm) / BYTES_PER_MS

    def fits(self, pcm: bytes) -> bool:
        return len(self._pcm) + len(pcm) <= self._limit

    def append(self, pcm: bytes) -> None:
        """Add audio that `fits`; audio that does not is dropped here, and accounted for."""
        self.accounts.appended += len(pcm)
        if not self.fits(pcm):
            # The clock still advances by what was appended: the peer counts it so.
            self._drop(len(self._pcm), DropReason.FULL)
            kept = pcm[-self._limit :] if self._limit else b""
            self._count(len(pcm) - len(kept), DropReason.FULL)
            self._start += len(pcm) - len(kept)
            pcm = kept
        self._pcm += pcm

    def read(self, from_ms: float, to_ms: float | None = None) -> bytes:
        """The audio between two points of the clock, as far as it is still held."""
        begin = max(0, self._offset(from_ms) - self._start)
        end = len(self._pcm) if to_ms is None else max(begin, self._offset(to_ms) - self._start)
        return bytes(self._pcm[begin:end])

    def drop_before(self, ms: float, reason: DropReason = DropReason.SILENCE) -> int:
        """Let go of what is older than `ms`. Returns the bytes dropped."""
        return self._drop(min(len(self._pcm), max(0, self._offset(ms) - self._start)), reason)

    def commit(self, to_ms: float | None = None) -> bytes:
        """Take the audio up to `to_ms` (or all of it) out of the buffer."""
        pcm = self.read(self.start_ms, to_ms)
        del self._pcm[: len(pcm)]
        self._start += len(pcm)
        self.accounts.committed += len(pcm)
        return pcm

    def clear(self) -> None:
        self.accounts.cleared += len(self._pcm)
        self._start += len(self._pcm)
        self._pcm.clear()

    def close(self) -> None:
        self._drop(len(self._pcm), DropReason.CLOSED)

    def _offset(self, ms: float) -> int:
        """Bytes since the session began, at a sample boundary."""
        return int(ms * BYTES_PER_MS) & ~1

    def _drop(self, size: int, reason: DropReason) -> int:
        del self._pcm[:size]
        self._start += size
        self._count(size, reason)
        return size

    def _count(self, size: int, reason: DropReason) -> None:
        if size:
            self.accounts.dropped[reason] = self.accounts.dropped.get(reason, 0) + size
