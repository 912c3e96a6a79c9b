"""From written text to what a voice is given, and back from a voice's word positions to the text. Pure; no audio here.

Everything keeps character positions: what must not be read out is replaced by spaces, never removed, so that a word
mark always points into the text that the caller gave.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_LINK_TARGET = re.compile(r"(?<=\])\(\s*\S{1,500}?\s*\)")
_LINE_START = re.compile(r"(?m)^[ \t]*(?:#{1,6}|[-*+•]|>+)(?=\s)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)(.*?\S)(\1)(?![\w*])", re.DOTALL)
_ALWAYS_SILENT = frozenset("`\\^~|")
_PICTOGRAPHS = ((0x2190, 0x21FF), (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF), (0xFE00, 0xFE0F))
_SENTENCE_END = re.compile(r"[.!?…。！？]['\")\]]*\s+")
_CLAUSE_END = re.compile(r"[,;:，；：—]\s+|\n+")
_SPACE = re.compile(r"\s+")
_TOKEN = re.compile(r"\S+")


class Piece(NamedTuple):
    """A part of a longer text. start: characters before it. ends_clause: a pause after it is natural."""

    start: int
    text: str
    ends_clause: bool


def speakable(text: str) -> str:
    """The same text, character for character, with markup, pictographs and control characters turned into spaces.

    Markdown emphasis, headings, bullets, code marks and link targets go, and so does anything that looks like a tag:
    a voice reads them out as names of signs. Numbers, units and addresses stay: the voice knows them.
    """
    text = _TAG.sub(_blank, text)
    text = _LINK_TARGET.sub(_blank, text)
    text = _LINE_START.sub(_blank, text)
    for _ in range(3):  # *, ** and *** nest at most so deep
        shorter = _EMPHASIS.sub(lambda m: " " * len(m[1]) + m[2] + " " * len(m[3]), text)
        if shorter == text:
            break
        text = shorter
    return "".join(" " if _is_silent(character) else character for character in text)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _is_silent(character: str) -> bool:
    if character in _ALWAYS_SILENT:
        return True
    if character.isascii():
        return not character.isprintable() and character != "\n"
    # Controls, surrogates and private characters; the zero-width joiners of some scripts (Cf) are kept.
    if unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}:
        return True
    return any(first <= ord(character) <= last for first, last in _PICTOGRAPHS)


def pieces(text: str, limit: int) -> Iterator[Piece]:
    """Cut text into parts of at most `limit` characters, at the best place there is: a sentence's end, a clause's end,
    a space, and only in an endless word anywhere. Parts with nothing to say in them are left out."""
    start = 0
    while start < len(text):
        end, ends_clause = _cut(text, start, limit)
        part = text[start:end]
        if any(character.isalnum() for character in part) or any(_is_spoken_sign(c) for c in part):
            yield Piece(start, part, ends_clause)
        start = end


def _is_spoken_sign(character: str) -> bool:
    return unicodedata.category(character) in {"Sc", "Sm"} or character in "%&@#§°"


def _cut(text: str, start: int, limit: int) -> tuple[int, bool]:
    if len(text) - start <= limit:
        return len(text), True
    for boundary, ends_clause in ((_SENTENCE_END, True), (_CLAUSE_END, True), (_SPACE, False)):
        ends = [match.end() for match in boundary.finditer(text, start, start + limit)]
        if ends and ends[-1] > start:
            return ends[-1], ends_clause
    return start + limit, False


class WordPositions:
    """Turns one piece's raw word events into marks on its whitespace-separated words. One object for one piece.

    A voice reports several words for "$5.50", at positions that wander and repeat; the caller shows text word by word.
    So each event is snapped to the word that it lies in, and only a word further on than the last one counts. text: the
    piece as it was written, with the markup that `speakable` has blanked out.
    """

    def __init__(self, text: str) -> None:
        self._starts = [match.start() for match in _TOKEN.finditer(text)]
        self._ends = [match.end() for match in _TOKEN.finditer(text)]
        self._next = 0
        self._last_ms = 0.0

    def snap(self, events: Iterable[tuple[int, float]]) -> Iterator[tuple[int, float]]:
        """events: (character position, milliseconds). Yields (start of word, milliseconds), both only ever growing."""
        for position, at_ms in events:
            if self._next and position < self._ends[self._next - 1]:
                continue  # still within the word that was marked last
            index = bisect_right(self._ends, position)  # in the space before a word counts as that word
            if index == len(self._ends):
                continue
            self._next = index + 1
            self._last_ms = max(self._last_ms, at_ms)
            yield self._starts[index], self._last_ms
