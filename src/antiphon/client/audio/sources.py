"""Sound from elsewhere than a device: files, and what a program can iterate. In real time, or as fast as it is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path

from antiphon.audio import PCM_RATE
from antiphon.client.audio.interfaces import BLOCK_MS
from antiphon.client.audio.wav_files import read_speech

_LATE_S = 1.0


class IterSource:
    """PCM in pieces of any length, from an iterable or an async one, given in blocks of `block_ms`; the last is as long
    as it is.

    realtime: each block when its time has come, as from a microphone; otherwise as fast as it is read. A source that is
    late catches up, but not by more than a second.
    """

    def __init__(
        self, pieces: Iterable[bytes] | AsyncIterable[bytes], *, realtime: bool = True, block_ms: int = BLOCK_MS
    ) -> None:
        if block_ms <= 0:
            raise ValueError(f"blocks last at least a millisecond, not {block_ms}")
        self._pieces = _iterated(pieces)
        self._block_bytes = 2 * PCM_RATE * block_ms // 1000
        self._realtime = realtime
        self._waiting = bytearray()
        self._due: float | None = None
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while len(self._waiting) < self._block_bytes and not self._ended:
            try:
                self._waiting += await anext(self._pieces)
            except StopAsyncIteration:
                self._ended = True
        if len(self._waiting) < 2:
            raise StopAsyncIteration
        block = bytes(self._waiting[: min(self._block_bytes, len(self._waiting) & ~1)])
        del self._waiting[: len(block)]
        if self._realtime:
            await self._wait_for(len(block) / (2 * PCM_RATE))
        return block

    async def aclose(self) -> None:
        self._ended = True
        self._waiting.clear()
        with suppress(RuntimeError):  # somebody waits for the next piece just now
            await self._pieces.aclose()

    async def _wait_for(self, duration_s: float) -> None:
        now = time.monotonic()
        if self._due is None or now - self._due > _LATE_S:
            self._due = now
        await asyncio.sleep(max(0.0, self._due - now))
        self._due += duration_s


class WavSource(IterSource):
    """A WAV file as a microphone: any rate, width and number of channels (see `wav_files`).

    trailing_silence_ms: comes after it, so that a server's turn detection hears the end (its default wants 500 ms).
    Raises UnreadableAudio, OSError and AudioUnavailable at once.
    """

    def __init__(
        self,
        file: Path | str | bytes,
        *,
        realtime: bool = True,
        trailing_silence_ms: int = 1000,
        block_ms: int = BLOCK_MS,
    ) -> None:
        pcm = read_speech(Path(file) if isinstance(file, str) else file)
        self.duration_ms = len(pcm) * 1000 // (2 * PCM_RATE)
        """Of the file, without the silence after it."""
        silence = bytes(2 * PCM_RATE * trailing_silence_ms // 1000)
        super().__init__([pcm, silence], realtime=realtime, block_ms=block_ms)


async def _iterated(pieces: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(pieces, AsyncIterable):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece
