"""Words of utterances and of tools, and when two of them count as the same. Pure functions over plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

_WORD: Final = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?![^\W\d_])|[^\W_]+(?:['’][^\W_]+)*", re.UNICODE)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def word_set(text: str) -> frozenset[str]:
    """The words of a literal list; quicker to read and to change than one pair of quotes a word."""
    return frozenset(text.split())


STOP_WORDS: Final = word_set(
    "a an the this that these those it its is are was were be been am do does did has have had will would can could "
    "should may might must i you he she we they me my your his her our their us them of to in on at by for with from "
    "as and or but not no if then than so there here what which who whom whose when where why how any some all each "
    "every one's please just also very really now"
)
_ENDINGS: Final = word_set("s es d ed ing ly case casing ment")
GENERIC_VERBS: Final = word_set("get set do fetch show tell list make run give put find use call perform execute")
"""Verbs that say little about a tool when its name has another word."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of an utterance. text: lower case; start, end: where it stands in the original."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """The words and numbers of a text, lower case, in order. "it's" is one word; signs and punctuation are none."""
    return [
        Word(found.group().casefold().replace("’", "'"), found.start(), found.end()) for found in _WORD.finditer(text)
    ]


def plain_words(text: str) -> list[str]:
    return [word.text for word in split_words(text)]


def name_words(name: str) -> list[str]:
    """The words of an identifier: "delayed_add", "delayedAdd" and "delayed-add" are all ["delayed", "add"]."""
    return [part.casefold() for part in re.split(r"[\W_]+", _CAMEL.sub(" ", name)) if part]


def same_word(first: str, second: str) -> bool:
    """Equal, or a form of the same word (delay, delayed; upper, uppercase), or nearly so, as when misheard."""
    if first == second:
        return True
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) < 4:
        return len(shorter) == 3 and longer in (shorter + "s", shorter + "ed", shorter + "ing")
    if longer.startswith(shorter) and longer[len(shorter) :] in _ENDINGS:
        return True
    return len(shorter) >= 5 and fuzz.ratio(first, second) >= 83
