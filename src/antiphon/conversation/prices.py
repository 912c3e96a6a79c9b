"""What models cost, as data. Prices change: give your own table where a bill depends on it. Nothing is guessed here."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Price(Struct, frozen=True, kw_only=True):
    """What one model costs: dollars for a million tokens, None for what is not known. a_minute: of recognised sound."""

    text_in: float | None = None
    audio_in: float | None = None
    image_in: float | None = None
    cached_text_in: float | None = None
    cached_audio_in: float | None = None
    cached_image_in: float | None = None
    text_out: float | None = None
    audio_out: float | None = None
    a_minute: float | None = None


PRICES_AS_OF: Final = "2026-08"
"""When the table was taken from the model pages of OpenAI's documentation (no page states a date of its own)."""

_LARGE: Final = {
    "text_in": 4.0,
    "cached_text_in": 0.4,
    "audio_in": 32.0,
    "cached_audio_in": 0.4,
    "audio_out": 64.0,
    "image_in": 5.0,
    "cached_image_in": 0.5,
}

OPENAI_PRICES: Final = {
    "gpt-realtime-2.1": Price(**_LARGE, text_out=24.0),
    "gpt-realtime-2": Price(**_LARGE, text_out=24.0),
    "gpt-realtime-1.5": Price(**_LARGE, text_out=16.0),
    "gpt-realtime-2.1-mini": Price(
        text_in=0.6,
        cached_text_in=0.06,
        text_out=2.4,
        audio_in=10.0,
        cached_audio_in=0.3,
        audio_out=20.0,
        image_in=0.8,
        cached_image_in=0.08,
    ),
    # Recognizers: what a caller's own words in writing cost beside the call.
    "gpt-4o-transcribe": Price(text_in=2.5, audio_in=6.0, text_out=10.0),
    "gpt-4o-mini-transcribe": Price(text_in=1.25, audio_in=3.0, text_out=5.0),
    "whisper-1": Price(a_minute=0.006),
}
"""The models whose prices are known here. A conversation that used any other has no `cost` unless prices are given."""
