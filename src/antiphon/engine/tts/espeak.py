"""The embedded voice: espeak-ng, in a helper process. First sound in milliseconds, a hundred languages, robotic.

espeak-ng is GPL-3.0 and Antiphon is not. So nothing here loads it or imports its Python loader: `espeak_worker.py`
does, a stand-alone program on the far side of two pipes that shares no memory and no code with the server. What lives
here is the near side: choosing the voice, cutting long text, resampling, and placing the word marks.

One helper serves every session. It speaks one piece (at most `_PIECE_CHARACTERS`) at a time, in the order of asking,
and is some thousand times faster than real time, so sessions take turns without hearing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from antiphon.audio.resample import Resampler
from antiphon.engine.framed_process import Frame, FramedProcess, ProcessEndedError
from antiphon.engine.stages import SAMPLE_RATE, SpeechChunk, StageDescription, StageOptions, WordMark
from antiphon.engine.tts.espeak_voices import PROTOCOL_VOICES, choose, pace
from antiphon.engine.tts.speech_text import WordPositions, pieces, speakable
from antiphon.errors import StageError, StageUnavailable

_WORKER = Path(__file__).with_name("espeak_worker.py")
_MAX_CHARACTERS = 20_000
_PIECE_CHARACTERS = 400
_MAX_WAITING = 256
_START_SECONDS = 15.0
_SILENT_SECONDS = 10.0
# Silence at the front is delay for the listener; a few milliseconds stay, so that a word's onset is never cut.
_AUDIBLE = 60
_LEAD_MS = 5.0


class _Job:
    """One piece of text on its way through the helper. Made by a session; the runner fills `heard`."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.number = -1
        self.given_up = False
        # Holds what one piece comes to (at most some minutes of audio, as the piece's length is bounded).
        self.heard: asyncio.Queue[Frame | StageError] = asyncio.Queue()


def _given_up(job: _Job) -> bytes:
    return json.dumps({"job": job.number}).encode()


