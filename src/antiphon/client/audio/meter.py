"""How loud a stream is, for meters and for telling speech from silence. What a level means is not decided here."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.audio import SILENCE_DBFS, peak, rms_dbfs


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one block. rms_dbfs: -100 (digital silence) to 0. peak: 0.0 to 1.0, where 1.0 is as loud as can be."""

    rms_dbfs: float = SILENCE_DBFS
    peak: float = 0.0


def measure(pcm: bytes) -> Levels:
    """The levels of int16 PCM."""
    return Levels(rms_dbfs(pcm), peak(pcm))
