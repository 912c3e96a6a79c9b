"""Which espeak-ng voice answers to which name, and how the protocol's speed becomes its settings. Pure data and sums.

The ten names of the Realtime API get ten voices that differ in pitch and colour. They were chosen by how well a speech
recognizer understands them (a poor ear, but the same for all), which ruled out most of the library's hundred variants.
Any language of the library is a voice too ("de", "fr", "en-gb-x-rp"), also with a variant ("de+f2").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

WORDS_PER_MINUTE = 170
_SLOWEST = 80
_FASTEST = 450
# At 80 words a minute one unit of word gap is about 32 ms, and a word itself lasts about 690 ms (measured).
_GAP_UNIT_MS = 31.7
_SLOWEST_WORD_MS = 687.0
_WORD_MS = 331.0
_VARIANT = re.compile(r"[A-Za-z0-9_-]{1,32}")


class EspeakVoice(NamedTuple):
    """names: what the library is asked for, first that it knows. volume: its own scale, 100 is normal."""

    names: tuple[str, ...]
    volume: int = 100


PROTOCOL_VOICES: Mapping[str, EspeakVoice] = {
    "alloy": EspeakVoice(("en-us+m5",)),
    "ash": EspeakVoice(("en-us+m4",)),
    "ballad": EspeakVoice(("en-gb-x-rp",), 90),
    "coral": EspeakVoice(("en-us+f5",), 110),
    "echo": EspeakVoice(("en-us",)),
    "sage": EspeakVoice(("en-gb-x-rp+f5",)),
    "shimmer": EspeakVoice(("en-us+f2",), 90),
    "verse": EspeakVoice(("en-us+Reed",), 70),
    "marin": EspeakVoice(("en-us+f1",), 85),
    "cedar": EspeakVoice(("en-us+edward",), 75),
}
DEFAULT_VOICE = "alloy"


def choose(voice: str, languages: Sequence[Sequence[str]]) -> EspeakVoice:
    """languages: the names of each voice of the library. An unknown name gets the default voice."""
    if voice in PROTOCOL_VOICES:
        return PROTOCOL_VOICES[voice]
    base, plus, variant = voice.partition("+")
    if not plus or _VARIANT.fullmatch(variant):
        # The voice that is called so comes before the voices that merely speak that language.
        for names in sorted(languages, key=lambda names: names[:1] != [base]):
            if base in names:
                return EspeakVoice(tuple(f"{name}{plus}{variant}" for name in names))
    return PROTOCOL_VOICES[DEFAULT_VOICE]


def pace(speed: float) -> tuple[int, int]:
    """(words per minute, word gap in the library's units) for a speed of 0.25 to 1.5, clamped to that.

    The library cannot draw a word out beyond 80 words a minute, so a slower pace leaves longer gaps between words.
    """
    speed = min(max(speed, 0.25), 1.5)
    rate = round(WORDS_PER_MINUTE * speed)
    if rate >= _SLOWEST:
        return min(rate, _FASTEST), 0
    return _SLOWEST, max(0, round((_WORD_MS / speed - _SLOWEST_WORD_MS) / _GAP_UNIT_MS))
