"""How much the page and its module weigh on the wire. A bound that is met today, so that nothing grows unseen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from antiphon.server.lean import compressed, lean
from antiphon.server.page import packaged_page

WEB = packaged_page().resolve()
IMPORT = re.compile(r"^(?:import|export)\b[^;]*?\"(\.[^\"]+)\"", re.MULTILINE)
STYLE = re.compile(r"<link rel=\"stylesheet\" href=\"([^\"]+)\"")


def loaded(entry: str) -> set[Path]:
    """A script and all that it imports at once; what is imported when it is needed is not in it."""
    found: set[Path] = set()
    ahead = [WEB / entry]
    while ahead:
        path = ahead.pop().resolve()
        if path not in found:
            found.add(path)
            ahead += [path.parent / name for name in IMPORT.findall(path.read_text())]
    return found


def page() -> set[Path]:
    """What a browser fetches to open the page."""
    styles = STYLE.findall((WEB / "index.html").read_text())
    return loaded("main.js") | {WEB / "index.html"} | {WEB / style for style in styles}


def weight(files: set[Path]) -> int:
    """Bytes, as the server sends them: lean and compressed, each file by itself."""
    return sum(len(compressed(lean(path.suffix, path.read_bytes()))) for path in files)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        pytest.param(loaded("realtime-call.js"), 42_000, id="the call"),
        pytest.param(loaded("antiphon.js"), 50_000, id="the module with its widget"),
        pytest.param(page() | loaded("antiphon.js"), 90_000, id="page and module together"),
    ],
)
def test_what_travels_is_bounded(files: set[Path], most: int) -> None:
    assert most * 0.7 < weight(files) < most  # a bound that is far from the truth holds nothing


def test_nothing_is_fetched_from_elsewhere() -> None:
    elsewhere = re.compile(r"(?:from|import\()\s*\"(?!\.)|(?:src|href)=\"https?:")
    for path in WEB.rglob("*"):
        if path.suffix in (".js", ".html"):
            assert not elsewhere.search(lean(path.suffix, path.read_bytes()).decode()), path
