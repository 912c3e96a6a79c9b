"""Whose turn the page shows, and how long it says an answer took."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from web.wire import Event, answer_begins, answer_ends, heard, response_begins, said, sound_begins, sound_ends

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PLAY = """async (events) => {
  const { activityOf, reduceActivity, restingActivity } = await import("/activity.js");
  let state = restingActivity();
  const seen = [activityOf(state)];
  for (const event of events) {
    state = reduceActivity(state, event, event.at ?? 0);
    if (activityOf(state) !== seen.at(-1)) seen.push(activityOf(state));
  }
  return { seen, answers: state.answers };
}"""


async def play(modules: Page, *events: Event) -> dict[str, Any]:
    result: dict[str, Any] = await modules.evaluate(PLAY, list(events))
    return result


async def test_a_spoken_turn_goes_through_every_state_and_back(modules: Page) -> None:
    result = await play(
        modules,
        *heard("u1", None),
        *answer_begins("r1", "a1", "u1"),
        sound_begins("r1"),
        *answer_ends("r1", "a1", "u1", "Hello."),
        sound_ends("r1"),
    )
    assert result["seen"] == ["listening", "heard", "thinking", "speaking", "listening"]


async def test_speaking_lasts_until_the_sound_ends_not_until_the_text_does(modules: Page) -> None:
    result = await play(
        modules, *answer_begins("r1", "a1", None), sound_begins("r1"), *answer_ends("r1", "a1", None, "Hello.")
    )
    assert result["seen"][-1] == "speaking"


async def test_an_answer_in_text_alone_ends_with_the_response(modules: Page) -> None:
    result = await play(modules, *answer_begins("r1", "a1", None), *answer_ends("r1", "a1", None, "Hello."))
    assert result["seen"] == ["listening", "thinking", "listening"]


async def test_a_caller_who_interrupts_is_shown_as_heard(modules: Page) -> None:
    start: Event = {"type": "input_audio_buffer.speech_started", "item_id": "u2"}
    result = await play(modules, response_begins("r1"), sound_begins("r1"), start)
    assert result["seen"][-1] == "heard"


async def test_a_cough_without_words_goes_back_to_listening(modules: Page) -> None:
    result = await play(modules, *heard("u1", None), said("u1", " "))
    assert result["seen"] == ["listening", "heard", "thinking", "listening"]


async def test_a_turn_that_brings_no_answer_is_given_up_after_a_while(modules: Page) -> None:
    events = heard("u1", None)
    assert (await play(modules, *events, {"type": "local.tick", "at": 5000}))["seen"][-1] == "thinking"
    assert (await play(modules, *events, {"type": "local.tick", "at": 7000}))["seen"][-1] == "listening"


async def test_latency_runs_from_the_last_word_to_the_first_sound_in_the_page(modules: Page) -> None:
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}}}
    result = await play(
        modules,
        {"type": "session.updated", "session": session},
        {"type": "input_audio_buffer.speech_started", "item_id": "u1"},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "u1", "at": 2000},
        {**response_begins("r1"), "at": 2300},
        {**sound_begins("r1"), "at": 2400},
        {"type": "local.sound", "at": 2450},
        {"type": "local.sound", "at": 2500},
    )
    assert result["answers"] == [{"ms": 950, "kind": "spoken"}]


async def test_latency_of_a_typed_line_runs_from_sending(modules: Page) -> None:
    result = await play(
        modules,
        {"type": "local.sent", "at": 1000},
        response_begins("r1"),
        sound_begins("r1"),
        {"type": "local.sound", "at": 1200},
    )
    assert result["answers"] == [{"ms": 200, "kind": "typed"}]


async def test_the_rest_of_an_interrupted_answer_is_not_taken_for_the_next(modules: Page) -> None:
    result = await play(
        modules,
        response_begins("r1"),
        sound_begins("r1"),
        {"type": "local.sent", "at": 1000},
        {"type": "local.sound", "at": 1010},
        {"type": "output_audio_buffer.cleared", "response_id": "r1"},
        response_begins("r2"),
        sound_begins("r2"),
        {"type": "local.sound", "at": 1300},
    )
    assert result["answers"] == [{"ms": 300, "kind": "typed"}]


async def test_sound_that_answers_nothing_is_not_measured(modules: Page) -> None:
    greeting = [response_begins("r1"), sound_begins("r1"), {"type": "local.sound", "at": 900}]
    assert (await play(modules, *greeting))["answers"] == []


async def test_a_turn_that_was_interrupted_before_its_answer_does_not_count_towards_the_next(modules: Page) -> None:
    result = await play(
        modules,
        {"type": "input_audio_buffer.speech_stopped", "item_id": "u1", "at": 1000},
        {"type": "input_audio_buffer.speech_started", "item_id": "u2", "at": 1500},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "u2", "at": 5000},
        response_begins("r1"),
        sound_begins("r1"),
        {"type": "local.sound", "at": 5800},
    )
    assert result["answers"] == [{"ms": 800, "kind": "spoken"}]
