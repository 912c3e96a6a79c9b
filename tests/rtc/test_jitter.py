"""The jitter buffer, by itself: a simulated network between a talker and it, and a clock of numbers."""

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.rtc.jitter import CLOCK, JitterBuffer, JitterSettings, Lost, Packet, Piece, Silence

FRAME = 960
STEP = 0.02


@dataclass
class Network:
    """Delivers packets with delay, jitter, loss and duplicates; `run` ticks the buffer as its owner would."""

    seed: int = 1
    delay: float = 0.03
    jitter: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0
    events: list[tuple[float, int, int, int]] = field(default_factory=list)

    def talk(self, packets: int, *, first: int = 0, sequence: int = 0, timestamp: int = 0, start: float = 0.0) -> None:
        rng = random.Random(self.seed + first)
        for i in range(first, first + packets):
            sent = start + i * STEP
            for _ in range(1 + (rng.random() < self.duplicates)):
                if rng.random() >= self.loss:
                    arrival = sent + self.delay + rng.random() * self.jitter
                    heapq.heappush(self.events, (arrival, (sequence + i) % 65536, (timestamp + i * FRAME) % 2**32, i))

    def run(self, buffer: JitterBuffer, until: float) -> list[tuple[float, Piece]]:
        out: list[tuple[float, Piece]] = []
        tick = 0.0
        while tick < until:
            tick += STEP
            while self.events and self.events[0][0] <= tick:
                now, sequence, timestamp, index = heapq.heappop(self.events)
                buffer.put(sequence, timestamp, FRAME, index.to_bytes(4, "big"), now)
                out += [(now, piece) for piece in buffer.take(now)]
            out += [(tick, piece) for piece in buffer.take(tick)]
        return out


def indexes(pieces: list[tuple[float, Piece]]) -> list[int]:
    return [int.from_bytes(piece.payload, "big") for _, piece in pieces if isinstance(piece, Packet)]


def length(pieces: list[tuple[float, Piece]]) -> int:
    return sum(FRAME if isinstance(piece, Packet) else piece.ticks for _, piece in pieces)


def test_in_order_nothing_is_held() -> None:
    network, buffer = Network(), JitterBuffer()
    network.talk(100)
    out = network.run(buffer, 2.1)
    assert indexes(out) == list(range(100))
    assert all(at == pytest.approx(i * STEP + 0.03) for i, (at, _) in enumerate(out))
    assert buffer.stats.lost == buffer.stats.late == buffer.stats.duplicate == 0


def test_reordered_packets_come_out_in_order() -> None:
    network, buffer = Network(jitter=0.045), JitterBuffer()
    network.talk(500)
    out = network.run(buffer, 10.2)
    heard = indexes(out)
    assert heard == sorted(heard)
    assert len(heard) > 490
    assert buffer.stats.received == 500
    assert length(out) == 500 * FRAME


def test_no_packet_is_held_longer_than_the_longest_wait() -> None:
    network, buffer = Network(jitter=0.05, loss=0.1), JitterBuffer()
    network.talk(500)
    arrivals = {index: at for at, _, _, index in network.events}
    for at, piece in network.run(buffer, 10.2):
        if isinstance(piece, Packet):
            index = int.from_bytes(piece.payload, "big")
            assert at - arrivals[index] <= buffer.settings.max_wait + STEP + 1e-9


def test_losses_are_concealed_and_time_is_kept() -> None:
    network, buffer = Network(loss=0.1), JitterBuffer()
    network.talk(400)
    expected = len(network.events)
    out = network.run(buffer, 8.1)
    assert len(indexes(out)) == expected
    assert length(out) == pytest.approx(400 * FRAME, abs=4 * FRAME)
    lost = [piece for _, piece in out if isinstance(piece, Lost)]
    assert sum(piece.ticks for piece in lost) >= 0.8 * (400 - expected) * FRAME
    assert buffer.stats.lost == pytest.approx(400 - expected, abs=3)


def test_the_packet_after_a_gap_is_offered_for_recovery() -> None:
    buffer = JitterBuffer()
    buffer.put(1, 0, FRAME, b"one", 0.0)
    assert buffer.take(0.0) == [Packet(b"one")]
    buffer.put(4, 3 * FRAME, FRAME, b"four", 0.06)
    assert buffer.take(0.06) == []
    assert buffer.deadline == pytest.approx(0.06 + buffer.wait)
    assert buffer.take(0.2) == [Lost(FRAME, None), Lost(FRAME, b"four"), Packet(b"four")]


def test_a_long_outage_is_silence_with_concealed_edges() -> None:
    buffer = JitterBuffer()
    buffer.put(1, 0, FRAME, b"a", 0.0)
    buffer.take(0.0)
    buffer.put(101, 100 * FRAME, FRAME, b"b", 0.1)
    pieces = buffer.take(0.3)
    assert isinstance(pieces[0], Silence)
    assert sum(p.ticks for p in pieces if isinstance(p, Lost)) == CLOCK // 10
    assert length([(0.0, p) for p in pieces]) == 100 * FRAME


def test_duplicates_are_dropped() -> None:
    network, buffer = Network(duplicates=0.5), JitterBuffer()
    network.talk(200)
    assert indexes(network.run(buffer, 4.1)) == list(range(200))
    assert buffer.stats.duplicate > 50


