"""Who answers a call: OpenAI, Azure, any compatible server, or the engine in this process. One small interface."""

from antiphon.upstream.azure import AZURE_MAX_SESSION_MINUTES, ENTRA_SCOPE, AzureUpstream, EntraToken
from antiphon.upstream.errors import (
    UpstreamConfused,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
    scrub,
)
from antiphon.upstream.interface import (
    DEFAULT_MODEL,
    CreatedCall,
    HostedUpstream,
    MintedSecret,
    Upstream,
    UpstreamDescription,
)
from antiphon.upstream.local import LocalUpstream, beside, open_engine_call
from antiphon.upstream.openai import OPENAI_BASE_URL, OPENAI_MAX_SESSION_MINUTES, OpenAIUpstream
from antiphon.upstream.requests import UpstreamSettings
from antiphon.upstream.url import open_url_upstream

__all__ = [
    "AZURE_MAX_SESSION_MINUTES",
    "DEFAULT_MODEL",
    "ENTRA_SCOPE",
    "OPENAI_BASE_URL",
    "OPENAI_MAX_SESSION_MINUTES",
    "AzureUpstream",
    "CreatedCall",
    "EntraToken",
    "HostedUpstream",
    "LocalUpstream",
    "MintedSecret",
    "OpenAIUpstream",
    "Upstream",
    "UpstreamConfused",
    "UpstreamDescription",
    "UpstreamError",
    "UpstreamRefusal",
    "UpstreamSettings",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "beside",
    "open_engine_call",
    "open_url_upstream",
    "scrub",
]
