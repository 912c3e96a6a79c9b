"""The web page's files, from the package or from a folder of one's own. What is in them is `web/`'s business."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from antiphon.server.lean import compressed, lean

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

    Texts travel compressed, and the packaged page's own also without comments; a folder of somebody else's is served as
    it is written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)
        self._is_ours = folder.is_relative_to(packaged_page())
        self._texts: dict[str, tuple[int, int, bytes, bytes]] = {}

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
        response = await super().get_response("index.html" if path == "." else path, scope)
        suffix = ".html" if path == "." else name.suffix
        if isinstance(response, FileResponse) and suffix in _COMPRESSED:
            response = self._text(response, suffix, Headers(scope=scope))
        response.headers.update(HEADERS)
        if response.status_code in (200, 206):
            response.headers["Content-Type"] = MEDIA_TYPES[suffix]
        return response

    def _text(self, found: FileResponse, suffix: str, asked: Headers) -> Response:
        """The same file as it travels. Made once, and anew when the file has changed."""
        about = found.stat_result or Path(found.path).stat()
        kept = self._texts.get(str(found.path))
        if kept is None or kept[:2] != (about.st_mtime_ns, about.st_size):
            content = Path(found.path).read_bytes()
            plain = lean(suffix, content) if self._is_ours else content
            kept = (about.st_mtime_ns, about.st_size, plain, compressed(plain))
            self._texts[str(found.path)] = kept
        takes_gzip = "gzip" in asked.get("accept-encoding", "")
        # Weak: of one file there are two forms.
        headers = {"ETag": f"W/{found.headers['etag']}", "Vary": "Accept-Encoding"}
        if takes_gzip:
            headers["Content-Encoding"] = "gzip"
        return Response(kept[3] if takes_gzip else kept[2], headers=headers)


def locked_page(folder: Path | None) -> Response | None:
    """What stands at the page's address for whoever has no token yet: it brings the one of its own address (#token=…),
    or asks for one. folder: the page's own; None, also as the answer, where it has no such part.
    """
    file = (folder or packaged_page()) / "locked" / "index.html"
    if not file.is_file():
        return None
    return HTMLResponse(file.read_bytes(), 401, {**HEADERS, "Cache-Control": "no-store"})


def packaged_page() -> Path:
    """The folder of the page that comes with Antiphon."""
    return Path(__file__).parent.parent / "web"
