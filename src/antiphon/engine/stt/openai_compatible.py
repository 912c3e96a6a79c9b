"""A recognizer behind any OpenAI-compatible `/audio/transcriptions`: whole utterances, so no partial text.

Connections, retries and errors are `audio_server`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from antiphon.audio.wav import wav_bytes
from antiphon.engine.audio_server import AudioServer, AudioTimeouts
from antiphon.engine.endpoints import base_url
from antiphon.engine.stages import SAMPLE_RATE, StageDescription, StageOptions, Transcript
from antiphon.errors import LocalProtocolError, StageError

_BYTES_PER_SECOND: Final = SAMPLE_RATE * 2
_MAX_SECONDS: Final = 500.0  # the hosted endpoint takes files of 25 MB
_MIN_SECONDS: Final = 0.1  # and refuses shorter ones
_MAX_ANSWER: Final = 1 << 20


class RemoteRecognizer:
    """One remote model for all sessions."""

    def __init__(self, server: AudioServer, model: str) -> None:
        self._server = server
        self._model = model

    def describe(self) -> StageDescription:
        summary = "an OpenAI-compatible recognizer on another server, one utterance at a time"
        if self._server.trouble is not None:
            summary = f"not answering at the moment: {self._server.trouble}"
        return StageDescription(name=f"{self._model} at {self._server.place}", summary=summary, embedded=False)

    async def start(self) -> None:
        """Look whether the server is there; it need not be, yet."""
        await self._server.look()

    async def aclose(self) -> None:
        await self._server.aclose()

    def open(
        self, *, language: str | None = None, prompt: str | None = None, hints: Sequence[str] = ()
    ) -> RemoteRecognizerStream:
        """See `Recognizer.open`. hints are not sent: as part of a prompt, such models repeat them on silence."""
        fields = {"model": self._model, "response_format": "json"}
        if language:
            fields["language"] = language
        if prompt:
            fields["prompt"] = prompt
        return RemoteRecognizerStream(self._server, fields)


class RemoteRecognizerStream:
    """One utterance, kept until it is over and then sent. Holds at most 500 seconds (24 MB)."""

    def __init__(self, server: AudioServer, fields: dict[str, str]) -> None:
        self._server = server
        self._fields = fields
        self._pcm = bytearray()
        self._ended = False

    async def feed(self, pcm: bytes) -> str | None:
        """Always None. Raises StageError when the utterance becomes too long to send."""
        if self._ended:
            raise LocalProtocolError("this utterance is over")
        self._pcm += pcm
        if len(self._pcm) > _MAX_SECONDS * _BYTES_PER_SECOND:
            await self.aclose()
            raise StageError(f"an utterance may last {_MAX_SECONDS:.0f} seconds")
        return None

    async def finish(self) -> Transcript:
        """See `RecognizerStream.finish`."""
        if self._ended:
            raise LocalProtocolError("this utterance is over")
        pcm = bytes(self._pcm[: len(self._pcm) & ~1])
        await self.aclose()
        seconds = len(pcm) / _BYTES_PER_SECOND
        if seconds < _MIN_SECONDS:
            return Transcript("", seconds)
        file = ("speech.wav", wav_bytes(pcm, SAMPLE_RATE), "audio/wav")
        body = bytearray()
        async with self._server.post("audio/transcriptions", data=self._fields, files={"file": file}) as response:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MAX_ANSWER:
                    raise StageError(f"the recognizer at {self._server.place} sent an endless answer")
        return Transcript(self._text(bytes(body)), seconds)

    async def aclose(self) -> None:
        self._ended = True
        self._pcm.clear()

    def _text(self, body: bytes) -> str:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise StageError(f"the recognizer at {self._server.place} answered with something that is no transcription")
        return text.strip()


def open_recognizer(options: StageOptions, *, timeouts: AudioTimeouts | None = None) -> RemoteRecognizer:
    """The entry point "openai". options.url: the base URL; model: its name ("whisper-1" where nothing is given, which
    most servers take; a current one at OpenAI's own). Raises ConfigurationError for an unusable URL."""
    url = base_url(options.url, "--stt")
    model = options.model or ("gpt-4o-mini-transcribe" if url.host.endswith("openai.com") else "whisper-1")
    server = AudioServer(url, role="recognizer", api_key=options.api_key, timeouts=timeouts or AudioTimeouts())
    return RemoteRecognizer(server, model)