def test_late_packets_make_it_wait_longer_and_calm_makes_it_wait_less() -> None:
    buffer = JitterBuffer()
    before = buffer.wait
    buffer.put(1, 0, FRAME, b"1", 0.0)
    buffer.put(3, 2 * FRAME, FRAME, b"3", 0.04)
    buffer.take(0.04 + before)
    buffer.put(2, FRAME, FRAME, b"2", 0.04 + before + 0.015)
    assert buffer.stats.late == 1
    assert buffer.stats.lost == 0
    assert before < buffer.wait <= buffer.settings.max_wait
    network = Network()
    network.talk(3000, sequence=4, timestamp=3 * FRAME)
    network.run(buffer, 61.0)
    assert buffer.wait < 0.025


@pytest.mark.parametrize("start", [65_500, 65_535, 0])
def test_numbers_and_timestamps_wrap(start: int) -> None:
    network, buffer = Network(jitter=0.03), JitterBuffer()
    network.talk(200, sequence=start, timestamp=2**32 - 50 * FRAME)
    out = network.run(buffer, 4.2)
    assert indexes(out) == list(range(200))
    assert length(out) == 200 * FRAME
    assert buffer.expected == 200


def test_a_sender_that_pauses_on_purpose_leaves_silence_of_that_length() -> None:
    buffer = JitterBuffer(JitterSettings(stall=10.0))
    buffer.put(1, 0, FRAME, b"a", 0.0)
    buffer.take(0.0)
    buffer.put(2, 21 * FRAME, FRAME, b"b", 0.42)
    assert buffer.take(0.42) == [Silence(20 * FRAME), Packet(b"b")]
    assert buffer.stats.lost == 0


def test_a_stream_that_stops_is_silent_in_real_time_for_a_while() -> None:
    network, buffer = Network(), JitterBuffer()
    network.talk(50)
    out = network.run(buffer, 3.0)
    silence = [(at, piece.ticks) for at, piece in out if isinstance(piece, Silence)]
    assert silence[0][0] == pytest.approx(1.01 + buffer.settings.stall, abs=0.05)
    assert sum(ticks for _, ticks in silence) == pytest.approx((3.0 - 1.01 - 0.2) * CLOCK, abs=2 * FRAME)
    out = network.run(buffer, 60.0)  # the clock starts anew here, so nothing more is due until it has caught up
    total = sum(piece.ticks for _, piece in out if isinstance(piece, Silence)) + sum(ticks for _, ticks in silence)
    assert total == pytest.approx(buffer.settings.stall_fill * CLOCK, abs=2 * FRAME)


def test_when_a_stopped_stream_goes_on_its_pause_is_not_counted_twice() -> None:
    network, buffer = Network(), JitterBuffer()
    network.talk(50)
    network.talk(50, first=100)
    for i, event in enumerate(network.events):
        if event[3] >= 100:  # the sender numbered on without a gap while it was silent
            network.events[i] = (event[0], event[1] - 50, event[2], event[3])
    heapq.heapify(network.events)
    out = network.run(buffer, 3.1)
    assert len(indexes(out)) == 100
    assert length(out) == pytest.approx(150 * FRAME, abs=2 * FRAME)


def test_a_stray_number_is_dropped_and_a_new_numbering_is_followed() -> None:
    buffer = JitterBuffer()
    buffer.put(1, 0, FRAME, b"a", 0.0)
    buffer.put(30_000, 5, FRAME, b"stray", 0.02)
    buffer.put(2, FRAME, FRAME, b"b", 0.02)
    assert buffer.take(0.02) == [Packet(b"a"), Packet(b"b")]
    buffer.put(40_000, 77, FRAME, b"new 0", 0.04)
    buffer.put(40_001, 77 + FRAME, FRAME, b"new 1", 0.06)
    buffer.put(40_002, 77 + 2 * FRAME, FRAME, b"new 2", 0.08)
    assert buffer.take(0.08) == [Packet(b"new 1"), Packet(b"new 2")]


def test_a_flood_faster_than_real_time_is_cut() -> None:
    buffer = JitterBuffer()
    heard = 0
    for i in range(5000):
        now = i * 0.001
        buffer.put(i, i * FRAME, FRAME, b"x", now)
        heard += len([p for p in buffer.take(now) if isinstance(p, Packet)])
    assert heard <= (5.0 + buffer.settings.max_lead) / STEP + 1
    assert buffer.stats.dropped > 4000


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.sampled_from([120, 480, 960, 2880]), st.floats(0, 0.1)
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_whatever_arrives_memory_is_bounded_and_nothing_is_delivered_twice(
    packets: list[tuple[int, int, int, float]], near: bool
) -> None:
    buffer, now, delivered = JitterBuffer(), 0.0, []
    for index, (sequence, timestamp, ticks, pause) in enumerate(packets):
        now += pause
        number = sequence % 80 if near else sequence
        buffer.put(number, timestamp, ticks, index.to_bytes(4, "big"), now)
        for piece in buffer.take(now):
            if isinstance(piece, Packet):
                delivered.append(piece.payload)
            else:
                assert 0 < piece.ticks <= 6 * CLOCK
        assert len(buffer._held) <= 64
    assert len(delivered) == len(set(delivered))
