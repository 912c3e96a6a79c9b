"""The voice by URL, against a strict server on this machine."""

from __future__ import annotations

import asyncio
import struct
from array import array
from collections.abc import AsyncIterator

import pytest

from antiphon.audio import resample, rms_dbfs
from antiphon.audio.wav import wav_bytes
from antiphon.engine.audio_server import AudioTimeouts
from antiphon.engine.stages import StageOptions
from antiphon.engine.tts import RemoteSynthesizer, open_remote_synthesizer
from antiphon.errors import StageError
from audio_endpoints import KEY, AudioEndpoints, audio_endpoints
from speech_samples import noise

QUICK = AudioTimeouts(connect=2, answer=1, silence=1, retries=1, retry_delay=0.01)


@pytest.fixture
async def server() -> AsyncIterator[AudioEndpoints]:
    async with audio_endpoints() as endpoints:
        yield endpoints


@pytest.fixture
async def voice(server: AudioEndpoints) -> AsyncIterator[RemoteSynthesizer]:
    synthesizer = open_remote_synthesizer(StageOptions(url=server.url, model="tts-1", api_key=KEY), timeouts=QUICK)
    yield synthesizer
    await synthesizer.aclose()


async def spoken(voice: RemoteSynthesizer, text: str = "Hello there.", name: str = "ash", speed: float = 1.0) -> bytes:
    chunks = [chunk async for chunk in voice.speak(text, voice=name, speed=speed)]
    assert all(chunk.pcm and len(chunk.pcm) % 2 == 0 and chunk.marks == () for chunk in chunks)
    return b"".join(chunk.pcm for chunk in chunks)


async def test_passes_pcm_on_whatever_the_pieces(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    pcm = noise(200, -20)
    server.speech = [pcm[:1], pcm[1:4], pcm[4:1001], pcm[1001:]]
    assert await spoken(voice) == pcm
    assert server.asked == [
        {"model": "tts-1", "input": "Hello there.", "voice": "ash", "speed": 1.0, "response_format": "pcm"}
    ]


async def test_speech_is_heard_before_the_server_is_done(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.hold = asyncio.Event()
    server.speech = [noise(50, -20), noise(50, -20, seed=2)]
    stream = voice.speak("Hello there.", voice="alloy")
    async with asyncio.timeout(5):
        first = await anext(stream)
        assert first.pcm == server.speech[0]
        server.hold.set()
        rest = b"".join([chunk.pcm async for chunk in stream])
    assert rest == server.speech[1]


async def test_leaving_early_ends_the_request(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.hold = asyncio.Event()
    server.speech = [noise(50, -20)] * 3
    stream = voice.speak("Hello there.", voice="alloy")
    async with asyncio.timeout(5):
        await anext(stream)
        await stream.aclose()
        server.hold.set()
        await server.left.wait()
        server.speech = [noise(20, -20)]
        assert await spoken(voice)


async def test_a_wav_answer_of_another_rate_is_converted(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    sixteen = resample(noise(500, -20), 24_000, 16_000)
    file = wav_bytes(sixteen, 16_000)
    server.content_type = "audio/wav"
    server.speech = [file[:3], file[3:50], file[50:777], file[777:]]
    heard = await spoken(voice)
    assert len(heard) == pytest.approx(24_000, abs=96)
    expected = array("h", resample(sixteen, 16_000, 24_000))
    # Two runs of the filter differ by its dither, a bit or two.
    assert max(abs(a - b) for a, b in zip(array("h", heard), expected, strict=True)) <= 3


async def test_a_streamed_wav_has_no_length_and_may_have_two_channels(
    server: AudioEndpoints, voice: RemoteSynthesizer
) -> None:
    left, right = array("h", range(0, 3000)), array("h", [7] * 3000)
    both = b"".join(struct.pack("<hh", *pair) for pair in zip(left, right, strict=True))
    fmt = struct.pack("<HHIIHH", 1, 2, 24_000, 96_000, 4, 16)
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + fmt + extra + b"data\xff\xff\xff\xff"
    server.speech = [header + both[:5], both[5:]]
    assert await spoken(voice) == left.tobytes()


async def test_a_rate_in_the_content_type_counts(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.content_type = "audio/pcm; rate=48000"
    server.speech = [bytes(96_000)]
    assert len(await spoken(voice)) == pytest.approx(48_000, abs=96)


@pytest.mark.parametrize(
    ("content_type", "answer", "words"),
    [
        ("audio/mpeg", b"ID3\x04" + bytes(100), "MP3"),
        ("application/octet-stream", b"OggS" + bytes(100), "Ogg"),
        ("application/json", b'{"error": "sk-secret"}', "text"),
        ("text/html", b"<html>", "text"),
        ("audio/wav", b"RIFF" + bytes(40), "WAV"),
        ("audio/wav", b"RIFF\0\0\0\0WAVEfmt ", "cut off"),
    ],
)
async def test_an_answer_that_is_no_pcm_is_refused_in_words(
    server: AudioEndpoints, voice: RemoteSynthesizer, content_type: str, answer: bytes, words: str
) -> None:
    server.content_type = content_type
    server.speech = [answer]
    with pytest.raises(StageError, match=words) as caught:
        await spoken(voice)
    assert "sk-secret" not in str(caught.value)


async def test_an_unknown_voice_is_the_servers_to_refuse(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    with pytest.raises(StageError, match="HTTP 400"):
        await spoken(voice, name="nobody")
    only = StageOptions(url=server.url, model="tts-1", api_key=KEY, extra={"voice": "sage"})
    synthesizer = open_remote_synthesizer(only, timeouts=QUICK)
    server.speech = [noise(50, -20)]
    assert rms_dbfs(await spoken(synthesizer, name="nobody")) == pytest.approx(-20, abs=1)
    assert synthesizer.voices == ("sage",)
    await synthesizer.aclose()


async def test_busy_once_is_tried_again(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.failures = [503]
    server.speech = [noise(50, -20)]
    assert await spoken(voice) == server.speech[0]
    assert server.attempts == 2


async def test_silence_in_the_middle_of_an_answer_ends_it(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.hold = asyncio.Event()
    server.speech = [noise(50, -20)] * 2
    with pytest.raises(StageError, match="broke off"):
        await spoken(voice)


async def test_long_text_goes_in_pieces_that_the_server_takes(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    server.speech = [noise(10, -20)]
    text = "This is a sentence of some length. " * 250
    await spoken(voice, text)
    assert [len(str(asked["input"])) <= 4096 for asked in server.asked] == [True, True, True]
    assert " ".join(str(asked["input"]) for asked in server.asked) == text.strip()
    with pytest.raises(StageError, match="limit"):
        await spoken(voice, "a" * 20_001)


async def test_nothing_to_say_asks_nothing(server: AudioEndpoints, voice: RemoteSynthesizer) -> None:
    assert await spoken(voice, " ... \n") == b""
    assert server.attempts == 0
