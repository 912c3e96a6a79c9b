"""Files and iterators as microphones; a file, nothing, and several at once as loudspeakers."""

from __future__ import annotations

import io
import itertools
import math
import struct
import time
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.wav import UnreadableAudio, read_wav, wav_bytes
from antiphon.client.audio import AudioSink, AudioSource, IterSource, NullSink, Tee, WavSink, WavSource, read_speech

RATE = 24_000
BLOCK = 960  # bytes of 20 ms


async def all_of(source: AudioSource) -> list[bytes]:
    return [block async for block in source]


def tone(rate: int, ms: int = 200, hz: int = 440, amplitude: float = 0.5) -> list[float]:
    return [amplitude * math.sin(2 * math.pi * hz * n / rate) for n in range(rate * ms // 1000)]


def int16(samples: list[float]) -> bytes:
    return array("h", (round(32767 * sample) for sample in samples)).tobytes()


def riff(kind: int, channels: int, rate: int, bits: int, data: bytes, *, more: bytes = b"") -> bytes:
    frame = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits) + more
    chunks = b"LIST\x03\x00\x00\x00abc\x00" + b"fmt " + struct.pack("<I", len(layout)) + layout
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_of_any_width_are_read(bits: int) -> None:
    top = 2 ** (bits - 1) - 1
    values = [round(top * sample) for sample in tone(RATE)]
    if bits == 8:
        data = bytes(value + 128 for value in values)
    else:
        data = b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in values)

    read, wanted = array("h", read_speech(riff(1, 1, RATE, bits, data))), array("h", int16(tone(RATE)))

    assert len(read) == len(wanted)
    assert max(abs(one - other) for one, other in zip(read, wanted, strict=True)) <= (300 if bits == 8 else 2)


@pytest.mark.parametrize(("bits", "code"), [(32, "f"), (64, "d")])
def test_floats_are_read_and_what_is_too_loud_is_cut(bits: int, code: str) -> None:
    data = array(code, [0.5, -2.0, 2.0, math.nan, 0.0]).tobytes()
    assert list(array("h", read_speech(riff(3, 1, RATE, bits, data)))) == [16384, -32767, 32767, 0, 0]


def test_the_extensible_form_is_read() -> None:
    pcm = int16(tone(RATE))
    more = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    assert read_speech(riff(0xFFFE, 1, RATE, 16, pcm, more=more)) == pcm


def test_channels_are_mixed() -> None:
    frames = struct.pack("<hhhh", 1000, 3000, -500, -1500)
    assert list(array("h", read_speech(riff(1, 2, RATE, 16, frames)))) == [2000, -1000]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_any_rate_becomes_24_khz(rate: int) -> None:
    pcm = read_speech(wav_bytes(int16(tone(rate, ms=500)), rate))

    samples = array("h", pcm)
    assert len(samples) == RATE // 2
    crossings = sum(one < 0 <= other for one, other in itertools.pairwise(samples))
    assert abs(crossings - 220) <= 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"ID3 something else altogether, quite long",
        riff(1, 0, RATE, 16, b"ab"),
        riff(1, 1, 0, 16, b"ab"),
        riff(6, 1, 8000, 8, b"ab"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableAudio):
        read_speech(data)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_garbage_raises_anything_else(garbage: bytes, start: int) -> None:
    good = riff(1, 1, RATE, 16, bytes(40))
    for data in (garbage, good[:start] + garbage, good[:start] + garbage + good[start + len(garbage) :]):
        with suppress(UnreadableAudio):
            read_speech(data)


async def test_a_file_is_given_in_blocks_with_silence_after_it(tmp_path: Path) -> None:
    path = tmp_path / "question.wav"
    path.write_bytes(wav_bytes(int16(tone(RATE, ms=90)), RATE))
    source = WavSource(path, realtime=False, trailing_silence_ms=100)

    blocks = await all_of(source)

    assert source.duration_ms == 90
    assert [len(block) for block in blocks] == [BLOCK] * 9 + [BLOCK // 2]
    assert b"".join(blocks) == int16(tone(RATE, ms=90)) + bytes(2 * RATE // 10)


async def test_pieces_of_any_length_become_blocks() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for length in (1, 3, 0, 5000, 7):
            yield b"x" * length

    blocks = await all_of(IterSource(pieces(), realtime=False))
    assert [len(block) for block in blocks] == [960] * 5 + [210]


async def test_in_real_time_blocks_come_when_their_time_has_come() -> None:
    started = time.monotonic()
    blocks = await all_of(IterSource([bytes(BLOCK * 6)]))
    assert len(blocks) == 6
    assert time.monotonic() - started >= 0.095


async def test_a_closed_source_ends() -> None:
    source = IterSource([bytes(BLOCK * 100)], realtime=False)
    await anext(source)
    await source.aclose()
    assert await all_of(source) == []
    await source.aclose()


async def test_the_answer_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    sink: AudioSink = WavSink(path)
    pcm = int16(tone(RATE))
    assert sink.write(pcm) == len(pcm) // 2
    assert (sink.played_samples, sink.pending_samples) == (len(pcm) // 2, 0)
    await sink.drained()
    await sink.aclose()
    await sink.aclose()

    recording = read_wav(path)
    assert (recording.pcm, recording.sample_rate) == (pcm, RATE)
    assert sink.write(pcm) == 0


async def test_an_answer_without_sound_is_a_file_too(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "answer.wav")
    await sink.aclose()
    with wave.open(io.BytesIO((tmp_path / "answer.wav").read_bytes())) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, 0)


class Clock:
    ns = 0

    def __call__(self) -> int:
        return self.ns


def test_nothing_plays_as_fast_as_a_loudspeaker() -> None:
    clock = Clock()
    sink = NullSink(clock=clock)
    sink.write(bytes(2 * RATE))
    clock.ns = 250_000_000
    assert (sink.played_samples, sink.pending_samples) == (6000, 18_000)
    clock.ns = 3_000_000_000
    assert sink.played_samples == RATE
    sink.write(bytes(2 * RATE))
    clock.ns += 500_000_000
    sink.flush()
    assert (sink.played_samples, sink.pending_samples) == (RATE + 12_000, 0)


@given(st.lists(st.tuples(st.sampled_from(["write", "wait", "flush"]), st.integers(0, 30_000)), max_size=50))
def test_what_nothing_has_played_never_goes_back_and_never_exceeds_what_came(plan: list[tuple[str, int]]) -> None:
    clock = Clock()
    sink = NullSink(clock=clock, most_s=1)
    accepted = before = 0
    for step, amount in plan:
        match step:
            case "write":
                accepted += sink.write(bytes(2 * amount))
            case "wait":
                clock.ns += amount * 7919
            case "flush":
                sink.flush()
                assert sink.pending_samples == 0
        assert before <= sink.played_samples <= accepted
        assert sink.pending_samples <= RATE
        before = sink.played_samples


async def test_several_sinks_get_the_same_and_the_first_says_what_was_heard(tmp_path: Path) -> None:
    clock = Clock()
    sink = Tee(NullSink(clock=clock), WavSink(tmp_path / "answer.wav"))
    assert sink.write(bytes(2 * RATE)) == RATE
    assert (sink.played_samples, sink.pending_samples) == (0, RATE)
    sink.flush()
    sink.end()
    await sink.drained()
    await sink.aclose()
    assert len(read_wav(tmp_path / "answer.wav").pcm) == 2 * RATE
