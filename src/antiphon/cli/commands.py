"""The command line: names, options and their environment variables. What a command does has its own module."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click

from antiphon import __version__
from antiphon.cli.completion import completion
from antiphon.cli.configured import ConfiguredCommand, applied_settings, table
from antiphon.cli.devices import devices
from antiphon.cli.doctor.command import doctor_command
from antiphon.cli.exits import CODES, Commands
from antiphon.cli.logs import LEVELS
from antiphon.cli.reach_options import reach_options
from antiphon.cli.replay import replay
from antiphon.cli.say import say
from antiphon.cli.talk.command import talk
from antiphon.cli.upstream_options import SECRET_SETTINGS, upstream_options


def _port_range(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """The first and the last port, or None where the option was not given."""
    if value is None:
        return None
    first, _, last = value.partition("-")
    if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        raise click.BadParameter("must be two ports with a dash between them, such as 50000-50100.")
    if not 0 < int(first) <= int(last) <= 65535:
        raise click.BadParameter("must be ports from 1 to 65535, the lower one first.")
    return int(first), int(last)


def _server_url(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """The base URL of a model server, or None where the option was not given."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise click.BadParameter("must be a whole address, such as http://127.0.0.1:11434/v1.")
    return value


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=CODES
)
@click.version_option(__version__, prog_name="antiphon")
def main() -> None:
    """Antiphon: the Realtime voice stack in Python."""


