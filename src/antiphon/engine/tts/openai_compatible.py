"""A voice behind any OpenAI-compatible `/audio/speech`, passed on as it arrives. It gives no word marks.

What is asked for is "pcm", which is int16 at 24 kHz. A server that answers with a WAV file is understood, at any rate;
one that answers in a compressed format is refused in words. Connections, retries and errors are `audio_server`'s.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Final

from antiphon.audio import Resampler
from antiphon.engine.audio_server import AudioServer, AudioTimeouts
from antiphon.engine.endpoints import base_url
from antiphon.engine.stages import SAMPLE_RATE, SpeechChunk, StageDescription, StageOptions
from antiphon.engine.tts.speech_text import pieces, speakable
from antiphon.engine.tts.wave_stream import WaveError, WaveStream
from antiphon.errors import StageError

VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
_PIECE_CHARACTERS: Final = 4000  # the hosted endpoint takes 4096
_MAX_CHARACTERS: Final = 20_000
# An answer may last this many times what its text would at a very slow pace; more is a server gone wrong.
_MAX_BYTES_PER_CHARACTER: Final = SAMPLE_RATE * 2
_LEAST_LIMIT: Final = SAMPLE_RATE * 2 * 60
_COMPRESSED: Final = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3"}
_RATE: Final = re.compile(r"rate\s*=\s*\"?(\d{4,6})")


class RemoteSynthesizer:
    """One remote model for all sessions. voice: the only one to use, whatever a session asks for; None for theirs."""

    def __init__(self, server: AudioServer, model: str, voice: str | None) -> None:
        self._server = server
        self._model = model
        self._voice = voice

    def describe(self) -> StageDescription:
        summary = "an OpenAI-compatible voice on another server, streamed"
        if self._server.trouble is not None:
            summary = f"not answering at the moment: {self._server.trouble}"
        return StageDescription(name=f"{self._model} at {self._server.place}", summary=summary, embedded=False)

    @property
    def voices(self) -> Sequence[str]:
        return VOICES if self._voice is None else (self._voice,)

    async def start(self) -> None:
        """Look whether the server is there; it need not be, yet."""
        await self._server.look()

    async def aclose(self) -> None:
        await self._server.aclose()

    async def speak(self, text: str, *, voice: str, speed: float = 1.0) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. The voice's name is the server's to know; it refuses one that it does not have."""
        if len(text) > _MAX_CHARACTERS:
            raise StageError(f"the text to speak has {len(text)} characters; the limit is {_MAX_CHARACTERS}")
        for piece in pieces(speakable(text), _PIECE_CHARACTERS):
            request = {
                "model": self._model,
                "input": " ".join(piece.text.split()),
                "voice": self._voice or voice,
                "speed": min(max(speed, 0.25), 1.5),
                "response_format": "pcm",
            }
            async with self._server.post("audio/speech", json=request) as response:
                reader = _AudioReader(response.headers.get("content-type", ""), self._server.place)
                limit = max(_LEAST_LIMIT, _MAX_BYTES_PER_CHARACTER * len(piece.text))
                async for data in response.aiter_bytes():
                    limit -= len(data)
                    if limit < 0:
                        raise StageError(f"the voice at {self._server.place} does not stop")
                    pcm = reader.feed(data)
                    if pcm:
                        yield SpeechChunk(pcm)
            pcm = reader.flush()
            if pcm:
                yield SpeechChunk(pcm)


class _AudioReader:
    """One answer's bytes made into 24 kHz mono: told apart by its first bytes, aligned to samples, resampled."""

    def __init__(self, content_type: str, place: str) -> None:
        self._kind = content_type.partition(";")[0].strip().lower()
        self._place = place
        told = _RATE.search(content_type)
        self._told_rate = int(told[1]) if told else SAMPLE_RATE
        self._head = b""
        self._begun = False
        self._wave: WaveStream | None = None
        self._resampler: Resampler | None = None
        self._rest = b""
        if self._kind in {"application/json", "text/html", "text/plain", "text/event-stream"}:
            raise StageError(f"the voice at {place} answered with text ({self._kind}) instead of audio")
        if self._kind == "audio/l16":  # big-endian by RFC 2586, little-endian in practice: nobody can tell
            raise StageError(f"the voice at {place} answered in audio/L16; it must be raw little-endian PCM or WAV")

    def feed(self, data: bytes) -> bytes:
        if not self._begun:
            self._head += data
            if len(self._head) < 4:
                return b""
            data, self._head = self._head, b""
            self._begin(data)
        return self._samples(data)

    def flush(self) -> bytes:
        """Everything has come. Raises StageError when that was not even a beginning."""
        if self._wave is not None and self._wave.rate is None:
            raise StageError(f"the voice at {self._place} sent a WAV file that is cut off")
        return self._resampler.flush() if self._resampler is not None else b""

    def _begin(self, head: bytes) -> None:
        self._begun = True
        if head.startswith(b"RIFF"):
            self._wave = WaveStream()
            return
        compressed = next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), None)
        if self._kind in {"audio/mpeg", "audio/mp3"}:
            compressed = "MP3"
        if compressed is not None and self._kind not in {"audio/pcm", "audio/x-pcm"}:
            raise StageError(f"the voice at {self._place} answered in {compressed} instead of PCM, which was asked for")
        self._resampler = Resampler(self._told_rate, SAMPLE_RATE)

    def _samples(self, data: bytes) -> bytes:
        channels = 1
        if self._wave is not None:
            try:
                data = self._wave.feed(data)
            except WaveError as error:
                raise StageError(f"the voice at {self._place} sent a WAV file that cannot be read: {error}") from None
            channels = self._wave.channels
            if self._wave.rate is not None and self._resampler is None:
                self._resampler = Resampler(self._wave.rate, SAMPLE_RATE)
        data = self._rest + data
        whole = len(data) - len(data) % (2 * channels)
        self._rest = data[whole:]
        if self._resampler is None or not whole:
            return b""
        return self._resampler.feed(_first_channel(data[:whole], channels))


def _first_channel(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    mono = bytearray(len(pcm) // channels)
    mono[0::2] = pcm[0 :: 2 * channels]
    mono[1::2] = pcm[1 :: 2 * channels]
    return bytes(mono)


def open_synthesizer(options: StageOptions, *, timeouts: AudioTimeouts | None = None) -> RemoteSynthesizer:
    """The entry point "openai". options.url: the base URL; model: its name ("tts-1" where nothing is given, a current
    one at OpenAI's own); extra "voice": the one to use, where a server has other names. Raises ConfigurationError."""
    url = base_url(options.url, "--tts")
    model = options.model or ("gpt-4o-mini-tts" if url.host.endswith("openai.com") else "tts-1")
    server = AudioServer(url, role="voice", api_key=options.api_key, timeouts=timeouts or AudioTimeouts())
    return RemoteSynthesizer(server, model, options.extra.get("voice"))
