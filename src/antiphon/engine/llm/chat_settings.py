"""The settings of a language model by URL: what may be set, and how it is checked. No network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """Seconds, and counts. Each can be given by its name in `StageOptions.extra`.

    connect_timeout: to reach the server. first_token_timeout: until the answer begins, model loading included.
    token_timeout: between two pieces of an answer. retries: further attempts while nothing was answered yet.
    temperature: sent only when given.
    """

    connect_timeout: float = 5.0
    first_token_timeout: float = 90.0
    token_timeout: float = 30.0
    retries: int = 2
    retry_delay: float = 0.3
    temperature: float | None = None

    @classmethod
    def from_extra(cls, extra: Mapping[str, str]) -> ChatSettings:
        """Raises ConfigurationError for a value that is not a number or not above zero."""
        values: dict[str, Any] = {}
        for name in (
            "connect_timeout",
            "first_token_timeout",
            "token_timeout",
            "retries",
            "retry_delay",
            "temperature",
        ):
            if name not in extra:
                continue
            try:
                value = int(extra[name]) if name == "retries" else float(extra[name])
            except ValueError:
                raise ConfigurationError(f"{name} must be a number, not {extra[name]!r}") from None
            zero_is_fine = name in ("retries", "retry_delay", "temperature")
            if value < 0 or (value == 0 and not zero_is_fine) or not value <= 3600:
                raise ConfigurationError(f"{name} must be between 0 and 3600, not {extra[name]!r}")
            values[name] = value
        return cls(**values)
