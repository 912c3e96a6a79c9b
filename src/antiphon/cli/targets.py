"""Whom a command of the terminal calls: a server by its address, OpenAI or Azure by name. Pure, but for `transport_to`.

A key goes to whom it belongs to and to nobody else: OPENAI_API_KEY to OpenAI, Azure's to Azure, and any other server
gets the token that is given for it (`--token`, or `?token=` in its address).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import click

from antiphon.cli.upstream_options import SHOWN_DEFAULT_MODEL
from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.client import RealtimeClient, Transport

DEFAULT_URL = "http://127.0.0.1:3000"
"""Where `antiphon serve` listens unless it is told otherwise."""

NAMES = ("openai", "azure")
_OPENAI = "api.openai.com"
_SCHEMES = ("http", "https", "ws", "wss")
_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What the command line and its other sources say about whom to call."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    upstream_url: str | None = None
    azure_endpoint: str | None = None
    azure_deployment: str | None = None
    azure_key: str | None = field(default=None, repr=False)
    azure_api_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is called. url: of the server, its API or its socket, without secrets. shown: its name for people.

    named: whether somebody chose it; the default is nobody's choice.
    """

    kind: Literal["server", "openai", "azure"]
    url: str
    shown: str
    named: bool = True
    model: str | None = None
    key: str | None = field(default=None, repr=False)
    deployment: str | None = None
    api_version: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, by name."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


def target_of(options: TargetOptions) -> Target:
    """Who is meant. Raises ConfigurationError, which says how it is meant to be written."""
    name = (options.url or DEFAULT_URL).strip()
    if name.lower() == "openai" or _host(name) == _OPENAI:
        if not options.api_key:
            raise ConfigurationError("Calling OpenAI needs a key: set OPENAI_API_KEY.")
        return _openai(options, None if name.lower() == "openai" else name)
    if name.lower() == "azure" or _host(name).endswith(_AZURE_HOSTS):
        return _azure(options, None if name.lower() == "azure" else name)
    url, token = _address(name)
    host = _host(url)
    parts = urlsplit(url)
    return Target(
        kind="server",
        url=url,
        shown=f"{f'[{host}]' if ':' in host else host}{f':{parts.port}' if parts.port else ''}",
        named=options.url is not None,
        model=options.model,
        key=token or options.token,
    )


def _openai(options: TargetOptions, url: str | None) -> Target:
    """OpenAI's own address, or the one that is set instead of it (OPENAI_BASE_URL), to which the key belongs then."""
    instead = options.upstream_url if url is None else None
    if instead is not None:
        _address(instead)
    shown = "OpenAI" if instead is None or _host(instead) == _OPENAI else urlsplit(instead).netloc.rpartition("@")[2]
    return Target(
        kind="openai",
        url=url or instead or f"https://{_OPENAI}/v1",
        shown=shown,
        model=options.model,
        key=options.api_key,
    )


def _azure(options: TargetOptions, url: str | None) -> Target:
    endpoint = url or options.azure_endpoint
    if not endpoint:
        raise ConfigurationError("Calling Azure needs its resource: set AZURE_OPENAI_ENDPOINT.")
    deployment = options.azure_deployment or options.model
    if not deployment:
        raise ConfigurationError("Calling Azure needs the name of a deployment: set AZURE_OPENAI_DEPLOYMENT.")
    return Target(
        kind="azure",
        url=endpoint,
        shown="Azure",
        key=options.azure_key,
        deployment=deployment,
        api_version=options.azure_api_version,
    )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "") if "://" in url else ""
    except ValueError:
        return ""


def _address(name: str) -> tuple[str, str | None]:
    """An address without the token that may be in it, and that token. Raises ConfigurationError."""
    try:
        parts = urlsplit(name)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigurationError(f"'{name}' is no address of a server.{_hint(name)}")
    query = parse_qsl(parts.query, keep_blank_values=True)
    token = next((value for key, value in query if key == "token" and value), None)
    rest = urlencode([(key, value) for key, value in query if key != "token"])
    return parts._replace(query=rest).geturl(), token


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, 1)
    if near:
        return f" Did you mean '{near[0]}'?"
    scheme, separator, rest = name.partition("://")
    if separator:
        close = difflib.get_close_matches(scheme.lower(), _SCHEMES, 1)
        if rest and close:
            return f" Did you mean {close[0]}://{rest}?"
    elif "." in name or ":" in name or name == "localhost":
        return f" Did you mean http://{name}?"
    return f" Give one such as {DEFAULT_URL}, or the name openai or azure."


