"""Fills the parameters of a tool from the words of an utterance. Pure functions.

Numbers, truth values and listed values are found wherever they are said; a free text is what is quoted, what follows
the word that announces it ("saying …", "in …"), or what remains behind the tool's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rapidfuzz import fuzz

from antiphon.engine.llm.numbers import NumberFound, find_numbers
from antiphon.engine.llm.words import Word, name_words, plain_words, same_word, word_set
from antiphon.engine.stages import ModelTool

Kind = Literal["integer", "number", "boolean", "choice", "text", "texts", "numbers", "other"]

_TRUE: Final = word_set("on true yes enable enabled start yeah activate")
_FALSE: Final = word_set("off false no disable disabled stop nope deactivate")
_CONNECTIVES: Final = word_set(
    "for in at of to like about that says saying say with on from please is the text word words"
)
_PREPOSITIONS: Final = word_set("for in at of to on with from and")
_TRAILING: Final = word_set("please now today thanks right")
_QUOTED: Final = re.compile(r"[\"“”«]([^\"“”«»]+)[\"”»]")
_ANNOUNCED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "city": ("in", "for", "at"), "location": ("in", "for", "at"), "place": ("in", "for", "at"),
    "country": ("in", "for"),
    "to": ("to",), "recipient": ("to",), "name": ("called", "named"), "title": ("called", "titled", "named"),
    "message": ("saying", "says", "that"), "body": ("saying", "says", "that"), "text": ("saying", "says"),
    "query": ("for", "about"), "topic": ("about", "on"), "from": ("from",), "origin": ("from",), "destination": ("to",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool. words: those of its name, and of its description when that is short."""

    name: str
    kind: Kind
    required: bool
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    description: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(name_words(self.name))


@dataclass(frozen=True, slots=True)
class Filled:
    """arguments: by parameter name; places: the words they were made of; marked: a text was announced, not guessed."""

    arguments: Mapping[str, Any]
    missing: tuple[str, ...]
    places: frozenset[int]
    marked: bool = False


@dataclass(slots=True)
class _Filling:
    text: str
    words: Sequence[Word]
    after: int
    used: set[int]
    arguments: dict[str, Any] = field(default_factory=dict)
    places: set[int] = field(default_factory=set)
    marked: bool = False

    def give(self, name: str, value: Any, places: Sequence[int]) -> None:
        self.arguments[name] = value
        self.places.update(places)
        self.used.update(places)


def parameters_of(tool: ModelTool) -> list[Parameter]:
    """The parameters that a tool's JSON schema declares; what is not understood has the kind "other"."""
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required")
    names = set(required) if isinstance(required, Sequence) and not isinstance(required, str) else set()
    found: list[Parameter] = []
    for name, declared in properties.items() if isinstance(properties, Mapping) else ():
        schema = declared if isinstance(declared, Mapping) else {}
        choices = schema.get("enum")
        description = schema.get("description")
        found.append(
            Parameter(
                name=str(name),
                kind=_kind(schema),
                required=name in names,
                choices=tuple(choices) if isinstance(choices, list) else (),
                minimum=_bound(schema.get("minimum")),
                maximum=_bound(schema.get("maximum")),
                description=description if isinstance(description, str) else "",
            )
        )
    return found


def fill_slots(
    text: str,
    words: Sequence[Word],
    tool: ModelTool,
    *,
    after: int = 0,
    taken: frozenset[int] = frozenset(),
    whole_text: bool = False,
) -> Filled:
    """Find as many arguments as the words tell.

    after: index of the first word behind the tool's own words; taken: words that belong to these. whole_text: a
    required text that was not found becomes the whole utterance.
    """
    parameters = parameters_of(tool)
    filling = _Filling(text, words, after, set(taken))
    _fill_choices(filling, parameters)
    _fill_numbers(filling, parameters)
    _fill_booleans(filling, parameters)
    _fill_texts(filling, parameters)
    if whole_text:
        for parameter in parameters:
            if parameter.required and parameter.kind == "text" and parameter.name not in filling.arguments:
                filling.arguments[parameter.name] = text.strip()
    missing = tuple(p.name for p in parameters if p.required and p.name not in filling.arguments)
    return Filled(filling.arguments, missing, frozenset(filling.places), filling.marked)


