"""Phrases that the recognizer should expect, made from the declared tools and the built-in intents. Pure functions.

A tool that takes free text gives none: a recognizer that prefers whole phrases would hear the bare command and lose
the text behind it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from antiphon.engine.llm.intents import PHRASES, Intent
from antiphon.engine.llm.numbers import number_words
from antiphon.engine.llm.slots import Parameter, parameters_of
from antiphon.engine.llm.tool_matching import opening_verb, tool_words
from antiphon.engine.llm.words import name_words
from antiphon.engine.stages import ModelTool

MOST_PHRASES: Final = 300
_LARGEST_NUMBER: Final = 60
_MOST_OF_ONE: Final = 121  # two numbers from zero to ten
_EXPECTED: Final = (
    Intent.PHOTO, Intent.HELP, Intent.IDENTITY, Intent.TIME, Intent.DATE, Intent.REPEAT, Intent.HEARING, Intent.IMPROVE,
)  # fmt: skip


def tool_phrases(tools: Sequence[ModelTool]) -> list[str]:
    """At most MOST_PHRASES different phrases of lower-case words, shared out among the tools."""
    builtin = [phrase for intent in _EXPECTED for phrase in PHRASES[intent] if phrase.count(" ") >= 2]
    room = MOST_PHRASES - len(builtin)
    wanted = {index: len(list(_phrases(tool, _MOST_OF_ONE))) for index, tool in enumerate(tools)}
    chosen: dict[int, list[str]] = {}
    # The modest ones first: what they leave over goes to those that could use more.
    for rank, index in enumerate(sorted(wanted, key=wanted.__getitem__)):
        share = min(room // (len(tools) - rank), _MOST_OF_ONE)
        chosen[index] = list(itertools.islice(_phrases(tools[index], share), share))
        room -= len(chosen[index])
    phrases = dict.fromkeys(phrase for index in sorted(chosen) for phrase in chosen[index])
    phrases.update(dict.fromkeys(builtin))
    return list(phrases)[:MOST_PHRASES]


def _phrases(tool: ModelTool, share: int) -> Iterator[str]:
    required = [parameter for parameter in parameters_of(tool) if parameter.required]
    kinds = {parameter.kind for parameter in required}
    names = _names(tool)
    if not required:
        yield from names
    elif kinds <= {"integer", "number"} and len(required) <= 2:
        yield from _number_phrases(names[0], required, share)
    elif kinds <= {"choice", "boolean"} and len(required) == 1:
        for name, value in itertools.product(names, _values(required[0])):
            yield f"{name} {value}"


def _names(tool: ModelTool) -> list[str]:
    """How one says the tool: by the verb of its description where the name has it too, by its words, in full."""
    telling, full = tool_words(tool), name_words(tool.name)
    verb = opening_verb(tool)
    names = [verb] if verb and verb in full else []
    names.append(" ".join(full))
    if telling != full:
        names.append(" ".join(telling))
        names.append(f"{full[0]} the {' '.join(full[1:])}")
    elif len(full) == 2:
        names.append(f"{full[0]} the {full[1]}")
    return [name for name in dict.fromkeys(names) if _sayable(name)]


def _sayable(name: str) -> bool:
    return bool(name) and all(character.isalpha() or character == " " for character in name)


def _number_phrases(name: str, required: Sequence[Parameter], share: int) -> Iterator[str]:
    if len(required) == 2:
        most = int(share**0.5) - 1
        ranges = [_range(parameter, most) for parameter in required]
        for first, second in itertools.product(*ranges):
            yield f"{name} {number_words(first)} and {number_words(second)}"
        return
    unit = required[0].words[-1] if required[0].words else ""
    counted = unit.endswith("s") and unit.isalpha()
    for value in _range(required[0], share if not counted else share // 2):
        yield f"{name} {number_words(value)}"
        if counted:
            yield f"{name} for {number_words(value)} {unit[:-1] if value == 1 else unit}"


def _range(parameter: Parameter, most: int) -> Iterable[int]:
    low = int(max(parameter.minimum or 0, -_LARGEST_NUMBER))
    high = low + max(0, min(most, _LARGEST_NUMBER))
    return range(low, int(min(parameter.maximum, high) if parameter.maximum is not None else high) + 1)


def _values(parameter: Parameter) -> list[str]:
    if parameter.kind == "boolean":
        return ["on", "off"]
    spoken = [" ".join(name_words(str(choice))) for choice in parameter.choices]
    return [value for value in spoken if _sayable(value)]
