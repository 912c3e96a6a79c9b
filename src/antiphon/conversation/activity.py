"""Who is speaking, and whose turn it is: small machines, driven by friendly events. Pure; the time is an argument.

    user       quiet → speaking → stopped → awaiting → quiet     as the server hears the caller
    output     silent → buffered → playing → silent              as the answer is really heard

Here also: the one word that a status line shows. Not here: how long things took (`turns`), how loud (`microphone`).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Literal, get_args

from msgspec import Struct

from antiphon.conversation import events as friendly
from antiphon.conversation.events import FriendlyEvent

PATIENCE_MS = 6000
"""A turn that brings no response (a cough, an empty transcript) is not waited for longer."""

Phase = Literal["listening", "hearing", "thinking", "speaking"]


class _User(Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    STOPPED = "stopped"
    AWAITING = "awaiting"


class _Output(Enum):
    SILENT = "silent"
    BUFFERED = "buffered"
    PLAYING = "playing"


class Activity(Struct, frozen=True, kw_only=True):
    """Who speaks now.

    input_buffered: the server holds speech of the user that is not yet an item. output_buffered: there is sound of the
    assistant that was not yet heard to its end. is_assistant_speaking: it is being heard. last_*_event_at: milliseconds
    on the caller's clock, None before the first.
    """

    phase: Phase = "listening"
    is_user_speaking: bool = False
    is_assistant_speaking: bool = False
    input_buffered: bool = False
    output_buffered: bool = False
    last_user_event_at: float | None = None
    last_assistant_event_at: float | None = None


class SpeechActivity:
    """The activity of one conversation, which alone feeds it."""

    HEARS: ClassVar = frozenset(
        kind for kind in get_args(FriendlyEvent) if kind.type.startswith(("user.", "assistant.", "error"))
    )

    def __init__(self) -> None:
        self._user = _User.QUIET
        self._output = _Output.SILENT
        self._responses: dict[str, None] = {}
        self._awaiting_since = 0.0
        self._last_user: float | None = None
        self._last_assistant: float | None = None
        self._is_player_heard = False

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_user_speaking(self) -> bool:
        return self._user is _User.SPEAKING

    @property
    def is_assistant_speaking(self) -> bool:
        """Whether the assistant is being heard, as the server (WebRTC) or the player tells."""
        return self._output is _Output.PLAYING

    @property
    def input_buffered(self) -> bool:
        return self._user in (_User.SPEAKING, _User.STOPPED)

    @property
    def output_buffered(self) -> bool:
        return self._output is not _Output.SILENT

    @property
    def last_user_event_at(self) -> float | None:
        return self._last_user

    @property
    def last_assistant_event_at(self) -> float | None:
        return self._last_assistant

    @property
    def phase(self) -> Phase:
        """hearing: the user speaks. thinking: an answer is expected or being made. speaking: it is heard."""
        if self._user is _User.SPEAKING:
            return "hearing"
        if self._output is _Output.PLAYING:
            return "speaking"
        return "thinking" if self._responses or self._user is not _User.QUIET else "listening"

    @property
    def now(self) -> Activity:
        """All of it, as a value."""
        return Activity(
            phase=self.phase,
            is_user_speaking=self.is_user_speaking,
            is_assistant_speaking=self.is_assistant_speaking,
            input_buffered=self.input_buffered,
            output_buffered=self.output_buffered,
            last_user_event_at=self._last_user,
            last_assistant_event_at=self._last_assistant,
        )

    # ── driving ──────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: FriendlyEvent, now_ms: float) -> None:
        if type(event) is friendly.AssistantDelta:
            self._last_assistant = now_ms  # most of all events, and none that changes a state
        elif event.type.startswith("user."):
            self._last_user = now_ms
            self._hear_user(event, now_ms)
        elif isinstance(event, friendly.AssistantResponseRequested):
            if self._user is _User.QUIET:
                self._await(_User.AWAITING, now_ms)
        elif isinstance(event, friendly.Error):
            if event.event_type == "response.create" and not event.ordinary and self._user is _User.AWAITING:
                self._user = _User.QUIET  # what was asked for will not come
        else:
            self._last_assistant = now_ms
            self._hear_assistant(event)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is waited for, so that time alone may change something."""
        return self._user is _User.AWAITING

    def tick(self, now_ms: float) -> bool:
        """Gives up waiting for an answer that does not come. True if that changed anything."""
        if self._user is not _User.AWAITING or now_ms - self._awaiting_since <= PATIENCE_MS:
            return False
        self._user = _User.QUIET
        return True

    def disconnected(self) -> None:
        """Nobody is heard any more."""
        self._user, self._output = _User.QUIET, _Output.SILENT
        self._responses.clear()
        self._is_player_heard = False

    def _hear_user(self, event: FriendlyEvent, now_ms: float) -> None:
        match event:
            case friendly.UserSpeechStarted():
                self._user = _User.SPEAKING
            case friendly.UserSpeechStopped():
                self._await(_User.STOPPED, now_ms)
            case friendly.UserItemStarted() if self.input_buffered:
                self._await(_User.AWAITING, now_ms)
            case friendly.UserAudioCleared():
                self._user = _User.QUIET
            case friendly.UserCompleted(transcript=transcript) if not transcript.strip() and not self._responses:
                # A cough: nobody will answer it.
                self._user = _User.QUIET if self._user is _User.AWAITING else self._user
            case friendly.UserFailed():
                self._user = _User.QUIET if self._user is _User.AWAITING and not self._responses else self._user

    def _await(self, state: _User, now_ms: float) -> None:
        self._user = state
        self._awaiting_since = now_ms

    def _hear_assistant(self, event: FriendlyEvent) -> None:
        match event:
            case friendly.AssistantResponseStarted(aside=False):
                self._responses[event.response_id] = None
                self._user = _User.QUIET if self._user is _User.AWAITING else self._user
            case friendly.AssistantCompleted():
                self._responses.pop(event.response_id, None)
                if self._output is _Output.BUFFERED and not self._is_player_heard:
                    self._output = _Output.SILENT  # nobody tells whether it is played
            case friendly.AssistantAudioReceived():
                self._output = _Output.BUFFERED if self._output is _Output.SILENT else self._output
            case friendly.AssistantAudioStarted():
                self._output, self._is_player_heard = _Output.PLAYING, True
            case friendly.AssistantAudioStopped():
                self._output = _Output.SILENT
            case friendly.AssistantInterrupted() if self._output is _Output.BUFFERED:
                self._output = _Output.SILENT
