"""The HTTP side of a WebRTC call: posting the offer, hanging up, and what must be asked for before. No media here.

Requests are made one at a time, each bounded in time and size; no redirect is followed, for it would carry the key to
wherever it points.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import UNSET

from antiphon.client.addresses import beta_calls_url, calls_url, is_loopback, shown
from antiphon.client.errors import ConnectError, RefusedError, UnauthorizedError
from antiphon.client.refusals import refused, unreachable
from antiphon.protocol import RealtimeSession, SessionConfig, encode
from antiphon.protocol.dialects import BETA_HEADER_VALUE

logger = logging.getLogger("antiphon.client")

MAX_ANSWER_BYTES: Final = 512 * 1024
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_\-.~]{1,200}")
_SDP: Final = {"Content-Type": "application/sdp"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server answers to an offer. call_id: None where the server tells none."""

    sdp: str
    call_id: str | None


class Signalling:
    """One server's calls. Holds no connection open between requests; what it raises shows no key.

    url: of the server, its API, its socket or its calls. headers: of every request, the credentials among them.
    session: goes with the offer where a server takes one (never with an ephemeral key, which has its own). model: for a
    session that names none. mint: whether the offer is posted with an ephemeral key that is made first (Azure); None:
    where the key travels as `api-key`. beta: the offer goes alone, where and as the beta took it.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        session: SessionConfig | None,
        model: str | None,
        mint: bool | None,
        beta: bool,
        timeout_s: float,
        http_transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._url = beta_calls_url(url, model=model) if beta else calls_url(url)
        self._headers = {**headers, "OpenAI-Beta": BETA_HEADER_VALUE} if beta else dict(headers)
        self._beta = beta
        self._session = session
        self._model = model
        names = {name.lower() for name in self._headers}
        self._mint = "api-key" in names if mint is None else mint
        self._timeout_s = timeout_s
        self._http_transport = http_transport
        self._secrets = _secrets_in(self._headers.values())

    def __repr__(self) -> str:
        return f"Signalling({shown(self._url)})"

    async def post(self, offer: str) -> Answered:
        """Post the offer. Raises ConnectError, and of it the kind that tells why."""
        key = self._bearer()
        if self._mint and not (key or "").startswith("ek_"):
            key = await self._ephemeral_key()
            own = {name: value for name, value in self._headers.items() if name.lower() != "api-key"}
            return await self._posted(offer, {**own, "Authorization": f"Bearer {key}"}, None)
        session = None if self._beta or (key or "").startswith("ek_") else self._asked_session()
        return await self._posted(offer, self._headers, session)

    async def ice_servers(self) -> list[dict[str, Any]]:
        """What an Antiphon server tells browsers to use, with credentials for one call. Raises ConnectError."""
        url = self._beside("/ice-servers")
        response = await self._request("GET", url, headers=self._headers)
        try:
            found = msgspec.json.decode(response.content)["iceServers"]
            return [dict(entry) for entry in found]
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise ConnectError(f"{shown(url)} answered with something that is no list of ICE servers.") from None

    async def is_there(self, *, within_s: float) -> bool:
        """Whether the server answers at all. A refusal is an answer; a server that is stopping or full gives none."""
        try:
            async with asyncio.timeout(within_s):
                await self._request("GET", self._beside("/health"), headers=self._headers)
        except TimeoutError:
            return False
        except UnauthorizedError:
            return True
        except RefusedError as refusal:
            return refusal.status < 500
        except ConnectError:
            return False
        return True

    async def hang_up(self, call_id: str, *, within_s: float) -> None:
        """End the call at the server, if it can be done in time. Raises ConnectError when the server does not."""
        url = self._without_query() + f"/{call_id}/hangup"
        try:
            async with asyncio.timeout(within_s):
                await self._request("POST", url, headers=self._headers)
        except TimeoutError:
            raise ConnectError(f"No answer from {shown(url)} in time.") from None

    async def _posted(self, offer: str, headers: Mapping[str, str], session: SessionConfig | None) -> Answered:
        if session is None:
            response = await self._request("POST", self._url, headers={**headers, **_SDP}, content=offer.encode())
        else:
            parts = {
                "sdp": (None, offer.encode(), "application/sdp"),
                "session": (None, encode(session).encode(), "application/json"),
            }
            response = await self._request("POST", self._url, headers=headers, files=parts)
        try:
            sdp = response.content.decode()
        except UnicodeDecodeError:
            raise ConnectError(f"{shown(self._url)} answered with something that is no SDP.") from None
        return Answered(sdp, _call_id(response.headers.get("location")))

    async def _ephemeral_key(self) -> str:
        url = self._without_query().removesuffix("/calls") + "/client_secrets"
        session = self._asked_session()
        body = {} if session is None else {"session": msgspec.Raw(encode(session).encode())}
        headers = {**self._headers, "Content-Type": "application/json"}
        response = await self._request("POST", url, headers=headers, content=msgspec.json.encode(body))
        try:
            key = msgspec.json.decode(response.content)["value"]
        except (msgspec.DecodeError, KeyError, TypeError):
            key = None
        if not isinstance(key, str) or not key:
            raise ConnectError(f"{shown(url)} answered with something that is no ephemeral key.")
        self._secrets.append(key)
        return key

    def _asked_session(self) -> SessionConfig | None:
        """The session as it can be asked for: with a model, and without what only servers say."""
        if self._session is None:
            return None if self._model is None else RealtimeSession(model=self._model)
        asked = msgspec.structs.replace(self._session, id=UNSET, object=UNSET, expires_at=UNSET)
        if self._model is not None and isinstance(asked, RealtimeSession) and asked.model is UNSET:
            return msgspec.structs.replace(asked, model=self._model)
        return asked

    async def _request(self, method: str, url: str, **request: Any) -> httpx.Response:
        """One request, read whole. Raises ConnectError for anything but success."""
        where = shown(url)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                httpx.AsyncClient(
                    transport=self._http_transport,
                    trust_env=not is_loopback(url),
                    verify=url.startswith("https:"),  # reading the authorities' certificates costs more than a request
                    follow_redirects=False,
                    timeout=self._timeout_s,
                ) as client,
                client.stream(method, url, **request) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ConnectError(f"{where} answered with more than can be an answer.")
        except (TimeoutError, httpx.TimeoutException):
            raise ConnectError(f"No answer from {where} in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            raise unreachable(where, error, secrets=self._secrets) from None
        if not response.is_success:
            raise refused(
                where,
                response.status_code,
                response.headers,
                bytes(body),
                secrets=self._secrets,
                unix_now=time.time(),
            )
        return httpx.Response(response.status_code, headers=_without_coding(response.headers), content=bytes(body))

    def _bearer(self) -> str | None:
        for name, value in self._headers.items():
            scheme, _, key = value.partition(" ")
            if name.lower() == "authorization" and scheme.lower() == "bearer":
                return key
        return None

    def _without_query(self) -> str:
        return urlsplit(self._url)._replace(query="").geturl()

    def _beside(self, path: str) -> str:
        """An address of the server itself, beside its API."""
        parts = urlsplit(self._url)
        root = parts.path.removesuffix("/realtime/calls").removesuffix("/v1").removesuffix("/openai")
        return parts._replace(path=root + path, query="").geturl()


def _call_id(location: str | None) -> str | None:
    last = "" if location is None else urlsplit(location).path.rstrip("/").rpartition("/")[2]
    return last if _CALL_ID.fullmatch(last) else None


def _secrets_in(values: Any) -> list[str]:
    """Whatever in headers could be a secret: the values, and of credentials the part after the scheme."""
    return [part for value in values for part in {value, value.rpartition(" ")[2]} if len(part) >= 8]


def _without_coding(headers: httpx.Headers) -> list[tuple[str, str]]:
    """The body is decoded already."""
    return [pair for pair in headers.multi_items() if pair[0].lower() not in ("content-encoding", "content-length")]
