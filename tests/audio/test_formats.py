"""The Realtime API's wire formats, streamed."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio import WIRE_FORMATS, open_decoder, open_encoder
from antiphon.errors import LocalProtocolError

SPEECHLIKE = array(
    "h", [round(6000 * math.sin(2 * math.pi * 220 * i / 24000) * math.sin(i / 4000) ** 2) for i in range(24_000)]
).tobytes()


@given(st.lists(st.binary(max_size=9), max_size=20))
def test_pcm_is_passed_on_whole_samples_at_a_time(blocks: list[bytes]) -> None:
    decoder = open_decoder("audio/pcm")
    decoded = [decoder.decode(block) for block in blocks]
    assert all(len(block) % 2 == 0 for block in decoded)
    sent = b"".join(blocks)
    assert b"".join(decoded) == sent[: len(sent) // 2 * 2]


def test_a_flush_drops_the_half_sample() -> None:
    decoder = open_decoder("audio/pcm")
    decoder.decode(b"abc")
    assert decoder.flush() == b""
    assert decoder.decode(b"de") == b"de"


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_g711_there_and_back_sounds_the_same(name: str) -> None:
    encoder, decoder = open_encoder(name), open_decoder(name)
    wire = b"".join(encoder.encode(SPEECHLIKE[i : i + 960]) for i in range(0, len(SPEECHLIKE), 960)) + encoder.flush()
    assert len(wire) == pytest.approx(8000, abs=2)
    pcm = b"".join(decoder.decode(wire[i : i + 160]) for i in range(0, len(wire), 160)) + decoder.flush()
    original, heard = np.frombuffer(SPEECHLIKE, "<i2").astype(float), np.frombuffer(pcm, "<i2").astype(float)
    length = min(len(original), len(heard))
    assert length == pytest.approx(24_000, abs=6)
    assert np.corrcoef(original[:length], heard[:length])[0, 1] > 0.995


@pytest.mark.parametrize(("name", "expected"), [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8)])
def test_bytes_a_millisecond(name: str, expected: int) -> None:
    assert open_decoder(name).bytes_per_ms == open_encoder(name).bytes_per_ms == expected
    assert WIRE_FORMATS[name].bytes_per_ms == expected


def test_an_unknown_format_is_named_with_those_that_are_known() -> None:
    with pytest.raises(LocalProtocolError, match=r"audio/mp3.*audio/pcm, audio/pcmu, audio/pcma"):
        open_decoder("audio/mp3")