@main.command(cls=ConfiguredCommand, short_help="Answer calls: a web page, and the Realtime API.")
@click.argument("agent", required=False, metavar="[APP.PY:AGENT]")
@upstream_options
@click.option(
    "--host",
    envvar="ANTIPHON_HOST",
    default="127.0.0.1",
    show_default=True,
    show_envvar=True,
    help="Address to listen on. Any but this machine's own asks callers for an access token.",
)
@click.option(
    "--port",
    envvar=["ANTIPHON_PORT", "PORT"],
    default=3000,
    show_default=True,
    show_envvar=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--llm",
    envvar="ANTIPHON_LLM",
    metavar="URL",
    callback=_server_url,
    show_envvar=True,
    help="Language model: the base URL of any OpenAI-compatible chat server. Without it, one that runs on "
    "this machine is looked for.",
)
@click.option(
    "--llm-model",
    envvar="ANTIPHON_LLM_MODEL",
    metavar="NAME",
    show_envvar=True,
    help="Its model; without it, the first that the server has.",
)
@click.option(
    "--llm-key",
    envvar="ANTIPHON_LLM_KEY",
    metavar="KEY",
    show_envvar=True,
    help="Its key. Better set in the environment, where other users cannot see it.",
)
@click.option(
    "--discovery/--no-discovery",
    envvar="ANTIPHON_DISCOVERY",
    default=True,
    show_envvar=True,
    help="Whether to look for a language model at the usual local ports.  [default: look]",
)
@click.option(
    "--stt",
    envvar="ANTIPHON_STT",
    metavar="URL",
    callback=_server_url,
    show_envvar=True,
    help="Recognizer: a server with the OpenAI-compatible /audio/transcriptions.",
)
@click.option("--stt-model", envvar="ANTIPHON_STT_MODEL", metavar="NAME", show_envvar=True, help="Its model.")
@click.option("--stt-key", envvar="ANTIPHON_STT_KEY", metavar="KEY", show_envvar=True, help="Its key.")
@click.option(
    "--tts",
    envvar="ANTIPHON_TTS",
    metavar="URL",
    callback=_server_url,
    show_envvar=True,
    help="Voice: a server with the OpenAI-compatible /audio/speech.",
)
@click.option("--tts-model", envvar="ANTIPHON_TTS_MODEL", metavar="NAME", show_envvar=True, help="Its model.")
@click.option("--tts-key", envvar="ANTIPHON_TTS_KEY", metavar="KEY", show_envvar=True, help="Its key.")
@click.option(
    "--voice",
    envvar=["ANTIPHON_VOICE", "REALTIME_VOICE"],
    metavar="NAME",
    show_envvar=True,
    help="The voice of calls that ask for none.",
)
@click.option(
    "--vad-model",
    envvar="ANTIPHON_VAD_MODEL",
    show_envvar=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="Silero's voice activity model (an .onnx file), where it is not found by itself.",
)
@click.option(
    "--token",
    envvar="ANTIPHON_TOKEN",
    metavar="TOKEN",
    show_envvar=True,
    help="The access token to ask callers for, instead of one made at each start.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    envvar="ANTIPHON_ALLOW_ORIGINS",
    multiple=True,
    metavar="ORIGIN",
    show_envvar=True,
    help="A web origin whose pages may call, such as https://app.example. Repeatable.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    envvar="ANTIPHON_ALLOW_HOSTS",
    multiple=True,
    metavar="NAME",
    show_envvar=True,
    help="A host name to answer to, behind a reverse proxy. Repeatable.",
)
@click.option(
    "--max-calls",
    envvar="ANTIPHON_MAX_CALLS",
    default=64,
    show_default=True,
    show_envvar=True,
    type=click.IntRange(min=1),
    help="Calls at once.",
)
@click.option(
    "--max-call-minutes",
    envvar="ANTIPHON_MAX_CALL_MINUTES",
    show_default="60; before a hosted service, whose sessions roll over, 240",
    show_envvar=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Length of one call.",
)
@click.option(
    "--max-calls-per-minute",
    envvar="ANTIPHON_MAX_CALLS_PER_MINUTE",
    show_envvar=True,
    type=click.IntRange(min=1),
    help="Calls that one address may begin in a minute.  [default: 60; for this machine alone, any number]",
)
@click.option(
    "--app-token",
    "app_tokens",
    envvar="ANTIPHON_APP_TOKENS",
    multiple=True,
    metavar="TOKEN",
    show_envvar=True,
    help="A further token that lets a caller in, such as one for each app. Repeatable.",
)
@click.option(
    "--signing-key",
    envvar="ANTIPHON_SIGNING_KEY",
    metavar="KEY",
    show_envvar=True,
    help="What ephemeral keys are signed with, for servers that are to take each other's. Best set in the environment.",
)
@click.option(
    "--ice-server",
    "ice_servers",
    envvar="ANTIPHON_ICE_SERVERS",
    multiple=True,
    metavar="ADDRESS",
    show_envvar=True,
    help="A STUN or TURN server for calls, such as stun:stun.example:3478 or turn:turn.example. Repeatable.",
)
@click.option(
    "--turn-secret",
    envvar="ANTIPHON_TURN_SECRET",
    metavar="SECRET",
    show_envvar=True,
    help="The secret shared with the TURN servers (coturn: static-auth-secret). Best set in the environment.",
)
@click.option(
    "--advertise-address",
    envvar="ANTIPHON_ADVERTISE_ADDRESS",
    metavar="IP",
    show_envvar=True,
    help="The address that callers reach this machine by, when it is not one of its own (NAT, Docker).",
)
@click.option(
    "--udp-ports",
    envvar="ANTIPHON_UDP_PORTS",
    metavar="FIRST-LAST",
    callback=_port_range,
    show_envvar=True,
    help="UDP ports for calls, such as 50000-50100.  [default: any free ones]",
)
@click.option(
    "--log-level",
    envvar="ANTIPHON_LOG_LEVEL",
    default="info",
    show_default=True,
    show_envvar=True,
    type=click.Choice(LEVELS, case_sensitive=False),
    help="What is logged to standard error.",
)
@click.option(
    "--open/--no-open",
    "open_page",
    envvar="ANTIPHON_OPEN",
    default=False,
    show_envvar=True,
    help="Open the page in the browser.  [default: do not]",
)
@reach_options
def serve(**options: object) -> None:
    """Answer calls: a web page, and the Realtime API for any stock client.

    APP.PY:AGENT is your own agent, beside every call: a file (or module) and the name of an Agent in it.

    Settings come from options, the environment, .env and antiphon.toml, in this order; `antiphon config` shows them.
    """
    # Imported here so that --help and --version answer at once.
    from antiphon.cli.serve import ServeOptions, run_serve  # noqa: PLC0415

    sys.exit(run_serve(ServeOptions(**options)))  # type: ignore[arg-type]


def _show_config(**_options: object) -> None:
    """Show the settings that apply to `antiphon serve`, and where each comes from. Secrets are masked."""
    context = click.get_current_context()
    click.echo(table(applied_settings(context, SECRET_SETTINGS)))
    # Imported here so that --help and --version answer at once.
    from antiphon.cli.serve import ServeOptions  # noqa: PLC0415
    from antiphon.cli.upstream_options import choice_of  # noqa: PLC0415
    from antiphon.errors import ConfigurationError  # noqa: PLC0415

    try:
        choice = choice_of(ServeOptions(**context.params))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"\nCalls go to upstream '{choice.name}': {choice.why}.")


main.add_command(
    ConfiguredCommand(
        "config",
        params=serve.params,
        callback=_show_config,
        help=_show_config.__doc__,
        short_help="Show the settings that apply, and where from.",
    )
)
main.add_command(doctor_command(serve))
main.add_command(talk)
main.add_command(say)
main.add_command(devices)
main.add_command(replay)
main.add_command(completion)
