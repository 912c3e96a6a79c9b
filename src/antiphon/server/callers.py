"""How often callers may call: the server's rates applied to requests. The arithmetic is in `rates.py`."""

from __future__ import annotations

import math
import time

from starlette.requests import HTTPConnection

from antiphon.server.rates import Rate, one_caller
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings


class CallerRates:
    """Calls begun and keys asked for, counted for each caller. Used on one event loop only."""

    def __init__(self, settings: ServerSettings) -> None:
        limit = settings.calls_per_minute
        self._limit = limit
        self._calls = None if limit is None else Rate(limit)
        self._keys = None if limit is None else Rate(limit)

    def may_call(self, request: HTTPConnection) -> None:
        """Count one call. Raises Refusal when there were too many."""
        self._take(self._calls, request, "calls")

    def may_have_key(self, request: HTTPConnection) -> None:
        """Count one key. Raises Refusal when there were too many."""
        self._take(self._keys, request, "keys")

    def _take(self, rate: Rate | None, request: HTTPConnection, what: str) -> None:
        if rate is None:
            return
        address = one_caller(request.client.host) if request.client is not None else ""
        wait = rate.take(address, time.monotonic())
        if wait > 0:
            raise Refusal(
                429,
                "rate_limit_exceeded",
                f"Your address may ask for {self._limit} {what} in a minute. Try again later.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
