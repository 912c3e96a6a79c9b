"""When a turn has been answered for good, whoever runs the tools."""

from __future__ import annotations

from typing import Any

from antiphon.cli.talk.turn_watch import TurnWatch
from antiphon.conversation import events


def started(response_id: str, **more: Any) -> events.AssistantResponseStarted:
    return events.AssistantResponseStarted(response_id=response_id, **more)


def completed(response_id: str, status: Any = "completed") -> events.AssistantCompleted:
    return events.AssistantCompleted(response_id=response_id, status=status)


def calls(call_id: str, response_id: str) -> events.ToolCallStarted:
    return events.ToolCallStarted(call_id=call_id, item_id="i", name="add", response_id=response_id)


def gave(call_id: str) -> events.ToolOutput:
    return events.ToolOutput(call_id=call_id, item_id=None, output="7")


def over_after(*told: events.FriendlyEvent) -> list[bool]:
    watch = TurnWatch()
    watch.begin()
    found = []
    for event in told:
        watch.receive(event)
        found.append(watch.is_over)
    return found


def test_an_answer_is_over_with_its_response() -> None:
    assert over_after(started("r"), completed("r")) == [False, True]


def test_a_call_of_a_tool_is_followed_by_another_response() -> None:
    told = over_after(started("r"), calls("c", "r"), completed("r"), gave("c"), started("s"), completed("s"))
    assert told == [False] * 5 + [True]


def test_of_several_tools_all_are_awaited() -> None:
    told = [started("r"), calls("c", "r"), calls("d", "r"), completed("r"), gave("d"), gave("c")]
    assert over_after(*told, started("s"), completed("s")) == [False] * 7 + [True]


def test_a_tool_that_is_owed_has_a_name() -> None:
    watch = TurnWatch()
    for event in (started("r"), calls("c", "r"), completed("r")):
        watch.receive(event)
    assert watch.owed == ("add",)


def test_what_was_stopped_is_followed_by_nothing() -> None:
    assert over_after(started("r"), calls("c", "r"), completed("r", "cancelled")) == [False, False, True]


def test_a_response_beside_the_conversation_is_no_answer() -> None:
    assert over_after(started("r", aside=True), completed("r")) == [False, False]


def test_the_next_turn_is_not_answered_by_the_one_before() -> None:
    watch = TurnWatch()
    for event in (started("r"), completed("r")):
        watch.receive(event)
    watch.begin()
    assert not watch.is_over
