"""A call on a bench: the real engine's driver with stand-ins for its stages, and a link that keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from antiphon.engine import Engine, Policy, Stages
from antiphon.engine.call import Call
from antiphon.engine.stages import (
    ModelDone,
    ModelEvent,
    ModelRequest,
    ModelTool,
    SpeechChunk,
    StageDescription,
    TextDelta,
    Transcript,
    VoiceProbability,
    WordMark,
)
from session_rig import loud


class Stage:
    """What all the stand-ins share. failure: raised where the stage would work."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.started = False
        self.closed = 0

    def describe(self) -> StageDescription:
        return StageDescription("stand-in", "a stand-in")

    async def start(self) -> None:
        self.started = True

    async def aclose(self) -> None:
        self.closed += 1

    def fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class Detector(Stage):
    """Loud samples are a voice."""

    def open(self) -> Any:
        stage = self

        class Stream:
            closed = False
            rest = b""
            heard_ms = 0.0

            async def feed(self, pcm: bytes) -> Sequence[VoiceProbability]:
                stage.fail()
                self.rest += pcm
                found = []
                while len(self.rest) >= 1536:
                    window, self.rest = self.rest[:1536], self.rest[1536:]
                    self.heard_ms += 32
                    found.append(VoiceProbability(self.heard_ms, 0.9 if any(window) else 0.0))
                return found

            def reset(self) -> None:
                pass

            def close(self) -> None:
                self.closed = True

        return Stream()


class Recognizer(Stage):
    def open(self, *, language: str | None = None, prompt: str | None = None, hints: Sequence[str] = ()) -> Any:
        stage = self

        class Stream:
            heard = 0

            async def feed(self, pcm: bytes) -> str | None:
                stage.fail()
                self.heard += len(pcm)
                return None

            async def finish(self) -> Transcript:
                return Transcript("hello there", self.heard / 48_000)

            async def aclose(self) -> None:
                stage.closed += 1

        return Stream()


class Model(Stage):
    """Says its words; `hangs` makes it wait for ever after the first."""

    def __init__(
        self, words: Sequence[str] = ("Good ", "day."), *, hangs: bool = False, failure: Exception | None = None
    ):
        super().__init__(failure)
        self.words = words
        self.hangs = hangs
        self.stopped = asyncio.Event()

    def hints(self, tools: Sequence[ModelTool]) -> Sequence[str]:
        return ()

    async def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        try:
            for word in self.words:
                yield TextDelta(word)
                self.fail()
                if self.hangs:
                    await asyncio.Event().wait()
            yield ModelDone("stop", 3, 2)
        finally:
            self.stopped.set()


class Voice(Stage):
    """A second of sound for each clause."""

    voices = ("stand-in",)

    def __init__(self, *, failure: Exception | None = None, seconds: float = 1.0) -> None:
        super().__init__(failure)
        self.seconds = seconds
        self.spoken: list[str] = []

    async def speak(self, text: str, *, voice: str, speed: float = 1.0) -> AsyncIterator[SpeechChunk]:
        self.fail()
        self.spoken.append(text)
        yield SpeechChunk(loud(self.seconds * 1000), (WordMark(0, 0.0),))


class Link:
    """Keeps what is sent. `seen` waits for an event of a type."""

    max_event_bytes: int | None = None

    def __init__(self, kind: Any = "websocket") -> None:
        self.kind = kind
        self.events: list[dict[str, Any]] = []
        self.audio = bytearray()
        self.closes: list[tuple[int, str]] = []
        self._changed = asyncio.Condition()
        self._news = asyncio.Event()

    def send_event(self, data: str) -> None:
        self.events.append(json.loads(data))
        self._news.set()

    def send_audio(self, pcm: bytes) -> None:
        self.audio += pcm
        self._news.set()

    def end_audio(self) -> None:
        pass

    def flush_audio(self) -> None:
        self.audio.clear()

    def close(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))
        self._news.set()

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():
                self._news.clear()
                await self._news.wait()

    async def seen(self, kind: str, times: int = 1) -> dict[str, Any]:
        await self.until(lambda: sum(event["type"] == kind for event in self.events) >= times)
        return next(event for event in reversed(self.events) if event["type"] == kind)


class Bench:
    def __init__(self, link: Link, *, policy: Policy | None = None, open_at_once: bool = True, **stages: Any) -> None:
        self.stages = Stages(
            stages.get("detector") or Detector(),
            stages.get("recognizer") or Recognizer(),
            stages.get("model") or Model(),
            stages.get("synthesizer") or Voice(),
        )
        self.engine = Engine(self.stages)
        self.link = link
        self.policy = policy
        self.open_at_once = open_at_once

    async def __aenter__(self) -> Call:
        self.before = len(asyncio.all_tasks())
        await self.engine.start()
        self.call = self.engine.open_call(self.link, policy=self.policy)
        self.running = asyncio.create_task(self.call.run())
        if self.open_at_once:
            self.call.opened()
        return self.call

    async def __aexit__(self, *failure: object) -> None:
        self.call.hang_up("test over")
        self.call.hang_up("test over")
        async with asyncio.timeout(10):
            await self.running
            await self.engine.aclose()
        assert len(asyncio.all_tasks()) == self.before, "the call left tasks behind"
        assert self.engine.calls == 0
        assert len(self.link.closes) == 1


def speak(call: Call, pcm: bytes) -> None:
    for begin in range(0, len(pcm), 960):
        call.session.hear(pcm[begin : begin + 960])
    call.receive_audio(b"")
