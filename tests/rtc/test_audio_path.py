"""Both directions of one call's audio, without sockets: two paths joined by lists, and a clock of numbers."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSrPacket

from antiphon.audio.opus import Encoder
from antiphon.rtc.audio_path import AudioPath
from antiphon.rtc.playout import FRAME_BYTES, PERIOD, Playout
from antiphon.rtc.rtp import RtpPacket, parse_rtp, write_rtp
from call_recorder import RATE, likeness, rms, sweep, tone

OPUS = 111


@dataclass
class End:
    """One end: its path, and what came out of it."""

    sends: bool = True
    receives: bool = True
    ssrc: int = 0x1234
    catches_up: bool = False
    packets: list[bytes] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    pcm: bytearray = field(default_factory=bytearray)
    played: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playout = Playout(60)
        self.path = AudioPath(
            payload_type=OPUS,
            taken_types=frozenset({OPUS}),
            sends=self.sends,
            receives=self.receives,
            ssrc=self.ssrc,
            cname="name",
            bitrate=48_000,
            complexity=5,
            playout=self.playout,
            transmit=self.packets.append,
            transmit_report=self.reports.append,
            on_audio=self.pcm.extend,
            on_played=self.played.append,
            catches_up=self.catches_up,
        )

    def sent(self) -> list[RtpPacket]:
        parsed = [parse_rtp(packet) for packet in self.packets]
        assert None not in parsed
        return [packet for packet in parsed if packet is not None]


def opus_packet(payload: bytes, sequence: int, *, ssrc: int = 1, payload_type: int = OPUS) -> bytes:
    return write_rtp(RtpPacket(payload_type, False, sequence, sequence * 960, ssrc, payload))


def test_numbers_and_time_go_on_through_speech_pauses_and_stalls() -> None:
    end = End()
    end.playout.push(bytes(b"\x10\x20" * 480 * 3))
    for beat in range(3):
        end.path.on_beat(beat * PERIOD, 1, 0)
    end.path.on_beat(0.2, 5, 2)
    end.playout.push(bytes(b"\x10\x20" * 480 * 2))
    end.path.on_beat(0.3, 3, 0)
    sent = end.sent()
    assert [(p.sequence - sent[0].sequence) & 0xFFFF for p in sent] == list(range(11))
    steps = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12]
    assert [(p.timestamp - sent[0].timestamp) & 0xFFFFFFFF for p in sent] == [960 * s for s in steps]
    assert [i for i, p in enumerate(sent) if p.marker] == [0, 8]
    assert end.played == [480, 960, 1440, 2400]


def test_a_pause_comes_to_rest_and_costs_no_encoding() -> None:
    end = End()
    end.playout.push(tone(440, 0.2))
    for beat in range(60):
        end.path.on_beat(beat * PERIOD, 1, 0)
    payloads = [p.payload for p in end.sent()]
    assert len(payloads[-1]) == 3
    assert len(set(payloads[-20:])) == 1


def test_speech_after_a_long_pause_is_as_good_as_before() -> None:
    one, other = End(), End(ssrc=9)
    speech = sweep(0.5)
    levels = []
    for start in (0, 200):
        other.pcm.clear()
        one.packets.clear()
        one.playout.push(speech)
        for beat in range(start, start + 100):
            one.path.on_beat(beat * PERIOD, 1, 0)
            other.path.on_rtp(one.packets[-1], beat * PERIOD + 0.01)
        levels.append(likeness(speech[4800:-4800], bytes(other.pcm)))
        assert rms(other.pcm[-RATE:]) < 2
    assert min(levels) > 0.97


def test_nothing_is_sent_to_a_peer_that_does_not_listen_but_time_goes_on() -> None:
    end = End(sends=False)
    end.playout.push(bytes(2 * FRAME_BYTES))
    end.path.on_beat(0.0, 2, 0)
    assert end.played == [960]
    assert not end.packets


def test_lost_packets_are_concealed() -> None:
    encoder, end = Encoder(), End()
    speech = tone(440, 1.0)
    for i in range(50):
        payload = encoder.encode(speech[i * FRAME_BYTES : (i + 1) * FRAME_BYTES])
        if i % 10 != 5:
            end.path.on_rtp(opus_packet(payload, i), i * PERIOD)
        end.path.on_beat(i * PERIOD + 0.005, 0, 0)
    assert len(end.pcm) == len(speech)
    assert rms(bytes(end.pcm[9600:])) == pytest.approx(rms(speech[9600:]), rel=0.15)
    assert end.path.jitter.stats.lost == 5


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"short",
        opus_packet(b"", 1),
        opus_packet(b"\x03", 1),
        opus_packet(b"\x03\x00", 1),
        opus_packet(b"\xd8\xff\xfe", 1, payload_type=0),
        b"\x00" * 40,
    ],
)
def test_what_is_no_opus_of_ours_is_not_heard(packet: bytes) -> None:
    end = End()
    end.path.on_rtp(packet, 0.0)
    assert not end.pcm


def test_opus_that_cannot_be_decoded_is_counted_and_passed_over() -> None:
    end, encoder = End(), Encoder()
    end.path.on_rtp(opus_packet(b"\x02\xff\xff\xff\xff", 1), 0.0)
    end.path.on_rtp(opus_packet(encoder.encode(tone(440, 0.02)), 2), 0.02)
    assert end.path.invalid_packets == 1
    assert len(end.pcm) >= FRAME_BYTES


def test_a_new_source_is_a_new_stream() -> None:
    end, encoder = End(), Encoder()
    for i in range(5):
        end.path.on_rtp(opus_packet(encoder.encode(tone(440, 0.02)), 1000 + i, ssrc=1), i * PERIOD)
    for i in range(5):
        end.path.on_rtp(opus_packet(encoder.encode(tone(440, 0.02)), 5 + i, ssrc=2), 0.1 + i * PERIOD)
    assert len(end.pcm) == 10 * FRAME_BYTES


def test_reports_tell_both_sides_how_it_goes() -> None:
    one, other = End(ssrc=1), End(ssrc=2)
    for beat in range(200):
        now = beat * PERIOD
        one.path.on_beat(now, 1, 0)
        other.path.on_beat(now, 1, 0)
        if beat % 4:
            other.path.on_rtp(one.packets[-1], now)
        for report in other.reports[-1:]:
            one.path.on_rtcp(report, now)
    parsed = [RtcpPacket.parse(report) for report in other.reports]
    assert 2 <= len(parsed) <= 8
    report = parsed[-1][0]
    assert isinstance(report, RtcpSrPacket)
    assert report.reports[0].ssrc == 1
    assert report.reports[0].fraction_lost / 256 == pytest.approx(0.25, abs=0.06)
    assert one.path.reports.fraction_lost == pytest.approx(0.25, abs=0.06)
    one.path.on_rtcp(b"\x80\xc8garbage", 5.0)
    other.path.goodbye()
    last = RtcpPacket.parse(other.reports[-1])
    assert isinstance(last[0], RtcpRrPacket)
    assert isinstance(last[1], RtcpByePacket)


def told(missed: float, ssrc: int) -> bytes:
    """A peer's report that it missed that share of our packets lately."""
    block = RtcpReceiverInfo(ssrc, round(missed * 256), 0, 0, 0, 0, 0)
    return bytes(RtcpRrPacket(ssrc=1, reports=[block]))


