"""The session that `antiphon talk` asks for: what the command line says, and the words of what is heard. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from antiphon.protocol import AudioConfig, AudioInput, AudioOutput, InputTranscription, RealtimeSession, SessionConfig

if TYPE_CHECKING:
    from antiphon.cli.talk.start import TalkOptions

RECOGNIZER = "gpt-4o-mini-transcribe"
"""What is asked for, so that there is a transcript; servers of one's own take any name for the recognizer they have."""


def wanted_session(
    options: TalkOptions, *, spoken: bool, written: bool = False, by_hand: bool = False
) -> RealtimeSession | None:
    """spoken: this side speaks, and wants to read what was heard. written: answers are wanted as text. by_hand: turns
    are ended by this side. None when nothing is asked for."""
    listening = AudioInput(
        transcription=InputTranscription(model=RECOGNIZER) if spoken else UNSET,
        turn_detection=None if by_hand else UNSET,
    )
    speaking = AudioOutput(voice=options.voice) if options.voice else UNSET
    if not (spoken or by_hand or written or options.voice or options.instructions):
        return None
    return RealtimeSession(
        instructions=options.instructions or UNSET,
        output_modalities=["text"] if written else UNSET,
        audio=AudioConfig(input=listening if spoken or by_hand else UNSET, output=speaking)
        if spoken or by_hand or options.voice
        else UNSET,
    )


def input_of(session: SessionConfig | None) -> AudioInput:
    """What applies to what is heard."""
    audio = session.audio if isinstance(session, RealtimeSession) else UNSET
    listening = audio.input if isinstance(audio, AudioConfig) else UNSET
    return listening if isinstance(listening, AudioInput) else AudioInput()


def is_transcribed(session: SessionConfig | None) -> bool:
    """Whether the words of what is said will be told."""
    return isinstance(input_of(session).transcription, InputTranscription)


def ends_turns_by_hand(session: SessionConfig | None) -> bool:
    """Whether the server waits to be told that a turn has ended."""
    return input_of(session).turn_detection is None
