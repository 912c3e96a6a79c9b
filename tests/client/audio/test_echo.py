"""The echo of a loudspeaker in a room: taken out by the canceller, or shut out by half duplex."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator

import pytest

from antiphon.audio import rms_dbfs
from antiphon.client.audio import AudioUnavailable, EchoCanceller, EchoControl, EchoMode, HalfDuplex
from antiphon.client.audio.echo import PIECE_BYTES, open_echo_control
from speech_samples import noise, say

np = pytest.importorskip("numpy", reason="antiphon[audio] is not installed")
pytest.importorskip("pywebrtc_audio", reason="the canceller has no wheel for this machine")

RATE = 24_000
ASSISTANT = (
    "The harbour was built four hundred years ago, when the river still ran past the old walls of the town. "
    "Every ship that came up with the tide had to wait there until the bridge was opened, and so the merchants built "
    "their houses along the water, with wide doors and cranes under the roofs."
)
USER = "Excuse me, may I ask something else instead?"


def in_a_room(pcm: bytes, *, delay_ms: int = 60, gain: float = 0.4, seed: int = 5) -> bytes:
    """The sound as a microphone hears it from a loudspeaker: late, softer, and with 250 ms of reverberation."""
    generator = np.random.default_rng(seed)
    n = RATE // 5
    response = generator.standard_normal(n) * 10 ** (-3 * np.arange(n) / RATE / 0.25)
    response[0] = 6
    response *= gain / np.sqrt((response**2).sum())
    response = np.concatenate([np.zeros(RATE * delay_ms // 1000), response])
    sound = np.frombuffer(pcm, "<i2").astype(float)
    size = 1 << (len(sound) + len(response) - 1).bit_length()
    echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)]
    return np.clip(echo, -32768, 32767).astype("<i2").tobytes()


def mixed(*sounds: bytes) -> bytes:
    length = max(map(len, sounds)) // 2
    total = np.zeros(length)
    for sound in sounds:
        total[: len(sound) // 2] += np.frombuffer(sound, "<i2")
    return np.clip(total, -32768, 32767).astype("<i2").tobytes()


def pieces(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm) - PIECE_BYTES + 1, PIECE_BYTES):
        yield pcm[start : start + PIECE_BYTES]


def through(control: EchoControl, far: bytes, near: bytes) -> bytes:
    """As the devices do it: two pieces handed to the loudspeaker, then two captured, and so on."""
    out = []
    played, captured = list(pieces(far)), list(pieces(near))
    for first in range(0, len(played) - 1, 2):
        for piece in played[first : first + 2]:
            control.played(piece)
        out += [control.process(piece) for piece in captured[first : first + 2]]
    return b"".join(out)


def seconds(pcm: bytes, start: float, end: float | None = None) -> bytes:
    return pcm[int(start * RATE) * 2 : None if end is None else int(end * RATE) * 2]


@pytest.fixture(scope="module")
def assistant() -> bytes:
    once = asyncio.run(say(ASSISTANT))
    return once + once[: len(once) // 4 * 2]


@pytest.mark.parametrize("delay_ms", [10, 60, 200])
async def test_an_echo_is_20_db_down_once_the_canceller_knows_the_room(assistant: bytes, delay_ms: int) -> None:
    echo = in_a_room(assistant, delay_ms=delay_ms)
    hiss = np.random.default_rng(1).normal(0, 32768 * 10 ** (-75 / 20), len(echo) // 2)
    microphone = mixed(echo, hiss.astype("<i2").tobytes())

    clean = through(EchoCanceller(), assistant, microphone)

    settled = 8.0
    attenuation = rms_dbfs(seconds(echo, settled)) - rms_dbfs(seconds(clean, settled))
    assert rms_dbfs(seconds(echo, settled)) > -40, "there was an echo to cancel"
    assert attenuation >= 20


async def test_who_speaks_while_the_assistant_does_is_still_heard(assistant: bytes) -> None:
    user = await say(USER, voice="echo")
    starts = 9.0
    echo = in_a_room(assistant, gain=0.15)
    microphone = mixed(echo, bytes(2 * int(starts * RATE)) + user)

    clean = through(EchoCanceller(), assistant, microphone)
    without = through(EchoCanceller(), assistant, echo)

    starts += 0.015  # so much later it comes out
    ends = starts + len(user) / (2 * RATE)
    assert abs(rms_dbfs(seconds(clean, starts, ends)) - rms_dbfs(user)) < 6
    assert likeness(seconds(clean, starts, ends), user) > 0.7
    assert likeness(seconds(without, starts, ends), user) < 0.3, "the measure tells speech from none"


def likeness(heard: bytes, spoken: bytes) -> float:
    """Word by word and band by band, not by waveform: the canceller may shift phases."""
    sounds = [np.frombuffer(sound[: min(len(heard), len(spoken))], "<i2").astype(float) for sound in (heard, spoken)]
    return float(np.corrcoef(loudness(sounds[0]), loudness(sounds[1]))[0, 1])


def loudness(sound: np.ndarray) -> np.ndarray:
    """Per 40 ms and third of an octave, in dB above a floor; flat."""
    frames = sound[: len(sound) // 960 * 960].reshape(-1, 960) * np.hanning(960)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(8, power.shape[1] - 1, 16).astype(int))
    bands = np.stack([power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(edges)])
    return (10 * np.log10(bands + 1e7)).ravel()


async def test_a_voice_with_nothing_playing_passes() -> None:
    user = await say(USER)
    clean = through(EchoCanceller(), bytes(len(user)), user)
    assert abs(rms_dbfs(clean) - rms_dbfs(user[: len(clean)])) < 3


def test_steady_noise_is_suppressed() -> None:
    hiss = noise(4000, -40)
    clean = through(EchoCanceller(), bytes(len(hiss)), hiss)
    assert rms_dbfs(seconds(hiss, 2)) - rms_dbfs(seconds(clean, 2)) > 15


def test_every_piece_gives_a_piece() -> None:
    canceller = EchoCanceller()
    assert {len(canceller.process(piece)) for piece in pieces(noise(200, -40))} == {PIECE_BYTES}


async def test_the_echo_stays_away_when_the_devices_threads_stumble(assistant: bytes) -> None:
    """Callbacks that come late and then twice, as on a busy machine."""
    canceller, stumbles = EchoCanceller(), random.Random(3)
    echo = in_a_room(assistant, delay_ms=80)
    played, captured, clean = list(pieces(assistant)), list(pieces(echo)), []
    late = 0
    for first in range(0, len(played) - 5, 2):
        late = 2 if stumbles.random() < 0.02 and first > 4 else 0
        for piece in played[first - late : first + 2 - late] if first > 4 else played[first : first + 2]:
            canceller.played(piece)
        clean += [canceller.process(piece) for piece in captured[first : first + 2]]
    settled = 8.0
    assert rms_dbfs(seconds(echo, settled)) - rms_dbfs(seconds(b"".join(clean), settled)) >= 15


def test_pieces_that_nobody_captured_against_are_bounded_and_caught_up_with() -> None:
    canceller = EchoCanceller()
    for _ in range(1000):
        canceller.played(bytes(PIECE_BYTES))
    assert len(canceller._waiting) == 50
    for _ in range(200):
        canceller.played(bytes(PIECE_BYTES))
        canceller.process(bytes(PIECE_BYTES))
    assert len(canceller._waiting) <= 3


def test_pieces_that_come_in_bursts_are_not_taken_for_late_ones() -> None:
    """As a resampler gives them: none, then four at once."""
    canceller = EchoCanceller()
    for _ in range(20):
        for _ in range(4):
            canceller.process(bytes(PIECE_BYTES))
        for _ in range(4):
            canceller.played(bytes(PIECE_BYTES))
    settled = canceller.realigned
    for _ in range(200):
        for _ in range(4):
            canceller.process(bytes(PIECE_BYTES))
        for _ in range(4):
            canceller.played(bytes(PIECE_BYTES))
    assert canceller.realigned == settled


def test_half_duplex_shuts_the_microphone_while_the_other_side_is_audible_and_a_little_longer() -> None:
    half = HalfDuplex(tail_ms=250)
    half.latency(capture_ms=20, playout_ms=30)
    loud, voice = noise(10, -20), noise(10, -30)

    assert half.process(voice) == voice
    half.played(loud)
    shut = 0
    while half.process(voice) != voice:
        half.played(bytes(PIECE_BYTES))
        shut += 1
    assert shut == 30


def test_half_duplex_does_not_mind_what_nobody_hears() -> None:
    half = HalfDuplex()
    half.played(noise(10, -70))
    assert not half.is_closed


def test_each_mode_opens_what_it_names() -> None:
    assert isinstance(open_echo_control(EchoMode.CANCEL), EchoCanceller)
    assert isinstance(open_echo_control(EchoMode.HALF_DUPLEX), HalfDuplex)
    assert open_echo_control(EchoMode.OFF) is None


def test_a_missing_canceller_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pywebrtc_audio", None)
    with pytest.raises(AudioUnavailable, match=r"pywebrtc_audio.*\[audio\] extra.*half duplex"):
        open_echo_control(EchoMode.CANCEL)
