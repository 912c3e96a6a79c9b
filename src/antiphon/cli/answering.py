"""From the options of `antiphon serve` to whoever answers its calls, and to the sentences that say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import UNSET

from antiphon.cli.agents import load_agent
from antiphon.cli.upstream_options import Choice, choice_of
from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.agent import Agent
    from antiphon.cli.serve import ServeOptions
    from antiphon.server import Answerer
    from antiphon.upstream import HostedUpstream


def agent_of(options: ServeOptions) -> Agent | None:
    """The agent that the options name, or one that they describe; None for neither. Raises ConfigurationError."""
    from antiphon.agent import Agent  # noqa: PLC0415 - heavy; --help does not need it

    agent = None if options.agent is None else load_agent(options.agent)
    if options.instructions is not None:
        if agent is None:
            agent = Agent(instructions=options.instructions)
        elif agent.instructions is None:
            agent = replace(agent, instructions=options.instructions)
    if options.voice is not None and agent is not None and agent.voice is UNSET:
        agent = replace(agent, voice=options.voice)
    return agent


async def make_answerer(options: ServeOptions, *, own_port: int) -> tuple[Answerer, list[str]]:
    """Whoever answers, not started, and what its owner should be told of the choice.

    Raises ConfigurationError and StageUnavailable.
    """
    choice = choice_of(options)
    agent = agent_of(options)
    notes = [] if choice.name == "local" and options.upstream is None else [_said(choice)]
    notes += [] if agent is None or options.agent is None else [_introduced(agent, options.agent)]
    if choice.name == "local":
        from antiphon.cli.engine import make_engine  # noqa: PLC0415 - heavy

        try:
            engine, told = await make_engine(options, own_port=own_port)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"The embedded engine needs the Python package {error.name}: pip install 'antiphon[local]', or have "
                "somebody else answer: --upstream openai, azure or url."
            ) from error
        if agent is None:
            return engine, [*notes, *told]
        from antiphon.server.gateway_local import AgentAnswerer  # noqa: PLC0415 - heavy

        return AgentAnswerer(engine, agent), [*notes, *told]
    from antiphon.server.gateway import GatewayAnswerer, GatewaySettings  # noqa: PLC0415 - heavy

    if agent is None and options.voice is not None:
        from antiphon.agent import Agent  # noqa: PLC0415 - heavy

        agent = Agent(voice=options.voice)
    settings = GatewaySettings(most_changes=options.max_session_changes)
    return GatewayAnswerer(make_upstream(choice, options), agent, settings=settings), notes


def make_upstream(choice: Choice, options: ServeOptions) -> HostedUpstream:
    """The hosted upstream that was chosen, not started. Raises ConfigurationError."""
    from antiphon.upstream import (  # noqa: PLC0415 - heavy
        DEFAULT_MODEL,
        OPENAI_BASE_URL,
        AzureUpstream,
        EntraToken,
        OpenAIUpstream,
        open_url_upstream,
    )

    model = options.model or DEFAULT_MODEL
    match choice.name:
        case "openai":
            with _naming("--upstream-url (OPENAI_BASE_URL)"):
                return OpenAIUpstream(options.api_key, base_url=options.upstream_url or OPENAI_BASE_URL, model=model)
        case "url":
            with _naming("--upstream-url (OPENAI_BASE_URL)"):
                return open_url_upstream(options.upstream_url or "", api_key=options.api_key, model=model)
        case "azure":
            token = None if options.azure_key else EntraToken()
            with _naming("--azure-endpoint (AZURE_OPENAI_ENDPOINT)"):
                return AzureUpstream(
                    options.azure_endpoint or "",
                    options.azure_deployment or "",
                    api_key=options.azure_key,
                    token=token,
                    api_version=options.azure_api_version,
                )
    raise ConfigurationError(f"'{choice.name}' is no hosted upstream.")


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Have a ConfigurationError say which setting it is about."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from None


def _said(choice: Choice) -> str:
    other = "" if choice.name == "local" else " To have the embedded engine answer, add --upstream local."
    return (
        f"Calls go to upstream '{choice.name}', for {choice.why}.{other}"
        if choice.why != "as you chose"
        else (f"Calls go to upstream '{choice.name}', as you chose.")
    )


def _introduced(agent: Agent, spec: str) -> str:
    names = ", ".join(tool.name for tool in agent.functions)
    return f"The agent '{agent.name}' of {spec} sits beside each call{f', with {names}' if names else ''}."
