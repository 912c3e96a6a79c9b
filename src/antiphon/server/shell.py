"""The page as an installed app: its service worker, which is told by the server what belongs to the page.

What the worker does with that is in `web/service-worker.js`.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from antiphon.server.page import HEADERS, MEDIA_TYPES
from antiphon.server.page_texts import PageTexts, packaged_page, packaged_texts

WORKER = "service-worker.js"
_NOT_OF_THE_SHELL = ("inspect", "locked")
"""Folders of the page that need the server anyway."""


@dataclass(frozen=True, slots=True)
class Shell:
    """files: paths below the page's folder, sorted. version: a hash of all that is served there."""

    files: tuple[str, ...]
    version: str


def shell_of(folder: Path) -> Shell:
    """What the page in `folder` is made of, as a browser fetches it."""
    texts = _texts_of(folder)
    references = texts.references() if texts else frozenset()
    digest = hashlib.sha256()
    files = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.suffix not in MEDIA_TYPES or not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        if name.parts[0] in _NOT_OF_THE_SHELL or not path.resolve().is_relative_to(folder.resolve()):
            continue
        content = _content(texts, name.as_posix(), path)
        # Lengths too, or two different sets of files could hash alike.
        digest.update(f"{name.as_posix()}\0{len(content)}\0".encode() + content)
        if name.as_posix() not in (WORKER, "index.html", *references):
            files.append(name.as_posix())
    return Shell(("./", *files), digest.hexdigest()[:16])


def worker_script(folder: Path) -> bytes | None:
    """The worker, its first line what the page is made of: a change of any file is a new worker. None: it has none."""
    file = folder / WORKER
    if not file.is_file():
        return None
    shell = shell_of(folder)
    told = msgspec.json.encode({"version": shell.version, "files": shell.files})
    return b"self.shell = " + told + b";\n" + _content(_texts_of(folder), WORKER, file)


def _texts_of(folder: Path) -> PageTexts | None:
    return packaged_texts() if folder == packaged_page() else None


def _content(texts: PageTexts | None, path: str, file: Path) -> bytes:
    text = texts.at(path) if texts else None
    return text.plain if text else file.read_bytes()


class Worker:
    """Answers for the service worker's address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        script = await asyncio.to_thread(worker_script, self._folder)
        if script is None:
            raise HTTPException(404)
        headers = {
            **HEADERS,
            "Service-Worker-Allowed": scope.get("root_path", "") + "/",
            "Content-Type": MEDIA_TYPES[".js"],
        }
        await Response(script, headers=headers)(scope, receive, send)
