"""HTTP to an upstream: time limits, what is tried again, and errors made fit to be shown. No dialect is known here."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from antiphon.client.addresses import is_loopback
from antiphon.upstream.errors import UpstreamConfused, UpstreamError, UpstreamTimeout, UpstreamUnreachable, refusal

logger = logging.getLogger("antiphon.upstream")

KEEPALIVE_S = 15.0
"""How long an unused connection is kept: shorter than servers and their balancers do, for one that they have closed
meanwhile breaks the request that is sent on it."""

MAX_ANSWER_BYTES = 1024 * 1024
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")

Credentials = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the headers that a request is authorised with, fresh for each (Entra's tokens run out)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Times in seconds.

    connect_s: for a connection; answer_s: for a whole request with its retries. late_s: how long an answer that came
    too late is still waited for, to hang up what it opened. retries: how often; longest_wait_s: an upstream that asks
    for a longer pause than this is not tried again, the caller is told instead. ping_s: between a socket's pings, and
    how long the answer to one may take: so a dead connection is noticed after twice that time at most.
    """

    connect_s: float = 5.0
    answer_s: float = 15.0
    late_s: float = 15.0
    retries: int = 2
    first_wait_s: float = 0.25
    longest_wait_s: float = 3.0
    ping_s: float = 20.0


def retry_wait(
    status: int, *, code: str, retry_after_s: float | None, attempt: int, settings: UpstreamSettings
) -> float | None:
    """Seconds before a refused request is sent again; None to give up. Pure.

    Only statuses that say that nothing was done: 429, 500 and 503. A 502 or 504 is a proxy that does not know. An
    exhausted quota does not come back by waiting. attempt: 1 for the first retry.
    """
    if status not in (429, 500, 503) or code == "insufficient_quota" or attempt > settings.retries:
        return None
    wait = settings.first_wait_s * 2 ** (attempt - 1) if retry_after_s is None else retry_after_s
    return wait if wait <= settings.longest_wait_s else None


def retry_after(headers: Mapping[str, str], *, unix_now: float) -> float | None:
    """The pause that a response asks for, in seconds; None when it does not (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - unix_now)
    except (ValueError, TypeError):
        return None


def call_id_of(location: str) -> str | None:
    """The call's id in a `Location` header, None when there is none that can be used in an address."""
    last = location.partition("?")[0].rstrip("/").rpartition("/")[2]
    return last if _CALL_ID.fullmatch(last) else None