def complete_target(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """What a shell offers where somebody to call is named."""
    return [name for name in (*NAMES, DEFAULT_URL) if name.startswith(begun)]


def transport_to(target: Target) -> Transport:
    """A WebSocket to it, not connected. Raises ConfigurationError."""
    if target.kind == "server":
        from antiphon.client import WebSocketTransport  # noqa: PLC0415 - heavy; --help does not need it

        return WebSocketTransport(target.url, api_key=target.key, model=target.model)
    from antiphon.upstream import DEFAULT_MODEL, AzureUpstream, EntraToken, OpenAIUpstream  # noqa: PLC0415 - heavy

    if target.kind == "openai":
        return OpenAIUpstream(target.key, base_url=target.url, model=target.model or DEFAULT_MODEL).connect()
    return AzureUpstream(
        target.url,
        target.deployment or "",
        api_key=target.key,
        token=None if target.key else EntraToken(),
        api_version=target.api_version,
    ).connect()


def client_of(target: Target, **more: Any) -> RealtimeClient:
    """A client of it, not connected. more: as `RealtimeClient` takes it. Raises ConfigurationError."""
    from antiphon.client import RealtimeClient  # noqa: PLC0415 - heavy; --help does not need it

    match target.kind:
        case "azure":
            token = None
            if not target.key:
                from antiphon.upstream import EntraToken  # noqa: PLC0415 - heavy

                token = EntraToken()
            return RealtimeClient.azure(
                target.url,
                deployment=target.deployment or "",
                api_version=target.api_version,
                api_key=target.key,
                token_provider=token,
                **more,
            )
        case "openai":
            return RealtimeClient(target.url, api_key=target.key, model=target.model or SHOWN_DEFAULT_MODEL, **more)
    return RealtimeClient(target.url, api_key=target.key, model=target.model, **more)


def explained(error: BaseException, target: Target) -> str:
    """What went wrong with calling it, and what to do, for people."""
    from antiphon.client import ConnectError, UnauthorizedError  # noqa: PLC0415 - heavy

    if isinstance(error, UnauthorizedError):
        advice = {
            "openai": "Make a key at platform.openai.com/api-keys and set OPENAI_API_KEY to it.",
            "azure": "Check AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT.",
            "server": "Give the token that it printed at its start: --token, or ?token= in its address.",
        }
        return f"{ended(str(error))} {advice[target.kind]}"
    if type(error) is ConnectError and target.is_local:
        other = "" if target.named else " Or name another one: antiphon talk URL."
        return f"No server answers at {target.shown}. Start one with `antiphon serve`.{other}"
    return ended(str(error) or type(error).__name__)


def ended(text: str) -> str:
    """A sentence with its full stop."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


_OPTIONS = [
    click.option(
        "--token",
        envvar="ANTIPHON_TOKEN",
        metavar="TOKEN",
        show_envvar=True,
        help="What the server at URL asks its callers for.",
    ),
    click.option(
        "--model",
        envvar=["ANTIPHON_MODEL", "REALTIME_MODEL"],
        metavar="NAME",
        show_envvar=True,
        help="The model to ask for.",
    ),
    click.option(
        "--api-key",
        envvar=["ANTIPHON_API_KEY", "OPENAI_API_KEY"],
        metavar="KEY",
        show_envvar=True,
        help="OpenAI's key, for OpenAI alone. Better set in the environment, where other users cannot see it.",
    ),
    click.option(
        "--upstream-url",
        envvar=["ANTIPHON_UPSTREAM_URL", "OPENAI_BASE_URL"],
        metavar="URL",
        show_envvar=True,
        help="What answers to the name openai, instead of OpenAI itself.",
    ),
    click.option(
        "--azure-endpoint", envvar="AZURE_OPENAI_ENDPOINT", metavar="URL", show_envvar=True, help="Azure's resource."
    ),
    click.option(
        "--azure-deployment",
        envvar="AZURE_OPENAI_DEPLOYMENT",
        metavar="NAME",
        show_envvar=True,
        help="The deployment there.",
    ),
    click.option(
        "--azure-key", envvar="AZURE_OPENAI_API_KEY", metavar="KEY", show_envvar=True, help="The resource's key."
    ),
    click.option(
        "--azure-api-version",
        envvar="OPENAI_API_VERSION",
        metavar="DATE",
        show_envvar=True,
        help="A dated version means the deprecated preview.",
    ),
]


def target_options(function: Function) -> Function:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
