"""Whether the user's microphone hears something: by its level, by what the server says, or by both. Pure.

Not here: the devices, and how the level is measured (`antiphon.audio.levels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from antiphon.audio import rms_dbfs
from antiphon.conversation import events as friendly
from antiphon.conversation.events import FriendlyEvent

MicrophoneMode = Literal["server", "level", "auto"]
"""server: by what the server hears. level: by the loudness. auto: by either."""


@dataclass(frozen=True, slots=True)
class MicrophoneSettings:
    """silence_ms: how long it is still called active after the last sound. level_threshold: 0.0 to 1.0, RMS."""

    mode: MicrophoneMode = "auto"
    silence_ms: float = 600
    level_threshold: float = 0.02


class MicrophoneActivity:
    """The microphone of one call. Its driver tells levels and whether it captures; the conversation tells events."""

    HEARS: ClassVar = frozenset(
        {friendly.UserSpeechStarted, friendly.UserSpeechStopped, friendly.UserAudioCleared, friendly.UserDelta}
    )

    def __init__(self, settings: MicrophoneSettings | None = None) -> None:
        self.settings = settings or MicrophoneSettings()
        self.level = 0.0
        """The last loudness, 0.0 to 1.0 (RMS); 0.0 while it does not capture."""
        self.is_capturing = False
        """Whether sound of it is being sent."""
        self._is_heard = False
        self._last_server: float | None = None
        self._last_loud: float | None = None

    def receive(self, event: FriendlyEvent, now_ms: float) -> None:
        """Takes in a friendly event."""
        match event:
            case friendly.UserSpeechStarted():
                self._is_heard, self._last_server = True, now_ms
            case friendly.UserSpeechStopped() | friendly.UserAudioCleared():
                self._is_heard = False
            case friendly.UserDelta():
                self._last_server = now_ms

    def capturing(self, is_capturing: bool) -> None:
        """The microphone was opened, muted, closed."""
        self.is_capturing = is_capturing
        if not is_capturing:
            self.level, self._last_loud = 0.0, None

    def hear(self, pcm: bytes, now_ms: float) -> None:
        """A block that was captured. pcm: int16 mono."""
        self.measured(min(1.0, 10 ** (rms_dbfs(pcm) / 20)) if pcm else 0.0, now_ms)

    def measured(self, level: float, now_ms: float) -> None:
        """The loudness of what was captured last, 0.0 to 1.0, for drivers that measure it themselves."""
        self.level = level if self.is_capturing else 0.0
        if self.level >= self.settings.level_threshold:
            self._last_loud = now_ms

    def is_active(self, now_ms: float) -> bool:
        """Whether somebody is speaking into it, or was a moment ago."""
        by_server = self._is_heard or self._is_recent(self._last_server, now_ms)
        by_level = self.is_capturing and self._is_recent(self._last_loud, now_ms)
        if self.settings.mode == "server":
            return by_server
        return by_level if self.settings.mode == "level" else by_level or by_server

    def disconnected(self) -> None:
        """No server hears it any more."""
        self._is_heard, self._last_server = False, None

    def _is_recent(self, when: float | None, now_ms: float) -> bool:
        return when is not None and now_ms - when < self.settings.silence_ms
