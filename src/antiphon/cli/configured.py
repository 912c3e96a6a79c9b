"""Commands whose options also come from the environment, `.env` and `antiphon.toml`, and how `antiphon config` shows
them. What a setting means is not known here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from antiphon.cli.logs import redact
from antiphon.cli.sources import ENV_FILE, TOML_FILE, Sources, read_sources
from antiphon.errors import ConfigurationError

_SOURCES = "antiphon.sources"
MASK = "********"


class ConfiguredCommand(click.Command):
    """A command that reads the folder's `.env` and `antiphon.toml` before its options are looked at.

    section: the command's own table in `antiphon.toml`, "" for the top level. A setting at the top level holds for
    every command that has an option of that name, unless the command's own table has it too.
    """

    def __init__(self, *args: Any, section: str = "", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if {"-h", "--help"} & set(args) or extra.get("resilient_parsing"):
            # A file that is wrong must not keep the help or a completion away.
            return super().make_context(info_name, args, parent, **extra)
        try:
            found = read_sources(Path.cwd(), os.environ, self._toml_keys(parent))
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
        sources = replace(found, toml=self._own(found.toml))
        try:
            context = super().make_context(info_name, args, parent, default_map=dict(sources.toml), **extra)
        except click.BadParameter as error:
            if error.param is None or not _from_toml(error.param, args, sources):
                raise
            message = f"{error.message.rstrip('.')}. ({TOML_FILE} sets it.)"
            raise click.BadParameter(message, error.ctx, error.param) from None
        context.meta[_SOURCES] = sources
        return context

    def _toml_keys(self, parent: click.Context | None) -> dict[str, str]:
        """Every key that the file may have, whichever command it is for, and "section.parameter" for it."""
        group = None if parent is None else parent.command
        commands = [*group.commands.values()] if isinstance(group, click.Group) else []
        keys: dict[str, str] = {}
        for command in [*commands, self]:
            if isinstance(command, ConfiguredCommand):
                prefix = f"{command.section}_" if command.section else ""
                for key, parameter in toml_keys(command.params).items():
                    keys[prefix + key] = f"{command.section}.{parameter}"
        return keys

    def _own(self, toml: Mapping[str, Any]) -> dict[str, Any]:
        parameters = {param.name for param in self.params}
        own: dict[str, Any] = {}
        for section in ("", self.section):
            for key, value in toml.items():
                where, _, parameter = key.partition(".")
                if where == section and parameter in parameters:
                    own[parameter] = value
        return own


def toml_keys(params: Iterable[click.Parameter]) -> dict[str, str]:
    """Every key that `antiphon.toml` may have, and the parameter it sets: the options' long names."""
    keys: dict[str, str] = {}
    for param in params:
        if param.name is None or param.name == "help":
            continue
        names = [name.lstrip("-").replace("-", "_") for name in param.opts if name.startswith("--")]
        for name in names or [param.name]:
            keys[name] = param.name
    return keys


def _from_toml(param: click.Parameter, args: list[str], sources: Sources) -> bool:
    named = any(arg.partition("=")[0] in param.opts for arg in args)
    in_environment = any(name in os.environ for name in _variables(param))
    return param.name in sources.toml and not named and not in_environment


def _variables(param: click.Parameter) -> list[str]:
    if param.envvar is None:
        return []
    return [param.envvar] if isinstance(param.envvar, str) else list(param.envvar)


@dataclass(frozen=True, slots=True)
class Applied:
    """One setting as it applies. value: masked when it is secret. origin: where it came from, in words."""

    name: str
    value: str
    origin: str


def applied_settings(context: click.Context, secret: frozenset[str]) -> list[Applied]:
    """Every parameter of a context with where it came from. secret: names of those that are never shown."""
    sources = context.meta.get(_SOURCES, Sources())
    found = []
    for param in context.command.params:
        name = param.name or ""
        value = context.params.get(name)
        origin = _origin(param, context.get_parameter_source(name), sources, os.environ)
        found.append(Applied(_shown_name(param), _shown(value, name in secret), origin))
    return found


def _origin(
    param: click.Parameter, source: ParameterSource | None, sources: Sources, environment: Mapping[str, str]
) -> str:
    match source:
        case ParameterSource.COMMANDLINE:
            return "command line"
        case ParameterSource.ENVIRONMENT:
            name = next((name for name in _variables(param) if environment.get(name)), "")
            return f"{name} in {ENV_FILE}" if name in sources.env_file else f"{name} in the environment"
        case ParameterSource.DEFAULT_MAP:
            return TOML_FILE
        case _:
            return "default"


def _shown_name(param: click.Parameter) -> str:
    return max(param.opts, key=len) if isinstance(param, click.Option) else (param.name or "").upper()


def _shown(value: object, secret: bool) -> str:
    if value is None or value in ((), ""):
        return "-"
    if secret:
        return MASK
    if isinstance(value, tuple | list):
        return ", ".join(redact(str(one)) for one in value)
    return "yes" if value is True else "no" if value is False else redact(str(value))


def table(rows: Iterable[Applied]) -> str:
    """The settings as aligned lines, those that somebody set first."""
    ordered = sorted(rows, key=lambda row: row.origin == "default")
    widths = [max((len(getattr(row, column)) for row in ordered), default=0) for column in ("name", "value")]
    value_width = min(widths[1], 60)
    return "\n".join(
        f"{row.name:<{widths[0]}}  {row.value if len(row.value) <= 60 else row.value[:59] + '…':<{value_width}}"
        f"  {row.origin}"
        for row in ordered
    )
