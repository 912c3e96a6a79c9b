"""The ledger of what was heard: exact per item, and never more than was received."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.audio import PlaybackLedger

MS = 24  # samples


def test_an_item_is_heard_as_far_as_the_sink_has_played() -> None:
    ledger = PlaybackLedger()
    ledger.wrote("a", 500 * MS)
    ledger.update(120 * MS + 23)

    heard = ledger.heard("a")
    assert heard is not None
    assert (heard.ms, heard.complete) == (120, False)
    assert ledger.current == heard


def test_items_are_heard_one_after_the_other() -> None:
    ledger = PlaybackLedger()
    ledger.wrote("a", 100 * MS)
    ledger.wrote("a", 100 * MS)
    ledger.wrote("b", 300 * MS)
    ledger.wrote("b", 50 * MS, content_index=1)
    ledger.update(250 * MS)

    assert [(part.item_id, part.content_index, part.ms) for part in ledger.awaited] == [("b", 0, 50), ("b", 1, 0)]
    assert ledger.heard("a").ms == 200
    assert ledger.heard("a").complete


def test_after_a_barge_in_only_what_the_device_still_holds_is_heard() -> None:
    ledger = PlaybackLedger()
    ledger.wrote("a", 1000 * MS)
    ledger.wrote("b", 1000 * MS)
    ledger.flushed(played_samples=300 * MS, pending_samples=20 * MS)
    ledger.wrote("c", 100 * MS)
    ledger.update(370 * MS)

    assert ledger.heard("a").ms == 320
    assert ledger.heard("b").ms == 0
    assert ledger.heard("c").ms == 50


def test_samples_that_the_sink_refused_count_as_received_and_are_never_heard() -> None:
    ledger = PlaybackLedger()
    ledger.wrote("a", 100 * MS, received=150 * MS)
    ledger.update(200 * MS)

    assert ledger.heard("a").ms == 100
    assert not ledger.heard("a").complete


def test_a_sink_that_has_played_before_is_taken_over_where_it_is() -> None:
    ledger = PlaybackLedger(start=1000)
    ledger.wrote("a", 48)
    ledger.update(1024)
    assert ledger.heard("a").samples == 24


def test_items_that_were_never_written_are_unknown() -> None:
    assert PlaybackLedger().heard("a") is None
    assert PlaybackLedger().current is None


def test_old_items_are_forgotten() -> None:
    ledger = PlaybackLedger()
    for number in range(200):
        ledger.wrote(str(number), 1)
    assert ledger.heard("0") is None
    ledger.update(200)
    assert ledger.heard("199").complete


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abc"), st.integers(0, 100)),
        st.tuples(st.just("play"), st.integers(0, 150)),
        st.tuples(st.just("flush"), st.integers(0, 150)),
    ),
    max_size=60,
)


@given(steps)
def test_what_is_heard_is_what_a_sink_played_sample_by_sample(plan: list[tuple]) -> None:
    """Against a sink that is a plain list of samples, each marked with its item."""
    ledger, waiting, heard, received = PlaybackLedger(), [], [], []
    for step in plan:
        match step:
            case ("write", item, samples):
                waiting += item * samples
                received += item * samples
                ledger.wrote(item, samples)
            case ("play", samples):
                heard += waiting[:samples]
                waiting = waiting[samples:]
                ledger.update(len(heard))
            case ("flush", kept):
                waiting = waiting[:kept]
                ledger.flushed(len(heard), len(waiting))
        for item in set(received):
            part = ledger.heard(item)
            assert part.samples == heard.count(item) <= part.received_samples == received.count(item)
        assert (ledger.current.item_id if ledger.current else None) == (waiting[0] if waiting else None)
