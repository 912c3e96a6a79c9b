"""The utterances of one call that are being recognised: a queue and a task for each. A thin driver of `Recognizer`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from antiphon.engine.effects import OpenRecognition
from antiphon.engine.stages import Recognizer, Transcript
from antiphon.errors import StageError

logger = logging.getLogger("antiphon.engine")

_LARGEST_FEED = 24_000 * 2
"""Bytes of PCM given to the recognizer at once: a second."""


class UtteranceSink(Protocol):
    """Who hears of the texts. Exactly one `utterance_text` or `utterance_failed` for each finished utterance."""

    def utterance_hypothesis(self, item_id: str, text: str) -> None: ...
    def utterance_text(self, item_id: str, transcript: Transcript) -> None: ...
    def utterance_failed(self, item_id: str, message: str) -> None: ...


class Utterances:
    """spawn: starts a task that the call owns."""

    def __init__(
        self,
        recognizer: Recognizer,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        sink: UtteranceSink,
    ) -> None:
        self._recognizer = recognizer
        self._spawn = spawn
        self._sink = sink
        # Bounded by the session: what is queued here was in its input buffer, or in an item that it took.
        self._queues: dict[str, asyncio.Queue[bytes | None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def open(self, wanted: OpenRecognition) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues[wanted.item_id] = queue
        task = self._spawn(self._recognize(wanted, queue))
        self._tasks[wanted.item_id] = task
        task.add_done_callback(lambda _task: self._forget(wanted.item_id))

    def feed(self, item_id: str, pcm: bytes) -> None:
        if (queue := self._queues.get(item_id)) is not None:
            queue.put_nowait(pcm)

    def finish(self, item_id: str) -> None:
        if (queue := self._queues.get(item_id)) is not None:
            queue.put_nowait(None)

    def abandon(self, item_id: str) -> None:
        if (task := self._tasks.get(item_id)) is not None:
            task.cancel()

    def _forget(self, item_id: str) -> None:
        self._queues.pop(item_id, None)
        self._tasks.pop(item_id, None)

    async def _recognize(self, wanted: OpenRecognition, queue: asyncio.Queue[bytes | None]) -> None:
        try:
            stream = self._recognizer.open(language=wanted.language, prompt=wanted.prompt, hints=wanted.hints)
            try:
                while (pcm := await _gather(queue)) is not None:
                    if (text := await stream.feed(pcm)) is not None:
                        self._sink.utterance_hypothesis(wanted.item_id, text)
                transcript = await stream.finish()
            finally:
                await stream.aclose()
        except StageError as error:
            self._sink.utterance_failed(wanted.item_id, str(error))
        except Exception:
            logger.exception("the recognizer failed")
            self._sink.utterance_failed(wanted.item_id, "The server failed to recognise this speech.")
        else:
            self._sink.utterance_text(wanted.item_id, transcript)


async def _gather(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    """What has been queued, up to a second of it; None at the utterance's end."""
    first = await queue.get()
    if first is None:
        return None
    gathered = bytearray(first)
    while len(gathered) < _LARGEST_FEED and not queue.empty():
        more = queue.get_nowait()
        if more is None:
            queue.put_nowait(None)
            break
        gathered += more
    return bytes(gathered)
