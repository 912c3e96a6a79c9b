"""WAV files, read and written."""

import io
import wave
from pathlib import Path

import pytest

from antiphon.audio.wav import Recording, UnreadableAudio, read_wav, wav_bytes


def test_what_was_written_is_read(tmp_path: Path) -> None:
    pcm = bytes(range(200))
    (tmp_path / "a.wav").write_bytes(wav_bytes(pcm, 16_000))
    assert read_wav(tmp_path / "a.wav") == read_wav(wav_bytes(pcm, 16_000)) == Recording(pcm, 16_000)


def test_of_two_channels_the_first_is_read() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"AaXxBbYy")
    assert read_wav(buffer.getvalue()).pcm == b"AaBb"


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a wav file at all, but long enough to be read as one........"])
def test_what_is_no_wav_file_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableAudio):
        read_wav(data)


def test_eight_bit_files_are_refused() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"abc")
    with pytest.raises(UnreadableAudio, match="8-bit"):
        read_wav(buffer.getvalue())
