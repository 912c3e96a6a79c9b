"""How much the page and its module weigh on the wire, and in how many files. Bounds that are met today, so that nothing
grows unseen.
"""

from __future__ import annotations

import posixpath
import re

import pytest

from antiphon.server.door import shown_locked
from antiphon.server.page_texts import packaged_page, packaged_texts

IMPORT = re.compile(r"(?:\bimport|\bfrom)\"(\.[^\"]+)\"")
STYLE = re.compile(r"<link rel=\"stylesheet\" href=\"([^\"]+)\"")
SCRIPT = re.compile(r"<script type=\"module\" src=\"([^\"]+)\"")


def text_at(path: str) -> bytes:
    text = packaged_texts().at(path)
    assert text is not None, path
    return text.plain


def loaded(*entries: str) -> set[str]:
    """Scripts and all that they import at once; what is imported when it is needed is not in it."""
    found: set[str] = set()
    ahead = list(entries)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            folder = posixpath.dirname(path)
            ahead += [
                posixpath.normpath(posixpath.join(folder, name)) for name in IMPORT.findall(text_at(path).decode())
            ]
    return found


def page() -> set[str]:
    """What a browser fetches to open the page, pictures apart; in Russian, whose words weigh more."""
    markup = text_at("index.html").decode()
    return {"index.html", *STYLE.findall(markup), *loaded(*SCRIPT.findall(markup)), "words-ru.js"}


def weight(paths: set[str]) -> int:
    """Bytes, as the server sends them: linked, short and compressed."""
    return sum(len(text.packed) for path in paths if (text := packaged_texts().at(path)) is not None)


@pytest.mark.parametrize(
    ("paths", "most"),
    [
        pytest.param(loaded("realtime-call.js"), 31_000, id="the call"),
        pytest.param(loaded("antiphon.js"), 37_000, id="the module with its widget"),
        pytest.param(page(), 55_000, id="the page"),
        pytest.param(page() | loaded("antiphon.js"), 60_000, id="page and module together"),
    ],
)
def test_what_travels_is_bounded(paths: set[str], most: int) -> None:
    assert most * 0.9 < weight(paths) < most  # a bound that is far from the truth holds nothing


def test_opening_the_page_is_a_handful_of_requests() -> None:
    assert len(page()) <= 9


def test_the_locked_page_needs_only_what_is_shown_without_a_token() -> None:
    assert all(shown_locked(f"/{path}") for path in loaded("locked/locked.js"))


def test_nothing_is_fetched_from_elsewhere() -> None:
    elsewhere = re.compile(r"(?:from|import\()\s*\"(?!\.)|(?:src|href)=\"https?:|@import|url\((?!#)")
    for path in packaged_page().rglob("*"):
        if path.suffix in (".js", ".html", ".css"):
            assert not elsewhere.search(text_at(path.relative_to(packaged_page()).as_posix()).decode()), path
