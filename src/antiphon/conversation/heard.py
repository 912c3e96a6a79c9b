"""How much of an answer's words were heard, from how much of its sound was. Pure.

The wire tells milliseconds, not words. Where the audio came as events its length is known, and the share that was heard
is the share of the words; elsewhere the pace of the voice is learned from answers that were heard to their end.
"""

from __future__ import annotations

import re

USUAL_PACE = 15.0
"""Characters a second, before anything was learned."""

_SLOWEST, _FASTEST = 6.0, 30.0
_LEAST_CHARACTERS, _LEAST_MS = 20, 1000
"""Shorter answers say little about the pace."""

_SPACE = re.compile(r"\s")


class Pace:
    """How fast the assistant speaks."""

    def __init__(self) -> None:
        self.characters_a_second = USUAL_PACE

    def learn(self, characters: int, played_ms: float) -> None:
        """An answer of so many characters was heard to its end in so much time."""
        if characters >= _LEAST_CHARACTERS and played_ms >= _LEAST_MS:
            self.characters_a_second = min(_FASTEST, max(_SLOWEST, characters * 1000 / played_ms))

    def heard(self, text: str, heard_ms: float, audio_ms: float | None) -> str:
        """The leading part of `text` that was heard, to the end of a word. audio_ms: of the whole text, where known."""
        if audio_ms:
            length = int(len(text) * min(1.0, heard_ms / audio_ms))
        else:
            length = int(heard_ms * self.characters_a_second / 1000)
        return whole_words(text, length)


def whole_words(text: str, length: int) -> str:
    """The first `length` characters, and the rest of the word that they end in."""
    if length <= 0:
        return ""
    if length >= len(text):
        return text
    end = _SPACE.search(text, length)
    return text if end is None else text[: end.start()]


def was_shortened(streamed: str, final: str) -> bool:
    """Whether a server kept only the beginning of what it had streamed: that is what was heard."""
    return len(final) < len(streamed.rstrip()) and streamed.startswith(final)
