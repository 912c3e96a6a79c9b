"""When the caller's turn begins and ends, from the voice detector's probabilities. Pure.

Its only clock is the audio's. Onset and offset have different thresholds (hysteresis), so that a voice near the
threshold does not flicker. A turn ends by silence; in semantic mode the words heard so far decide how long it must be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from antiphon.engine.stages import VoiceProbability

ONSET_WINDOWS = 3
"""Windows (32 ms each) above the threshold that make an onset: fewer start on clicks, more cut first syllables."""

HYSTERESIS = 0.15
"""How far below the onset threshold a window must fall to count as silence."""

MAX_TURN_MS = 60_000
"""In a noisy room the detector may never find silence; a turn this long is committed as it stands."""

Eagerness = Literal["low", "medium", "high", "auto"]

# How long a finished sentence and an unfinished one are waited for. The second figures are the Realtime API's own
# maximum timeouts for each eagerness.
_PATIENCE_MS: dict[Eagerness, tuple[int, int]] = {
    "high": (300, 2_000),
    "medium": (500, 4_000),
    "auto": (500, 4_000),
    "low": (900, 8_000),
}

_UNFINISHED = re.compile(
    r"(?:^|[\s,])(?:and|or|but|so|because|cause|if|when|while|that|which|who|than|then|as|like|with|without|of|to|for|"
    r"from|in|on|at|by|into|about|the|a|an|my|your|his|her|its|our|their|this|these|is|are|was|were|am|i'm|"
    r"would|could|should|can|will|um|uh|erm|er|hmm|well|also|maybe|let's|please)[\s,.…-]*$|[,:;…-]\s*$|\.\.\.\s*$",
    re.IGNORECASE,
)


def looks_unfinished(text: str) -> bool:
    """Whether a speaker who stopped after `text` probably goes on: it ends in a filler, an article, a conjunction, …"""
    return bool(_UNFINISHED.search(text))


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How turns are told apart. threshold: 0 to 1; eagerness: set in semantic mode, None when silence alone decides."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: Eagerness | None = None
    max_turn_ms: int = MAX_TURN_MS

    def silence_needed_ms(self, heard: str) -> int:
        if self.eagerness is None:
            return self.silence_duration_ms
        finished, unfinished = _PATIENCE_MS[self.eagerness]
        return unfinished if looks_unfinished(heard) else finished


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """start_ms: where the turn's audio begins, padding included."""

    start_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """end_ms: where the turn's audio ends, the silence that ended it included."""

    end_ms: float


class SpeechEdges:
    """Finds the edges of speech in a stream of probabilities. The session owns one while turn detection is on."""

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self._voiced = 0
        self._onset_ms = 0.0
        self._speaking_since_ms: float | None = None
        self._silent_since_ms: float | None = None
        self._previous_ms = 0.0

    def forget(self) -> None:
        """The turn was ended by something else (a clear, a commit): begin again in silence."""
        self._voiced = 0
        self._speaking_since_ms = None
        self._silent_since_ms = None

    def feed(self, window: VoiceProbability, heard: str = "") -> SpeechStarted | SpeechStopped | None:
        """Take the next window. heard: the words of the running turn so far, for semantic mode."""
        started_ms, self._previous_ms = self._previous_ms, window.end_ms
        if self._speaking_since_ms is None:
            return self._listen(window, started_ms)
        return self._follow(window, started_ms, heard)

    def _listen(self, window: VoiceProbability, started_ms: float) -> SpeechStarted | None:
        if window.probability < self.settings.threshold:
            self._voiced = 0
            return None
        if self._voiced == 0:
            self._onset_ms = started_ms
        self._voiced += 1
        if self._voiced < ONSET_WINDOWS:
            return None
        self._speaking_since_ms = self._onset_ms
        self._silent_since_ms = None
        return SpeechStarted(max(0.0, self._onset_ms - self.settings.prefix_padding_ms))

    def _follow(self, window: VoiceProbability, started_ms: float, heard: str) -> SpeechStopped | None:
        assert self._speaking_since_ms is not None
        if window.end_ms - self._speaking_since_ms >= self.settings.max_turn_ms:
            self.forget()
            return SpeechStopped(window.end_ms)
        if window.probability >= max(0.05, self.settings.threshold - HYSTERESIS):
            self._silent_since_ms = None
            return None
        if self._silent_since_ms is None:
            self._silent_since_ms = started_ms
        if window.end_ms - self._silent_since_ms < self.settings.silence_needed_ms(heard):
            return None
        self.forget()
        return SpeechStopped(window.end_ms)
