"""The options of `antiphon serve` about the local network, certificates and inspection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--lan/--no-lan",
        envvar="ANTIPHON_LAN",
        default=False,
        show_envvar=True,
        help="Let phones and machines of the local network call: https, an access token, and a QR code to open the"
        " page with.  [default: this machine alone]",
    ),
    click.option(
        "--tls-cert",
        envvar="ANTIPHON_TLS_CERT",
        metavar="PATH",
        show_envvar=True,
        help="A certificate to serve https with (PEM, with its chain), such as one that mkcert made.",
    ),
    click.option("--tls-key", envvar="ANTIPHON_TLS_KEY", metavar="PATH", show_envvar=True, help="Its key (PEM)."),
    click.option(
        "--inspect/--no-inspect",
        envvar="ANTIPHON_INSPECT",
        default=None,
        show_envvar=True,
        help="Keep what calls say for a while, to be looked at under /inspect by this machine or whoever has the access"
        " token.  [default: on where only this machine can call]",
    ),
)


def reach_options(command: Command) -> Command:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
