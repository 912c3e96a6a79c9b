"""JavaScript as tokens, and written down again without what only people read. Pure functions over texts.

Enough of the language to tell words, strings, regular expressions, templates and comments apart (ECMAScript 2024,
12), and not more: no grammar, no scopes. What is dropped is comments and white space; what is shortened is private
names (`#held`), which nothing outside their class can see. All else stays letter by letter, so that `tokens` of the
result are those of the source. Not here: modules and files (linking.py).

No library does it: those with wheels for every platform stop before private names, the others need a compiler or
bring a runtime of 7 MB and more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import count, product
from string import ascii_letters
from typing import NamedTuple


class ScriptError(ValueError):
    """A script that cannot be read. The message says where: its line, counted from 1."""


class Kind(Enum):
    """What a token is. A template is several: "`a ${", then what is inside, then "} b ${" or "} c`"."""

    WORD = "word"
    PRIVATE = "private"
    NUMBER = "number"
    STRING = "string"
    REGEX = "regex"
    TEMPLATE = "template"
    MARK = "mark"


class Token(NamedTuple):
    """begins_line: whether a line ended between it and the token before."""

    kind: Kind
    text: str
    begins_line: bool


_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*(?:(?!\*/).)*\*/)+", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<private>\#[A-Za-z_$][\w$]*)
    |(?P<number>0[xXbBoO][\da-fA-F_]+n?|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?n?)
    |(?P<word>[A-Za-z_$\u0080-\uffff][\w$]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<mark>>>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--
        |[+*%&|^/-]=|\*\*|<<|>>|[{}()\[\];,<>+\-*/%&|^!~?:=.@])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[A-Za-z]*")
_TEMPLATE = re.compile(r"[`}](?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.DOTALL)
_BEFORE_EXPRESSION = frozenset(
    [
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "else",
        "do",
        "await",
        "yield",
        "instanceof",
    ],
)
_RESTRICTED = frozenset(["return", "break", "continue", "throw", "yield", "async"])
"""Words after which the end of a line ends more than the line."""


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a script or module, in their order. Raises ScriptError."""
    at, before, braces = 0, None, [0]
    begins_line = False
    while at < len(source):
        if blank := _BLANK.match(source, at):
            begins_line |= "\n" in blank[0]
            at = blank.end()
            continue
        kind, text = _next(source, at, before, closes_template=len(braces) > 1 and braces[-1] == 0)
        token = Token(kind, text, begins_line)
        yield token
        match token.kind, token.text[0], token.text[-1]:
            case Kind.TEMPLATE, opening, closing:
                # Braces are counted anew inside each `${`, so that its own is known when it comes.
                if opening == "}":
                    braces.pop()
                if closing == "{":
                    braces.append(0)
            case Kind.MARK, "{", _:
                braces[-1] += 1
            case Kind.MARK, "}", _:
                braces[-1] -= 1
        at, before, begins_line = at + len(token.text), token, False


def _next(source: str, at: int, before: Token | None, *, closes_template: bool) -> tuple[Kind, str]:
    sign = source[at]
    if sign == "`" or (sign == "}" and closes_template):
        kind, found = Kind.TEMPLATE, _TEMPLATE.match(source, at)
    elif sign == "/" and _may_begin_regex(before):
        kind, found = Kind.REGEX, _REGEX.match(source, at)
    else:
        found = _TOKEN.match(source, at)
        kind = Kind(found.lastgroup) if found else Kind.MARK
    if found is None:
        raise ScriptError(f"line {source.count(chr(10), 0, at) + 1}: cannot read {source[at : at + 20]!r}")
    return kind, found[0]


def _may_begin_regex(before: Token | None) -> bool:
    """Whether a slash is no division. After a brace it is taken for a regular expression: blocks end in one."""
    if before is None:
        return True
    if before.kind is Kind.WORD:
        return before.text in _BEFORE_EXPRESSION
    if before.kind is Kind.TEMPLATE:
        return before.text.endswith("{")
    return before.kind is Kind.MARK and before.text not in (")", "]", "++", "--")


def minified(found: Sequence[Token]) -> str:
    """The same script, as short as it can be with its public names kept. found: all of its tokens."""
    short = _short_names(found)
    written: list[str] = []
    before: Token | None = None
    for token in found:
        if before is not None:
            written.append(_between(before, token))
        written.append(short.get(token.text, token.text) if token.kind is Kind.PRIVATE else token.text)
        before = token
    return "".join(written)


def _short_names(found: Iterable[Token]) -> dict[str, str]:
    """A short private name for each, the shortest for the most used."""
    uses = Counter(token.text for token in found if token.kind is Kind.PRIVATE)
    names = ("#" + "".join(letters) for length in count(1) for letters in product(ascii_letters, repeat=length))
    return dict(zip((name for name, _ in uses.most_common()), names, strict=False))


def _between(before: Token, after: Token) -> str:
    """What has to stand between two tokens for them to mean what they meant."""
    if after.begins_line and _may_end_statement(before) and _may_begin_statement(before, after):
        return "\n"
    return " " if _would_merge(before, after) else ""


def _may_end_statement(token: Token) -> bool:
    match token.kind:
        case Kind.MARK:
            return token.text in (")", "]", "}", "++", "--")
        case Kind.TEMPLATE:
            return token.text.endswith("`")
    return True


def _may_begin_statement(before: Token, token: Token) -> bool:
    """Whether a line's end before `token` can mean a semicolon (ECMAScript 2024, 12.10)."""
    match token.kind:
        case Kind.MARK:
            return token.text in ("{", "!", "~", "++", "--", "@") or before.text in _RESTRICTED
        case Kind.TEMPLATE:
            return before.text in _RESTRICTED and token.text.startswith("`")
    return True


def _would_merge(before: Token, after: Token) -> bool:
    last, first = before.text[-1], after.text[0]
    if before.kind is Kind.REGEX:
        return after.kind in (Kind.WORD, Kind.NUMBER)
    if _is_wordy(last) and (_is_wordy(first) or first == "#"):
        return before.kind is not Kind.STRING
    if before.kind is Kind.NUMBER and first == ".":
        return "." not in before.text
    return (last == first and first in "+-/") or (before.text, after.text) == ("<", "!")


def _is_wordy(sign: str) -> bool:
    return sign.isalnum() or sign in "_$" or sign > "\x7f"
