"""What a conversation used, and what that costs by a table of prices. Pure.

Tokens come from `response.done` and from the recognizer's transcripts. Servers that run on own machines tell none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct

from antiphon.conversation import events as friendly
from antiphon.conversation.events import FriendlyEvent
from antiphon.conversation.prices import OPENAI_PRICES, Price
from antiphon.protocol import (
    InputTokenDetails,
    OutputTokenDetails,
    RealtimeSession,
    TranscriptionDurationUsage,
    TranscriptionTokensUsage,
)
from antiphon.protocol import Usage as WireUsage

MOST_MODELS = 16
"""Used in one conversation; what further ones use is counted as "other"."""


class Tokens(Struct, kw_only=True):
    """What one model used. *_in: not from the cache; cached_*: from it. seconds: of sound, where billed by time."""

    responses: int = 0
    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_audio_in: int = 0
    cached_image_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    transcriptions: int = 0
    seconds: float = 0.0

    @property
    def tokens_in(self) -> int:
        plain = self.text_in + self.audio_in + self.image_in
        return plain + self.cached_text_in + self.cached_audio_in + self.cached_image_in

    @property
    def tokens_out(self) -> int:
        return self.text_out + self.audio_out

    def __iadd__(self, other: Tokens) -> Tokens:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def cost(self, price: Price) -> float | None:
        """In the currency of the price; None when something was used that the price does not know."""
        total = 0.0
        for name in self.__struct_fields__:
            used = getattr(self, name)
            if name in ("responses", "transcriptions") or not used:
                continue
            rate: float | None = price.a_minute if name == "seconds" else getattr(price, name)
            if rate is None:
                return None
            total += used * (rate / 60 if name == "seconds" else rate / 1_000_000)
        return total


class UsageMeter:
    """Counts what one conversation uses. prices: by model; None for OpenAI's own, {} for none."""

    HEARS: ClassVar = frozenset(
        {friendly.AssistantCompleted, friendly.UserCompleted, friendly.SessionCreated, friendly.SessionUpdated}
    )

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self.prices: Mapping[str, Price] = OPENAI_PRICES if prices is None else prices
        self.by_model: dict[str, Tokens] = {}
        """What each model used; "" is a model whose name nobody told."""
        self.last: Tokens | None = None
        """What the last response used."""
        self._model = ""
        self._recognizer = ""

    @property
    def total(self) -> Tokens:
        total = Tokens()
        for tokens in self.by_model.values():
            total += tokens
        return total

    @property
    def cost(self) -> float | None:
        """What it cost so far; None when a model's price, or a part of it, is not known."""
        costs = [self._cost_of(model, tokens) for model, tokens in self.by_model.items()]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def _cost_of(self, model: str, tokens: Tokens) -> float | None:
        price = self.prices.get(model)
        return None if price is None else tokens.cost(price)

    def receive(self, event: FriendlyEvent, now_ms: float = 0) -> None:
        del now_ms  # taken for the sake of its siblings
        match event:
            case friendly.AssistantCompleted(usage=WireUsage() as usage):
                self.last = tokens_of(usage)
                self._count(self._model, self.last)
            case friendly.UserCompleted(usage=TranscriptionTokensUsage() as usage):
                details = usage.input_token_details
                audio = _number(getattr(details, "audio_tokens", 0))
                text = max(0, usage.input_tokens - audio) if audio else _number(getattr(details, "text_tokens", 0))
                used = Tokens(transcriptions=1, text_in=text, audio_in=audio, text_out=usage.output_tokens)
                if not audio and not text:
                    used.audio_in = usage.input_tokens
                self._count(self._recognizer, used)
            case friendly.UserCompleted(usage=TranscriptionDurationUsage() as usage):
                self._count(self._recognizer, Tokens(transcriptions=1, seconds=usage.seconds))
            case friendly.SessionCreated(session=session) | friendly.SessionUpdated(session=session):
                self._name(session)

    def _name(self, session: Any) -> None:
        if isinstance(session, RealtimeSession) and isinstance(session.model, str):
            self._model = session.model
        listening = getattr(getattr(session, "audio", None), "input", None)
        recognizer = getattr(getattr(listening, "transcription", None), "model", None)
        self._recognizer = recognizer if isinstance(recognizer, str) else self._recognizer

    def _count(self, model: str, used: Tokens) -> None:
        if model not in self.by_model and len(self.by_model) >= MOST_MODELS:
            model = "other"
        self.by_model.setdefault(model, Tokens()).__iadd__(used)


def tokens_of(usage: WireUsage) -> Tokens:
    """The tokens of one response, sorted by what they cost."""
    given = usage.input_token_details
    details = given if isinstance(given, InputTokenDetails) else InputTokenDetails()
    made = usage.output_token_details
    output = made if isinstance(made, OutputTokenDetails) else OutputTokenDetails()
    cached = details.cached_tokens_details
    cached_text, cached_audio, cached_image = (
        _number(getattr(cached, name, 0)) for name in ("text_tokens", "audio_tokens", "image_tokens")
    )
    if not (cached_text or cached_audio or cached_image):
        cached_text = _number(details.cached_tokens)
    text, audio, image = _number(details.text_tokens), _number(details.audio_tokens), _number(details.image_tokens)
    if not (text or audio or image):
        text = _number(usage.input_tokens)
    text_out, audio_out = _number(output.text_tokens), _number(output.audio_tokens)
    if not (text_out or audio_out):
        text_out = _number(usage.output_tokens)
    return Tokens(
        responses=1,
        text_in=max(0, text - cached_text),
        audio_in=max(0, audio - cached_audio),
        image_in=max(0, image - cached_image),
        cached_text_in=cached_text,
        cached_audio_in=cached_audio,
        cached_image_in=cached_image,
        text_out=text_out,
        audio_out=audio_out,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
