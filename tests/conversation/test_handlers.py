"""Who is told of friendly events, in which order, and who keeps one for himself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from antiphon.conversation import CONSUME, Conversation, HandlerFailure, Handlers
from antiphon.conversation.events import AssistantResponseStarted, FriendlyEvent, UserAudioCleared, UserDelta
from antiphon.errors import ConfigurationError

WORD = UserDelta(item_id="u1", content_index=0, delta="Hi")
CLEARED = UserAudioCleared()
STARTED = AssistantResponseStarted(response_id="r1")


def test_patterns_choose_what_a_handler_is_told() -> None:
    handlers = Handlers()
    seen: dict[str, list[str]] = {pattern: [] for pattern in ("user.delta", "user.*", "*", "assistant.*")}
    for pattern, events in seen.items():
        handlers.on(pattern, lambda event, events=events: events.append(event.type))  # type: ignore[misc]
    for event in (WORD, CLEARED, STARTED):
        handlers.tell(event)
    assert seen == {
        "user.delta": ["user.delta"],
        "user.*": ["user.delta", "user.audio_cleared"],
        "*": ["user.delta", "user.audio_cleared", "assistant.response_started"],
        "assistant.*": ["assistant.response_started"],
    }


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("user:completed", "user.completed"), ("user.complete", "user.completed"), ("nobody.*", "nobody")],
)
def test_a_pattern_that_fits_nothing_is_refused_with_what_was_meant(pattern: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        Handlers().on(pattern, print)


def test_handlers_are_told_in_the_order_they_came_and_one_may_consume() -> None:
    handlers = Handlers()
    order: list[str] = []

    def keep(event: FriendlyEvent) -> str:
        order.append("second")
        return CONSUME

    handlers.on("*", lambda event: order.append("first"))
    handlers.on("user.delta", keep)
    handlers.on("*", lambda event: order.append("third"))
    assert handlers.tell(WORD) is False
    assert order == ["first", "second"]
    assert handlers.tell(CLEARED) is True


def test_what_is_consumed_does_not_reach_the_chat() -> None:
    conversation = Conversation()
    conversation.handlers.on("user.delta", lambda event: CONSUME if event.delta == "secret" else None)
    for delta in ("secret", "Hi"):
        conversation.tell([UserDelta(item_id="u1", content_index=0, delta=delta)], 1000)
    assert [message.text for message in conversation.chat.messages] == ["Hi"]
    assert conversation.activity.last_user_event_at == 1000


def test_a_handler_may_remove_itself_and_others_while_it_is_told() -> None:
    handlers = Handlers()
    told: list[str] = []

    def once(event: FriendlyEvent) -> None:
        told.append("once")
        off_once()
        off_next()

    off_once = handlers.on("*", once)
    off_next = handlers.on("*", lambda event: told.append("next"))
    handlers.on("*", lambda event: told.append("last"))
    handlers.tell(WORD)
    handlers.tell(WORD)
    assert told == ["once", "last", "last"]
    off_once()


def test_a_handler_added_while_one_is_told_is_told_of_the_next_event() -> None:
    handlers = Handlers()
    told: list[str] = []
    handlers.on("*", lambda event: handlers.on("*", lambda event: told.append(event.type)) and None)
    handlers.tell(WORD)
    assert told == []
    handlers.tell(CLEARED)
    assert told == ["user.audio_cleared"]


def test_a_handler_that_raises_is_reported_and_the_others_are_told() -> None:
    handlers = Handlers()
    failures: list[HandlerFailure] = []
    told: list[str] = []
    handlers.failed = failures.append

    def broken(event: FriendlyEvent) -> None:
        raise ValueError("broken")

    handlers.on("*", broken)
    handlers.on("*", lambda event: told.append(event.type))
    assert handlers.tell(WORD) is True
    assert told == ["user.delta"]
    assert (failures[0].handler, failures[0].event, str(failures[0].error)) == (broken, WORD, "broken")


def test_without_anybody_to_report_to_what_is_raised_is_not_hidden() -> None:
    handlers = Handlers()
    handlers.on("*", lambda event: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        handlers.tell(WORD)


async def test_what_a_coroutine_handler_returns_is_handed_to_its_owner() -> None:
    handlers = Handlers()
    owned: list[Awaitable[Any]] = []
    handlers.own = owned.append
    told: list[str] = []

    async def slow(event: FriendlyEvent) -> str:
        await asyncio.sleep(0)
        told.append(event.type)
        return CONSUME  # too late to keep it from anybody

    handlers.on("*", slow)
    assert handlers.tell(WORD) is True
    assert told == []
    await asyncio.gather(*owned)
    assert told == ["user.delta"]


def test_a_coroutine_handler_that_nobody_would_await_is_refused() -> None:
    handlers = Handlers()

    async def slow(event: FriendlyEvent) -> None: ...

    handlers.on("*", slow)
    with pytest.raises(ConfigurationError, match="nobody awaits"):
        handlers.tell(WORD)
    failures: list[HandlerFailure] = []
    handlers.failed = failures.append
    assert handlers.tell(WORD) is True
    assert isinstance(failures[0].error, ConfigurationError)


def test_all_handlers_can_be_removed_at_once() -> None:
    handlers = Handlers()
    handlers.on("*", lambda event: CONSUME)
    handlers.clear()
    assert handlers.tell(WORD) is True
