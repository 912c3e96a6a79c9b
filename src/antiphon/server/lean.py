"""The page's files as they travel: without what only people read, and compressed. Pure functions.

No build step makes them: what is in `web/` is what runs, less its comments and indentation, which are two fifths of it
on the wire. Names, strings and the order of things stay as they are written.
"""

from __future__ import annotations

import gzip
import re

_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE_COMMENT = re.compile(r"^[ \t]*//[^\n]*(?:\n|\Z)", re.MULTILINE)
_CAST = re.compile(r"/\*\* @(?:type|param|returns|template)\b(?:(?!\*/)[^\n])*\*/ ?")
"""A type in the middle of a line: `/** @type {any} */ (value)`."""
_TRAILING_COMMENT = re.compile(r"(?<=[;,{}()\]]) +// [^\n\"'`]*$", re.MULTILINE)
"""Only where no quote follows, for then it cannot be inside a string."""
_INDENTATION = re.compile(r"^[ \t]+|[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{2,}")


def lean_script(source: str) -> str:
    """A script without comments and indentation. Its strings must not span lines, which a test of the page holds."""
    for comment in (_BLOCK_COMMENT, _LINE_COMMENT, _CAST, _TRAILING_COMMENT):
        source = comment.sub("", source)
    return _without_space(source)


def lean_style(source: str) -> str:
    """A style sheet without comments and indentation."""
    return _without_space(re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL))


def lean(suffix: str, content: bytes) -> bytes:
    """A file of the page, by the suffix of its name; kinds that are not known stay as they are."""
    if suffix == ".js":
        return lean_script(content.decode()).encode()
    if suffix == ".css":
        return lean_style(content.decode()).encode()
    return content


def compressed(content: bytes) -> bytes:
    """The same bytes for the same content, whenever and wherever."""
    return gzip.compress(content, 9, mtime=0)


def _without_space(source: str) -> str:
    return _BLANK_LINES.sub("\n", _INDENTATION.sub("", source)).strip("\n") + "\n"
