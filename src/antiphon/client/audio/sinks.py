"""Sinks that are no device: one that only lets time pass, one that writes a file, and one that is several."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import Callable
from pathlib import Path

from antiphon.audio import PCM_RATE
from antiphon.client.audio.interfaces import AudioSink
from antiphon.client.audio.playout import MOST_BUFFERED_S

_NS = 1_000_000_000


class NullSink:
    """Discards what is written, as fast as a loudspeaker would play it: a player without a device, so that what was
    "heard" goes on in real time. clock: nanoseconds."""

    def __init__(self, *, most_s: float = MOST_BUFFERED_S, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._most = int(most_s * PCM_RATE)
        self._accepted = 0
        self._until = 0
        """When the last accepted sample will have been played."""
        self._closed = False

    def write(self, pcm: bytes) -> int:
        accepted = 0 if self._closed else max(0, min(len(pcm) // 2, self._most - self.pending_samples))
        self._until = max(self._until, self._clock()) + accepted * _NS // PCM_RATE
        self._accepted += accepted
        return accepted

    def end(self) -> None:
        """Nothing: all of it is played in any case."""

    def flush(self) -> None:
        self._accepted -= self.pending_samples
        self._until = self._clock()

    @property
    def played_samples(self) -> int:
        return self._accepted - self.pending_samples

    @property
    def pending_samples(self) -> int:
        left = max(0, self._until - self._clock())
        return min(self._accepted, -(-left * PCM_RATE // _NS))

    async def drained(self) -> None:
        while not self._closed and (pending := self.pending_samples):  # noqa: ASYNC110 -- what is awaited is the time
            await asyncio.sleep(pending / PCM_RATE)

    async def aclose(self) -> None:
        self.flush()
        self._closed = True


class WavSink:
    """Writes what it is given to a WAV file, 24 kHz mono, at once: what is written counts as heard.

    What an interruption cuts off is in the file nevertheless. The file is complete after `aclose`. Raises OSError.
    """

    def __init__(self, path: Path | str) -> None:
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 -- closed by aclose
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(PCM_RATE)
        self._file.writeframes(b"")  # the header: so that a file without sound is one, too
        self._written = 0
        self._closed = False

    def write(self, pcm: bytes) -> int:
        if self._closed:
            return 0
        samples = len(pcm) // 2
        self._file.writeframesraw(pcm[: 2 * samples])
        self._written += samples
        return samples

    def end(self) -> None:
        """Nothing: all is in the file."""

    def flush(self) -> None:
        """Nothing: what is written stays."""

    @property
    def played_samples(self) -> int:
        return self._written

    @property
    def pending_samples(self) -> int:
        return 0

    async def drained(self) -> None:
        """At once."""

    async def aclose(self) -> None:
        self._closed = True
        self._file.close()


class Tee:
    """Several sinks as one: all get the same, and the first says what was heard, and what still fits."""

    def __init__(self, first: AudioSink, *others: AudioSink) -> None:
        self._first = first
        self._sinks = (first, *others)

    def write(self, pcm: bytes) -> int:
        accepted = self._first.write(pcm)
        for sink in self._sinks[1:]:
            sink.write(pcm)
        return accepted

    def end(self) -> None:
        for sink in self._sinks:
            sink.end()

    def flush(self) -> None:
        for sink in self._sinks:
            sink.flush()

    @property
    def played_samples(self) -> int:
        return self._first.played_samples

    @property
    def pending_samples(self) -> int:
        return self._first.pending_samples

    async def drained(self) -> None:
        await asyncio.gather(*(sink.drained() for sink in self._sinks))

    async def aclose(self) -> None:
        await asyncio.gather(*(sink.aclose() for sink in self._sinks))
