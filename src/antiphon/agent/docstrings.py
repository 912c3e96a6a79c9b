"""What a function's docstring says about it and about each parameter, in Google style. Pure text work."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(
    r"^(args|arguments|parameters|params|returns?|yields?|raises|examples?|notes?|attributes|see also|warnings?):$",
    re.IGNORECASE,
)
_PARAMETERS = frozenset({"args", "arguments", "parameters", "params"})
_ENTRY = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """description: all that stands before the first section. parameters: name to description."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def parse_docstring(text: str | None) -> Docstring:
    """Read a docstring as it stands in the source. A section that nobody knows is part of the description."""
    lines = inspect.cleandoc(text or "").splitlines()
    description: list[str] = []
    entries: dict[str, list[str]] = {}
    section = ""
    indent: int | None = None
    current: list[str] | None = None
    for line in lines:
        heading = _SECTION.match(line.rstrip())
        if heading is not None:
            section, indent, current = heading[1].casefold(), None, None
            continue
        if not section:
            description.append(line)
            continue
        if section not in _PARAMETERS or not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        entry = _ENTRY.match(line.strip()) if depth <= indent else None
        if entry is not None:
            current = entries.setdefault(entry["name"], [])
            current.append(entry["text"])
        elif current is not None:
            current.append(line.strip())
    parameters = {name: " ".join(filter(None, words)) for name, words in entries.items()}
    return Docstring(_paragraphs(description), {name: words for name, words in parameters.items() if words})


def _paragraphs(lines: list[str]) -> str:
    """Lines of a paragraph joined, paragraphs kept apart: the model is not told where the source wraps."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())