def carries_copies(packet: RtpPacket) -> bool:
    """SILK and hybrid packets, which alone have in-band FEC, are the first 16 configurations (RFC 6716 section 3.1)."""
    return packet.payload[0] >> 3 < 16


def test_packets_carry_copies_while_the_peer_misses_many() -> None:
    end = End()
    end.playout.push(sweep(3.0))
    beats = iter(range(1000))

    def some(count: int) -> list[RtpPacket]:
        end.packets.clear()
        for _ in range(count):
            end.path.on_beat(next(beats) * PERIOD, 1, 0)
        return end.sent()

    assert not any(map(carries_copies, some(10)))
    end.path.on_rtcp(told(0.12, end.ssrc), 1.0)
    assert not any(map(carries_copies, some(10))), "one report is a matter of chance"
    for _ in range(8):
        end.path.on_rtcp(told(0.12, end.ssrc), 1.0)
    assert all(map(carries_copies, some(10)))
    for _ in range(3):
        end.path.on_rtcp(told(0.0, end.ssrc), 1.0)
        end.path.on_rtcp(told(0.9, 99), 1.0)  # somebody else's stream
    assert all(map(carries_copies, some(10)))
    for _ in range(8):
        end.path.on_rtcp(told(0.0, end.ssrc), 1.0)
    assert not any(map(carries_copies, some(10)))


