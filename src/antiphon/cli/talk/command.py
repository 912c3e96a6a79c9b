"""The declaration of `antiphon talk`: names, options and their environment variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from antiphon.cli.configured import ConfiguredCommand
from antiphon.cli.targets import TargetOptions, complete_target, target_options

_TARGET = (
    "url",
    "token",
    "model",
    "api_key",
    "upstream_url",
    "azure_endpoint",
    "azure_deployment",
    "azure_key",
    "azure_api_version",
)


@click.command(cls=ConfiguredCommand, section="talk", short_help="Talk to a server, OpenAI or Azure.")
@click.argument(
    "url", required=False, metavar="[URL|openai|azure]", envvar="ANTIPHON_URL", shell_complete=complete_target
)
@click.option("--text", is_flag=True, help="Lines from standard input, each a turn; the answers' words to output.")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="WAV",
    help="Say a recording, as one turn. Repeatable. The transcript goes to output.",
)
@click.option("--save", metavar="WAV", type=click.Path(dir_okay=False), help="Keep what the answers sound like.")
@click.option(
    "--photo",
    "photos",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="Show a picture (PNG or JPEG) with the first turn. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Friendly events instead of words, one JSON object a line.")
@click.option(
    "--transport",
    type=click.Choice(["auto", "webrtc", "websocket"]),
    help="How sound travels.  [default: auto; for pipes and files websocket]",
)
@click.option("--voice", metavar="NAME", help="The voice to ask for.")
@click.option("--instructions", metavar="TEXT", help="Instructions to ask for.")
@click.option("--agent", metavar="APP.PY:AGENT", help="Your own agent: its tools are run here, beside the call.")
@click.option("--input", "input_device", metavar="NAME", help="Microphone: a number or a part of its name.")
@click.option("--output", "output_device", metavar="NAME", help="Speaker, likewise. `antiphon devices` lists both.")
@click.option("--push-to-talk", is_flag=True, help="Begin with the microphone closed; F2 opens it.")
@click.option("--no-sound", is_flag=True, help="Use neither microphone nor speaker.")
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True, help="Colours.")
@click.option("--trace", metavar="FILE", type=click.Path(dir_okay=False), help="Write the call down: antiphon replay.")
@target_options
def talk(**options: object) -> None:
    """Talk to a server, to OpenAI or to Azure: on a screen, or through pipes and files.

    Without a URL it is the server on this machine that `antiphon serve` starts.

    \b
      antiphon talk                                     speak, type, show pictures
      antiphon talk openai                              the same, with OPENAI_API_KEY
      echo "What is an antiphon?" | antiphon talk --text
      antiphon talk --file question.wav --save answer.wav
    """
    # Imported here so that --help answers at once.
    from antiphon.cli.talk.start import TalkOptions, start  # noqa: PLC0415

    target = TargetOptions(**_taken(options, _TARGET))
    rest = {name: value for name, value in options.items() if name not in _TARGET}
    sys.exit(start(TalkOptions(target=target, **rest)))  # type: ignore[arg-type]


def _taken(options: Mapping[str, object], names: tuple[str, ...]) -> dict[str, str | None]:
    return {name: None if (value := options[name]) is None else str(value) for name in names}
