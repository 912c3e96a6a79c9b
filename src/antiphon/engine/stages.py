"""What the engine asks of a speech stage: the `typing.Protocol`s that every provider fulfils, and their data.

A provider is one file in `vad/`, `stt/`, `llm/`, `tts/` or `vision/` and one entry point in pyproject.toml
(`antiphon.stt`, …) that names a factory: `factory(options: StageOptions) -> Recognizer` (or the protocol of its group).
The factory raises `StageUnavailable` when the stage cannot work on this machine, saying what is missing.

One object of each stage serves every session of the process; `open()` (where there is one) makes the small part that
belongs to one session. CPU work happens off the event loop: in a thread where the library releases the GIL, in a
process where it does not. Cancelling a coroutine or closing an async iterator stops the work behind it.

PCM everywhere here is `bytes`: int16 little-endian mono. At this boundary it is always 24 kHz (`SAMPLE_RATE`); a
provider that wants another rate resamples inside (`antiphon.audio.resample`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

SAMPLE_RATE = 24_000
"""Hz: the rate of all PCM between the session and its stages (the protocol's own `audio/pcm` rate)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What a stage's factory is told. A provider takes what it needs and ignores the rest.

    url: base URL of a remote stage, such as "http://127.0.0.1:11434/v1"; None for an embedded one.
    model: the remote model's name, or None for the provider's own choice.
    api_key: sent as a bearer token to `url`, never logged, never part of an error.
    path: a model file or folder on disk, for providers that load one.
    extra: further settings by name, as strings.
    """

    url: str | None = None
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    path: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageDescription:
    """What answers, in words for the start lines and the page.

    name: short, such as "pocketsphinx" or "llama3.2 at 127.0.0.1:11434".
    summary: one plain sentence about what it can and cannot do, such as "short, clear English".
    improve: how to get a better one, one sentence, or None when there is nothing better to suggest.
    embedded: whether it runs inside this process tree (no other server involved).
    """

    name: str
    summary: str
    improve: str | None = None
    embedded: bool = True


class Stage(Protocol):
    """What all stages share."""

    def describe(self) -> StageDescription: ...

    async def start(self) -> None:
        """Load what takes time, so that the first call does not wait. Raises StageUnavailable."""
        ...

    async def aclose(self) -> None:
        """Stop every thread and process that belongs to the stage. Calling it twice is calling it once."""
        ...


# ── voice activity ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class VoiceProbability:
    """How likely the window that ends at `end_ms` holds a voice.

    end_ms: milliseconds of audio fed to this stream since it was opened.
    probability: 0.0 to 1.0.
    """

    end_ms: float
    probability: float


class VoiceStream(Protocol):
    """One session's voice detector."""

    async def feed(self, pcm: bytes) -> Sequence[VoiceProbability]:
        """Give 24 kHz PCM of any length, get one probability for each window completed by it, in order."""
        ...

    def reset(self) -> None:
        """Forget the acoustic state (not the clock): audio was skipped, or a new turn begins."""
        ...

    def close(self) -> None: ...


class VoiceDetector(Stage, Protocol):
    def open(self) -> VoiceStream: ...


# ── recognizer ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Transcript:
    """The final text of one utterance. text is "" when nothing was recognised; seconds is the audio's length."""

    text: str
    seconds: float


class RecognizerStream(Protocol):
    """One utterance. Always either finished or closed."""

    async def feed(self, pcm: bytes) -> str | None:
        """Give 24 kHz PCM. Returns the hypothesis so far when it has changed (later ones may rewrite it), else None.

        A provider that only works on whole utterances returns None always.
        """
        ...

    async def finish(self) -> Transcript:
        """The utterance is over. Raises StageError when it could not be recognised at all."""
        ...

    async def aclose(self) -> None:
        """Give the utterance up. Harmless after `finish`."""
        ...


class Recognizer(Stage, Protocol):
    def open(
        self, *, language: str | None = None, prompt: str | None = None, hints: Sequence[str] = ()
    ) -> RecognizerStream:
        """Begin one utterance; returns at once (waiting for a free worker happens in `feed`).

        language: ISO-639-1 such as "en", or None. prompt: the session's free-text transcription prompt.
        hints: whole phrases that are likely, in lower case words, such as "add two and five". A recognizer may prefer
            them when the audio fits, and must not force them on audio that does not.
        """
        ...


# ── language model ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TextContent:
    text: str


@dataclass(frozen=True, slots=True)
class ImageContent:
    """An image as the caller sent it: a data URL ("data:image/jpeg;base64,…")."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """One message of the conversation. spoken: it came by voice, so its text is a transcript and may be misheard."""

    role: Literal["system", "user", "assistant"]
    content: tuple[TextContent | ImageContent, ...]
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class ModelToolCall:
    """A call that the model made earlier. arguments: a JSON object as text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelToolResult:
    call_id: str
    output: str


ModelItem = ModelMessage | ModelToolCall | ModelToolResult


@dataclass(frozen=True, slots=True)
class ModelTool:
    """A function that the model may call. parameters: its JSON schema (an object schema), {} when it takes none."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Everything that one response is made from: a snapshot that later changes to the session do not touch.

    tool_choice: "auto", "none", "required", or the name of the one tool that must be called as ("function", name).
    modality: what the answer becomes. For "audio" the text is spoken: no markup, no lists.
    max_output_tokens: None means no limit.
    """

    instructions: str
    items: tuple[ModelItem, ...]
    tools: tuple[ModelTool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | tuple[Literal["function"], str] = "auto"
    parallel_tool_calls: bool = True
    modality: Literal["audio", "text"] = "audio"
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. index: which call of this response (0, 1, …); name is set on a call's first piece."""

    index: int
    arguments: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ModelDone:
    """The last event of every answer. Token counts are 0 when the model does not tell them."""

    finish: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


ModelEvent = TextDelta | ToolCallDelta | ModelDone


class LanguageModel(Stage, Protocol):
    def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer. Ends with exactly one ModelDone; raises StageError instead when it fails.

        Closing the iterator early (`aclose`) stops the work and the request behind it.
        """
        ...

    def hints(self, tools: Sequence[ModelTool]) -> Sequence[str]:
        """Phrases worth listening for, given the session's tools (see `Recognizer.open`). () when it has none."""
        ...


# ── synthesizer ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class WordMark:
    """The word that begins at character `start` of the given text is heard from `at_ms` of this utterance on."""

    start: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of speech. pcm: 24 kHz; marks: the words that begin in it, clamped and in order (empty when unknown)."""

    pcm: bytes
    marks: tuple[WordMark, ...] = ()


class Synthesizer(Stage, Protocol):
    @property
    def voices(self) -> Sequence[str]:
        """The voice names that this synthesizer itself has."""
        ...

    def speak(self, text: str, *, voice: str, speed: float = 1.0) -> AsyncIterator[SpeechChunk]:
        """Stream the speech of one clause or sentence.

        voice: any name; the protocol's own (alloy, ash, …) are mapped to distinct voices of the provider, unknown ones
            to its default. speed: 0.25 to 1.5. Raises StageError.
        """
        ...


# ── vision ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Vision(Stage, Protocol):
    async def look(self, image: ImageContent) -> str:
        """One to four plain sentences about what can be told of the picture. Raises StageError on a broken one."""
        ...