def heard_with_every_tenth_missing(*, copies: bool) -> float:
    """How much of what was lost is in what was heard: likeness of the lost stretches to the spoken ones."""
    spoken, one, other = sweep(2.0), End(), End(ssrc=0x5678)
    for _ in range(20 if copies else 0):
        one.path.on_rtcp(told(0.1, one.ssrc), 0.0)
    one.playout.push(spoken)
    for beat in range(100):
        one.path.on_beat(beat * PERIOD, 1, 0)
        if beat % 10 != 5:
            other.path.on_rtp(one.packets[-1], beat * PERIOD)
        other.path.on_beat(beat * PERIOD, 1, 0)
    heard = bytes(other.pcm)
    # Shortly after the gap at beat 55, whatever the codec's delay: the stretch with the loss in its middle.
    return likeness(spoken[54 * FRAME_BYTES : 57 * FRAME_BYTES], heard[53 * FRAME_BYTES : 59 * FRAME_BYTES])


def test_copies_fill_the_gaps_better_than_guesses() -> None:
    with_copies, without = heard_with_every_tenth_missing(copies=True), heard_with_every_tenth_missing(copies=False)
    assert with_copies > 0.9
    assert with_copies > without


def left_behind_by_a_stall(end: End, frames: int, skipped: int) -> int:
    """Samples that wait a second after a stall of so many frames, with a microphone that goes on through all of it."""
    block = tone(440, PERIOD)
    for beat in range(10):
        end.playout.push(block)
        end.path.on_beat(beat * PERIOD, 1, 0)
    stalled = frames + skipped
    end.path.on_beat((9 + stalled) * PERIOD, frames, skipped)  # the timer comes first, and what was recorded after it
    end.playout.push(block * stalled)
    for beat in range(10 + stalled, 60 + stalled):
        end.playout.push(block)
        end.path.on_beat(beat * PERIOD, 1, 0)
    return end.playout.pending_samples


@pytest.mark.parametrize(("frames", "skipped"), [(3, 0), (5, 0), (5, 20), (5, 45)])
def test_a_microphone_is_not_late_for_ever_after_this_process_stood_still(frames: int, skipped: int) -> None:
    assert left_behind_by_a_stall(End(catches_up=True), frames, skipped) <= 480
    assert left_behind_by_a_stall(End(), frames, skipped) == 480 * (frames + skipped)


def test_catching_up_keeps_numbers_and_times_in_order_and_loses_nothing() -> None:
    end = End(catches_up=True)
    left_behind_by_a_stall(end, 5, 20)
    sent = end.sent()
    assert [(p.sequence - sent[0].sequence) & 0xFFFF for p in sent] == list(range(len(sent)))
    times = [(p.timestamp - sent[0].timestamp) & 0xFFFFFFFF for p in sent]
    assert all(later - earlier >= 960 for earlier, later in pairwise(times))
    assert end.played[-1] >= 480 * (10 + 25 + 50 - 1)


def test_what_is_given_ahead_of_time_is_not_hurried() -> None:
    end = End(catches_up=True)
    end.playout.push(tone(440, 10.0))
    for beat in range(50):
        end.path.on_beat(beat * PERIOD, 1, 0)
    assert end.played[-1] == 480 * 50
