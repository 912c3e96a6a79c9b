"""The key that a client calls with: given once, or asked for anew at every connection."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from antiphon.client.errors import TokenError

TokenProvider = Callable[[], str | Awaitable[str]]
"""Gives a token that is good now: an ephemeral key, or a bearer token. May be async; a plain one returns at once."""


@dataclass(slots=True)
class Credentials:
    """Who calls. token_provider wins over api_key when both are there, for it was given later or for a reason."""

    api_key: str | None = field(default=None, repr=False)
    token_provider: TokenProvider | None = None

    @property
    def are_tokens(self) -> bool:
        """Whether what `current` gives is a token, not a standard key."""
        return self.token_provider is not None

    async def current(self) -> str | None:
        """The key or token to connect with now; None for none. Raises TokenError."""
        if self.token_provider is None:
            return self.api_key
        try:
            given = self.token_provider()
            token = await given if inspect.isawaitable(given) else given
        except Exception as error:
            # Its message may hold what it was told by a server; which kind of failure it was is enough.
            raise TokenError(f"The token provider failed ({type(error).__name__}).") from error
        if not isinstance(token, str) or not token:
            raise TokenError(f"The token provider gave {'no token' if not token else type(token).__name__}.")
        return token
