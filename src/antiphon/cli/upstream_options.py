"""The options of `antiphon serve` about who answers, and the choice that follows from them. The choice is pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

import click

from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.cli.serve import ServeOptions

UpstreamName = Literal["local", "openai", "azure", "url"]
UPSTREAMS: tuple[UpstreamName, ...] = ("local", "openai", "azure", "url")

SHOWN_DEFAULT_MODEL = "gpt-realtime-2.1"
"""`upstream.DEFAULT_MODEL`, for the help, which must not wait for that room to load. A test holds them together."""

ENGINE_CALL_MINUTES, HOSTED_CALL_MINUTES = 60.0, 240.0
"""How long one call may last when nobody says so."""

SECRET_SETTINGS = frozenset(
    {
        "llm_key",
        "stt_key",
        "tts_key",
        "token",
        "app_tokens",
        "signing_key",
        "turn_secret",
        "api_key",
        "azure_key",
        "tls_key",
    }
)
"""Parameters whose values are never shown."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers. why: the reason, for the start lines."""

    name: UpstreamName
    why: str


def choose_upstream(
    wanted: str | None,
    *,
    api_key: str | None,
    url: str | None,
    azure_endpoint: str | None,
    azure_deployment: str | None,
) -> Choice:
    """Who answers, by what was asked for or by what is at hand. Raises ConfigurationError when something is missing."""
    if wanted is not None:
        name = next(one for one in UPSTREAMS if one == wanted)
        _check(name, api_key=api_key, url=url, azure_endpoint=azure_endpoint, azure_deployment=azure_deployment)
        return Choice(name, "as you chose")
    if azure_endpoint and azure_deployment:
        return Choice("azure", "AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_DEPLOYMENT are set")
    if url and not _is_openai(url):
        return Choice("url", "OPENAI_BASE_URL is set")
    if api_key:
        return Choice("openai", "OPENAI_API_KEY is set")
    return Choice("local", "no key is set")


def choice_of(options: ServeOptions) -> Choice:
    """Who is to answer. Raises ConfigurationError."""
    return choose_upstream(
        options.upstream,
        api_key=options.api_key,
        url=options.upstream_url,
        azure_endpoint=options.azure_endpoint,
        azure_deployment=options.azure_deployment,
    )


def call_minutes(options: ServeOptions) -> float:
    """How long one call may last. A relayed talk outlives its hosted session, so it is given more than that has."""
    if options.max_call_minutes is not None:
        return options.max_call_minutes
    return ENGINE_CALL_MINUTES if choice_of(options).name == "local" else HOSTED_CALL_MINUTES


def _is_openai(url: str) -> bool:
    return urlsplit(url).hostname == "api.openai.com"


def _check(
    name: UpstreamName,
    *,
    api_key: str | None,
    url: str | None,
    azure_endpoint: str | None,
    azure_deployment: str | None,
) -> None:
    missing = None
    match name:
        case "openai" if not api_key:
            missing = "OPENAI_API_KEY"
        case "url" if not url:
            missing = "OPENAI_BASE_URL (or --upstream-url)"
        case "azure" if not azure_endpoint:
            missing = "AZURE_OPENAI_ENDPOINT (or --azure-endpoint)"
        case "azure" if not azure_deployment:
            missing = "AZURE_OPENAI_DEPLOYMENT (or --azure-deployment)"
    if missing is not None:
        raise ConfigurationError(f"--upstream {name} needs {missing}.")


_OPTIONS = [
    click.option(
        "--upstream",
        envvar="ANTIPHON_UPSTREAM",
        type=click.Choice(UPSTREAMS),
        show_envvar=True,
        help="Who answers: the embedded engine, OpenAI, Azure, or another server.  [default: by the keys at hand]",
    ),
    click.option(
        "--model",
        envvar=["ANTIPHON_MODEL", "REALTIME_MODEL"],
        metavar="NAME",
        show_envvar=True,
        help=f"Model of a hosted upstream.  [default: {SHOWN_DEFAULT_MODEL}]",
    ),
    click.option(
        "--instructions",
        envvar=["ANTIPHON_INSTRUCTIONS", "REALTIME_INSTRUCTIONS"],
        metavar="TEXT",
        show_envvar=True,
        help="Instructions of an agent that has none; no caller can change them.",
    ),
    click.option(
        "--api-key",
        envvar=["ANTIPHON_API_KEY", "OPENAI_API_KEY"],
        metavar="KEY",
        show_envvar=True,
        help="Key of --upstream openai or url. Better set in the environment, where other users cannot see it.",
    ),
    click.option(
        "--upstream-url",
        envvar=["ANTIPHON_UPSTREAM_URL", "OPENAI_BASE_URL"],
        metavar="URL",
        show_envvar=True,
        help="Base URL of another server of the Realtime API, such as http://127.0.0.1:8000/v1.",
    ),
    click.option(
        "--azure-endpoint",
        envvar="AZURE_OPENAI_ENDPOINT",
        metavar="URL",
        show_envvar=True,
        help="Azure: the resource, such as https://name.openai.azure.com.",
    ),
    click.option(
        "--azure-deployment",
        envvar="AZURE_OPENAI_DEPLOYMENT",
        metavar="NAME",
        show_envvar=True,
        help="Azure: the deployment of a realtime model.",
    ),
    click.option(
        "--azure-key",
        envvar="AZURE_OPENAI_API_KEY",
        metavar="KEY",
        show_envvar=True,
        help="Azure: the resource's key. Without it Entra signs in (needs azure-identity).",
    ),
    click.option(
        "--azure-api-version",
        envvar="OPENAI_API_VERSION",
        metavar="DATE",
        show_envvar=True,
        help="Azure: a dated version means the deprecated preview, for callers over WebSocket only.",
    ),
    click.option(
        "--max-session-changes",
        envvar="ANTIPHON_MAX_SESSION_CHANGES",
        default=10,
        show_default=True,
        show_envvar=True,
        type=click.IntRange(min=0),
        help="How often what a caller changed past a hosted upstream's agent is put back before it is hung up.",
    ),
]


def upstream_options(function: Function) -> Function:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
