"""Any other server that speaks the Realtime API, by its address: another Antiphon, or somebody else's."""

from __future__ import annotations

from antiphon.upstream.interface import DEFAULT_MODEL
from antiphon.upstream.openai import OpenAIUpstream, checked_base_url
from antiphon.upstream.requests import UpstreamSettings


def open_url_upstream(
    base_url: str,
    *,
    api_key: str | None = None,
    model: str = DEFAULT_MODEL,
    max_session_minutes: float | None = None,
    settings: UpstreamSettings | None = None,
) -> OpenAIUpstream:
    """base_url: of its API, such as "http://127.0.0.1:8000/v1". max_session_minutes: None when it is not known.

    Raises ConfigurationError.
    """
    base = checked_base_url(base_url)
    return OpenAIUpstream(
        api_key,
        base_url=base,
        model=model,
        name="url",
        shown_as="The upstream server",
        max_session_minutes=max_session_minutes,
        settings=settings,
    )
