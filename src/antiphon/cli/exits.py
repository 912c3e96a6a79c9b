"""How the program ends: its exit codes, and errors as one plain line instead of a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

OK = 0
FAILED = 1
"""What was asked for could not be done; standard error says why."""
USAGE = 2
"""The command line itself is wrong."""
INTERRUPTED = 130
"""Ctrl+C: 128 + SIGINT, as shells have it."""

CODES = """\b
Exit codes: 0 done, 1 failed (standard error says why), 2 the command line is wrong, 130 interrupted with Ctrl+C.
"""


class Commands(click.Group):
    """The group of all commands. What a user can put right is said in one line, whichever command it happened in."""

    def invoke(self, ctx: click.Context) -> Any:
        # Its base is loaded with the package; everything else is a command's own.
        from antiphon.errors import AntiphonError  # noqa: PLC0415

        try:
            return super().invoke(ctx)
        except AntiphonError as error:
            click.echo(f"antiphon: {error}", err=True)
            ctx.exit(FAILED)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has left (`| head`). Nothing may be written at the end of the interpreter either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(OK)