class EspeakSynthesizer:
    """Holds the helper process and the one task that talks to it. Every session may call `speak` at once."""

    def __init__(self) -> None:
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(_MAX_WAITING)
        self._runner: asyncio.Task[None] | None = None
        self._process: FramedProcess | None = None
        self._current: _Job | None = None
        self._count = 0
        self._rate = 0
        self._languages: list[list[str]] = []
        self._starting = asyncio.Lock()
        self._closed = False

    def describe(self) -> StageDescription:
        return StageDescription(
            name="espeak-ng",
            summary="a clear but robotic voice in about a hundred languages, at once and offline",
            improve="give a server that speaks the OpenAI API at /v1/audio/speech with --tts URL",
        )

    @property
    def voices(self) -> Sequence[str]:
        """The protocol's ten, and after `start` every language of the library."""
        return [*PROTOCOL_VOICES, *sorted({names[0] for names in self._languages})]

    @property
    def helper_pid(self) -> int | None:
        """The process id of the helper, or None while there is none."""
        return self._process.pid if self._process is not None and self._process.running else None

    async def start(self) -> None:
        async with self._starting:  # several sessions may be the first
            if self._closed:
                raise StageUnavailable("the espeak-ng voice has been closed")
            if self._runner is None:
                await self._start_process()
                self._runner = asyncio.create_task(self._run(), name="espeak-ng helper")

    async def aclose(self) -> None:
        self._closed = True
        async with self._starting:
            runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await runner
        await self._end_process()
        while not self._jobs.empty():
            self._jobs.get_nowait().heard.put_nowait(StageError("the voice has been closed"))

    async def speak(self, text: str, *, voice: str, speed: float = 1.0) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. Text over 20 000 characters is refused; markup and pictographs are passed over."""
        if len(text) > _MAX_CHARACTERS:
            raise StageError(f"the text to speak has {len(text)} characters; the limit is {_MAX_CHARACTERS}")
        await self.start()
        chosen = choose(voice, self._languages)
        rate, gap = pace(speed)
        settings = {"voices": chosen.names, "volume": chosen.volume, "rate": rate, "gap": gap}
        spoken_ms = 0.0
        for piece in pieces(speakable(text), _PIECE_CHARACTERS):
            written = text[piece.start : piece.start + len(piece.text)]
            rendering = _Rendering(written, piece.start, self._rate, spoken_ms)
            job = _Job({**settings, "text": piece.text, "pause": piece.ends_clause})
            try:
                self._jobs.put_nowait(job)
            except asyncio.QueueFull:
                raise StageError("the voice is busy: too many sessions wait for it") from None
            try:
                while (frame := await self._next_frame(job)).kind != b"E":
                    chunk = rendering.render(frame)
                    if chunk is not None:
                        yield chunk
            finally:
                self._give_up(job)
            chunk = rendering.finish()
            if chunk is not None:
                yield chunk
            spoken_ms = rendering.spoken_ms

    async def _next_frame(self, job: _Job) -> Frame:
        heard = await job.heard.get()
        if isinstance(heard, StageError):
            raise heard
        return heard

    def _give_up(self, job: _Job) -> None:
        """The caller wants no more of it. Harmless for a job that is over."""
        job.given_up = True
        if self._current is job and self._process is not None:
            self._process.post(b"C", _given_up(job))

    # ── the runner: the only one that waits for the helper ──────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while True:
            job = await self._jobs.get()
            if job.given_up:
                continue
            self._current = job
            try:
                await self._run_job(job)
            except StageError as error:
                job.heard.put_nowait(error)
                await self._end_process()
            except asyncio.CancelledError:
                job.heard.put_nowait(StageError("the voice has been closed"))
                raise
            finally:
                self._current = None

    async def _run_job(self, job: _Job) -> None:
        if self._process is None or not self._process.running:
            await self._end_process()
            await self._start_process()
        process = self._process
        assert process is not None
        self._count += 1
        job.number = self._count
        try:
            await process.send_json(b"S", {"job": job.number, **job.request})
            if job.given_up:  # while the frame was being written
                process.post(b"C", _given_up(job))
            while True:
                async with asyncio.timeout(_SILENT_SECONDS):
                    frame = await process.receive()
                if frame.kind == b"X":
                    job.heard.put_nowait(StageError(f"the voice failed: {frame.json()['message']}"))
                    return
                job.heard.put_nowait(frame)
                if frame.kind == b"E":
                    return
        except (ProcessEndedError, TimeoutError) as error:
            raise StageError(
                "the voice stopped in the middle of a sentence; it is started anew for the next"
            ) from error

    async def _start_process(self) -> None:
        if importlib.util.find_spec("espeakng_loader") is None:
            raise StageUnavailable(
                "the espeak-ng voice needs the package espeakng-loader: pip install 'antiphon[local]'"
            )
        process = await FramedProcess.start(_WORKER, name="the espeak-ng helper")
        try:
            async with asyncio.timeout(_START_SECONDS):
                frame = await process.receive()
            ready = frame.json()
            if frame.kind != b"R":
                raise StageUnavailable(
                    f"the espeak-ng library could not be loaded ({ready['message']}): "
                    "reinstall it with pip install --force-reinstall espeakng-loader"
                )
        except (ProcessEndedError, TimeoutError) as error:
            await process.aclose()
            raise StageUnavailable("the espeak-ng helper did not start") from error
        except BaseException:
            await process.aclose()
            raise
        self._process, self._rate, self._languages = process, ready["rate"], ready["voices"]

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it holds nothing that could be lost
            await process.aclose()


class _Rendering:
    """One piece's frames made into chunks: front silence off, resampled, marks put where they are heard."""

    def __init__(self, written: str, start: int, rate: int, spoken_ms: float) -> None:
        self._start = start
        self._rate = rate
        self._resampler = Resampler(rate, SAMPLE_RATE)
        self._positions = WordPositions(written)
        self._marks: list[WordMark] = []
        self._trimming = True
        self._trimmed_ms = 0.0
        self._start_ms = spoken_ms
        self.spoken_ms = spoken_ms

    def render(self, frame: Frame) -> SpeechChunk | None:
        if frame.kind == b"M":
            events = [(int(position), float(at_ms)) for position, at_ms in frame.json()]
            for start, at_ms in self._positions.snap(events):
                heard_ms = self._start_ms + max(0.0, at_ms - self._trimmed_ms)
                self._marks.append(WordMark(self._start + start, heard_ms))
            return None
        pcm = self._trim(frame.payload) if self._trimming else frame.payload
        return self._chunk(self._resampler.feed(pcm)) if pcm else None

    def finish(self) -> SpeechChunk | None:
        return self._chunk(self._resampler.flush())

    def _chunk(self, pcm: bytes) -> SpeechChunk | None:
        if not pcm:
            return None
        self.spoken_ms += len(pcm) / 2 / SAMPLE_RATE * 1000
        heard = tuple(mark for mark in self._marks if mark.at_ms < self.spoken_ms)
        del self._marks[: len(heard)]
        return SpeechChunk(pcm, heard)

    def _trim(self, pcm: bytes) -> bytes:
        """Drop silence until the first audible sample."""
        samples = array("h", pcm)
        first = next((index for index, sample in enumerate(samples) if abs(sample) >= _AUDIBLE), None)
        if first is None:
            self._trimmed_ms += len(samples) / self._rate * 1000
            return b""
        self._trimming = False
        first = max(0, first - int(_LEAD_MS * self._rate / 1000))
        self._trimmed_ms += first / self._rate * 1000
        return pcm[first * 2 :]


def open_synthesizer(options: StageOptions) -> EspeakSynthesizer:
    """The entry point "espeak". It takes no options. Raises StageUnavailable when the library's package is missing."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise StageUnavailable("the espeak-ng voice needs the package espeakng-loader: pip install 'antiphon[local]'")
    return EspeakSynthesizer()
