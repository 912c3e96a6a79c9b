"""OpenAI's Realtime API as an upstream, and with another address any server that is compatible with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import UNSET

from antiphon.client import Transport, WebSocketTransport
from antiphon.errors import ConfigurationError
from antiphon.protocol import RealtimeSession, SessionConfig, encode, to_builtins
from antiphon.upstream.errors import UpstreamConfused, UpstreamError, UpstreamRefusal
from antiphon.upstream.interface import DEFAULT_MODEL, CreatedCall, MintedSecret, UpstreamDescription
from antiphon.upstream.requests import HttpApi, UpstreamSettings, call_id_of

logger = logging.getLogger("antiphon.upstream")

OPENAI_BASE_URL = "https://api.openai.com/v1"
OPENAI_MAX_SESSION_MINUTES = 60.0


class OpenAIUpstream:
    """A `HostedUpstream` that speaks OpenAI's GA dialect. One for each process; the event loop's only.

    api_key: the standard key; it is sent to `base_url` and nowhere else, and is part of no message. None for compatible
    servers that ask for none. model: for sessions that name none.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str = OPENAI_BASE_URL,
        model: str = DEFAULT_MODEL,
        name: str = "openai",
        shown_as: str = "OpenAI",
        max_session_minutes: float | None = OPENAI_MAX_SESSION_MINUTES,
        settings: UpstreamSettings | None = None,
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._base_url = checked_base_url(base_url)
        self._model = model
        self._shown_as = shown_as
        self._max_session_minutes = max_session_minutes
        self._api_key = api_key
        self._api = HttpApi(
            shown_as,
            self._base_url,
            self._credentials,
            secrets=[api_key] if api_key else [],
            settings=settings,
            transport=http_transport,
        )

    def __repr__(self) -> str:
        return f"OpenAIUpstream({self._base_url!r}, model={self._model!r})"

    def describe(self) -> UpstreamDescription:
        return UpstreamDescription(
            name=self.name,
            summary=f"{self._model}, hosted by {self._shown_as}",
            where=urlsplit(self._base_url).netloc,
            model=self._model,
            max_session_minutes=self._max_session_minutes,
        )

    async def start(self) -> None:
        await self._api.start()

    async def aclose(self) -> None:
        await self._api.aclose()

    def connect(self, *, model: str | None = None) -> Transport:
        return self._socket(model=model or self._model)

    def attach(self, call_id: str) -> Transport:
        return self._socket(call_id=call_id)

    async def create_call(self, offer: str, session: SessionConfig) -> CreatedCall:
        parts = {
            "sdp": (None, offer.encode(), "application/sdp"),
            "session": (None, encode(with_model(session, self._model)).encode(), "application/json"),
        }
        response = await self._api.post("/realtime/calls", files=parts, if_late=self._hang_up_late)
        return created_call(self._shown_as, response)

    async def hang_up(self, call_id: str) -> None:
        await hang_up(self._api, call_id)

    async def mint_secret(self, session: SessionConfig, *, expires_s: int) -> MintedSecret:
        return await mint_secret(self._api, with_model(session, self._model), expires_s=expires_s)

    def _socket(self, *, model: str | None = None, call_id: str | None = None) -> Transport:
        times = self._api.settings
        return WebSocketTransport(
            f"{self._base_url}/realtime",
            api_key=self._api_key,
            model=model,
            call_id=call_id,
            connect_timeout_s=times.connect_s,
            ping_interval_s=times.ping_s,
            ping_timeout_s=times.ping_s,
        )

    async def _credentials(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}

    async def _hang_up_late(self, response: httpx.Response) -> None:
        await hang_up_late(self._api, response)


def checked_base_url(url: str) -> str:
    """The base URL of an API, without a slash at the end. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.username is not None:
        raise ConfigurationError(
            "The upstream's address must be a whole one without a query, such as https://api.openai.com/v1."
        )
    return url.rstrip("/")


def with_model(session: SessionConfig, model: str) -> SessionConfig:
    """The session as it can be asked for: with a model, and without what only servers say."""
    asked = msgspec.structs.replace(session, id=UNSET, object=UNSET, expires_at=UNSET)
    if isinstance(asked, RealtimeSession) and asked.model is UNSET:
        return msgspec.structs.replace(asked, model=model)
    return asked


def created_call(name: str, response: httpx.Response) -> CreatedCall:
    """The call behind a successful answer to an offer. Raises UpstreamConfused."""
    call_id = call_id_of(response.headers.get("location", ""))
    answer = response.text
    if call_id is None or not answer.startswith("v="):
        what = "no call id" if call_id is None else "no SDP answer"
        raise UpstreamConfused(f"{name} took the call but gave {what}.", status=502, code="upstream_error")
    return CreatedCall(call_id, answer)


async def hang_up(api: HttpApi, call_id: str) -> None:
    """End a call. Raises UpstreamError."""
    try:
        await api.post(f"/realtime/calls/{call_id}/hangup", repeatable=True)
    except UpstreamRefusal as error:
        if error.upstream_status not in (404, 409, 410):
            raise


async def hang_up_late(api: HttpApi, response: httpx.Response) -> None:
    """End the call behind an answer that nobody waits for any more."""
    call_id = call_id_of(response.headers.get("location", ""))
    if call_id is None:
        return
    logger.warning("the answer of %s to an offer came too late; call %s is hung up", api.name, call_id)
    try:
        await hang_up(api, call_id)
    except UpstreamError as error:
        logger.warning("call %s could not be hung up: %s", call_id, error)


async def mint_secret(api: HttpApi, session: SessionConfig, *, expires_s: int) -> MintedSecret:
    """An ephemeral key of the GA API. Raises UpstreamError."""
    body = {"expires_after": {"anchor": "created_at", "seconds": expires_s}, "session": to_builtins(session)}
    response = await api.post("/realtime/client_secrets", repeatable=True, json=body)
    try:
        answer: Any = msgspec.json.decode(response.content, type=_Secret)
    except (msgspec.DecodeError, UnicodeError):
        raise UpstreamConfused(f"{api.name} gave no ephemeral key.", status=502, code="upstream_error") from None
    return MintedSecret(answer.value, answer.expires_at, answer.session)


class _Secret(msgspec.Struct):
    value: str
    expires_at: int
    session: dict[str, Any] = msgspec.field(default_factory=dict)
