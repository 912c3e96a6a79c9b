"""G.711 against the standard's own numbers, and against other implementations where the machine has them."""

import shutil
import subprocess
import sys
import warnings
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.g711 import ALAW_SILENCE, ULAW_SILENCE, alaw_to_pcm, pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = array("h", range(-32768, 32768)).tobytes()


def samples(pcm: bytes) -> list[int]:
    return array("h", pcm).tolist()


@pytest.mark.parametrize(
    ("code", "value"),
    [(0xFF, 0), (0x7F, 0), (0xFE, 8), (0x80, 32124), (0x00, -32124), (0xEF, 132), (0x8F, 16764), (0x70, -120)],
)
def test_ulaw_codes_have_the_values_of_table_2(code: int, value: int) -> None:
    assert samples(ulaw_to_pcm(bytes([code]))) == [value]


@pytest.mark.parametrize(
    ("code", "value"),
    [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0x80, 5504), (0x85, 4224)],
)
def test_alaw_codes_have_the_values_of_table_1(code: int, value: int) -> None:
    assert samples(alaw_to_pcm(bytes([code]))) == [value]


def test_what_was_decoded_encodes_to_the_same_code_again() -> None:
    assert pcm_to_alaw(alaw_to_pcm(EVERY_CODE)) == EVERY_CODE
    # 0x7F is mu-law's negative zero: int16 has none, so it comes back as the positive one.
    assert pcm_to_ulaw(ulaw_to_pcm(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_silence_is_silent() -> None:
    assert samples(ulaw_to_pcm(ULAW_SILENCE)) == [0]
    assert pcm_to_ulaw(b"\0\0") == ULAW_SILENCE
    assert pcm_to_alaw(b"\0\0") == ALAW_SILENCE


@pytest.mark.parametrize(("encode", "decode"), [(pcm_to_ulaw, ulaw_to_pcm), (pcm_to_alaw, alaw_to_pcm)])
def test_every_sample_comes_back_in_order_and_near(encode, decode) -> None:  # type: ignore[no-untyped-def]
    decoded = samples(decode(encode(EVERY_SAMPLE)))
    assert decoded == sorted(decoded)
    for original, value in zip(range(-32768, 32768), decoded, strict=True):
        magnitude = min(abs(original), 32124)
        assert abs(value - original) <= max(magnitude / 16, 16) + 640 * (abs(original) > 32124), original


@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 2 * 2]))
def test_blocks_encode_as_their_samples_do_one_by_one(pcm: bytes) -> None:
    pieces = [pcm[i : i + 2] for i in range(0, len(pcm), 2)]
    assert pcm_to_ulaw(pcm) == b"".join(map(pcm_to_ulaw, pieces))
    assert pcm_to_alaw(pcm) == b"".join(map(pcm_to_alaw, pieces))


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        pcm_to_ulaw(b"\0\0\0")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library in Python 3.13")
def test_agrees_with_audioop() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    assert ulaw_to_pcm(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert alaw_to_pcm(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)
    assert pcm_to_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    ours, theirs = pcm_to_ulaw(EVERY_SAMPLE), audioop.lin2ulaw(EVERY_SAMPLE, 2)
    # audioop shifts before it takes the magnitude, so negative samples within 3 below a decision value round up in it.
    differing = [i - 32768 for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    assert all(sample < 0 for sample in differing)
    assert all(abs(a - b) == 1 for a, b in zip(ours, theirs, strict=True) if a != b)
    assert len(differing) <= 4 * 127


def test_agrees_with_sox() -> None:
    sox = shutil.which("sox")
    if sox is None:
        pytest.skip("sox is not installed")
    for law, decode in (("u-law", ulaw_to_pcm), ("a-law", alaw_to_pcm)):
        command = [
            sox,
            "-t",
            "raw",
            "-r",
            "8000",
            "-c",
            "1",
            "-e",
            law,
            "-",
            "-t",
            "raw",
            "-e",
            "signed",
            "-b",
            "16",
            "-",
        ]
        done = subprocess.run(command, input=EVERY_CODE, capture_output=True, check=True)
        assert decode(EVERY_CODE) == done.stdout
