"""Translators applied to text frames, as they travel. A frame that needs no translation is passed on as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.protocol.dialects.translation import Dropped, Event, Translation, Translator

_values: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class TranslatedFrames:
    """frames: in order; none when the other dialect does not say this. dropped: what had no place in them."""

    frames: tuple[str | bytes, ...]
    dropped: tuple[Dropped, ...] = ()


def frame_to_ga(translator: Translator, frame: str | bytes) -> TranslatedFrames:
    """What the peer sent, as GA frames. What is no JSON object is passed on, for GA to refuse."""
    return _translate(translator.to_ga, frame)


def frame_from_ga(translator: Translator, frame: str | bytes) -> TranslatedFrames:
    """A GA frame, as the peer's dialect says it."""
    return _translate(translator.from_ga, frame)


def _translate(translate: Callable[[Event], Translation], frame: str | bytes) -> TranslatedFrames:
    try:
        event = _values.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return TranslatedFrames((frame,))
    if not isinstance(event, dict):
        return TranslatedFrames((frame,))
    translation = translate(event)
    frames = tuple(frame if translated is event else _text(translated) for translated in translation.events)
    return TranslatedFrames(frames, translation.dropped)


def _text(event: Event) -> str:
    try:
        return _encoder.encode(event).decode()
    except (OverflowError, UnicodeError, TypeError, RecursionError):
        # Integers of more than 64 bits, and halves of surrogate pairs: what JSON can say, this can write.
        return json.dumps(event, separators=(",", ":"))
