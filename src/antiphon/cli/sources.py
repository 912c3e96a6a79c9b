"""Where settings come from besides the command line: the environment, a `.env` file and `antiphon.toml`. Pure parts
first; what reads files and sets the environment is at the end.

The first that has a setting wins: option, environment, `.env`, `antiphon.toml`, default. The `.env` parser is our own:
forty lines, against one more package in every installation.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigurationError

ENV_FILE = ".env"
TOML_FILE = "antiphon.toml"
_LARGEST_FILE = 1024 * 1024

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def parse_env(text: str, where: str = ENV_FILE) -> dict[str, str]:
    """The names and values of a `.env` file. Raises ConfigurationError, which names the line and never its value.

    `NAME=value`, also after `export`; `#` begins a comment at a line's begin or after a blank. In double quotes the
    escapes of a shell's hold and a value may go on over lines; in single quotes everything stands for itself. Nothing
    is expanded: `$` is a dollar sign.
    """
    found: dict[str, str] = {}
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    number = 0
    while number < len(lines):
        line, began = lines[number], number + 1
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigurationError(f"{where}, line {began}: this is not of the form NAME=value.")
        # Blanks at the end of a line belong to a value that is quoted and goes on.
        name, rest = match[1], match[2].lstrip()
        if rest[:1] in ('"', "'"):
            while (closed := _closing_quote(rest)) is None:
                if number >= len(lines):
                    raise ConfigurationError(f"{where}, line {began}: the value of {name} has no closing quote.")
                rest += "\n" + lines[number]
                number += 1
            after = rest[closed + 1 :].strip()
            if after and not after.startswith("#"):
                raise ConfigurationError(f"{where}, line {began}: there is text after the value of {name}.")
            inner = rest[1:closed]
            found[name] = _unescaped(inner) if rest[0] == '"' else inner
        else:
            found[name] = re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip()
    return found


def _closing_quote(text: str) -> int | None:
    quote, at = text[0], 1
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 1
        elif text[at] == quote:
            return at
        at += 1
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)


def parse_toml(text: str, keys: Mapping[str, str], where: str = TOML_FILE) -> dict[str, Any]:
    """The settings in an `antiphon.toml`, by parameter name. keys: every allowed key and the parameter it sets.

    A table is the first part of its keys: `[azure] endpoint` is `azure_endpoint`. Raises ConfigurationError.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where} is not valid TOML: {error}.") from None
    found: dict[str, Any] = {}
    for key, value in _flat(document):
        parameter = keys.get(key)
        if parameter is None:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Allowed are: {', '.join(sorted(keys))}."
            raise ConfigurationError(f"{where}: there is no setting '{key}'.{hint}")
        found[parameter] = value
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        key = prefix + name.replace("-", "_")
        if isinstance(value, dict):
            yield from _flat(value, f"{key}_")
        else:
            yield key, value


@dataclass(frozen=True, slots=True)
class Sources:
    """What the files of a folder hold. env_file: what `.env` adds to the environment; toml: settings by parameter."""

    env_file: Mapping[str, str] = field(default_factory=dict, repr=False)
    toml: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_sources(folder: Path, environment: MutableMapping[str, str], keys: Mapping[str, str]) -> Sources:
    """Read both files of a folder, where they are, and add what `.env` holds and the environment has not.

    Raises ConfigurationError.
    """
    env_text, toml_text = _read(folder / ENV_FILE), _read(folder / TOML_FILE)
    toml = {} if toml_text is None else parse_toml(toml_text, keys)
    added = {}
    for name, value in ({} if env_text is None else parse_env(env_text)).items():
        if name not in environment:
            environment[name] = added[name] = value
    return Sources(added, toml)


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigurationError(f"{path.name} is too large to be a file of settings.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {type(error).__name__}.") from None
