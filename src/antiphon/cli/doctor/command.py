"""The declaration of `antiphon doctor`. It takes the options of `antiphon serve`, to look at what that would use."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable

import click

from antiphon.cli.configured import ConfiguredCommand
from antiphon.cli.targets import complete_target

_OWN = [
    click.Argument(["target"], required=False, metavar="[URL|openai|azure]", shell_complete=complete_target),
    click.Option(
        ["--session", "session_file"],
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="A session in JSON, to be tried at the target: a field that it refuses is named.",
    ),
    click.Option(["--offline"], is_flag=True, help="Ask nobody beyond this machine."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object."),
]


def doctor_command(serve: click.Command) -> click.Command:
    """The command, which takes the options of `serve` too, unlisted."""
    return ConfiguredCommand(
        "doctor",
        section="doctor",
        params=[*_OWN, *_hidden(serve.params)],
        callback=_run,
        help=_run.__doc__,
        short_help="Look for what is wrong, and say what to do.",
    )


def _hidden(params: Iterable[click.Parameter]) -> list[click.Parameter]:
    copies: list[click.Parameter] = []
    for param in params:
        if isinstance(param, click.Option):
            unlisted = copy.copy(param)
            unlisted.hidden = True
            copies.append(unlisted)
    return copies


def _run(target: str | None, session_file: str | None, offline: bool, as_json: bool, **serve_options: object) -> None:
    """Look for what is wrong: the key, the clock, sound, the network, the engine, the server.

    Looks at what `antiphon serve` would use with the same options, and at whom you name: the address of a server,
    openai, or azure. Nobody beyond this machine is asked who was neither named nor configured.

    Ends with 1 when a check failed, else with 0.
    """
    # Imported here so that --help answers at once.
    from antiphon.cli.doctor.doctor import DoctorOptions, run_doctor  # noqa: PLC0415
    from antiphon.cli.serve import ServeOptions  # noqa: PLC0415

    serve = ServeOptions(agent=None, **serve_options)  # type: ignore[arg-type]
    options = DoctorOptions(target=target, session_file=session_file, offline=offline, as_json=as_json)
    sys.exit(run_doctor(options, serve))
