"""Cuts a streamed answer into clauses that can be spoken one after the other. Pure text: no clock, no audio.

The first clause goes out early, because the caller waits for it in silence; later ones wait for the end of a sentence,
because a voice sounds better with whole sentences. What a clause sounds like (markup stripped) is `spoken_form`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from antiphon.engine.spoken import spoken_form
from antiphon.errors import LocalProtocolError


@dataclass(frozen=True, slots=True)
class ClauseLimits:
    """Lengths in characters (an ideograph counts as three, since it is about a syllable or two of speech).

    first_pause: the first clause may end at a comma once it is this long; at a sentence's end it always may.
    first_longest: the first clause is cut at a word boundary when it grows beyond this.
    sentence: shorter sentences than this are joined to the next one.
    pause: a later clause may end at a comma, colon or dash once it is this long.
    longest: later clauses are cut at a word boundary beyond this.
    hard: no clause is ever longer, even if that cuts an endless word in two.
    """

    first_pause: int = 12
    first_longest: int = 64
    sentence: int = 24
    pause: int = 110
    longest: int = 240
    hard: int = 480


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the answer. text == answer[start:end]; spoken may be "" when the piece is nothing but markup.

    origins: for each character of `spoken`, the offset in the whole answer where it was written (ascending).
    """

    text: str
    start: int
    end: int
    spoken: str
    origins: tuple[int, ...]

    def written_offset(self, spoken_offset: int) -> int:
        """Where in the whole answer the spoken character stands; `end` for an offset past the last one."""
        return self.origins[spoken_offset] if 0 <= spoken_offset < len(self.origins) else self.end


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class _Break(enum.IntEnum):
    """How natural it is to pause here."""

    NONE = 0
    WORD = 1
    PAUSE = 2
    SENTENCE = 3
    LINE = 4


_SENTENCE_MARKS: Final = ".!?…؟।॥۔։።"
_WIDE_SENTENCE_MARKS: Final = "。！？｡．"
_PAUSE_MARKS: Final = ",;:–—-،؛፣"
_WIDE_PAUSE_MARKS: Final = "，、；：､"
_DASHES: Final = "-–—"
_WIDE_MARKS: Final = _WIDE_SENTENCE_MARKS + _WIDE_PAUSE_MARKS
_MARKS: Final = _SENTENCE_MARKS + _PAUSE_MARKS + _WIDE_MARKS
_CLOSERS: Final = "\"'”’»›)]}*_`」』）】》〉"
_CLOSERS_AFTER_SPACE: Final = "”’»›)]}」』）】》〉"  # straight quotes and asterisks after a space open something

# Never the end of a sentence; and those that end one only when a capital follows.
_TITLES: Final = _words(
    "dr mr mrs ms mx prof st vs fig figs eq approx dept gen col capt cpt lt sgt rev hon gov sen rep "
    "messrs mme mlle e.g i.e cf viz al resp bzw ca z.b d.h u.a nr art abs"
)
_ENDABLE: Final = _words(
    "etc inc ltd co corp bros jr sr esq no nos vol pp p ed eds est min max tel ext ave blvd rd usw jan "
    "feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun"
)
_DOTTED: Final = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{0,2}$")  # U.S  e.g  p.m  Ph.D, and an initial's J
_LIST_NUMBER: Final = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}|[A-Za-z])$")
_WIDE: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
_FENCE: Final = "```"
_LONGEST_LINK_TEXT: Final = 160


@dataclass(frozen=True, slots=True)
class _Line:
    """Where in the markup a character stands: inside a code fence or not, and how the present line begins."""

    fenced: bool = False
    begins: str = ""

    @property
    def at_start(self) -> bool:
        return not self.begins

    def after(self, char: str) -> _Line:
        if char == "\n":
            return _Line(self.fenced) if self.begins else self
        if len(self.begins) >= 4 or (not self.begins.strip() and char in " \t" and len(self.begins) >= 3):
            return self
        begins = self.begins + char
        return _Line(not self.fenced if begins.strip() == _FENCE and char == "`" else self.fenced, begins)


