"""What a `Session` wants done: the effects it hands out, in order. Data only.

The driver carries them out and reports back through the session's inputs. Nothing here waits, opens or closes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.engine.stages import ModelRequest
from antiphon.protocol import ServerEvent


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the peer."""

    event: ServerEvent


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Queue speech (24 kHz PCM) on the media channel, to be heard in real time. Never on a WebSocket."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndAudio:
    """What was queued so far ends an utterance: let a last part frame out."""


@dataclass(frozen=True, slots=True)
class FlushAudio:
    """Drop the speech that has not left yet; the next `played` counts from zero."""


@dataclass(frozen=True, slots=True)
class DetectVoice:
    """Feed the voice detector; answer with `Session.voice`."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class ResetVoice:
    """A new stretch of audio begins: forget the detector's acoustic state, not its clock."""


@dataclass(frozen=True, slots=True)
class OpenRecognition:
    """Begin to recognise the utterance that will be item `item_id`."""

    item_id: str
    language: str | None
    prompt: str | None
    hints: Sequence[str]


@dataclass(frozen=True, slots=True)
class FeedRecognition:
    """More of the utterance (24 kHz PCM); answer with `Session.hypothesis` when the text so far has changed."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class FinishRecognition:
    """The utterance is complete; answer with `Session.recognized` or `Session.recognition_failed`."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AbandonRecognition:
    """The utterance will not be needed; answer nothing."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Make a response; answer with `Session.generated_*` and end with `generation_done` or `generation_failed`.

    voice, speed: for the synthesizer, when `request.modality` is "audio".
    """

    response_id: str
    request: ModelRequest
    voice: str
    speed: float


@dataclass(frozen=True, slots=True)
class StopGenerating:
    """Stop the model and the voice of this response; whatever still arrives for it is ignored."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. code: a WebSocket close code; reason: for the peer and the log."""

    code: int
    reason: str


Effect = (
    Send
    | PlayAudio
    | EndAudio
    | FlushAudio
    | DetectVoice
    | ResetVoice
    | OpenRecognition
    | FeedRecognition
    | FinishRecognition
    | AbandonRecognition
    | Generate
    | StopGenerating
    | Close
)
