"""The web page's files, from the package or from a folder of one's own. What is in them is `web/`'s business."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from antiphon.server.lean import compressed
from antiphon.server.page_texts import SUFFIXES, Text, packaged_page, packaged_texts

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
"""Every kind of file that is served, and no other: types never depend on the machine's own table, which under
`nosniff` would decide whether a script runs."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob: mediastream:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=(), display-capture=(), usb=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept by the browser, but asked for again each time: a new version is seen at once, an old one costs a 304.
    "Cache-Control": "no-cache",
}


_COMPRESSED = frozenset({".html", ".js", ".mjs", ".css", ".json", ".webmanifest", ".svg", ".txt"})


class Page(StaticFiles):
    """The files of one folder, each with the page's security headers. Hidden files and unknown kinds do not exist.

    Texts travel compressed, and the packaged page's own linked and short; a folder of somebody else's is served as it
    is written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)
        is_ours = folder.is_relative_to(packaged_page())
        self._below = folder.relative_to(packaged_page()) if is_ours else None
        self._texts: dict[str, tuple[int, int, Text]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        name = PurePosixPath(path)
        if any(part.startswith(".") and part != "." for part in name.parts):
            raise HTTPException(404)
        if path != "." and name.suffix not in MEDIA_TYPES:
            # A folder's name, or a kind that is not served: one answer for both, and no redirect that would tell.
            raise HTTPException(404)
        name = PurePosixPath("index.html") if path == "." else name
        asked = Headers(scope=scope)
        if self._below is not None and name.suffix in SUFFIXES:
            # Beside the event loop: the first time, the page is made.
            text = await asyncio.to_thread(packaged_texts().at, (self._below / name).as_posix())
            if text is None:
                raise HTTPException(404)
            response = _answer(text, asked)
        else:
            response = await super().get_response(str(name), scope)
            if isinstance(response, FileResponse) and name.suffix in _COMPRESSED:
                response = _answer(self._text(response), asked)
        response.headers.update(HEADERS)
        if response.status_code in (200, 206):
            response.headers["Content-Type"] = MEDIA_TYPES[name.suffix]
        return response

    def _text(self, found: FileResponse) -> Text:
        """A file as it is written. Read once, and anew when it has changed."""
        about = found.stat_result or Path(found.path).stat()
        kept = self._texts.get(str(found.path))
        if kept is None or kept[:2] != (about.st_mtime_ns, about.st_size):
            content = Path(found.path).read_bytes()
            kept = (about.st_mtime_ns, about.st_size, Text(content, compressed(content), f"W/{found.headers['etag']}"))
            self._texts[str(found.path)] = kept
        return kept[2]


def _answer(text: Text, asked: Headers) -> Response:
    # A weak tag, for of one text there are two forms.
    headers = {"ETag": text.etag, "Vary": "Accept-Encoding"}
    if text.etag in asked.get("if-none-match", "").split(", "):
        return Response(status_code=304, headers=headers)
    takes_gzip = "gzip" in asked.get("accept-encoding", "")
    if takes_gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(text.packed if takes_gzip else text.plain, headers=headers)


def locked_page(folder: Path | None) -> Response | None:
    """What stands at the page's address for whoever has no token yet: it brings the one of its own address (#token=…),
    or asks for one. folder: the page's own; None, also as the answer, where it has no such part.
    """
    file = (folder or packaged_page()) / "locked" / "index.html"
    if not file.is_file():
        return None
    return HTMLResponse(file.read_bytes(), 401, {**HEADERS, "Cache-Control": "no-store"})
