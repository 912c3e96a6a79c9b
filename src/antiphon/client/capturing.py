"""The user's voice on its way from a source to the call, block by block; the source can be changed during the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from antiphon.client.audio import AudioSource

logger = logging.getLogger("antiphon.client")

BLOCK_S = 0.02
_SILENCE = bytes(960)
LEAST_SILENCE_S = 1.0
"""After a source that has ended: voice detection has to hear that nobody speaks any more."""
MOST_SILENCE_S = 12.0


class Capturing:
    """The microphone of one client. Only the client calls it; it owns the task that reads, and the source it was given.

    take: is given each block (24 kHz int16 mono) and returns at once. turn_open: whether the server still waits for the
    end of what it hears; after a source that has ended, silence is sent until it does not. on_end: is told that a
    source has ended by itself, with the error if it failed.
    """

    def __init__(
        self,
        take: Callable[[bytes], None],
        *,
        turn_open: Callable[[], bool],
        on_end: Callable[[Exception | None], None],
    ) -> None:
        self._take = take
        self._turn_open = turn_open
        self._on_end = on_end
        self._source: AudioSource | AsyncIterator[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self.last_block = b""

    @property
    def source(self) -> AudioSource | AsyncIterator[bytes] | None:
        """Where the user's voice comes from; None when the call has no microphone."""
        return self._source

    async def use(self, source: AudioSource | AsyncIterator[bytes] | None) -> None:
        """Listen to another source, or to none. The one before is closed, unless it is the same."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        before, self._source = self._source, source
        if before is not None and before is not source:
            await closed(before)
        self.last_block = b""
        if source is not None:
            self._task = asyncio.create_task(self._read(source), name="client-microphone")

    async def _read(self, source: AudioSource | AsyncIterator[bytes]) -> None:
        failure: Exception | None = None
        spoke = False
        try:
            async for block in source:
                spoke = True
                self.last_block = block
                self._take(block)
        except Exception as error:  # noqa: BLE001 - a device may fail in any way; the call goes on without it
            failure = error
        self.last_block = b""
        self._on_end(failure)
        if spoke:
            await self._fall_silent()

    async def _fall_silent(self) -> None:
        loop = asyncio.get_running_loop()
        began = due = loop.time()
        while loop.time() - began < MOST_SILENCE_S:
            if loop.time() - began >= LEAST_SILENCE_S and not self._turn_open():
                return
            self._take(_SILENCE)
            due += BLOCK_S
            await asyncio.sleep(due - loop.time())


async def closed(source: AudioSource | AsyncIterator[bytes]) -> None:
    """Let go of a source, if it is one that can be let go of."""
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
