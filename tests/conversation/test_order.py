"""The order of a conversation, from what each item is said to stand after."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from antiphon.conversation.order import Order


def ordered(*placings: tuple[str, Any]) -> list[str]:
    order = Order()
    for item_id, previous in placings:
        order.place(item_id, previous)
    return order.ids


def test_an_item_stands_after_the_one_that_is_named() -> None:
    assert ordered(("1", None), ("3", "1"), ("2", "1")) == ["1", "2", "3"]


def test_an_item_moves_to_its_place_when_its_predecessor_comes_late() -> None:
    assert ordered(("3", "2"), ("4", "3"), ("1", None), ("2", "1")) == ["1", "2", "3", "4"]


def test_an_item_that_nobody_placed_stands_after_the_last_one_that_was_there() -> None:
    assert ordered(("1", None), ("2", UNSET), ("3", UNSET)) == ["1", "2", "3"]


def test_a_placed_item_moves_when_it_is_named_anew() -> None:
    order = Order()
    for item_id in "123":
        order.place(item_id)
    assert order.place("1", "3") is True
    assert order.ids == ["2", "3", "1"]
    assert order.place("1", "3") is False
    assert order.place("1") is False


def test_a_ring_of_predecessors_loses_nothing() -> None:
    assert sorted(ordered(("a", "b"), ("b", "a"), ("c", "c"))) == ["a", "b", "c"]


def test_what_a_new_session_holds_stands_after_the_sessions_before() -> None:
    order = Order()
    order.begin_session()
    for item_id, previous in [("1", None), ("2", "1"), ("3", "2")]:
        order.place(item_id, previous)
    order.begin_session()
    order.place("4", None)
    order.place("5", "4")
    order.place("6", "1")  # the new session was told of "1" only
    assert order.ids == ["1", "2", "3", "6", "4", "5"]


def test_what_was_said_while_there_was_no_session_belongs_to_the_next_one() -> None:
    order = Order()
    order.begin_session()
    order.place("1", None)
    order.place("typed")
    order.begin_session()
    order.place("spoken", "1")
    order.place("typed", "spoken")
    assert order.ids == ["1", "spoken", "typed"]


def test_a_placeholder_is_renamed_in_its_place() -> None:
    order = Order()
    for item_id, previous in [("1", None), ("resp", UNSET), ("2", UNSET), ("3", "item")]:
        order.place(item_id, previous)
    order.rename("resp", "item")
    assert order.ids == ["1", "item", "3", "2"]
    order.rename("nobody", "x")
    assert "x" not in order


def test_the_oldest_are_dropped_and_the_others_stay_as_they_stand() -> None:
    order = Order()
    for number in range(10):
        order.place(str(number), str(number - 1) if number else None)
    assert order.drop_oldest(7) == [str(number) for number in range(7)]
    assert order.ids == ["7", "8", "9"]
    order.place("between", "7")
    order.place("10", "9")
    assert order.ids == ["7", "between", "8", "9", "10"]


def test_an_item_is_removed_and_the_others_stay_as_they_stand() -> None:
    order = Order()
    for number in range(4):
        order.place(str(number), str(number - 1) if number else None)
    order.remove("1")
    assert order.ids == ["0", "2", "3"]
    order.place("4", "3")
    order.place("new", "0")
    assert order.ids == ["0", "new", "2", "3", "4"]


names = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(names, st.one_of(names, st.none(), st.just(UNSET))), max_size=24), st.data())
def test_every_item_stands_somewhere_once_whatever_is_said(
    placings: list[tuple[str, Any]], data: st.DataObject
) -> None:
    order = Order()
    held: set[str] = set()
    for item_id, previous in placings:
        order.place(item_id, previous)
        held.add(item_id)
        what = data.draw(st.integers(0, 9))
        if what == 0:
            order.begin_session()
        elif what == 1:
            held -= set(order.drop_oldest(1))
        elif what == 2 and order.ids:
            gone = data.draw(st.sampled_from(order.ids))
            order.remove(gone)
            held.discard(gone)
        assert sorted(order.ids) == sorted(held)


@given(st.permutations(range(7)))
def test_a_chain_is_in_order_however_its_items_arrive(arrival: list[int]) -> None:
    assert ordered(*((str(n), str(n - 1) if n else None) for n in arrival)) == [str(n) for n in range(7)]


@given(st.permutations(range(7)), st.permutations(range(7)))
def test_a_chain_is_in_order_also_when_it_is_named_after_it_arrived(arrival: list[int], naming: list[int]) -> None:
    order = Order()
    for number in arrival:
        order.place(str(number))
    for number in naming:
        order.place(str(number), str(number - 1) if number else None)
    assert order.ids == [str(number) for number in range(7)]
