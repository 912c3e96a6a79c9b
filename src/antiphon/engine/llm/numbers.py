"""Numbers as people say and write them, English. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_BELOW_TWENTY: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_UNITS: Final = {word: value for value, word in enumerate(_BELOW_TWENTY)} | {"oh": 0, "nought": 0}
_TENS: Final = {
    word: tens * 10
    for tens, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        start=2,
    )
}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SIGNS: Final = frozenset({"minus", "negative"})
_SOUNDS_LIKE: Final = {
    "to": "two",
    "too": "two",
    "for": "four",
    "fore": "four",
    "won": "one",
    "ate": "eight",
    "tree": "three",
}
_DIGITS: Final = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?")

Number = int | float


@dataclass(frozen=True, slots=True)
class NumberFound:
    """A number made of words[start:end]."""

    start: int
    end: int
    value: Number


def find_numbers(words: Sequence[str], *, join_and: bool = True, homophones: bool = False) -> list[NumberFound]:
    """All numbers in lower-case words, in order.

    join_and: "one hundred and five" is 105, not 100 and 5. homophones: "to" and "for" count as two and four (a
    recognizer writes them); only to be asked for when the plain reading finds too few.
    """
    heard = [_SOUNDS_LIKE.get(word, word) for word in words] if homophones else list(words)
    found: list[NumberFound] = []
    place = 0
    while place < len(heard):
        number = _number_at(heard, place, join_and=join_and)
        if number is None:
            place += 1
        else:
            found.append(number)
            place = number.end
    return found


def number_words(value: int) -> str:
    """A whole number below one million as it is said: 21 is "twenty one", -3 is "minus three"."""
    if value < 0:
        return "minus " + number_words(-value)
    if value < 20:
        return _BELOW_TWENTY[value]
    if value < 100:
        tens = next(word for word, known in _TENS.items() if known == value // 10 * 10)
        return tens if value % 10 == 0 else f"{tens} {number_words(value % 10)}"
    scale, name = (100, "hundred") if value < 1000 else (1000, "thousand")
    head = f"{number_words(value // scale)} {name}"
    return head if value % scale == 0 else f"{head} {number_words(value % scale)}"


def _number_at(words: Sequence[str], start: int, *, join_and: bool) -> NumberFound | None:
    place, negative = start, False
    if words[place] in _SIGNS:
        negative, place = True, place + 1
    if place >= len(words):
        return None
    if _DIGITS.fullmatch(words[place]):
        value: Number = _digits(words[place])
        place += 1
        if place < len(words) and words[place] in _SCALES:
            value *= _SCALES[words[place]]
            place += 1
    else:
        whole = _spoken_whole(words, place, join_and=join_and)
        if whole is None:
            return None
        value, place = whole
        if place + 1 < len(words) and words[place] == "point" and words[place + 1] in _UNITS:
            place += 1
            decimals = ""
            while place < len(words) and _UNITS.get(words[place], 10) < 10:
                decimals += str(_UNITS[words[place]])
                place += 1
            value = float(f"{value}.{decimals}") if decimals else value
    return NumberFound(start, place, -value if negative else value)


def _spoken_whole(words: Sequence[str], place: int, *, join_and: bool) -> tuple[int, int] | None:
    if words[place] in ("a", "an") and place + 1 < len(words) and words[place + 1] in _SCALES:
        total, part, place = 0, 1, place + 1
    elif words[place] in _UNITS or words[place] in _TENS:
        total, part = 0, 0
    else:
        return None
    room = 1000  # what may still be added to `part`: "twenty" leaves room below ten, "five" none
    while place < len(words):
        word = words[place]
        if word in _TENS and room > 99:
            part, room, place = part + _TENS[word], 10, place + 1
        elif word in _UNITS and word != "oh" and (room > 99 or (room == 10 and 0 < _UNITS[word] < 10)):
            part, room, place = part + _UNITS[word], 0, place + 1
        elif word == "oh" and total == part == 0 and room == 1000:
            return 0, place + 1
        elif word == "hundred" and 0 < part < 100:
            part, room, place = part * 100, 100, place + 1
        elif word in _SCALES and word != "hundred" and part:
            total, part, room, place = total + part * _SCALES[word], 0, 1000, place + 1
        elif word == "and" and join_and and place + 1 < len(words) and _after_hundred(words, place):
            place += 1
        else:
            break
    return total + part, place


def _after_hundred(words: Sequence[str], place: int) -> bool:
    return words[place - 1] in _SCALES and (words[place + 1] in _UNITS or words[place + 1] in _TENS)


def _digits(text: str) -> Number:
    plain = text.replace(",", "").replace("−", "-")
    return float(plain) if "." in plain else int(plain[:40])
