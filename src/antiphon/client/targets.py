"""Whom a client calls: addresses, how the key travels, and the dialect spoken there. Pure: no network, no clock.

A `Target` is a value; `credentials` asks for the key, `opening` makes a transport of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from antiphon.client.addresses import OPENAI_URL, realtime_url, shown
from antiphon.client.continuity import AZURE_CAP_S, HOSTED_CAP_S
from antiphon.errors import ConfigurationError
from antiphon.protocol.dialects import BETA_HEADER, BETA_HEADER_VALUE, Dialect

KeyHeader = Literal["bearer", "api-key"]


@dataclass(frozen=True, slots=True)
class Target:
    """A server of the Realtime API.

    url: as people give it (the server, its API or the socket itself). dialect: what is spoken there; inside, all is GA.
    key_header: how a standard key travels; tokens always travel as a bearer. query: what else its addresses need.
    tells_ice_servers: it is an Antiphon server that is to be asked for ICE servers before a WebRTC call.
    """

    url: str = OPENAI_URL
    model: str | None = None
    dialect: Dialect = Dialect.GA
    key_header: KeyHeader = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: Sequence[str] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    tells_ice_servers: bool = False

    def __post_init__(self) -> None:
        realtime_url(self.url)  # a wrong address is said at once, not at the first call

    def __repr__(self) -> str:
        return f"Target({shown(realtime_url(self.url))!r}, dialect={self.dialect.value!r})"

    @property
    def offers_webrtc(self) -> bool:
        """Whether offers can be posted there: the beta's calls have been switched off where they were."""
        return not self.dialect.is_beta

    @property
    def mints_for_calls(self) -> bool:
        """Whether an offer is taken for an ephemeral key alone, never for a standard one (Azure)."""
        return self.dialect is Dialect.AZURE

    @property
    def known_cap_s(self) -> float | None:
        """After how many seconds a session is known to be ended there; None for no limit that one knows of."""
        if self.dialect in (Dialect.AZURE, Dialect.AZURE_PREVIEW):
            return AZURE_CAP_S
        return HOSTED_CAP_S if self._host.endswith("openai.com") else None

    @property
    def _host(self) -> str:
        return urlsplit(realtime_url(self.url)).hostname or ""

    def socket_url(self, *, call_id: str | None = None) -> str:
        """The WebSocket's address. call_id: joins that call."""
        return _with_query(realtime_url(self.url, model=self.model, call_id=call_id), self.query)

    def authorization(self, key: str | None, *, token: bool) -> dict[str, str]:
        """The headers of a request, with the key or without one. token: it is a token, not a standard key."""
        headers = dict(self.headers)
        if self.dialect is Dialect.BETA and BETA_HEADER not in {name.lower() for name in headers}:
            headers["OpenAI-Beta"] = BETA_HEADER_VALUE
        if key is not None and self.key_header == "api-key" and not token:
            headers["api-key"] = key
        elif key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def for_model(self, model: str | None) -> Target:
        """The same server, another model. None changes nothing."""
        return self if model is None or self.model is not None else replace(self, model=model)


def azure(endpoint: str, *, deployment: str, api_version: str | None = None) -> Target:
    """A deployment of an Azure OpenAI resource ("https://<resource>.openai.azure.com").

    api_version: None for GA; a dated one ("2025-04-01-preview") speaks the preview's beta dialect, over WebSocket only.
    """
    if not deployment:
        raise ConfigurationError("Azure needs the name of a deployment.")
    for tail in ("/openai/v1/realtime", "/openai/realtime", "/openai/v1", "/openai"):
        endpoint = endpoint.rstrip("/").removesuffix(tail)
    # "v1" and "preview" are what the GA paths were called when they were new.
    if api_version in (None, "", "v1", "preview"):
        return Target(f"{endpoint}/openai/v1/realtime", deployment, Dialect.AZURE, "api-key")
    assert api_version is not None
    return Target(
        f"{endpoint}/openai/realtime",
        None,
        Dialect.AZURE_PREVIEW,
        "api-key",
        query={"api-version": api_version, "deployment": deployment},
    )


def _with_query(url: str, more: Mapping[str, str]) -> str:
    if not more:
        return url
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(more))).geturl()
