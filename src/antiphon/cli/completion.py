"""`antiphon completion`: the script that has a shell complete our commands and options. click writes it."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "antiphon"
SHELLS = {
    "bash": 'eval "$(antiphon completion bash)"              # in ~/.bashrc',
    "zsh": 'eval "$(antiphon completion zsh)"               # in ~/.zshrc, after compinit',
    "fish": "antiphon completion fish > ~/.config/fish/completions/antiphon.fish",
}


@click.command(epilog="\b\nTo have it for good:\n" + "\n".join(f"  {line}" for line in SHELLS.values()))
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options with Tab."""
    kind = get_completion_class(shell)
    assert kind is not None
    group = context.find_root().command
    click.echo(kind(group, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())
