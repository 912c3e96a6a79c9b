"""One answer in the making: the model's text cut into clauses, each spoken while the next is still being written.

A thin driver around pure parts. It reports to a `Sink` (the call) and knows nothing of sessions or events.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from antiphon.engine.clauses import Clause, ClauseSplitter
from antiphon.engine.effects import Generate
from antiphon.engine.stages import (
    SAMPLE_RATE,
    LanguageModel,
    ModelDone,
    SpeechChunk,
    Synthesizer,
    TextDelta,
    ToolCallDelta,
    WordMark,
)
from antiphon.errors import StageError

logger = logging.getLogger("antiphon.engine")

CLAUSES_AHEAD = 32
"""Clauses that may wait for the voice before the model has to wait too."""

AUDIO_AHEAD_MS = 30_000
"""Speech that may wait to be heard on a media channel before the voice has to wait too."""

PIECE_BYTES = SAMPLE_RATE * 2 // 5
"""Speech is reported in pieces of a fifth of a second, if it comes faster than it is heard."""

PIECE_WAIT_S = 0.05

_RECHECK_S = 0.25


class Sink(Protocol):
    """Where an answer goes. `pending_audio_ms`: speech that is queued for real-time playing (0 where nothing is)."""

    def answer_text(self, response_id: str, delta: str) -> None: ...
    def answer_call(self, response_id: str, delta: ToolCallDelta) -> None: ...
    def answer_speech(self, response_id: str, pcm: bytes, marks: Sequence[WordMark]) -> None: ...
    def answer_done(self, response_id: str, outcome: ModelDone) -> None: ...
    def answer_failed(self, response_id: str, message: str) -> None: ...
    def pending_audio_ms(self) -> float: ...


async def make_answer(wanted: Generate, model: LanguageModel, synthesizer: Synthesizer, sink: Sink) -> None:
    """Make one response and report it, ending with exactly one `answer_done` or `answer_failed`.

    Cancelling it stops the model and the voice; then nothing more is reported.
    """
    clauses: asyncio.Queue[Clause | None] | None = None
    if wanted.request.modality == "audio":
        clauses = asyncio.Queue(CLAUSES_AHEAD)
    try:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(_write(wanted, model, sink, clauses))
            if clauses is not None:
                group.create_task(_speak(wanted, synthesizer, sink, clauses))
        sink.answer_done(wanted.response_id, writing.result())
    except* Exception as failures:  # noqa: BLE001 - told to the peer, and logged if it is a bug
        sink.answer_failed(wanted.response_id, _in_words(failures))


def _in_words(failures: BaseExceptionGroup) -> str:
    """What the peer is told. A stage's own error is written for it; anything else is a bug, and belongs in the log."""
    for failure in failures.exceptions:
        if isinstance(failure, StageError):
            return str(failure)
    logger.error("an answer failed", exc_info=failures)
    return "The server failed to make this response."


async def _write(
    wanted: Generate, model: LanguageModel, sink: Sink, clauses: asyncio.Queue[Clause | None] | None
) -> ModelDone:
    splitter = ClauseSplitter()
    outcome = ModelDone()
    events = model.respond(wanted.request)
    async with aclosing(events) as stream:  # type: ignore[type-var]  # every provider's is an async generator
        async for event in stream:
            match event:
                case TextDelta(text):
                    sink.answer_text(wanted.response_id, text)
                    if clauses is not None:
                        for clause in splitter.feed(text):
                            await clauses.put(clause)
                case ToolCallDelta():
                    sink.answer_call(wanted.response_id, event)
                case ModelDone():
                    outcome = event
    if clauses is not None:
        for clause in splitter.flush():
            await clauses.put(clause)
        await clauses.put(None)
    return outcome


async def _speak(wanted: Generate, synthesizer: Synthesizer, sink: Sink, clauses: asyncio.Queue[Clause | None]) -> None:
    samples = 0
    while (clause := await clauses.get()) is not None:
        if not clause.spoken.strip():
            continue
        while sink.pending_audio_ms() > AUDIO_AHEAD_MS:  # noqa: ASYNC110 - nobody signals a queue that drains in real time
            await asyncio.sleep(_RECHECK_S)
        begin = samples
        speech = synthesizer.speak(clause.spoken, voice=wanted.voice, speed=wanted.speed)
        pieces = _Pieces(wanted.response_id, sink)
        pieces.add(b"", [WordMark(clause.start, begin * 1000 / SAMPLE_RATE)])
        async with aclosing(speech) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                samples += len(chunk.pcm) // 2
                pieces.add(chunk.pcm, _absolute(chunk, clause, begin))
        pieces.report()


class _Pieces:
    """Joins a voice's small chunks, so that a client has a few events a second to parse and not fifty.

    The first chunk goes out at once, and so does whatever has waited: a voice that is not faster than real time is not
    slowed down.
    """

    def __init__(self, response_id: str, sink: Sink) -> None:
        self._response_id = response_id
        self._sink = sink
        self._pcm = bytearray()
        self._marks: list[WordMark] = []
        self._reported_at = float("-inf")

    def add(self, pcm: bytes, marks: Sequence[WordMark]) -> None:
        self._pcm += pcm
        self._marks += marks
        waited = time.monotonic() - self._reported_at
        if pcm and (len(self._pcm) >= PIECE_BYTES or waited >= PIECE_WAIT_S):
            self.report()

    def report(self) -> None:
        if self._pcm:
            self._sink.answer_speech(self._response_id, bytes(self._pcm), self._marks)
            self._pcm.clear()
            self._marks = []
            self._reported_at = time.monotonic()


def _absolute(chunk: SpeechChunk, clause: Clause, begin: int) -> list[WordMark]:
    """The chunk's marks in the whole answer's text and audio. begin: samples of the answer before this clause."""
    return [
        WordMark(clause.written_offset(mark.start), begin * 1000 / SAMPLE_RATE + mark.at_ms) for mark in chunk.marks
    ]
