"""The audio endpoints of an OpenAI-compatible server, as the recognizer and the voice by URL both use them.

Here: the address, the key, connections, timeouts, retries, and failures in plain words that hold neither the key nor
what the server wrote. What is sent and what comes back belongs to `stt/openai_compatible` and `tts/openai_compatible`.

Both requests have no effect but their answer, so an attempt that failed before its answer began may be made again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from antiphon.engine.endpoints import is_loopback, place
from antiphon.errors import StageError

logger = logging.getLogger(__name__)

_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_WAIT: Final = 5.0  # seconds that a server may ask to be left alone for; somebody is listening meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTimeouts:
    """Seconds, and how many further attempts.

    answer: from the request's end to the answer's beginning. silence: between two pieces of an answer.
    """

    connect: float = 5.0
    answer: float = 30.0
    silence: float = 15.0
    retries: int = 2
    retry_delay: float = 0.3


class AudioServer:
    """One server, for all sessions. Holds the connections. `aclose` is owed."""

    def __init__(self, url: httpx.URL, *, role: str, api_key: str | None, timeouts: AudioTimeouts) -> None:
        """role: what it is to us, for messages: "recognizer" or "voice"."""
        self.role = role
        self.place = place(url)
        self.trouble: str | None = None
        self._url = url
        self._timeouts = timeouts
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeouts.silence, connect=timeouts.connect),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=8),
            trust_env=not is_loopback(url),
        )

    async def look(self) -> None:
        """Find out whether it is there at all. Never fails: it may be started later. Trouble is logged and kept."""
        try:
            async with asyncio.timeout(self._timeouts.connect + self._timeouts.silence):
                response = await self._client.get(self._endpoint("models"))
            refused = response.status_code in {401, 403}
            self.trouble = self._words(response.status_code) if refused else None
        except (TimeoutError, httpx.HTTPError):
            self.trouble = self._unreachable()
        if self.trouble is not None:
            logger.warning("%s: %s", self.role, self.trouble)

    async def aclose(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def post(self, path: str, **content: Any) -> AsyncIterator[httpx.Response]:
        """A successful response, not yet read. content: httpx's `json`, or `data` and `files` with bytes.

        Raises StageError, also for what goes wrong while the caller reads it.
        """
        async with AsyncExitStack() as stack:
            response = await self._begin(stack, path, content)
            self.trouble = None
            try:
                yield response
            except (httpx.HTTPError, httpx.StreamError):
                raise StageError(f"the {self.role} at {self.place} broke off in the middle of its answer") from None

    async def _begin(self, stack: AsyncExitStack, path: str, content: Mapping[str, Any]) -> httpx.Response:
        for attempt in range(self._timeouts.retries + 1):
            wait = self._timeouts.retry_delay * 2**attempt
            attempt_stack = AsyncExitStack()
            try:
                async with asyncio.timeout(self._timeouts.connect + self._timeouts.answer):
                    context = self._client.stream("POST", self._endpoint(path), timeout=self._reading(), **content)
                    response = await attempt_stack.enter_async_context(context)
            except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
                failure = f"the {self.role} at {self.place} did not answer in {self._timeouts.answer:g} seconds"
                raise StageError(failure) from None  # whoever waited so long does not wait so long again
            except httpx.TransportError:
                failure = self._unreachable()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise StageError(f"the request to the {self.role} failed ({type(error).__name__})") from None
            else:
                if response.is_success:
                    stack.push_async_callback(attempt_stack.aclose)
                    return response
                await attempt_stack.aclose()
                failure = self._words(response.status_code)
                wait = _asked_wait(response.headers, wait)
                if response.status_code not in _BUSY or wait > _LONGEST_WAIT:
                    raise StageError(failure)
            if attempt < self._timeouts.retries:
                await asyncio.sleep(wait)
        self.trouble = failure
        raise StageError(failure)

    def _reading(self) -> httpx.Timeout:
        return httpx.Timeout(self._timeouts.silence, connect=self._timeouts.connect, read=self._timeouts.answer)

    def _endpoint(self, path: str) -> httpx.URL:
        return self._url.copy_with(path=f"{self._url.path}/{path}")

    def _unreachable(self) -> str:
        return f"the {self.role} at {self.place} cannot be reached"

    def _words(self, status: int) -> str:
        if status in {401, 403}:
            return f"the {self.role} at {self.place} refuses the key, or wants one"
        if status == 404:
            return f"the {self.role} at {self.place} does not know this path or model (its URL mostly ends with /v1)"
        if status == 429:
            return f"the {self.role} at {self.place} has too much to do, or the quota is used up"
        return f"the {self.role} at {self.place} refused the request with HTTP {status}"


def _asked_wait(headers: httpx.Headers, otherwise: float) -> float:
    """Retry-After in seconds (RFC 9110 section 10.2.3); its other form, a date, is not worth a clock here."""
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        return otherwise
    return asked if asked >= 0 else otherwise
