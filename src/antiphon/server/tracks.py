"""The sound of one side of a call, on the call's own time: pieces of PCM with silence between them. Pure, bounded.

Old sound goes first. Nothing here knows whose voice it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RATE = 24_000
"""Hz, int16 mono."""

_BYTES_PER_MS = RATE * 2 / 1000
_SEAM_MS = 120.0
"""A piece that comes this late still belongs to the one before: packets are not punctual."""
_PIECE_BYTES = RATE * 2
"""Pieces of a second are dropped at a time."""


@dataclass(slots=True)
class _Piece:
    at_ms: float
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def end_ms(self) -> float:
        return self.at_ms + len(self.pcm) / _BYTES_PER_MS


class Track:
    """One side's sound, at most `most_bytes` of it."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self._most_bytes = most_bytes
        self._pieces: deque[_Piece] = deque()

    def add(self, pcm: bytes, at_ms: float) -> None:
        """Sound that came then. It follows what came just before; what comes faster than it plays queues behind it."""
        if not pcm:
            return
        pcm = pcm[: len(pcm) // 2 * 2]
        last = self._pieces[-1] if self._pieces else None
        if last is None or at_ms > last.end_ms + _SEAM_MS:
            last = _Piece(at_ms)
            self._pieces.append(last)
        elif len(last.pcm) >= _PIECE_BYTES:
            last = _Piece(last.end_ms)
            self._pieces.append(last)
        last.pcm += pcm
        self.bytes += len(pcm)
        self._keep_to(self._most_bytes)

    def cut(self, at_ms: float) -> None:
        """Forget what would be heard only after that."""
        while self._pieces and self._pieces[-1].end_ms > at_ms:
            last = self._pieces[-1]
            keep = max(0, int((at_ms - last.at_ms) * _BYTES_PER_MS) // 2 * 2)
            self.bytes -= len(last.pcm) - keep
            if keep:
                del last.pcm[keep:]
                return
            self._pieces.pop()

    def halve(self) -> None:
        self._keep_to(self.bytes // 2)

    @property
    def seconds(self) -> float:
        return self.bytes / _BYTES_PER_MS / 1000

    @property
    def span_ms(self) -> tuple[float, float] | None:
        """From the first sound to the last, on the call's time; None where there is none."""
        return (self._pieces[0].at_ms, self._pieces[-1].end_ms) if self._pieces else None

    def rendered(self, from_ms: float, to_ms: float) -> bytes:
        """PCM of exactly that time, with silence where there was no sound."""
        out = bytearray(max(0, round((to_ms - from_ms) * RATE / 1000)) * 2)
        for piece in self._pieces:
            begin = round((piece.at_ms - from_ms) * RATE / 1000) * 2
            source = piece.pcm[max(0, -begin) :]
            begin = max(0, begin)
            room = len(out) - begin
            if room > 0:
                out[begin : begin + min(room, len(source))] = source[:room]
        return bytes(out)

    def _keep_to(self, most: int) -> None:
        while self.bytes > most and self._pieces:
            self.bytes -= len(self._pieces.popleft().pcm)


def stereo(left: bytes, right: bytes) -> bytes:
    """Two mono tracks of one length as one of two channels."""
    out = bytearray(len(left) * 2)
    for channel, pcm in enumerate((left, right)):
        for byte in range(2):
            out[channel * 2 + byte :: 4] = pcm[byte::2]
    return bytes(out)
