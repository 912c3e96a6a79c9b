"""A small OpenAI-compatible audio server on a loopback port, as strict as the real one, to test what talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from antiphon.audio.wav import read_wav

KEY = "sk-test-3f9a"
VOICES = {"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"}


@dataclass
class AudioEndpoints:
    """What the server answers (set by a test) and what it was asked (read by a test).

    failures: status codes, or callables making a response, that are used up before anything succeeds.
    speech: the pieces of audio of the answer; content_type: what it is called.
    hold: the answer stays open after its first piece until this is set.
    """

    url: str = ""
    transcript: object = field(default_factory=lambda: {"text": "hello there"})
    speech: list[bytes] = field(default_factory=list)
    content_type: str = "audio/pcm"
    failures: list[int | Callable[[], Response]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    asked: list[dict[str, object]] = field(default_factory=list)
    attempts: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def _refusal(self, request: Request) -> Response | None:
        self.attempts += 1
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, f"Incorrect API key provided: {request.headers.get('authorization')}")
        if self.failures:
            failure = self.failures.pop(0)
            return _error(failure, f"upstream said {KEY}") if isinstance(failure, int) else failure()
        return None

    async def transcribe(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            upload = form.get("file")
            if not fields.get("model"):
                return _error(400, "you must provide a model parameter")
            if upload is None or isinstance(upload, str):
                return _error(400, "file is a required property")
            if unknown := fields.keys() - {"model", "language", "prompt", "response_format", "temperature"}:
                return _error(400, f"Unrecognized request arguments: {unknown}")
            if fields.get("response_format", "json") != "json":
                return _error(400, "unsupported response_format")
            if not upload.filename or not upload.filename.endswith(".wav"):
                return _error(400, "Unrecognized file format")
            recording = read_wav(await upload.read())
        if len(recording.pcm) / 2 / recording.sample_rate < 0.1:
            return _error(400, "Audio file is too short. Minimum audio length is 0.1 seconds.")
        self.asked.append({**fields, "pcm": recording.pcm, "rate": recording.sample_rate})
        return JSONResponse(self.transcript) if not isinstance(self.transcript, bytes) else Response(self.transcript)

    async def speak(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = json.loads(await request.body())
        if not body.get("model"):
            return _error(400, "you must provide a model parameter")
        if unknown := body.keys() - {"model", "input", "voice", "speed", "response_format", "instructions"}:
            return _error(400, f"Unrecognized request arguments: {unknown}")
        if body.get("voice") not in VOICES:
            return _error(400, f"Input should be one of {VOICES}")
        if not 0 < len(body.get("input", "")) <= 4096:
            return _error(400, "String should have at most 4096 characters")
        if body.get("response_format") != "pcm" or not 0.25 <= body.get("speed", 1) <= 4:
            return _error(400, "invalid value")
        self.asked.append(body)
        return StreamingResponse(self._pieces(), media_type=self.content_type)

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            for number, piece in enumerate(self.speech):
                if number and self.hold is not None:
                    await self.hold.wait()
                yield piece
        finally:
            self.left.set()

    async def models(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "no")
        return JSONResponse({"object": "list", "data": []})


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status)


@asynccontextmanager
async def audio_endpoints() -> AsyncIterator[AudioEndpoints]:
    """Serve on a free loopback port until the block ends."""
    endpoints = AudioEndpoints()
    routes = [
        Route("/v1/audio/transcriptions", endpoints.transcribe, methods=["POST"]),
        Route("/v1/audio/speech", endpoints.speak, methods=["POST"]),
        Route("/v1/models", endpoints.models),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorn's name for it
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        endpoints.url = f"http://{host}:{port}/v1"
        yield endpoints
    finally:
        if endpoints.hold is not None:
            endpoints.hold.set()
        server.should_exit = True
        await task
