"""`antiphon say`: words aloud, by the embedded voice on this machine or by the voice of a server. The declaration."""

from __future__ import annotations

import sys
from typing import Any

import click

from antiphon.cli.configured import ConfiguredCommand
from antiphon.cli.targets import TargetOptions, target_of, target_options
from antiphon.errors import ConfigurationError

MOST_CHARACTERS = 20_000
_TARGET = (
    "token",
    "model",
    "api_key",
    "upstream_url",
    "azure_endpoint",
    "azure_deployment",
    "azure_key",
    "azure_api_version",
)


@click.command(cls=ConfiguredCommand, section="say")
@click.argument("words", nargs=-1)
@click.option("--voice", default="alloy", show_default=True, metavar="NAME", help="Who says it.")
@click.option("--speed", type=click.FloatRange(0.25, 1.5), default=1.0, show_default=True, help="How fast.")
@click.option("--save", metavar="WAV", type=click.Path(dir_okay=False), help="Into a file, instead of aloud.")
@click.option("--output", "device", metavar="NAME", help="Speaker: a number or a part of its name.")
@click.option("--url", metavar="URL|openai|azure", help="Have this server say it, instead of this machine.")
@click.option("--voices", is_flag=True, help="List the voices of this machine.")
@target_options
def say(words: tuple[str, ...], voices: bool, save: str | None, url: str | None, **options: Any) -> None:
    """Say WORDS, or what comes on standard input. Needs neither a server nor a network.

    \b
      antiphon say "The kettle is boiling."
      echo "Hello" | antiphon say --save hello.wav
    """
    # Imported here so that --help answers at once.
    from antiphon.cli import saying  # noqa: PLC0415

    if voices:
        click.echo("\n".join(saying.list_voices()))
        return
    text = _text(words)
    whom = None
    if url is not None:
        whom = target_of(TargetOptions(url=url, **{name: options[name] for name in _TARGET}))
    saying.speak(text, options["voice"], options["speed"], whom=whom, save=save, device=options["device"])


def _text(words: tuple[str, ...]) -> str:
    """What is to be said. Raises UsageError for nothing, ConfigurationError for too much."""
    if words == ("-",) or (not words and not sys.stdin.isatty()):
        text = sys.stdin.buffer.read(4 * MOST_CHARACTERS + 1).decode("utf-8", errors="replace")
    else:
        text = " ".join(words)
    if not text.strip():
        raise click.UsageError('There is nothing to say. Write it behind the command: antiphon say "Hello".')
    if len(text) > MOST_CHARACTERS:
        raise ConfigurationError(f"That is longer than the {MOST_CHARACTERS} characters that can be said at once.")
    return text.strip()