def fill_one(text: str, words: Sequence[Word], parameter: Parameter) -> Any:
    """The value that an answer to the question for this one parameter gives, or None."""
    asked = Parameter(parameter.name, parameter.kind, True, parameter.choices, parameter.minimum, parameter.maximum)
    filling = _Filling(text, words, 0, set())
    if parameter.kind == "text":
        quoted = _QUOTED.search(text)
        cleaned = quoted.group(1) if quoted else text.strip().strip(".!?").strip()
        lowered = cleaned.casefold()
        for opening in (f"{parameter.name.casefold()} is ", "it is ", "it's ", "the text is ", "say "):
            if lowered.startswith(opening):
                cleaned = cleaned[len(opening) :]
                break
        return cleaned or None
    for fill in (_fill_choices, _fill_numbers, _fill_booleans, _fill_texts):
        fill(filling, [asked])
    return filling.arguments.get(parameter.name)


def _kind(schema: Mapping[str, Any]) -> Kind:
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return "choice"
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((one for one in declared if one != "null"), None)
    if declared == "array":
        items = schema.get("items")
        inner = items.get("type") if isinstance(items, Mapping) else "string"
        return "numbers" if inner in ("integer", "number") else "texts" if inner == "string" else "other"
    if declared == "string" or (declared is None and not schema.get("properties")):
        return "text"
    kinds: dict[object, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    return kinds.get(declared, "other")


def _bound(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _fill_choices(filling: _Filling, parameters: Sequence[Parameter]) -> None:
    for parameter in parameters:
        if parameter.kind != "choice":
            continue
        best: tuple[float, Any, list[int]] = (0.0, None, [])
        for choice in parameter.choices:
            wanted = name_words(str(choice))
            for start in range(len(filling.words) - len(wanted) + 1 if wanted else 0):
                places = list(range(start, start + len(wanted)))
                if any(place in filling.used for place in places):
                    continue
                said = " ".join(filling.words[place].text for place in places)
                likeness = fuzz.ratio(said, " ".join(wanted))
                if likeness > best[0]:
                    best = (likeness, choice, places)
        if best[0] >= 80:
            filling.give(parameter.name, best[1], best[2])


def _fill_numbers(filling: _Filling, parameters: Sequence[Parameter]) -> None:
    wanting = [p for p in parameters if p.kind in ("integer", "number")]
    lists = [p for p in parameters if p.kind == "numbers"]
    if not wanting and not lists:
        return
    words = [word.text for word in filling.words]
    needed = sum(p.required for p in wanting)
    found = _free_numbers(filling, find_numbers(words))
    if len(found) < needed:
        found = max(found, _free_numbers(filling, find_numbers(words, join_and=False)), key=len)
    if len(found) < needed:
        found = max(found, _free_numbers(filling, find_numbers(words, join_and=False, homophones=True)), key=len)
    for parameter in wanting:
        named = next((number for number in found if _stands_at(words, number, parameter)), None)
        if named is not None and _fits(named, parameter):
            found.remove(named)
            filling.give(parameter.name, _as_kind(named, parameter), range(named.start, named.end))
    for parameter in wanting:
        if parameter.name in filling.arguments or not parameter.required:
            continue
        if found:  # one that does not fit is not passed on to the next parameter, and the next one not drawn up to this
            number = found.pop(0)
            if _fits(number, parameter):
                filling.give(parameter.name, _as_kind(number, parameter), range(number.start, number.end))
    for parameter in lists:
        if found:
            places = [place for number in found for place in range(number.start, number.end)]
            filling.give(parameter.name, [number.value for number in found], places)
            found = []


def _free_numbers(filling: _Filling, found: Sequence[NumberFound]) -> list[NumberFound]:
    return [number for number in found if not any(p in filling.used for p in range(number.start, number.end))]


def _stands_at(words: Sequence[str], number: NumberFound, parameter: Parameter) -> bool:
    """Whether the number is said with the parameter's name: "five minutes", "b is five", "width of 20"."""
    names = parameter.words
    behind = words[number.end] if number.end < len(words) else ""
    if behind and len(names[-1:] or "") and len(behind) > 1 and any(same_word(behind, name) for name in names):
        return True
    before = number.start - 1
    linked = False
    while before >= 0 and words[before] in ("is", "equals", "of", "to", "be", "as"):
        before, linked = before - 1, True
    if before < 0:
        return False
    said = words[before]
    return any(said == name if len(name) < 3 else same_word(said, name) for name in names) and (linked or len(said) > 2)


def _fits(number: NumberFound, parameter: Parameter) -> bool:
    if parameter.kind == "integer" and float(number.value) != int(number.value):
        return False
    low = parameter.minimum is None or number.value >= parameter.minimum
    return low and (parameter.maximum is None or number.value <= parameter.maximum)


def _as_kind(number: NumberFound, parameter: Parameter) -> int | float:
    return int(number.value) if parameter.kind == "integer" else number.value


def _fill_booleans(filling: _Filling, parameters: Sequence[Parameter]) -> None:
    for parameter in parameters:
        if parameter.kind != "boolean":
            continue
        for place, word in enumerate(filling.words):
            near = parameter.required or any(
                same_word(other.text, name)
                for other in filling.words[max(0, place - 2) : place + 3]
                for name in parameter.words
            )
            if near and (word.text in _TRUE or word.text in _FALSE):
                filling.give(parameter.name, word.text in _TRUE, [place])
                break


def _fill_texts(filling: _Filling, parameters: Sequence[Parameter]) -> None:
    texts = [p for p in parameters if p.kind in ("text", "texts")]
    quoted = [found.group(1).strip() for found in _QUOTED.finditer(filling.text)]
    for parameter, quote in zip([p for p in texts if p.required and p.kind == "text"], quoted, strict=False):
        filling.give(parameter.name, quote, _places_of(filling.words, filling.text, quote))
        filling.marked = True
    open_texts = [p for p in texts if p.name not in filling.arguments]
    starts: list[tuple[int, int, Parameter]] = []  # where the announcing word is, where the text begins
    for parameter in open_texts:
        place = _announced(filling, parameter)
        if place is not None and all(place != known for known, _, _ in starts):
            starts.append((place, place + 1, parameter))
    starts.sort(key=lambda start: start[0])
    for index, (_, begin, parameter) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(filling.words)
        if _take_text(filling, parameter, begin, end):
            filling.marked = True
    wanting = [p for p in open_texts if p.required and p.name not in filling.arguments]
    if len(wanting) == 1:
        end = min([place for place, _, p in starts if p.name in filling.arguments], default=len(filling.words))
        _take_text(filling, wanting[0], filling.after, end)


def _announced(filling: _Filling, parameter: Parameter) -> int | None:
    announcing = {word for name in parameter.words for word in _ANNOUNCED_BY.get(name, ())}
    if not parameter.required or len(parameter.name) > 3:
        announcing |= {parameter.words[-1]} if parameter.words else set()
    for place in range(filling.after, len(filling.words) - 1):
        if place not in filling.used and filling.words[place].text in announcing:
            return place
    return None


def _take_text(filling: _Filling, parameter: Parameter, begin: int, end: int) -> bool:
    places = [place for place in range(begin, end) if place not in filling.used]
    while places and (filling.words[places[0]].text in _CONNECTIVES):
        places.pop(0)
    while places and filling.words[places[-1]].text in _TRAILING | _PREPOSITIONS:
        places.pop()
    if not places:
        return False
    span = filling.text[filling.words[places[0]].start : filling.words[places[-1]].end]
    if places[-1] - places[0] + 1 != len(places):
        span = " ".join(filling.text[filling.words[place].start : filling.words[place].end] for place in places)
    value: Any = span
    if parameter.kind == "texts":
        value = [part.strip() for part in re.split(r",| and ", span) if part.strip()]
    filling.give(parameter.name, value, places)
    return True


def _places_of(words: Sequence[Word], text: str, quote: str) -> list[int]:
    start = text.find(quote)
    return [place for place, word in enumerate(words) if start <= word.start < start + len(quote)]


def asked_words(parameter: Parameter) -> str:
    """A parameter's name as one says it: "departure_city" is "departure city"."""
    return " ".join(plain_words(parameter.name.replace("_", " "))) or parameter.name
