"""The `antiphon` command."""

from antiphon.cli.commands import main

__all__ = ["main"]
