"""Finds the declared tool that an utterance asks for, and its arguments, from words alone. Pure functions.

Precision comes first: small talk must not start anything. So a tool's own words have to stand where a command has
them, its required arguments have to be there, and most of what was said has to be explained by the tool.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from antiphon.engine.llm.numbers import find_numbers
from antiphon.engine.llm.slots import Filled, fill_slots, parameters_of
from antiphon.engine.llm.words import (
    GENERIC_VERBS,
    STOP_WORDS,
    Word,
    name_words,
    plain_words,
    same_word,
    split_words,
    word_set,
)
from antiphon.engine.stages import ModelTool

_POLITE: Final = word_set(
    "please can could would will you hey hi hello ok okay now so just i i'd i'll want like to need let's let us me "
    "and um uh er ah well then go ahead try kindly again the a an my"
)
_ASKING: Final = word_set("what what's whats is are how how's hows tell show give get find do does fetch look up check")
_NOT_AN_ORDER: Final = word_set("is are was were will has have had does did isn't aren't wasn't means")
_SAME_SENSE: Final = {
    "plus": "add", "sum": "add", "total": "add", "slowly": "delay", "slow": "delay", "later": "delay", "wait": "delay",
    "times": "multiply", "minus": "subtract", "capital": "upper", "capitals": "upper", "picture": "photo",
    "image": "photo", "forecast": "weather", "temperature": "weather", "e-mail": "email", "mail": "email",
}  # fmt: skip
_COMPOUNDS: Final = frozenset({("upper", "case"), ("lower", "case"), ("e", "mail"), ("time", "stamp")})
_STATE_QUESTION: Final = word_set("is are does do")
_EXPLAINED: Final = 0.6


@dataclass(frozen=True, slots=True)
class ToolMatch:
    """A tool that was asked for. arguments: those found; missing: names of the required ones that were not."""

    tool: ModelTool
    arguments: Mapping[str, Any]
    missing: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class _Trigger:
    """Which words of the utterance name the tool.

    first: the first of them; end: behind the leading run of them. coverage: the share of the name that was said.
    by_verb: the name's first word was said, or a longer form of another ("uppercase" for echo_upper); "upper" alone is
    also the beginning of "upper management".
    """

    places: frozenset[int]
    first: int
    end: int
    coverage: float
    by_verb: bool = True


def match_tool(utterance: str, tools: Sequence[ModelTool]) -> ToolMatch | None:
    """The tool that the utterance clearly asks for, or None. Of several the one that explains most."""
    words = split_words(utterance)
    matches = [match for tool in tools if (match := _match(utterance, words, tool)) is not None]
    return max(matches, key=lambda match: (not match.missing, match.score), default=None)


def best_effort(utterance: str, tools: Sequence[ModelTool]) -> ToolMatch:
    """The nearest tool when one must be called, however little the words say. `tools` is not empty.

    A required text becomes the whole utterance; another required argument that was not said is left out.
    """
    clear = match_tool(utterance, tools)
    if clear is not None and not clear.missing:
        return clear
    words = split_words(utterance)
    tries: list[ToolMatch] = []
    for tool in tools:
        trigger = _trigger(words, tool)
        filled = fill_slots(utterance, words, tool, after=trigger.end, taken=trigger.places, whole_text=True)
        share = len(filled.arguments) / max(1, len(filled.arguments) + len(filled.missing))
        tries.append(ToolMatch(tool, filled.arguments, filled.missing, trigger.coverage + share / 2))
    return max(tries, key=lambda match: match.score)


def tool_words(tool: ModelTool) -> list[str]:
    """The words of a tool's name that tell it from others: generic verbs only when there is nothing else."""
    words = name_words(tool.name)
    telling = [word for word in words if word not in GENERIC_VERBS and word not in STOP_WORDS]
    return telling or words


def opening_verb(tool: ModelTool) -> str | None:
    """The first word of the description ("Add two numbers …" gives "add"), which people use for the tool as well."""
    words = plain_words(tool.description)
    first = words[0] if words else None
    return first if first and len(first) > 2 and first not in STOP_WORDS and first not in GENERIC_VERBS else None


