"""Styles and markup as they travel: without what only people read, and compressed. Pure functions; scripts:
linking.py.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping

_BLANK = r"(?:\s|/\*(?:(?!\*/).)*\*/)"
_STRING_OR_BLANK = re.compile(rf"(\"[^\"]*\"|'[^']*')|{_BLANK}*([{{}};,>]){_BLANK}*|(:){_BLANK}+|{_BLANK}+", re.DOTALL)
_IMPORT = re.compile(r"^@import \"([^\"/]+)\";\n", re.MULTILINE)
_INDENTATION = re.compile(r"\n\s+")


def lean_style(source: str) -> str:
    """A style sheet without comments, and without the white space that means nothing."""
    # A space before a colon stays: `a :hover` is not `a:hover`.
    short = _STRING_OR_BLANK.sub(lambda found: found[1] or found[2] or found[3] or " ", source)
    return short.strip().replace(";}", "}") + "\n"


def whole_style(path: str, sources: Mapping[str, str]) -> str:
    """A style sheet with those that it imports in their places. Raises KeyError for one that is not there.

    sources: texts by path; they import from their own folder, each with a line of its own: `@import "tokens.css";`.
    """
    folder = path.rpartition("/")[0]
    return _IMPORT.sub(
        lambda found: whole_style(f"{folder}/{found[1]}" if folder else found[1], sources), sources[path]
    )


def lean_markup(source: str) -> str:
    """A page without indentation. It must have no element that keeps its white space."""
    return _INDENTATION.sub("\n", source)


def compressed(content: bytes) -> bytes:
    """The same bytes for the same content, whenever and wherever."""
    return gzip.compress(content, 9, mtime=0)
