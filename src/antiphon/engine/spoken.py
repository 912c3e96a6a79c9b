"""What a piece of written answer sounds like: the same words without Markdown, links' addresses and emoji.

Nothing is rephrased here; every spoken character was written, and is told with the place where it was.
"""

from __future__ import annotations

import re
from typing import Final

_LINK: Final = re.compile(r"(!?\[)([^\[\]]*)(\]\([^()\s]*(?:\s+\"[^\"]*\")?\))")
_AUTOLINK: Final = re.compile(r"(<)([a-z]+:[^<>\s]+|[^<>\s@]+@[^<>\s]+)(>)")
_SCHEME: Final = re.compile(r"\bhttps?://(?:www\.)?")
_LINE_MARKUP: Final = re.compile(r"[ \t]*(?:(?:#{1,6}|[-*+•]|>+)[ \t]+)+(?:\[[ xX]\][ \t]+)?")
_RULE: Final = re.compile(r"[ \t]*(?:(?:[-_*=][ \t]*){3,}|\|?[ \t:|-]*--[ \t:|-]*)")
_EMPHASIS: Final = re.compile(
    r"\*\*+|~~+|`+"
    r"|(?<!\w)_+(?=\w)|(?<=[\w.,!?;:)])_+(?!\w)"
    r"|(?<![\s\d*])\*(?![\d*])|(?<!\d)\*(?![\s\d*])"
)
_EMOJI: Final = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]"
)
_EDGE_PIPES: Final = re.compile(r"^[ \t]*\||\|[ \t]*$")


def spoken_form(text: str, *, fenced: bool = False, at_line_start: bool = True) -> tuple[str, list[int]]:
    """Strip the markup of a piece of an answer.

    fenced: the piece begins inside a code fence (its lines are then code, kept as they are).
    at_line_start: the piece begins a line, so that its first characters may be a list's or heading's mark.

    Returns the spoken text, with every run of white space made one space and none at the ends, and for each of its
    characters the offset in `text` that it came from.
    """
    written: list[str] = list(text)
    line_start = at_line_start
    offset = 0
    for line in text.split("\n"):
        end = offset + len(line)
        if line_start and line.lstrip(" \t").startswith("```"):
            fenced = not fenced
            _blank(written, offset, end)
        elif not fenced:
            _strip_line(line, offset, written, at_start=line_start)
        offset = end + 1
        line_start = True
    return _collapse(written)


def _strip_line(line: str, offset: int, written: list[str], *, at_start: bool) -> None:
    if at_start:
        if _RULE.fullmatch(line):
            _blank(written, offset, offset + len(line))
            return
        mark = _LINE_MARKUP.match(line)
        if mark:
            _blank(written, offset, offset + mark.end())
        if line.lstrip(" \t").startswith("|"):
            for pipe in _EDGE_PIPES.finditer(line):
                _blank(written, offset + pipe.start(), offset + pipe.end())
            for place, char in enumerate(line):
                if char == "|" and written[offset + place] == "|":
                    written[offset + place] = ","
                    before = len(line[:place].rstrip())
                    _blank(written, offset + before, offset + place)
    for pattern in (_LINK, _AUTOLINK):
        for link in pattern.finditer(line):
            _blank(written, offset + link.start(1), offset + link.end(1))
            _blank(written, offset + link.start(3), offset + link.end(3))
    addresses = [(word.start(), word.end()) for word in re.finditer(r"\S*(?:://|@)\S*", line)]
    for pattern in (_SCHEME, _EMPHASIS, _EMOJI):
        for mark in pattern.finditer(line):
            inside_address = any(start < mark.start() and mark.end() < end for start, end in addresses)
            if pattern is _EMPHASIS and inside_address and mark.group() != "`":
                continue
            _blank(written, offset + mark.start(), offset + mark.end())


def _blank(written: list[str], start: int, end: int) -> None:
    for place in range(start, end):
        written[place] = ""


def _collapse(written: list[str]) -> tuple[str, list[int]]:
    spoken: list[str] = []
    origins: list[int] = []
    gap: int | None = None
    for place, char in enumerate(written):
        if not char:
            continue
        if char.isspace():
            gap = place if gap is None else gap
            continue
        if gap is not None and spoken:
            spoken.append(" ")
            origins.append(gap)
        gap = None
        spoken.append(char)
        origins.append(place)
    return "".join(spoken), origins
