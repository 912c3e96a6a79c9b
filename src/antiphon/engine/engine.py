"""The embedded engine: the stages that all calls share, and the making of calls. One for each process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any, Literal

from antiphon.engine.call import Call
from antiphon.engine.configuration import (
    SessionSettings,
    default_session,
    default_transcription_session,
    updated,
)
from antiphon.engine.link import Link, Policy
from antiphon.engine.session import Session
from antiphon.engine.stages import (
    LanguageModel,
    ModelTool,
    Recognizer,
    StageDescription,
    StageOptions,
    Synthesizer,
    Vision,
    VoiceDetector,
)
from antiphon.errors import ConfigurationError
from antiphon.protocol import RealtimeSession, SessionConfig, TranscriptionSession, new_id

GROUPS = {"detector": "vad", "recognizer": "stt", "model": "llm", "synthesizer": "tts", "vision": "vision"}
"""The stages and the entry-point groups (`antiphon.<group>`) where their providers are found."""


@dataclass(frozen=True, slots=True)
class StageChoice:
    """Which provider, by its entry point's name, and what it is told."""

    name: str
    options: StageOptions = field(default_factory=StageOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the engine is made of. The defaults need no key, no network and no further file.

    detector: None takes the best that is at hand. vision: None for none.
    """

    detector: StageChoice | None = None
    recognizer: StageChoice = StageChoice("pocketsphinx")
    model: StageChoice = StageChoice("embedded")
    synthesizer: StageChoice = StageChoice("espeak")
    vision: StageChoice | None = StageChoice("measured")
    session: SessionSettings = field(default_factory=SessionSettings)


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages themselves, for those who bring their own objects."""

    detector: VoiceDetector
    recognizer: Recognizer
    model: LanguageModel
    synthesizer: Synthesizer
    vision: Vision | None = None


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """What answers, stage by stage."""

    recognizer: StageDescription
    model: StageDescription
    voice: StageDescription
    detector: StageDescription
    vision: StageDescription | None


class Engine:
    """The stages and the calls that use them. `start` before the first call; `aclose` ends every call and stage."""

    def __init__(
        self, stages: Stages, session: SessionSettings | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stages = stages
        self._session = session or SessionSettings()
        self._clock = clock
        self._calls: set[Call] = set()

    @property
    def calls(self) -> int:
        """How many calls are open."""
        return sum(1 for call in self._calls if not call.session.closed)

    def describe(self) -> EngineDescription:
        stages = self._stages
        return EngineDescription(
            recognizer=stages.recognizer.describe(),
            model=stages.model.describe(),
            voice=stages.synthesizer.describe(),
            detector=stages.detector.describe(),
            vision=stages.vision.describe() if stages.vision is not None else None,
        )

    async def start(self) -> None:
        """Load all stages side by side. Raises StageUnavailable, and then nothing is left running."""
        try:
            async with asyncio.TaskGroup() as group:
                for stage in self._all():
                    group.create_task(stage.start())
        except* Exception as failures:  # noqa: BLE001 - raised again, once the others are closed
            await self.aclose()
            raise failures.exceptions[0] from None
        self._session = replace(
            self._session,
            model=_model_id(self._stages.model.describe()),
            recognizer=self._stages.recognizer.describe().name,
        )

    async def aclose(self) -> None:
        """End every call, then every stage. Closing twice is closing once."""
        for call in list(self._calls):
            call.hang_up("server shutting down")
        await asyncio.gather(*(stage.aclose() for stage in self._all()))

    def open_call(
        self,
        link: Link,
        *,
        model: str | None = None,
        session: SessionConfig | None = None,
        kind: Literal["realtime", "transcription"] = "realtime",
        policy: Policy | None = None,
    ) -> Call:
        """Make a call; its `run` must be awaited. Raises InvalidEvent when `session` asks for what cannot be.

        model: the name that the client asked for. The engine has one model; `session.created` shows which.
        policy: what the caller's own events may do; further peers (`Call.attach`) are free of it
            unless they are given one.
        """
        config = session
        if config is None:
            config = TranscriptionSession() if kind == "transcription" else RealtimeSession()
        media = link.kind == "webrtc"
        running = Session(
            self._session,
            media=media,
            now=self._clock(),
            unix_now=time.time(),
            config=config,
            hints=self._hints,
        )
        call = Call(
            new_id("rtc") if media else running.id,
            link,
            running,
            detector=self._stages.detector,
            recognizer=self._stages.recognizer,
            model=self._stages.model,
            synthesizer=self._stages.synthesizer,
            clock=self._clock,
            policy=policy,
        )
        self._calls = {open_call for open_call in self._calls if not open_call.session.closed}
        self._calls.add(call)
        return call

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        """What a call that is opened with `session` would show, its `expires_at` 0, for it has not begun.

        Raises InvalidEvent when it asks for what cannot be.
        """
        make = default_transcription_session if isinstance(session, TranscriptionSession) else default_session
        effective: SessionConfig = make(self._session, session_id=new_id("sess"), expires_at=0)
        return updated(effective, session, self._session, voice_locked=False)

    def _hints(self, tools: Sequence[ModelTool]) -> Sequence[str]:
        return self._stages.model.hints(tools)

    def _all(self) -> tuple[VoiceDetector | Recognizer | LanguageModel | Synthesizer | Vision, ...]:
        stages = self._stages
        required = (stages.detector, stages.recognizer, stages.model, stages.synthesizer)
        return required if stages.vision is None else (*required, stages.vision)


def _model_id(model: StageDescription) -> str:
    """The name that sessions show as their model: without the host that a remote model's description names."""
    return "antiphon-embedded" if model.embedded else model.name.split(" at ")[0]


def build_engine(settings: EngineSettings | None = None) -> Engine:
    """The engine that the settings describe. Raises ConfigurationError and StageUnavailable."""
    wanted = settings or EngineSettings()
    vision = _open("vision", wanted.vision) if wanted.vision is not None else None
    model_options: dict[str, Any] = {"vision": vision} if wanted.model.name == "embedded" else {}
    if wanted.detector is None:
        from antiphon.engine.vad import open_best_detector  # noqa: PLC0415 - loads libraries

        detector: Any = open_best_detector(StageOptions())
    else:
        detector = _open("detector", wanted.detector)
    stages = Stages(
        detector=detector,
        recognizer=_open("recognizer", wanted.recognizer),
        model=_open("model", wanted.model, **model_options),
        synthesizer=_open("synthesizer", wanted.synthesizer),
        vision=vision,
    )
    return Engine(stages, wanted.session)


def providers(stage: str) -> dict[str, Any]:
    """The installed providers of a stage ("recognizer", …) by name, as entry points."""
    return {entry.name: entry for entry in entry_points(group=f"antiphon.{GROUPS[stage]}")}


def _open(stage: str, choice: StageChoice, **more: Any) -> Any:
    found = providers(stage)
    if choice.name not in found:
        known = ", ".join(sorted(found)) or "none; is the package installed with [local]?"
        raise ConfigurationError(f"There is no {stage} named '{choice.name}'. Installed: {known}.")
    return found[choice.name].load()(choice.options, **more)
