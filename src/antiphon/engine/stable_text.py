"""Transcription deltas from hypotheses that get rewritten. Pure.

A recognizer's partial text changes as it hears more, but a delta on the wire cannot be taken back. So only words that
have stood unchanged through several hypotheses, and are followed by another word, are given out; the final text is
authoritative in any case (`…input_audio_transcription.completed`).
"""

from __future__ import annotations

STABLE_AFTER = 3
"""Hypotheses that a word must survive before it is given out."""


class StableText:
    """The given-out words of one utterance."""

    def __init__(self, stable_after: int = STABLE_AFTER) -> None:
        self._stable_after = stable_after
        self._ages: list[tuple[str, int]] = []
        self._given = 0

    @property
    def text(self) -> str:
        """What has been given out so far."""
        return " ".join(word for word, _ in self._ages[: self._given])

    def update(self, hypothesis: str) -> str:
        """Take the newest hypothesis, return the text to append ("" when nothing became stable)."""
        words = hypothesis.split()
        ages: list[tuple[str, int]] = list(self._ages[: self._given])
        agreed = True
        for position in range(self._given, len(words)):
            before = self._ages[position] if position < len(self._ages) else ("", 0)
            agreed = agreed and before[0] == words[position]
            ages.append((words[position], before[1] + 1 if agreed else 1))
        self._ages = ages
        end = self._given
        # The last word is still being spoken.
        while end < len(words) - 1 and ages[end][1] >= self._stable_after:
            end += 1
        return self._give(end)

    def finish(self, final: str) -> str:
        """The rest of the final text if it continues what was given out, else "": the completed event corrects it."""
        words = final.split()
        if [word for word, _ in self._ages[: self._given]] != words[: self._given]:
            return ""
        self._ages = [(word, self._stable_after) for word in words]
        return self._give(len(words))

    def _give(self, end: int) -> str:
        added = " ".join(word for word, _ in self._ages[self._given : end])
        if added and self._given:
            added = " " + added
        self._given = end
        return added
