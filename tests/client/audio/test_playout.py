"""What waits to be played, and how much of it was heard: exact against a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.audio.playout import PlayoutBuffer, PlayoutState

RATE = 24_000
MS = 24
PIECE = 10 * MS


def sound(ms: float, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * int(ms * MS)


def take(buffer: PlayoutBuffer, now: float, *, latency: float = 0.0, samples: int = PIECE) -> bytes:
    return buffer.take(samples, heard_at=now + latency, now=now)


def test_playing_begins_when_a_little_has_gathered() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=40)
    buffer.write(sound(20))
    assert take(buffer, 0.00) == bytes(2 * PIECE)
    buffer.write(sound(20))
    assert take(buffer, 0.01) == sound(10)


def test_playing_begins_in_any_case_after_that_time() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=20)
    buffer.write(sound(10))
    assert [take(buffer, 0.01 * n) for n in range(3)] == [bytes(480), bytes(480), sound(10)]


def test_a_short_utterance_that_is_complete_does_not_wait() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=40)
    buffer.write(sound(5))
    buffer.end()
    assert take(buffer, 0.0) == sound(5) + bytes(2 * 5 * MS)
    assert (buffer.state, buffer.ran_dry) == (PlayoutState.IDLE, 0)


def test_running_dry_in_the_middle_of_an_utterance_is_counted() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=0)
    buffer.write(sound(15))
    take(buffer, 0.0)
    take(buffer, 0.01)
    assert buffer.ran_dry == 1


def test_a_sample_is_played_when_it_is_heard_and_not_when_the_device_takes_it() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=0)
    buffer.write(sound(30))
    for n in range(3):
        take(buffer, n * 0.01, latency=0.1)

    assert (buffer.played(0.100), buffer.pending(0.100)) == (0, 30 * MS)
    assert (buffer.played(0.115), buffer.pending(0.115)) == (15 * MS, 15 * MS)
    assert (buffer.played(0.140), buffer.pending(0.140)) == (30 * MS, 0)


def test_what_is_flushed_is_never_heard_but_what_the_device_has_is() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=0)
    buffer.write(sound(1000))
    take(buffer, 0.0, latency=0.05)

    assert buffer.flush() == 990 * MS
    assert buffer.pending(0.0) == 10 * MS
    assert take(buffer, 0.01) == bytes(480)
    assert buffer.played(1.0) == 10 * MS


def test_after_a_flush_the_next_answer_is_played_from_its_beginning() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=0)
    buffer.write(sound(100, 1))
    take(buffer, 0.0)
    buffer.flush()
    buffer.write(sound(100, 2))
    assert take(buffer, 0.01) == sound(10, 2)


def test_silence_between_utterances_is_not_counted_as_played() -> None:
    buffer = PlayoutBuffer(prebuffer_ms=0)
    buffer.write(sound(10))
    for n in range(100):
        take(buffer, n * 0.01)
    assert buffer.played(10) == 10 * MS


def test_what_does_not_fit_is_refused() -> None:
    buffer = PlayoutBuffer(most_s=1)
    assert buffer.write(sound(900)) == 900 * MS
    assert buffer.write(sound(900)) == 100 * MS
    assert buffer.write(sound(1)) == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2000)),
        st.tuples(st.just("take"), st.integers(1, 1000)),
        st.tuples(st.just("wait"), st.integers(0, 100)),
        st.tuples(st.just("end")),
        st.tuples(st.just("flush")),
    ),
    max_size=60,
)


@given(steps, st.sampled_from([0, 40]), st.sampled_from([0.0, 0.05]))
def test_every_accepted_sample_is_played_pending_or_dropped(plan: list[tuple], prebuffer: int, latency: float) -> None:
    buffer = PlayoutBuffer(most_s=0.2, prebuffer_ms=prebuffer)
    now, accepted, dropped, given_out, written, before = 0.0, 0, 0, 0, 0, 0
    for step in plan:
        match step:
            case ("write", samples):
                numbers = range(written, written + samples)
                accepted += buffer.write(b"".join((1 + n % 30_000).to_bytes(2, "little") for n in numbers))
                written = accepted
            case ("take", samples):
                pcm = take(buffer, now, latency=latency, samples=samples)
                assert len(pcm) == 2 * samples
                heard = [int.from_bytes(pcm[n : n + 2], "little") for n in range(0, len(pcm), 2)]
                real = [value for value in heard if value]
                start = given_out + dropped
                assert real == [1 + n % 30_000 for n in range(start, start + len(real))]
                given_out += len(real)
                now += samples / RATE
            case ("wait", ms):
                now += ms / 1000
            case ("end",):
                buffer.end()
            case ("flush",):
                dropped += buffer.flush()
        played, pending = buffer.played(now), buffer.pending(now)
        assert before <= played <= given_out
        assert played + pending + dropped == accepted
        before = played