class HttpApi:
    """The HTTP side of one upstream. `start` makes its connections, `aclose` ends them and all that is under way.

    name: for messages. base_url: of the API ("https://api.openai.com/v1"). secrets: values that no message may hold.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        credentials: Credentials,
        *,
        secrets: Sequence[str] = (),
        settings: UpstreamSettings | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.settings = settings or UpstreamSettings()
        self._credentials = credentials
        self._secrets = [secret for secret in secrets if secret]
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self._client is None:
            limits = httpx.Limits(max_connections=256, max_keepalive_connections=32, keepalive_expiry=KEEPALIVE_S)
            timeout = httpx.Timeout(self.settings.answer_s + self.settings.late_s, connect=self.settings.connect_s)
            # No redirects: one would carry the key to wherever it points. No proxy for this machine's own addresses.
            self._client = httpx.AsyncClient(
                timeout=timeout,
                limits=limits,
                follow_redirects=False,
                transport=self._transport,
                trust_env=not is_loopback(self.base_url),
            )

    async def aclose(self) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def post(
        self,
        path: str,
        *,
        authorization: str | None = None,
        repeatable: bool = False,
        if_late: Callable[[httpx.Response], Awaitable[None]] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """POST to `path` below the base URL (or to a whole address) and return a successful response.

        authorization: instead of the upstream's own credentials. repeatable: doing it twice does no harm, so that it is
        sent again when the connection breaks. if_late: is given a successful response that came
        after the time was up, to undo what it did. Raises UpstreamError.
        """
        url = path if "://" in path else f"{self.base_url}{path}"
        sending = asyncio.create_task(self._post(url, authorization, repeatable, request), name="upstream-request")
        try:
            async with asyncio.timeout(self.settings.answer_s):
                return await asyncio.shield(sending)
        except TimeoutError:
            self._abandon(sending, if_late)
            raise UpstreamTimeout(
                f"{self.name} did not answer within {self.settings.answer_s:g} seconds.",
                status=504,
                code="upstream_timeout",
            ) from None
        except asyncio.CancelledError:
            self._abandon(sending, if_late)
            raise

    def _abandon(
        self, sending: asyncio.Task[httpx.Response], if_late: Callable[[httpx.Response], Awaitable[None]] | None
    ) -> None:
        """Nobody waits for this any more; but what it opens must be closed again."""
        if if_late is None:
            sending.cancel()
        task = asyncio.get_running_loop().create_task(self._undo(sending, if_late), name="upstream-late")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _undo(
        self, sending: asyncio.Task[httpx.Response], if_late: Callable[[httpx.Response], Awaitable[None]] | None
    ) -> None:
        try:
            async with asyncio.timeout(self.settings.late_s):
                response = await sending
                if if_late is not None:
                    await if_late(response)
        except (UpstreamError, TimeoutError) as error:
            logger.debug("a request that was given up ended with %s", type(error).__name__)
        finally:
            sending.cancel()

    async def _post(
        self, url: str, authorization: str | None, repeatable: bool, request: dict[str, Any]
    ) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._once(url, authorization, request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # Nothing was sent yet, so that it is safe to begin again.
                if attempt > self.settings.retries:
                    logger.warning("%s cannot be reached: %s", self.name, type(error).__name__)
                    raise UpstreamUnreachable(
                        f"{self.name} cannot be reached.", status=502, code="upstream_unreachable"
                    ) from None
                wait = self.settings.first_wait_s * 2 ** (attempt - 1)
            except httpx.TimeoutException:
                raise UpstreamTimeout(
                    f"{self.name} did not answer in time.", status=504, code="upstream_timeout"
                ) from None
            except httpx.HTTPError as error:
                logger.warning("the connection to %s broke: %s", self.name, type(error).__name__)
                if not repeatable or attempt > self.settings.retries:
                    raise UpstreamUnreachable(
                        f"The connection to {self.name} broke off.", status=502, code="upstream_unreachable"
                    ) from None
                wait = self.settings.first_wait_s * 2 ** (attempt - 1)
            else:
                if response.is_success:
                    return response
                error_wait = self._wait_after(response, attempt)
                if isinstance(error_wait, UpstreamError):
                    logger.warning("%s (HTTP %d)", error_wait.message, response.status_code)
                    raise error_wait
                wait = error_wait
            await asyncio.sleep(wait)

    def _wait_after(self, response: httpx.Response, attempt: int) -> float | UpstreamError:
        pause = retry_after(response.headers, unix_now=time.time())
        error = refusal(self.name, response.status_code, response.content, secrets=self._secrets, retry_after_s=pause)
        wait = retry_wait(
            response.status_code, code=error.code, retry_after_s=pause, attempt=attempt, settings=self.settings
        )
        return error if wait is None else wait

    async def _once(self, url: str, authorization: str | None, request: dict[str, Any]) -> httpx.Response:
        if self._client is None:
            raise UpstreamUnreachable("The upstream was not started.", status=503, code="not_started")
        headers = dict(request.get("headers", {}))
        headers |= await self._credentials() if authorization is None else {"Authorization": authorization}
        async with self._client.stream("POST", url, **{**request, "headers": headers}) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise UpstreamConfused(
                        f"{self.name} answered with more than can be an answer.", status=502, code="upstream_error"
                    )
            return httpx.Response(response.status_code, headers=_without_coding(response.headers), content=bytes(body))


def _without_coding(headers: httpx.Headers) -> list[tuple[str, str]]:
    """The body is decoded already."""
    return [pair for pair in headers.multi_items() if pair[0].lower() not in ("content-encoding", "content-length")]
