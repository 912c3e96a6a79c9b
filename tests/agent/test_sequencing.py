"""When a response is asked for: once for each thing, never into another response, and again when it must be."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.agent import Agent, ResponseRefused, SequencerState, tool
from antiphon.protocol import (
    UNSET,
    AudioConfig,
    AudioInput,
    ConversationItemAdded,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputText,
    Message,
    RealtimeSession,
    ResponseCreate,
    ResponseOutputTextDelta,
    ResponseParams,
    ServerVad,
    SessionUpdated,
)
from conducting import Bench, called


@tool
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


AGENT = Agent(tools=[add], filler=None)
ADD = '{"a": 2, "b": 5}'


@pytest.fixture
def bench() -> Bench:
    return Bench(AGENT)


def speak(bench: Bench) -> None:
    bench.hear(InputAudioBufferSpeechStarted(audio_start_ms=0, item_id="item_user"))


def stop_speaking(bench: Bench) -> None:
    bench.hear(InputAudioBufferSpeechStopped(audio_end_ms=900, item_id="item_user"))
    bench.hear(InputAudioBufferCommitted(item_id="item_user"))


def test_the_model_goes_on_after_the_response_and_the_last_output(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.item_done("resp_1", called("call_2", "add", ADD))
    bench.finish("call_1")
    bench.done("resp_1")
    assert not bench.creates
    bench.finish("call_2")

    assert bench.kinds == ["conversation.item.create", "conversation.item.create", "response.create"]


def test_a_fast_tool_waits_for_the_end_of_its_response(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    assert bench.kinds == ["conversation.item.create"]
    bench.done("resp_1")

    assert len(bench.creates) == 1


def test_another_response_in_between_is_waited_for(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.created("resp_vad")
    bench.finish("call_1")
    assert not bench.creates
    bench.done("resp_vad")

    assert len(bench.creates) == 1


def test_a_response_of_the_server_that_knows_the_output_needs_no_second_one(bench: Bench) -> None:
    speak(bench)
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    bench.confirm()
    stop_speaking(bench)
    bench.created("resp_vad")
    bench.done("resp_vad")
    bench.advance(100)

    assert not bench.creates


def test_a_response_of_the_server_that_may_not_know_the_output_is_followed_by_one_that_does(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    stop_speaking(bench)
    bench.created("resp_vad")
    bench.confirm()
    bench.done("resp_vad")

    assert len(bench.creates) == 1


def test_the_caller_is_not_talked_over(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    bench.advance(20)
    assert not bench.creates
    stop_speaking(bench)
    bench.advance(2.9)
    assert not bench.creates, "the server owes an answer to what was said"
    bench.advance(0.2)

    assert len(bench.creates) == 1


def test_an_end_of_speech_that_never_comes_is_not_waited_for_without_end(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    bench.advance(31)

    assert len(bench.creates) == 1


@pytest.mark.parametrize("detection", [None, ServerVad(create_response=False)])
def test_where_the_server_owes_no_answer_none_is_waited_for(bench: Bench, detection: Any) -> None:
    session = RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=detection)))
    bench.hear(SessionUpdated(session=session))
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    stop_speaking(bench)

    assert len(bench.creates) == 1


def test_a_refusal_is_tried_again_when_the_other_response_ends(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.refuse(bench.creates[0])
    assert len(bench.creates) == 1
    bench.done("resp_unseen")

    assert len(bench.creates) == 2
    assert bench.creates[0].event_id != bench.creates[1].event_id


def test_a_refusal_is_tried_again_after_a_while_when_no_end_is_seen(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    for attempt in range(1, 8):
        assert len(bench.creates) == attempt
        bench.refuse(bench.creates[-1])
        bench.advance(4.1)


def test_a_server_that_refuses_forever_is_given_up(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    while len(bench.creates) < 40 and not any(isinstance(notice, ResponseRefused) for notice in bench.notices):
        bench.refuse(bench.creates[-1])
        bench.advance(4.1)

    assert len(bench.creates) == 31
    assert bench.conductor.settled(bench.now)


def test_a_refusal_that_names_nobody_is_ours_when_no_response_follows(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.refuse(ResponseCreate())
    bench.done("resp_other")
    bench.advance(0.9)
    assert len(bench.creates) == 1
    bench.advance(0.6)

    assert len(bench.creates) == 2


def test_a_refusal_that_names_nobody_is_the_other_peers_when_a_response_follows(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.refuse(ResponseCreate())
    bench.created("resp_2")
    bench.done("resp_2")
    bench.advance(100)

    assert len(bench.creates) == 1


def test_somebody_elses_refusal_changes_nothing(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.refuse(ResponseCreate(event_id="event_theirs"))
    bench.advance(10)

    assert len(bench.creates) == 1


def test_a_create_that_lost_the_race_is_repeated_after_the_response_that_won(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.created("resp_vad")
    bench.refuse(bench.creates[0])
    bench.confirm()
    bench.done("resp_vad")

    assert len(bench.creates) == 2


def test_a_create_that_lost_the_race_to_one_that_knows_the_output_is_not_repeated(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.confirm()
    bench.created("resp_vad")
    bench.refuse(bench.creates[0])
    bench.done("resp_vad")
    bench.advance(100)

    assert len(bench.creates) == 1
    assert bench.conductor.settled(bench.now)


def test_a_create_that_is_wrong_is_not_repeated_and_said(bench: Bench) -> None:
    bench.conductor.ask(ResponseParams(instructions="x"), bench.now)
    bench.settle()
    bench.refuse(bench.creates[0], "invalid_value")
    bench.advance(100)

    assert len(bench.creates) == 1
    assert [notice.error.code for notice in bench.notices if isinstance(notice, ResponseRefused) and notice.error] == [
        "invalid_value"
    ]


def test_a_server_that_says_nothing_is_asked_three_times(bench: Bench) -> None:
    bench.conductor.ask(None, bench.now)
    bench.settle()
    bench.advance(100)

    assert len(bench.creates) == 3
    assert bench.notices == [ResponseRefused(None)]


def test_wishes_of_the_app_are_served_one_by_one_in_order(bench: Bench) -> None:
    for word in ("a", "b"):
        assert bench.conductor.ask(ResponseParams(instructions=word), bench.now)
    bench.settle()
    assert len(bench.creates) == 1
    bench.created("resp_1")
    bench.done("resp_1")

    assert [str(create.response.instructions) for create in bench.creates if create.response] == ["a", "b"]


def test_wishes_are_bounded(bench: Bench) -> None:
    assert [bench.conductor.ask(None, bench.now) for _ in range(40)].count(False) == 40 - 33


def test_a_plain_wish_of_the_app_is_answered_with_the_outputs(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.conductor.ask(None, bench.now)
    bench.done("resp_1")
    bench.confirm()
    bench.created("resp_2")
    bench.done("resp_2")
    bench.advance(100)

    assert len(bench.creates) == 1


def test_words_of_the_apps_own_do_not_answer_for_the_outputs(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.conductor.ask(ResponseParams(instructions="Say hello."), bench.now)
    bench.done("resp_1")
    bench.confirm()
    bench.created("resp_2")
    bench.done("resp_2")

    assert [create.response is UNSET for create in bench.creates] == [False, True]


def test_responses_beside_the_conversation_wait_for_nothing_and_hold_up_nothing(bench: Bench) -> None:
    bench.created("resp_1")
    bench.conductor.ask(ResponseParams(conversation="none"), bench.now)
    bench.settle()
    assert len(bench.creates) == 1
    bench.created("resp_side", conversation_id=None)
    bench.hear(
        ResponseOutputTextDelta(response_id="resp_side", item_id="i", output_index=0, content_index=0, delta="x")
    )
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.done("resp_1")

    assert len(bench.creates) == 2


def test_a_sideband_that_comes_late_waits_for_the_response_it_finds(bench: Bench) -> None:
    bench.hear(ResponseOutputTextDelta(response_id="resp_0", item_id="i", output_index=0, content_index=0, delta="x"))
    bench.conductor.ask(None, bench.now)
    bench.settle()
    assert bench.conductor.sequencer.state is SequencerState.ACTIVE
    assert not bench.creates
    bench.done("resp_0")

    assert len(bench.creates) == 1


def test_a_late_delta_of_a_response_that_ended_begins_nothing(bench: Bench) -> None:
    bench.created("resp_1")
    bench.done("resp_1")
    bench.hear(ResponseOutputTextDelta(response_id="resp_1", item_id="i", output_index=0, content_index=0, delta="x"))

    assert bench.conductor.settled(bench.now)


def test_a_response_whose_end_was_lost_is_not_waited_for_without_end(bench: Bench) -> None:
    bench.created("resp_1")
    bench.conductor.ask(None, bench.now)
    bench.advance(59)
    assert not bench.creates
    bench.advance(2)

    assert len(bench.creates) == 1


def test_after_a_reconnection_what_was_asked_for_is_asked_anew(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.conductor.disconnected()
    bench.advance(100)
    assert len(bench.creates) == 1, "there is nobody to ask"
    assert not bench.conductor.settled(bench.now)
    bench.conductor.reconnected(bench.now)
    bench.settle()

    assert len(bench.creates) == 2


def test_calls_of_a_response_whose_end_was_lost_with_the_connection_are_gone_on_from(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.conductor.disconnected()
    bench.settle()
    bench.conductor.reconnected(bench.now)
    bench.settle()
    assert bench.kinds == []
    bench.finish("call_1")
    assert bench.kinds == ["conversation.item.create", "response.create"]


def test_what_ends_while_there_is_no_connection_is_asked_for_once_there_is(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.conductor.disconnected()
    bench.finish("call_1")
    bench.advance(10)
    assert bench.kinds == ["conversation.item.create"]
    bench.conductor.reconnected(bench.now)
    bench.settle()

    assert len(bench.creates) == 1


def test_a_create_that_the_app_sends_itself_is_only_watched(bench: Bench) -> None:
    bench.conductor.sent(ResponseCreate(event_id="mine"), bench.now)
    bench.conductor.ask(None, bench.now)
    bench.settle()
    assert not bench.creates
    bench.created("resp_1")
    bench.done("resp_1")
    assert len(bench.creates) == 1
    bench.refuse(bench.creates[0], "server_error")
    bench.conductor.sent(ResponseCreate(event_id="mine too"), bench.now)
    bench.refuse(ResponseCreate(event_id="mine too"))
    bench.advance(100)

    assert len(bench.creates) == 1


def test_items_of_others_confirm_nothing(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    speak(bench)
    bench.finish("call_1")
    bench.hear(ConversationItemAdded(item=Message(id="item_x", role="user", content=[InputText(text="x")])))
    stop_speaking(bench)
    bench.created("resp_vad")
    bench.done("resp_vad")

    assert len(bench.creates) == 1


def test_an_output_that_the_server_refused_is_not_waited_for(bench: Bench) -> None:
    bench.confirm()
    bench.hear(ConversationItemAdded(item=Message(id="item_x", role="user", content=[InputText(text="x")])))
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1")
    bench.refuse(bench.sent[0], "invalid_value")
    bench.created("resp_2")
    bench.done("resp_2")
    bench.advance(100)

    assert len(bench.creates) == 1
    assert bench.conductor.settled(bench.now)


def test_an_output_that_was_confirmed_before_the_last_one_came_counts(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD), called("call_2", "add", ADD))
    bench.finish("call_1")
    bench.confirm()
    bench.finish("call_2")
    bench.confirm()
    bench.created("resp_2")
    bench.done("resp_2")
    bench.advance(100)

    assert len(bench.creates) == 1
