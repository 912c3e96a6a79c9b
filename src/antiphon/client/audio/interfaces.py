"""What the client asks of whatever gives it sound and whatever plays its sound. Two small interfaces, no code.

All PCM is `bytes`: int16 little-endian mono at `PCM_RATE` (24 kHz), as everywhere in the house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Final, Protocol

BLOCK_MS: Final = 20
"""How long a source's blocks are, if nothing else is said."""


class AudioSource(Protocol):
    """Sound as it comes: an async iterator of PCM blocks of about 20 ms, each given when its time has come.

    Iterated once, by one reader; the iteration ends when there will be no more sound. An async generator is one too.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def __anext__(self) -> Awaitable[bytes]: ...

    def aclose(self) -> Awaitable[object]:
        """Let go of the device or file; a reader that waits sees the end. Never raises; twice is once."""
        ...


class AudioSink(Protocol):
    """Where sound is played. Nothing here waits but `drained` and `aclose`; all is called from one thread.

    Every sample that was accepted is, at any moment, either played, pending, or dropped by `flush`.
    """

    def write(self, pcm: bytes) -> int:
        """Take PCM to be played after all that was written before. Never blocks.

        Returns how many samples were accepted: the buffer is bounded, and what no longer fits is dropped, newest first.
        """
        ...

    def end(self) -> None:
        """An utterance is complete: what was written is played to its last sample, and running dry is no fault now."""
        ...

    def flush(self) -> None:
        """Drop what is not yet at the device (barge-in). `pending_samples` then is what can no longer be held back."""
        ...

    @property
    def played_samples(self) -> int:
        """Samples that have really been heard since the sink was made, silence not counted. Never goes back."""
        ...

    @property
    def pending_samples(self) -> int:
        """Samples that were accepted and are still to be heard."""
        ...

    async def drained(self) -> None:
        """Wait until nothing is pending."""
        ...

    async def aclose(self) -> None:
        """Stop at once and let go of the device or file. Never raises; twice is once."""
        ...
