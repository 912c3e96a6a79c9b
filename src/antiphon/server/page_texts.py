"""The texts of the page that comes with Antiphon, as they travel: linked, short and compressed.

What is in `web/` is what runs; nothing is built, kept on disk or to be installed for it. The texts are made when the
first one is asked for, and anew when a file has changed. Not here: what is done with them (page.py, shell.py), and
how (linking.py, lean.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from threading import Lock

from antiphon.server.javascript import minified, tokens
from antiphon.server.lean import compressed, lean_markup, lean_style, whole_style
from antiphon.server.linking import link

SUFFIXES = frozenset({".js", ".css", ".html"})
_ALONE = frozenset({"worklet.js", "service-worker.js"})
"""Scripts that the browser loads as something else than modules of the page."""


@dataclass(frozen=True, slots=True)
class Text:
    """plain, packed: the content, and gzipped. etag: of both forms."""

    plain: bytes
    packed: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Made:
    seen: tuple[tuple[str, int, int], ...]
    texts: Mapping[str, Text]
    references: frozenset[str]


class PageTexts:
    """The texts of one folder. May be asked from several threads; making them takes some 0.3 s of one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._made: _Made | None = None

    def at(self, path: str) -> Text | None:
        """The text at a path below the folder; None where there is none, or what is there is no text of the page.

        Raises LinkError or ScriptError while somebody is in the middle of writing the page.
        """
        return self._now().texts.get(path)

    def references(self) -> frozenset[str]:
        """Paths of the scripts that travel inside others: at these there is only a line that says where. May raise as
        `at`.
        """
        return self._now().references

    def _now(self) -> _Made:
        with self._lock:
            seen = tuple(sorted(_files(self._folder)))
            if self._made is None or self._made.seen != seen:
                self._made = _make(self._folder, seen)
            return self._made


def _files(folder: Path, below: str = "") -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _files(folder / entry.name, f"{path}/")
            elif PurePosixPath(path).suffix in SUFFIXES and entry.is_file(follow_symlinks=False):
                about = entry.stat()
                yield path, about.st_mtime_ns, about.st_size


def _make(folder: Path, seen: tuple[tuple[str, int, int], ...]) -> _Made:
    sources = {path: (folder / path).read_text() for path, _, _ in seen}
    of_kind = {suffix: [path for path in sources if path.endswith(suffix)] for suffix in SUFFIXES}
    modules = {path: sources[path] for path in of_kind[".js"] if path not in _ALONE}
    linked = link(modules)
    texts = linked.texts()
    texts |= {path: minified(list(tokens(sources[path]))) + "\n" for path in _ALONE & sources.keys()}
    texts |= {path: lean_style(whole_style(path, sources)) for path in of_kind[".css"]}
    texts |= {path: lean_markup(sources[path]) for path in of_kind[".html"]}
    return _Made(seen, {path: _text(text.encode()) for path, text in texts.items()}, frozenset(modules) - linked.heads)


def _text(plain: bytes) -> Text:
    return Text(plain, compressed(plain), f'W/"{hashlib.sha256(plain).hexdigest()[:24]}"')


@cache
def packaged_texts() -> PageTexts:
    """Those of the page that comes with Antiphon; one object in a process, whatever apps serve them."""
    return PageTexts(packaged_page())


def packaged_page() -> Path:
    """The folder of the page that comes with Antiphon."""
    return Path(__file__).parent.parent / "web"
