"""What of a spoken answer has been heard: each item's text against its audio, and the output audio buffer. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from antiphon.engine.stages import SAMPLE_RATE, WordMark
from antiphon.engine.states import PLAYOUT, Machine, PlayoutState, PlayoutTrigger

SAMPLES_PER_MS = SAMPLE_RATE // 1000


class SpokenText:
    """The text of one spoken item and where in its audio the words lie.

    Between two marks the position is interpolated, so a synthesizer that marks only the beginnings of clauses still
    gives a fair estimate; with word marks it is as exact as the marks are.
    """

    def __init__(self) -> None:
        self.text = ""
        self.samples = 0
        self._marks: list[WordMark] = []

    @property
    def audio_ms(self) -> int:
        return self.samples // SAMPLES_PER_MS

    def add_text(self, text: str) -> None:
        self.text += text

    def add_speech(self, samples: int, marks: Iterable[WordMark]) -> None:
        """samples: the audio's length. marks: `start` in this item's text, `at_ms` in this item's audio, in order."""
        for mark in marks:
            if not self._marks or (mark.start > self._marks[-1].start and mark.at_ms >= self._marks[-1].at_ms):
                self._marks.append(mark)
        self.samples += samples

    def heard(self, audio_ms: float) -> str:
        """The words that were heard when the audio stopped at `audio_ms`. A word counts when half of it was heard."""
        if audio_ms <= 0:
            return ""
        if audio_ms >= self.audio_ms:
            return self.text[: self._spoken_end()].rstrip()
        position = self._position(audio_ms)
        return self._whole_words(position)

    def _spoken_end(self) -> int:
        """Where the text ends that audio has been made of: up to the end of the last marked stretch."""
        return len(self.text) if self.samples else 0

    def _position(self, audio_ms: float) -> float:
        left = WordMark(0, 0.0)
        right = WordMark(self._spoken_end(), float(self.audio_ms))
        for mark in self._marks:
            if mark.at_ms > audio_ms:
                right = mark
                break
            left = mark
        span = right.at_ms - left.at_ms
        return left.start + (right.start - left.start) * ((audio_ms - left.at_ms) / span if span > 0 else 1.0)

    def _whole_words(self, position: float) -> str:
        begin = 0
        end = 0
        for word in self.text.split():
            begin = self.text.index(word, end)
            if begin + len(word) / 2 > position:
                break
            end = begin + len(word)
        return self.text[:end]


@dataclass(slots=True)
class Playout:
    """One response's audio on its way to the caller's ear. played, queued: samples."""

    response_id: str
    machine: Machine[PlayoutState, PlayoutTrigger] = field(
        default_factory=lambda: Machine("playout", PLAYOUT, PlayoutState.QUEUED)
    )
    queued: int = 0
    played: int = 0
    items: list[tuple[str, int]] = field(default_factory=list)
    """(item id, samples), in the order in which they are heard."""

    def add(self, item_id: str, samples: int) -> None:
        self.queued += samples
        if self.items and self.items[-1][0] == item_id:
            samples += self.items.pop()[1]
        self.items.append((item_id, samples))

    def heard_ms(self) -> list[tuple[str, int]]:
        """How many milliseconds of each item were heard."""
        rest = self.played
        heard = []
        for item_id, samples in self.items:
            part = min(rest, samples)
            rest -= part
            heard.append((item_id, part // SAMPLES_PER_MS))
        return heard


class OutputAudioBuffer:
    """The playouts of a call in the order in which they are heard. Only a media channel has one."""

    def __init__(self) -> None:
        self._playouts: deque[Playout] = deque()
        self._played = 0
        self.last_response_id: str | None = None

    def __bool__(self) -> bool:
        return bool(self._playouts)

    @property
    def head(self) -> Playout | None:
        """The one that is heard now."""
        return self._playouts[0] if self._playouts else None

    @property
    def pending_ms(self) -> float:
        return sum(playout.queued - playout.played for playout in self._playouts) / SAMPLES_PER_MS

    def of(self, response_id: str) -> Playout | None:
        return next((playout for playout in self._playouts if playout.response_id == response_id), None)

    def add(self, response_id: str, item_id: str, samples: int) -> Playout:
        playout = self.of(response_id)
        if playout is None:
            playout = Playout(response_id)
            self._playouts.append(playout)
            self.last_response_id = response_id
        playout.add(item_id, samples)
        return playout

    def progress(self, played: int) -> None:
        """played: samples that have left since the last flush, in all."""
        fresh = max(0, played - self._played)
        self._played = max(self._played, played)
        for playout in self._playouts:
            part = min(fresh, playout.queued - playout.played)
            playout.played += part
            fresh -= part
            if not fresh:
                return

    def pop(self) -> Playout:
        return self._playouts.popleft()

    def flush(self) -> list[Playout]:
        """Everything that was still to be heard, dropped; the count of played samples starts again."""
        dropped = list(self._playouts)
        self._playouts.clear()
        self._played = 0
        return dropped
