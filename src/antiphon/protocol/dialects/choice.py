"""Which dialect a caller speaks, and which addresses belong to which: decided from the request alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from antiphon.protocol.dialects.callers import AzureCaller, BetaCaller
from antiphon.protocol.dialects.translation import Translator, Unchanged
from antiphon.protocol.dialects.upstreams import BetaUpstream

BETA_HEADER = "openai-beta"
BETA_HEADER_VALUE = "realtime=v1"
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"

_DATED_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
"""Azure's dated API versions; all of those that had a Realtime API spoke the beta. The GA paths have none, or "v1"."""


class Dialect(Enum):
    """What is spoken at one edge."""

    GA = "ga"
    BETA = "beta"
    AZURE = "azure"
    """GA, on Azure's `/openai/v1` paths, with the habits of its samples."""
    AZURE_PREVIEW = "azure-preview"
    """The beta, on Azure's paths with an `api-version`."""

    @property
    def is_beta(self) -> bool:
        """Whether events and sessions have the beta's shapes."""
        return self in (Dialect.BETA, Dialect.AZURE_PREVIEW)


class Purpose(Enum):
    """What is behind an address."""

    SOCKET = "a session over WebSocket"
    CALL = "an SDP offer, answered"
    KEY = "an ephemeral key, with a GA session"
    BETA_SESSION = "an ephemeral key, with a flat beta session"
    BETA_TRANSCRIPTION_SESSION = "an ephemeral key, with a flat beta transcription session"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the Realtime API. dialect: what its callers speak unless the request says otherwise.

    model: the query parameter that names the model ("deployment" on Azure's preview). needs_version: whether it takes
    `api-version`.
    """

    method: str
    path: str
    purpose: Purpose
    dialect: Dialect
    model: str = "model"
    needs_version: bool = False


ADDRESSES = (
    Address("GET", "/v1/realtime", Purpose.SOCKET, Dialect.GA),
    Address("POST", "/v1/realtime", Purpose.CALL, Dialect.BETA),
    Address("POST", "/v1/realtime/calls", Purpose.CALL, Dialect.GA),
    Address("POST", "/v1/realtime/client_secrets", Purpose.KEY, Dialect.GA),
    Address("POST", "/v1/realtime/sessions", Purpose.BETA_SESSION, Dialect.BETA),
    Address("POST", "/v1/realtime/transcription_sessions", Purpose.BETA_TRANSCRIPTION_SESSION, Dialect.BETA),
    Address("GET", "/openai/v1/realtime", Purpose.SOCKET, Dialect.AZURE),
    Address("POST", "/openai/v1/realtime/calls", Purpose.CALL, Dialect.AZURE),
    Address("POST", "/openai/v1/realtime/client_secrets", Purpose.KEY, Dialect.AZURE),
    Address("GET", "/openai/realtime", Purpose.SOCKET, Dialect.AZURE_PREVIEW, "deployment", needs_version=True),
    Address("POST", "/openai/realtimeapi/sessions", Purpose.BETA_SESSION, Dialect.AZURE_PREVIEW, needs_version=True),
    # On a host of its own, `<region>.realtimeapi-preview.ai.azure.com`.
    Address("POST", "/v1/realtimertc", Purpose.CALL, Dialect.AZURE_PREVIEW),
)
"""Every address of OpenAI and of Azure, GA and beta, that callers may know and upstreams have."""

_BY_PATH = {(address.method, address.path): address for address in ADDRESSES}


def find_address(method: str, path: str) -> Address | None:
    """The address, or None. path: below the place where the app is mounted; a WebSocket's method is GET."""
    return _BY_PATH.get((method.upper(), path.rstrip("/")))


def choose_dialect(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    subprotocols: Iterable[str],
    query: Mapping[str, str],
    path: str,
    *,
    method: str = "GET",
) -> Dialect:
    """What the caller of this request speaks: GA unless it says otherwise.

    It says so by the beta's header or subprotocol, by a dated `api-version` (Azure's preview), or by an address that
    only one dialect has. headers: names in any case; pairs when a name may come twice. path: as for `find_address`.
    """
    if _DATED_VERSION.fullmatch(query.get("api-version", "")):
        return Dialect.AZURE_PREVIEW
    address = find_address(method, path)
    by_address = Dialect.GA if address is None else address.dialect
    if by_address.is_beta or not (_has_beta_header(headers) or BETA_SUBPROTOCOL in subprotocols):
        return by_address
    return Dialect.BETA


def translator_for_caller(dialect: Dialect) -> Translator:
    """A new translator for one connection of a caller (a WebSocket or a data channel)."""
    if dialect.is_beta:
        return BetaCaller()
    return AzureCaller() if dialect is Dialect.AZURE else Unchanged()


def translator_for_upstream(dialect: Dialect) -> Translator:
    """A new translator for one connection to an upstream."""
    if dialect.is_beta:
        return BetaUpstream(azure=dialect is Dialect.AZURE_PREVIEW)
    return Unchanged()


def _has_beta_header(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> bool:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return any(
        name.lower() == BETA_HEADER and BETA_HEADER_VALUE in (word.strip().lower() for word in value.split(","))
        for name, value in pairs
    )
