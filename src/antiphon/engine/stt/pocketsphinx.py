"""The embedded recognizer: PocketSphinx in worker processes. Short, clear, close English; honest lower case words.

PocketSphinx holds the GIL while it decodes, so threads would not help: each utterance that is being spoken has a worker
process (`pocketsphinx_worker.py`) for itself, from its first audio to its end. What lives here is the pool of workers
and the near side of one utterance: 24 kHz to 16 kHz, the noise floor that the decoder needs, the choice between the
dictated text and a hint.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from antiphon.audio import Resampler
from antiphon.engine.framed_process import Frame, FramedProcess
from antiphon.engine.stages import SAMPLE_RATE, StageDescription, StageOptions, Transcript
from antiphon.engine.stt.pauses import FRAME_MS, PauseShortener
from antiphon.engine.stt.worker_pool import WorkerPool
from antiphon.errors import ConfigurationError, LocalProtocolError, StageError, StageUnavailable

_RATE: Final = 16_000
_STEP_BYTES: Final = 2 * _RATE // 10  # what is sent at a time: 100 ms
_FRAME_BYTES: Final = 2 * _RATE * FRAME_MS // 1000
# Exact zeros, which synthetic speech and muted microphones are full of, ruin the decoder's log energies.
_DITHER_DBFS: Final = -60.0
_DITHER_SEED: Final = 20
# Answers that may be outstanding: with more, the worker is behind, and feeding waits for it.
_AHEAD: Final = 4
_ANSWER_SECONDS: Final = 20.0
_MAX_HINTS: Final = 200
_MAX_HINT_WORDS: Final = 12
_HINT_RATIO: Final = 55.0
_HINT_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_CUT_AFTER_SECONDS: Final = 20.0
_CUT_ANYWAY_SECONDS: Final = 40.0
_CUT_LOOK_SAMPLES: Final = _RATE // 10
_MAX_SECONDS: Final = 600.0
_IMPROVE: Final = "give a server that speaks the OpenAI API at /v1/audio/transcriptions with --stt URL"


@dataclass(frozen=True, slots=True)
class PocketsphinxSettings:
    """max_workers: how many people may speak at the same instant (165 MB each). wait_seconds: for a free worker."""

    max_workers: int
    wait_seconds: float = 5.0


class PocketsphinxRecognizer:
    """Holds the pool of workers, which all sessions share."""

    def __init__(self, settings: PocketsphinxSettings) -> None:
        self._settings = settings
        self.pool = WorkerPool(settings.max_workers)

    def describe(self) -> StageDescription:
        return StageDescription(
            name="pocketsphinx",
            summary="short, clear English spoken close to the microphone; about one word in three wrong in free speech",
            improve=_IMPROVE,
        )

    async def start(self) -> None:
        await self.pool.start()

    async def aclose(self) -> None:
        await self.pool.aclose()

    def open(
        self, *, language: str | None = None, prompt: str | None = None, hints: Sequence[str] = ()
    ) -> PocketsphinxStream:
        """See `Recognizer.open`. prompt cannot be used by this recognizer. Raises StageError for a language other
        than English."""
        if language is not None and language.lower().replace("_", "-").split("-")[0] not in {"en", "english"}:
            raise StageError(f"the embedded recognizer knows English only, not {language!r}; {_IMPROVE}")
        return PocketsphinxStream(self.pool, self._settings, usable_hints(hints))


def usable_hints(hints: Sequence[str]) -> tuple[str, ...]:
    """The hints as plain words, without doubles, at most 200. One with digits or foreign letters is left out."""
    found: dict[str, None] = {}
    for hint in hints:
        words = re.sub(r"[\s.,;:!?\"-]+", " ", hint.lower()).split()
        if 0 < len(words) <= _MAX_HINT_WORDS and all(_HINT_WORD.fullmatch(word) for word in words):
            found[" ".join(words)] = None
        if len(found) == _MAX_HINTS:
            break
    return tuple(found)


class PocketsphinxStream:
    """One utterance. One task feeds and finishes it; it holds a worker from the first audio until it ends."""

    def __init__(self, pool: WorkerPool, settings: PocketsphinxSettings, hints: tuple[str, ...]) -> None:
        import numpy as np  # noqa: PLC0415 -- the core install has none

        self._np = np
        self._pauses = PauseShortener(np, _RATE)
        self._noise = np.random.default_rng(_DITHER_SEED)
        self._resampler = Resampler(SAMPLE_RATE, _RATE)
        self._pool = pool
        self._settings = settings
        self._hints = hints
        self._worker: FramedProcess | None = None
        self._resampled = bytearray()
        self._unsent = bytearray()
        self._outstanding = 0
        self._text = ""
        self._fed_bytes = 0
        self._since_cut = 0.0
        self._ended = False

    async def feed(self, pcm: bytes) -> str | None:
        """See `RecognizerStream.feed`. Raises StageError when every worker stays busy, or this one crashes."""
        self._check_open()
        self._fed_bytes += len(pcm)
        if self._fed_bytes > _MAX_SECONDS * SAMPLE_RATE * 2:
            raise StageError(f"an utterance may last {_MAX_SECONDS:.0f} seconds")
        self._resampled += self._resampler.feed(pcm)
        before = self._text
        with self._given_up_on_failure():
            whole = len(self._resampled) - len(self._resampled) % _FRAME_BYTES
            await self._hear(whole)
            # In a pause nothing more comes, so what there is goes on its way before the text is asked for.
            await self._send_steps(least=1 if self._pauses.in_pause else _STEP_BYTES)
            await self._collect(_AHEAD)
        return self._text if self._text != before else None

    async def finish(self) -> Transcript:
        """See `RecognizerStream.finish`."""
        self._check_open()
        self._resampled += self._resampler.flush()
        with self._given_up_on_failure():
            await self._hear(len(self._resampled))
            await self._send_steps(least=1)
            final = await self._final()
        self._ended = True
        self._give_back(sound=True)
        text = choose_text(final["text"], final["hinted"])
        return Transcript(text, self._fed_bytes / 2 / SAMPLE_RATE)

    async def aclose(self) -> None:
        """See `RecognizerStream.aclose`. The worker is free again as soon as it has heard of it."""
        self._end()

    @contextlib.contextmanager
    def _given_up_on_failure(self) -> Iterator[None]:
        """A failed or cancelled step leaves an utterance with a hole in it, which is worth nothing: give it up."""
        try:
            yield
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self._ended = True
        self._resampled.clear()
        self._unsent.clear()
        self._give_back(sound=False)

    def _check_open(self) -> None:
        if self._ended:
            raise LocalProtocolError("this utterance is over")

    async def _hear(self, size: int) -> None:
        """Take so many bytes of 16 kHz audio: shorten its pauses, give it its noise floor, and queue it."""
        given = self._np.frombuffer(bytes(self._resampled[:size]), dtype="<i2").astype(self._np.float32)
        del self._resampled[:size]
        for start in range(0, len(given), _CUT_LOOK_SAMPLES):
            heard = self._pauses.feed(given[start : start + _CUT_LOOK_SAMPLES])
            noise = self._noise.standard_normal(len(heard), self._np.float32) * (32768 * 10 ** (_DITHER_DBFS / 20))
            self._unsent += self._np.clip(heard + noise, -32768, 32767).astype("<i2").tobytes()
            await self._cut_when_long(len(heard) / _RATE)

    async def _cut_when_long(self, seconds: float) -> None:
        """Let the worker begin anew after a while, in a pause if there is one, so that its memory stays bounded."""
        self._since_cut += seconds
        if self._since_cut < _CUT_AFTER_SECONDS:
            return
        if self._pauses.in_pause or self._since_cut >= _CUT_ANYWAY_SECONDS:
            self._since_cut = 0.0
            await self._send_steps(least=1)
            if self._worker is not None:
                await self._worker.send(b"S")

    async def _send_steps(self, *, least: int) -> None:
        """Send what is queued, as long as it is at least so many bytes."""
        while len(self._unsent) >= least:
            if self._worker is None:
                self._worker = await self._pool.take(self._settings.wait_seconds)
                await self._worker.send_json(b"B", {"hints": self._hints})
            step = bytes(self._unsent[:_STEP_BYTES])
            del self._unsent[:_STEP_BYTES]
            self._outstanding += 1
            await self._worker.send(b"P", step)
            await self._collect(_AHEAD)

    async def _collect(self, ahead: int) -> None:
        """Take the answers that are there, and wait while more than `ahead` are outstanding."""
        worker = self._worker
        while worker is not None and self._outstanding:
            frame = worker.take_received() if self._outstanding <= ahead else await _answer(worker)
            if frame is None:
                return
            self._outstanding -= 1
            if frame.kind != b"H":
                raise StageError("the recognizer could not make anything of this audio")
            self._text = frame.json()["text"]

    async def _final(self) -> dict[str, Any]:
        if self._worker is None:
            return {"text": "", "hinted": ""}
        await self._worker.send(b"F")
        await self._collect(0)
        frame = await _answer(self._worker)
        if frame.kind != b"T":
            raise StageError("the recognizer could not make anything of this audio")
        final: dict[str, Any] = frame.json()
        return final

    def _give_back(self, *, sound: bool) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._pool.give_back(worker, sound=sound)


async def _answer(worker: FramedProcess) -> Frame:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await worker.receive()
    except TimeoutError:
        worker.kill()
        raise StageError("the recognizer stopped answering; it is started anew") from None


def choose_text(dictated: str, hinted: str) -> str:
    """The hint when it sounds much like what was understood without it, else what was understood.

    A grammar finds one of its phrases in anything, so alone it says nothing. The threshold was measured on 129 phrases
    in and out of the grammar: 31 of 31 accepted, 2 of 98 accepted wrongly.
    """
    if not hinted or not dictated:
        return dictated
    from rapidfuzz import fuzz  # noqa: PLC0415 -- the core install has none

    return hinted if fuzz.ratio(hinted, dictated) >= _HINT_RATIO else dictated


def open_recognizer(options: StageOptions) -> PocketsphinxRecognizer:
    """The entry point "pocketsphinx". options.extra: "workers", how many people may speak at the same instant (default:
    one for each core, at least 2). Raises StageUnavailable, or ConfigurationError for a wrong number."""
    for package in ("pocketsphinx", "numpy", "soxr", "rapidfuzz"):
        if importlib.util.find_spec(package) is None:
            raise StageUnavailable(f"this recognizer needs the package {package}: pip install 'antiphon[local]'")
    given = options.extra.get("workers", "")
    if given and not (given.isdecimal() and 1 <= int(given) <= 256):
        raise ConfigurationError(f"workers must be a number from 1 to 256, not {given!r}")
    return PocketsphinxRecognizer(PocketsphinxSettings(int(given) if given else max(2, os.cpu_count() or 2)))