class ClauseSplitter:
    """Holds the part of one answer that is not yet a clause. One object for one answer; whoever streams it owns it.

    Every decision is taken when a character arrives, from the characters before it alone, so the clauses do not
    depend on how the answer was cut into deltas. At most `limits.hard` characters are held.
    """

    def __init__(self, limits: ClauseLimits | None = None) -> None:
        self._limits = limits or ClauseLimits()
        self._pending = ""
        self._start = 0
        self._first = True
        self._flushed = False
        self._line = _Line()  # at the end of _pending
        self._line_at_start = _Line()  # at the beginning of _pending
        self._weight = 0
        self._last_break: dict[_Break, int] = {}  # the last place of each kind in _pending

    def feed(self, delta: str) -> list[Clause]:
        """Give the next piece of the answer, get the clauses it completed. Raises LocalProtocolError after flush."""
        if self._flushed:
            raise LocalProtocolError("this ClauseSplitter was flushed; a new answer needs a new one")
        clauses: list[Clause] = []
        for char in delta:
            self._take(char, clauses)
        return clauses

    def flush(self) -> list[Clause]:
        """The answer is over: get the rest (one clause or none). Flushing twice is flushing once."""
        self._flushed = True
        clauses: list[Clause] = []
        if self._pending:
            self._cut(len(self._pending), clauses)
        return clauses

    def _take(self, char: str, clauses: list[Clause]) -> None:
        place = len(self._pending)
        kind = self._break_before(char)
        if kind is not _Break.NONE:
            if self._may_end(kind):
                self._cut(place, clauses)
            else:
                self._last_break[kind] = place
        self._append(char)
        longest = self._limits.first_longest if self._first else self._limits.longest
        if self._weight > longest and self._last_break:
            self._cut_at_best(longest, clauses)
        if len(self._pending) >= self._limits.hard:
            self._cut(len(self._pending), clauses)

    def _append(self, char: str) -> None:
        self._pending += char
        self._line = self._line.after(char)
        self._weight += 3 if _WIDE.match(char) else 1

    def _may_end(self, kind: _Break) -> bool:
        if not any(char.isalnum() for char in self._pending):
            return False
        if kind is _Break.LINE:  # short list entries must not run into each other
            return True
        if kind is _Break.SENTENCE:
            return self._first or self._weight >= self._limits.sentence
        if kind is _Break.PAUSE:
            return self._weight >= (self._limits.first_pause if self._first else self._limits.pause)
        return False

    def _cut_at_best(self, longest: int, clauses: list[Clause]) -> None:
        """The clause has grown too long: end it at the best place seen, preferring one that is not far back."""
        place = max(self._last_break.values())
        for kind in (_Break.LINE, _Break.SENTENCE, _Break.PAUSE):
            if self._last_break.get(kind, 0) >= longest // 3:
                place = self._last_break[kind]
                break
        rest = self._pending[place:]
        self._pending = self._pending[:place]
        self._line = self._line_at_start
        for char in self._pending:
            self._line = self._line.after(char)
        self._cut(place, clauses)
        for char in rest:  # shorter than what was held before, so this ends
            self._take(char, clauses)

    def _cut(self, length: int, clauses: list[Clause]) -> None:
        text = self._pending[:length]
        end = self._start + length
        spoken, origins = spoken_form(
            text, fenced=self._line_at_start.fenced, at_line_start=self._line_at_start.at_start
        )
        clauses.append(Clause(text, self._start, end, spoken, tuple(self._start + offset for offset in origins)))
        self._pending = ""
        self._start = end
        self._first = self._first and not spoken
        self._line_at_start = self._line
        self._weight = 0
        self._last_break = {}

    def _break_before(self, char: str) -> _Break:
        """Whether the answer may pause between what is held and `char`, the first character after the gap."""
        if char.isspace():
            return _Break.NONE
        before = self._pending.rstrip()
        gap = self._pending[len(before) :]
        if char in _MARKS and not (char in _DASHES and "\n" in gap):  # a dash after a line's end is a bullet
            return _Break.NONE
        if not before or char in (_CLOSERS_AFTER_SPACE if gap else _CLOSERS):
            return _Break.NONE
        if self._line.fenced or before.endswith(_FENCE):
            return _Break.LINE if "\n" in gap else (_Break.WORD if gap else _Break.NONE)
        if _inside_link(before):
            return _Break.NONE
        if "\n" in gap:
            return _Break.LINE
        core = before.rstrip(_CLOSERS)
        mark = core[-1:]
        if not gap and not (mark and mark in _WIDE_MARKS) and before[-1] != "—":
            return _Break.NONE
        if mark in _WIDE_SENTENCE_MARKS and mark:
            return _Break.NONE if mark == "．" and core[-2:-1].isdigit() and char.isdigit() else _Break.SENTENCE
        if mark and mark in _SENTENCE_MARKS:
            return _after_sentence_mark(core, mark, char)
        if mark and mark in _PAUSE_MARKS + _WIDE_PAUSE_MARKS:
            return _after_pause_mark(core, mark)
        return _Break.NONE if _holds_together(core, char) else _Break.WORD


def _after_sentence_mark(core: str, mark: str, char: str) -> _Break:
    if mark == "…" or core.endswith(".."):
        return _Break.SENTENCE if char.isupper() else _Break.PAUSE
    if mark != ".":
        return _Break.SENTENCE
    if _LIST_NUMBER.search(core[:-1]):
        return _Break.NONE
    word = core[:-1].rsplit(maxsplit=1)[-1].lstrip("\"'“‘«([{*_`") if core[:-1].split() else ""
    lowered = word.casefold()
    if lowered in _TITLES or _DOTTED.fullmatch(word + ".") is not None:
        return _Break.NONE
    if lowered in _ENDABLE and not char.isupper():
        return _Break.NONE
    return _Break.SENTENCE


def _after_pause_mark(core: str, mark: str) -> _Break:
    if mark in "-–":
        # A dash pauses only when it stands alone ("this - that"); a bullet at a line's start does not.
        alone = len(core) > 1 and core[-2] in " \t"
        return (
            _Break.PAUSE if alone and core[:-1].strip() and not core[:-1].rstrip(" \t").endswith("\n") else _Break.NONE
        )
    return _Break.PAUSE


def _holds_together(core: str, char: str) -> bool:
    """A number and what it counts ("5 p.m.", "20 000") stay in one breath, and so does a sign with its number."""
    return core[-1:].isdigit() or core[-1:] in "$€£¥#+=<>/" or char in "%°/="


def _inside_link(before: str) -> bool:
    opened = before.rfind("[")
    if opened < 0 or len(before) - opened > _LONGEST_LINK_TEXT:
        return False
    closed = before.find("]", opened)
    if closed < 0:
        return True
    return before.startswith("](", closed) and ")" not in before[closed:]
