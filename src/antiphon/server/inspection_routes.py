"""`/inspect`: the page for whoever develops agents, and what it reads. Who may is decided in `inspection.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.audio.wav import wav_bytes
from antiphon.server.door import may_inspect
from antiphon.server.inspecting import CallRecord, Inspector
from antiphon.server.page import HEADERS, MEDIA_TYPES, Page
from antiphon.server.page_texts import packaged_page
from antiphon.server.settings import ServerSettings
from antiphon.server.tracks import RATE, stereo

_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_SHARED = ("tokens.css", "icon.svg")
"""What this page takes from the other, also where that one is somebody's own."""
_MOST_LINES = 500
"""Sent at once; a reader that is behind gets the rest in further messages."""
_PAUSE_SECONDS = 0.1
"""Between two messages: a call can have hundreds of events a second, and nobody reads faster."""


def inspection_routes(inspector: Inspector, settings: ServerSettings) -> list[BaseRoute]:
    """Everything under /inspect, which is not there for whoever may not look."""
    guarded = _Guarded(_Inspection(inspector).router, settings)

    async def to_folder(request: Request) -> Response:
        if not may_inspect(request, settings):
            raise HTTPException(404)
        return RedirectResponse(request.scope.get("root_path", "") + "/inspect/", 307)

    return [Route("/inspect", to_folder), Mount("/inspect", guarded)]


class _Guarded:
    """Lets those in who may; for everybody else there is nothing here."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not may_inspect(HTTPConnection(scope), self._settings):
            raise HTTPException(404)
        await self._app(scope, receive, send)


class _Inspection:
    """What the page reads: the list of calls, one call's lines as they come, its trace and its sound."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        folder = packaged_page()
        self.router = Router(
            [
                WebSocketRoute("/live", self._live),
                Route("/calls", self._calls),
                Route("/calls/{call_id}/trace.jsonl", self._of_a_call(self._trace)),
                Route("/calls/{call_id}/sound.wav", self._of_a_call(self._sound)),
                *[Route(f"/{name}", _file(folder / name)) for name in _SHARED],
                Mount("/", Page(folder / "inspect")),
            ]
        )

    async def _calls(self, _request: Request) -> Response:
        body = {"calls": [record.summary() for record in self._inspector.calls()]}
        return Response(msgspec.json.encode(body), headers=_FRESH, media_type="application/json")

    def _of_a_call(
        self, answer: Callable[[Request, CallRecord], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            record = self._inspector.find(request.path_params["call_id"])
            if record is None:
                raise HTTPException(404)
            return await answer(request, record)

        return handle

    async def _trace(self, _request: Request, record: CallRecord) -> Response:
        lines = "\n".join(record.trace()) + "\n"
        began = time.strftime("%Y%m%d-%H%M%S", time.gmtime(record.began_at))
        headers = {**_FRESH, "Content-Disposition": f'attachment; filename="antiphon-{began}-{record.id}.jsonl"'}
        return Response(lines, headers=headers, media_type="application/x-ndjson")

    async def _sound(self, request: Request, record: CallRecord) -> Response:
        """A stereo file on the call's own time, the caller left; X-Began-Ms: where in the call it begins."""
        spans = [span for span in (record.caller.span_ms, record.answer.span_ms) if span is not None]
        if not spans:
            raise HTTPException(404)
        begin, end = min(span[0] for span in spans), max(span[1] for span in spans)
        # Taken on the event loop, where the tracks grow; what costs time is done beside it.
        left, right = record.caller.rendered(begin, end), record.answer.rendered(begin, end)
        body = await asyncio.to_thread(lambda: wav_bytes(stereo(left, right), RATE, channels=2))
        return Response(body, headers={**_FRESH, "X-Began-Ms": f"{begin:.0f}"}, media_type="audio/wav")

    async def _live(self, websocket: WebSocket) -> None:
        """Tell what changes. The reader names the call it looks at: {"call": id or null, "after": number}."""
        await websocket.accept()
        reader = _Reader(self._inspector)
        stop = self._inspector.watch(reader.news.set)
        listening = asyncio.create_task(_listen(websocket, reader), name="inspect-listen")
        try:
            while not listening.done():
                message = reader.message()
                if message is None:
                    reader.news.clear()
                    waiting = asyncio.create_task(reader.news.wait())
                    try:
                        await asyncio.wait([waiting, listening], return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        waiting.cancel()
                    continue
                await websocket.send_text(message.decode())
                await asyncio.wait([listening], timeout=_PAUSE_SECONDS)
        except WebSocketDisconnect:
            return
        finally:
            stop()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class _Reader:
    """One open page: which call it looks at, and what it knows already.

    What it does not know is read when it is sent, so that nothing waits for a slow one.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.news = asyncio.Event()
        self._inspector = inspector
        self._call: str | None = None
        self._after = 0
        self._told: list[dict[str, object]] | None = None

    def look_at(self, call: str | None, after: int) -> None:
        self._call, self._after = call, after
        self.news.set()

    def message(self) -> bytes | None:
        """What is new, or None."""
        calls = [record.summary() for record in self._inspector.calls()]
        record = None if self._call is None else self._inspector.find(self._call)
        lines = [] if record is None else list(record.lines(self._after)[:_MOST_LINES])
        if calls == self._told and not lines:
            return None
        message: dict[str, object] = {} if calls == self._told else {"calls": calls}
        self._told = calls
        if record is not None and lines:
            self._after = lines[-1].number
            message["call"] = record.id
            message["dropped"] = record.dropped
            message["lines"] = [(line.number, line.size, msgspec.Raw(line.text.encode())) for line in lines]
        return msgspec.json.encode(message)


class _Wish(msgspec.Struct):
    call: str | None = None
    after: int = 0


async def _listen(websocket: WebSocket, reader: _Reader) -> None:
    while True:
        try:
            wish = msgspec.json.decode(await websocket.receive_text(), type=_Wish)
        except (WebSocketDisconnect, KeyError):
            return
        except msgspec.DecodeError:
            await websocket.close(1003, "not a wish of this page")
            return
        reader.look_at(wish.call, wish.after)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return FileResponse(path, headers={**HEADERS, "Content-Type": MEDIA_TYPES[path.suffix]})

    return answer
