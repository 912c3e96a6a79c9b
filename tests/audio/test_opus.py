"""Opus through libopus: sound survives, losses are concealed, rubbish is refused."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio import opus
from antiphon.audio.opus import Application, Decoder, Encoder, OpusError, packet_duration_ms

RATE = 24_000
FRAME = 960


def speechlike(seconds: float) -> bytes:
    return array(
        "h",
        [
            round(6000 * (math.sin(2 * math.pi * 180 * i / RATE) + 0.5 * math.sin(2 * math.pi * 720 * i / RATE)))
            for i in range(int(RATE * seconds))
        ],
    ).tobytes()


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[i : i + FRAME] for i in range(0, len(pcm), FRAME)]


def best_correlation(a: bytes, b: bytes, most_delay: int = 400) -> float:
    x, y = np.frombuffer(a, "<i2").astype(float), np.frombuffer(b, "<i2").astype(float)
    return max(float(np.corrcoef(x[: len(x) - d], y[d : len(x)])[0, 1]) for d in range(most_delay))


@pytest.mark.parametrize("application", list(Application))
def test_sound_survives(application: Application) -> None:
    pcm = speechlike(0.6)
    encoder, decoder = Encoder(application=application), Decoder()
    heard = b"".join(decoder.decode(encoder.encode(frame)) for frame in frames(pcm))
    assert len(heard) == len(pcm)
    assert best_correlation(pcm[4800:], heard[4800:]) > 0.9


def test_a_pause_costs_three_bytes_soon() -> None:
    encoder = Encoder()
    for frame in frames(speechlike(0.2)):
        encoder.encode(frame)
    sizes = [len(encoder.encode(bytes(FRAME))) for _ in range(40)]
    assert sizes[-1] == 3


def test_a_lost_packet_is_concealed_at_a_like_level() -> None:
    encoder, decoder = Encoder(), Decoder()
    packets = [encoder.encode(frame) for frame in frames(speechlike(0.4))]
    before = [decoder.decode(packet) for packet in packets[:10]][-1]
    invented = decoder.conceal(20)
    assert len(invented) == FRAME
    level = [float(np.abs(np.frombuffer(pcm, "<i2").astype(float)).mean()) for pcm in (before, invented)]
    assert 0.4 < level[1] / level[0] < 1.5


def test_in_band_fec_brings_a_lost_packet_back_better_than_concealment() -> None:
    rng = np.random.default_rng(7)
    noise = np.convolve(rng.normal(size=RATE), np.ones(12) / 12, "same")
    pcm = (noise / np.abs(noise).max() * 12000).astype("<i2").tobytes()
    encoder = Encoder(16_000 * 3 // 2, application=Application.VOIP, bitrate=32_000, expected_loss=30)
    packets = [encoder.encode(frame) for frame in frames(pcm)]
    whole, recovering, concealing = Decoder(), Decoder(), Decoder()
    errors = {"fec": 0.0, "plc": 0.0}
    for index, packet in enumerate(packets[:-1]):
        truth = np.frombuffer(whole.decode(packet), "<i2").astype(float)
        if index % 7 == 5:
            got = np.frombuffer(recovering.recover(packets[index + 1], 20), "<i2").astype(float)
            made = np.frombuffer(concealing.conceal(20), "<i2").astype(float)
            errors["fec"] += float(((truth - got) ** 2).sum())
            errors["plc"] += float(((truth - made) ** 2).sum())
        else:
            recovering.decode(packet)
            concealing.decode(packet)
    assert errors["fec"] < 0.8 * errors["plc"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_comes_in_is_pcm_or_an_opus_error(packet: bytes) -> None:
    decoder = Decoder()
    try:
        pcm = decoder.decode(packet)
    except OpusError:
        return
    assert 0 < len(pcm) <= 2 * RATE * opus.MAX_PACKET_MS // 1000
    assert len(pcm) == round(packet_duration_ms(packet) * RATE / 1000) * 2


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\x00", bytes([0x1F, 63])])
def test_a_packet_without_a_duration_is_refused(packet: bytes) -> None:
    with pytest.raises(OpusError):
        packet_duration_ms(packet)


@pytest.mark.parametrize("milliseconds", [2.5, 5, 10, 20, 40, 60])
def test_a_packet_tells_how_long_it_lasts(milliseconds: float) -> None:
    packet = Encoder().encode(bytes(int(RATE * milliseconds / 1000) * 2))
    assert packet_duration_ms(packet) == milliseconds


def test_frames_of_other_lengths_are_refused() -> None:
    with pytest.raises(OpusError, match="invalid argument"):
        Encoder().encode(bytes(958))
    with pytest.raises(OpusError, match="whole number"):
        Encoder().encode(bytes(961))
    with pytest.raises(OpusError, match="a multiple of"):
        Decoder().conceal(7)


def test_settings_that_libopus_does_not_know_are_refused() -> None:
    with pytest.raises(OpusError):
        Encoder(24_000, bitrate=-5)
    with pytest.raises(OpusError):
        Decoder(44_100)


def test_the_library_says_what_it_is() -> None:
    assert opus.library_version().startswith("libopus")


def test_pyavs_own_library_is_looked_for_first() -> None:
    names = list(opus._library_names())
    assert names, "no place to look in"
    assert "av" in names[0], f"PyAV's wheel no longer brings libopus where it is looked for: {names}"