def _match(utterance: str, words: Sequence[Word], tool: ModelTool) -> ToolMatch | None:
    trigger = _trigger(words, tool)
    if not trigger.places:
        return None
    parameters = parameters_of(tool)
    if any(parameter.required and parameter.kind == "other" for parameter in parameters):
        return None  # nobody says an object
    filled = fill_slots(utterance, words, tool, after=trigger.end, taken=trigger.places)
    explained = _explained(words, trigger, filled, tool)
    required = [parameter for parameter in parameters if parameter.required]
    takes_text = any(parameter.kind == "text" for parameter in required)
    if not _is_an_order(words, trigger, filled, takes_text=takes_text, tool=tool):
        return None
    if takes_text:
        if trigger.coverage < 0.5 or not trigger.by_verb:
            return None
    elif explained < _EXPLAINED or (not required and trigger.coverage < 1.0):
        return None
    if filled.missing and trigger.coverage < 1.0 and not filled.arguments:
        return None
    score = trigger.coverage + 0.5 * len(filled.arguments) / max(1, len(required)) + 0.3 * explained
    return ToolMatch(tool, filled.arguments, filled.missing, score)


def _trigger(words: Sequence[Word], tool: ModelTool) -> _Trigger:
    """The longest run, in the name's own order, of name words found in the utterance."""
    names = tool_words(tool)
    best: list[int] = []
    for begin in range(len(names)):
        places: list[int] = []
        for name in names[begin:]:
            start = places[-1] + 1 if places else 0
            place = next((p for p in range(start, len(words)) if _same_sense(words[p].text, name)), None)
            if place is not None:
                places.append(place)
        if len(places) > len(best) or (len(places) == len(best) and places < best):
            best = places
    coverage = len(best) / len(names)
    verb = opening_verb(tool)
    if not best and verb is not None:
        best = [place for place, word in enumerate(words) if same_word(word.text, verb)][:1]
        coverage = 0.5 if best else 0.0
    if not best:
        return _Trigger(frozenset(), 0, 0, 0.0)
    taken = set(best)
    # Generic verbs of the name ("get the weather") and the tool's other words belong to the order, too.
    others = set(name_words(tool.name)) | ({verb} if verb else set())
    description = plain_words(tool.description)
    end = best[0] + 1
    while end < len(words):
        pair = (words[end - 1].text, words[end].text)
        in_description = pair in itertools.pairwise(description) and not find_numbers([pair[1]])
        if end in taken or words[end].text in others or pair in _COMPOUNDS or (in_description and end - 1 in taken):
            taken.add(end)
            end += 1
        elif end + 1 < len(words) and (words[end].text, words[end + 1].text) in itertools.pairwise(description):
            taken |= {end, end + 1}  # "add two numbers": that two is none of the numbers
            end += 2
        elif words[end].text in ("the", "a", "an") and any(place > end for place in best):
            end += 1
        else:
            break
    said = words[best[0]].text
    by_verb = coverage == 1.0 or _same_sense(said, names[0]) or said not in names or end > best[0] + 1
    return _Trigger(frozenset(taken), min(best), end, coverage, by_verb)


def _same_sense(said: str, name: str) -> bool:
    return same_word(said, name) or (said in _SAME_SENSE and same_word(_SAME_SENSE[said], name))


def _is_an_order(
    words: Sequence[Word], trigger: _Trigger, filled: Filled, *, takes_text: bool, tool: ModelTool
) -> bool:
    """Whether the trigger stands where a command has it: in front, behind no more than courtesy, a question word, or
    arguments ("what is two plus five", "turn on the light")."""
    before = [word.text for word in words[: trigger.first]]
    lead = _POLITE | _ASKING | set(name_words(tool.name)) | GENERIC_VERBS | {opening_verb(tool)}
    if any(word not in lead and place not in filled.places for place, word in enumerate(before)):
        return False
    asks_for_state = bool(before) and before[0] in _STATE_QUESTION
    if asks_for_state and name_words(tool.name)[0] not in ("get", "fetch", "find", "check", "is", "read"):
        return False  # "is the light on" must not switch it on
    following = words[trigger.end].text if trigger.end < len(words) else ""
    if following in _NOT_AN_ORDER:
        return False
    named_by_a_thing = name_words(tool.name)[0] in GENERIC_VERBS
    if takes_text and named_by_a_thing and not filled.marked:
        # "the weather is nice" is no order; "what is the weather" and "weather in Paris" are.
        return any(word in _ASKING or word in GENERIC_VERBS for word in before)
    return True


def _explained(words: Sequence[Word], trigger: _Trigger, filled: Filled, tool: ModelTool) -> float:
    """The share of the telling words that the tool accounts for."""
    vocabulary = set(name_words(tool.name)) | {word for word in plain_words(tool.description) if word not in STOP_WORDS}
    for parameter in parameters_of(tool):
        vocabulary |= set(parameter.words)
    telling = explained = 0
    for place, word in enumerate(words):
        used = place in trigger.places or place in filled.places
        if not used and (word.text in STOP_WORDS or word.text in _POLITE or word.text in _ASKING):
            continue
        telling += 1
        explained += used or any(_same_sense(word.text, known) for known in vocabulary)
    return explained / telling if telling else 0.0
