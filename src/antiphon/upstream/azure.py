"""Azure OpenAI as an upstream: its GA paths, and the deprecated preview for relays.

Azure's ways, where they are not OpenAI's: the deployment is the model; the key travels as `api-key`, or an Entra token
as a bearer; an offer is answered for an ephemeral key only, and what the key's session says cannot be changed by the
caller afterwards; `webrtcfilter=on` keeps all but a safe part of the events from the caller.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from antiphon.client import TranslatedTransport, Transport, WebSocketTransport
from antiphon.errors import ConfigurationError
from antiphon.protocol import SessionConfig
from antiphon.protocol.dialects import Dialect
from antiphon.upstream.connections import RenewedTransport
from antiphon.upstream.errors import UpstreamError
from antiphon.upstream.interface import CreatedCall, MintedSecret, UpstreamDescription
from antiphon.upstream.openai import (
    checked_base_url,
    created_call,
    hang_up,
    hang_up_late,
    mint_secret,
    with_model,
)
from antiphon.upstream.requests import HttpApi, UpstreamSettings

AZURE_MAX_SESSION_MINUTES = 30.0
ENTRA_SCOPE = "https://ai.azure.com/.default"
CALL_SECRET_S = 60
"""How long the key that a call is opened with is good for: it is used at once, and never leaves this process."""
_RENEW_BEFORE_S = 120.0

Token = Callable[[], Awaitable[str]]
"""Gives a bearer token that is good now."""


class AzureUpstream:
    """A `HostedUpstream` for one deployment of an Azure OpenAI resource. One for each process; the event loop's only.

    endpoint: "https://<resource>.openai.azure.com". api_key or token: one of them. api_version: None for GA; a dated
    one is the preview, which takes no offers here (its calls have neither id nor sideband) but carries a relay.
    """

    name = "azure"

    def __init__(
        self,
        endpoint: str,
        deployment: str,
        *,
        api_key: str | None = None,
        token: Token | None = None,
        api_version: str | None = None,
        webrtc_filter: bool = True,
        settings: UpstreamSettings | None = None,
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if (api_key is None) == (token is None):
            raise ConfigurationError(
                "Azure needs an API key (AZURE_OPENAI_API_KEY) or an Entra token, and one of them."
            )
        if not deployment:
            raise ConfigurationError("Azure needs the name of a deployment (AZURE_OPENAI_DEPLOYMENT).")
        self._endpoint = _resource(checked_base_url(endpoint))
        self._deployment = deployment
        self._api_key = api_key
        self._token = token
        # "v1" and "preview" are what the GA paths were called when they were new.
        self._preview = api_version if api_version not in (None, "", "v1", "preview") else None
        self._filter = webrtc_filter
        self._api = HttpApi(
            "Azure OpenAI",
            f"{self._endpoint}/openai/v1",
            self._credentials,
            secrets=[api_key] if api_key else [],
            settings=settings,
            transport=http_transport,
        )

    def __repr__(self) -> str:
        return f"AzureUpstream({self._endpoint!r}, {self._deployment!r})"

    def describe(self) -> UpstreamDescription:
        return UpstreamDescription(
            name=self.name,
            summary=f"deployment {self._deployment}, hosted by Azure OpenAI{' (preview API)' if self._preview else ''}",
            where=urlsplit(self._endpoint).netloc,
            model=self._deployment,
            dialect=Dialect.AZURE_PREVIEW if self._preview else Dialect.AZURE,
            max_session_minutes=AZURE_MAX_SESSION_MINUTES,
            webrtc=self._preview is None,
        )

    async def start(self) -> None:
        await self._api.start()

    async def aclose(self) -> None:
        await self._api.aclose()
        if isinstance(self._token, EntraToken):
            await self._token.aclose()

    def connect(self, *, model: str | None = None) -> Transport:
        deployment = model or self._deployment
        if self._preview is None:
            return self._socket("/openai/v1/realtime", {"model": deployment}, media=False)
        query = {"api-version": self._preview, "deployment": deployment}
        return TranslatedTransport(self._socket("/openai/realtime", query, media=False), Dialect.AZURE_PREVIEW)

    def attach(self, call_id: str) -> Transport:
        return self._socket("/openai/v1/realtime", {}, call_id=call_id, media=True)

    async def create_call(self, offer: str, session: SessionConfig) -> CreatedCall:
        if self._preview is not None:
            raise UpstreamError(
                "Azure's preview API takes no WebRTC calls here. Leave OPENAI_API_VERSION out, or use /v1/realtime.",
                status=501,
                code="webrtc_unavailable",
            )
        secret = await self.mint_secret(session, expires_s=CALL_SECRET_S)
        response = await self._api.post(
            f"/realtime/calls{'?webrtcfilter=on' if self._filter else ''}",
            authorization=f"Bearer {secret.value}",
            content=offer.encode(),
            headers={"Content-Type": "application/sdp"},
            if_late=self._hang_up_late,
        )
        return created_call("Azure OpenAI", response)

    async def hang_up(self, call_id: str) -> None:
        await hang_up(self._api, call_id)

    async def mint_secret(self, session: SessionConfig, *, expires_s: int) -> MintedSecret:
        return await mint_secret(self._api, with_model(session, self._deployment), expires_s=expires_s)

    async def _credentials(self) -> Mapping[str, str]:
        if self._api_key is not None:
            return {"api-key": self._api_key}
        assert self._token is not None
        return {"Authorization": f"Bearer {await self._token()}"}

    def _socket(self, path: str, query: Mapping[str, str], *, media: bool, call_id: str | None = None) -> Transport:
        url = f"{self._endpoint}{path}" + (f"?{urlencode(query)}" if query else "")

        async def renew() -> Transport:
            times = self._api.settings
            return WebSocketTransport(
                url,
                call_id=call_id,
                headers=await self._credentials(),
                connect_timeout_s=times.connect_s,
                ping_interval_s=times.ping_s,
                ping_timeout_s=times.ping_s,
            )

        return RenewedTransport(renew, media=media)

    async def _hang_up_late(self, response: httpx.Response) -> None:
        await hang_up_late(self._api, response)


def _resource(endpoint: str) -> str:
    """The resource's own address, however much of the API's path came with it."""
    for tail in ("/openai/v1/realtime", "/openai/realtime", "/openai/v1", "/openai"):
        endpoint = endpoint.removesuffix(tail)
    return endpoint


class EntraToken:
    """Tokens of Microsoft Entra, each kept until shortly before it runs out. Called for one; closed by its upstream.

    credential: an async credential of `azure-identity`; None takes its default chain. Raises ConfigurationError when
    the package is not installed.
    """

    def __init__(self, credential: Any = None, *, scope: str = ENTRA_SCOPE) -> None:
        self._credential = credential if credential is not None else _default_credential()
        self._scope = scope
        self._kept: Any = None

    async def __call__(self) -> str:
        if self._kept is None or self._kept.expires_on - time.time() < _RENEW_BEFORE_S:
            try:
                self._kept = await self._credential.get_token(self._scope)
            except Exception as error:  # noqa: BLE001 - a credential chain raises all sorts
                # Its messages tell of tenants and addresses; which kind of failure it was is enough.
                raise UpstreamError(
                    f"Entra gave no token ({type(error).__name__}).", status=502, code="upstream_key_refused"
                ) from None
        return str(self._kept.token)

    async def aclose(self) -> None:
        await self._credential.close()


def _default_credential() -> Any:
    try:
        return importlib.import_module("azure.identity.aio").DefaultAzureCredential()
    except ImportError:
        raise ConfigurationError(
            "Azure without AZURE_OPENAI_API_KEY signs in with Entra, which needs the Python package azure-identity:"
            " pip install azure-identity aiohttp."
        ) from None
