"""The recognizer by URL, against a strict server on this machine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from starlette.responses import Response

from antiphon.engine.audio_server import AudioTimeouts
from antiphon.engine.stages import StageOptions
from antiphon.engine.stt import RemoteRecognizer, open_remote_recognizer
from antiphon.errors import ConfigurationError, LocalProtocolError, StageError
from audio_endpoints import KEY, AudioEndpoints, audio_endpoints
from speech_samples import noise

QUICK = AudioTimeouts(connect=2, answer=1, silence=1, retries=2, retry_delay=0.01)


@pytest.fixture
async def server() -> AsyncIterator[AudioEndpoints]:
    async with audio_endpoints() as endpoints:
        yield endpoints


def open_at(server: AudioEndpoints, key: str = KEY) -> RemoteRecognizer:
    return open_remote_recognizer(StageOptions(url=server.url, model="whisper-1", api_key=key), timeouts=QUICK)


async def transcribe(recognizer: RemoteRecognizer, pcm: bytes, **options: str) -> str:
    try:
        stream = recognizer.open(**options)
        for start in range(0, len(pcm), 960):
            assert await stream.feed(pcm[start : start + 960]) is None
        return (await stream.finish()).text
    finally:
        await recognizer.aclose()


async def test_sends_the_utterance_as_a_wav_file_and_returns_the_text(server: AudioEndpoints) -> None:
    server.transcript = {"text": " Hello there. ", "usage": {"type": "duration"}}
    pcm = noise(400, -30)
    assert await transcribe(open_at(server), pcm, language="en", prompt="names: Zoe") == "Hello there."
    [asked] = server.asked
    assert (asked["pcm"], asked["rate"]) == (pcm, 24_000)
    assert (asked["model"], asked["language"], asked["prompt"]) == ("whisper-1", "en", "names: Zoe")


async def test_knows_the_length_of_the_utterance(server: AudioEndpoints) -> None:
    recognizer = open_at(server)
    stream = recognizer.open()
    await stream.feed(noise(250, -30))
    assert (await stream.finish()).seconds == pytest.approx(0.25)
    with pytest.raises(LocalProtocolError):
        await stream.feed(b"\0\0")
    await recognizer.aclose()


async def test_does_not_ask_for_an_utterance_shorter_than_the_server_takes(server: AudioEndpoints) -> None:
    assert await transcribe(open_at(server), noise(90, -30)) == ""
    assert server.attempts == 0


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_tries_again_when_the_server_is_busy(server: AudioEndpoints, status: int) -> None:
    server.failures = [status, status]
    assert await transcribe(open_at(server), noise(200, -30)) == "hello there"
    assert server.attempts == 3


async def test_gives_up_after_its_attempts(server: AudioEndpoints) -> None:
    server.failures = [503] * 5
    with pytest.raises(StageError, match="HTTP 503"):
        await transcribe(open_at(server), noise(200, -30))
    assert server.attempts == 3


async def test_does_not_wait_as_long_as_a_server_asks_when_that_is_too_long(server: AudioEndpoints) -> None:
    server.failures = [lambda: Response(status_code=429, headers={"Retry-After": "60"})]
    with pytest.raises(StageError, match="too much to do"):
        await transcribe(open_at(server), noise(200, -30))
    assert server.attempts == 1


async def test_a_refused_key_is_told_at_once_and_never_shown(server: AudioEndpoints) -> None:
    with pytest.raises(StageError) as caught:
        await transcribe(open_at(server, key="sk-wrong-77"), noise(200, -30))
    assert "refuses the key" in str(caught.value)
    assert "sk-wrong-77" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert server.attempts == 1


async def test_what_the_server_wrote_is_not_shown(server: AudioEndpoints) -> None:
    server.failures = [418]
    with pytest.raises(StageError) as caught:
        await transcribe(open_at(server), noise(200, -30))
    assert KEY not in str(caught.value)
    assert "HTTP 418" in str(caught.value)


@pytest.mark.parametrize("answer", [b"", b"hello", b"[]", b'{"text": 3}', b'{"error": {"message": "x"}}'])
async def test_an_answer_that_is_no_transcription_is_an_error(server: AudioEndpoints, answer: bytes) -> None:
    server.transcript = answer
    with pytest.raises(StageError, match="no transcription"):
        await transcribe(open_at(server), noise(200, -30))


async def test_a_server_that_is_not_there_is_named(unused_port: int) -> None:
    options = StageOptions(url=f"http://127.0.0.1:{unused_port}/v1", api_key=KEY)
    recognizer = open_remote_recognizer(options, timeouts=QUICK)
    await recognizer.start()
    assert "cannot be reached" in recognizer.describe().summary
    with pytest.raises(StageError, match=f"127.0.0.1:{unused_port} cannot be reached"):
        await transcribe(recognizer, noise(200, -30))


async def test_describes_itself_without_the_key(server: AudioEndpoints) -> None:
    recognizer = open_at(server)
    await recognizer.start()
    description = recognizer.describe()
    assert description.name.startswith("whisper-1 at 127.0.0.1:")
    assert not description.embedded
    assert KEY not in repr(description)
    await recognizer.aclose()
    await recognizer.aclose()


async def test_a_closed_utterance_is_not_sent(server: AudioEndpoints) -> None:
    recognizer = open_at(server)
    stream = recognizer.open()
    await stream.feed(noise(300, -30))
    await stream.aclose()
    with pytest.raises(LocalProtocolError):
        await stream.finish()
    assert server.attempts == 0
    await recognizer.aclose()


@pytest.mark.parametrize("url", [None, "", "ftp://host/v1", "http://", "http://sk-key@host/v1", "http://host:port/"])
def test_an_unusable_url_is_a_configuration_error(url: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_remote_recognizer(StageOptions(url=url))
    assert "sk-key" not in str(caught.value)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
