"""When the page asks for a response: one at a time, never while one is active, and no typed line without an answer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PLAY = """async (steps) => {
  const { Outbox } = await import("/outbox.js");
  const outbox = new Outbox();
  const out = [];
  let asked = null;
  for (const [kind, value] of steps) {
    let events = [];
    if (kind === "say") events = [...outbox.interrupt(), ...outbox.tell({ id: value }), ...outbox.respond()];
    if (kind === "interrupt") events = outbox.interrupt();
    if (kind === "refused") events = outbox.hear({ type: "error", error: { code: value, event_id: asked } });
    if (kind === "hear") events = outbox.hear(value);
    for (const event of events) if (event.type === "response.create") asked = event.event_id;
    out.push(events.map((event) => event.item ? `item ${event.item.id}` : event.type));
  }
  return out;
}"""

Step = tuple[str, Any]


def created(response_id: str = "r1", **more: Any) -> Step:
    return ("hear", {"type": "response.created", "response": {"id": response_id, **more}})


def done(response_id: str = "r1") -> Step:
    return ("hear", {"type": "response.done", "response": {"id": response_id}})


async def play(modules: Page, *steps: Step) -> list[list[str]]:
    sent: list[list[str]] = await modules.evaluate(PLAY, [list(step) for step in steps])
    return sent


async def test_a_typed_line_asks_for_an_answer_at_once(modules: Page) -> None:
    assert await play(modules, ("say", "a")) == [["item a", "response.create"]]


async def test_typing_into_an_answer_stops_it_and_asks_when_it_is_over(modules: Page) -> None:
    sent = await play(modules, created("r1"), ("say", "a"), done("r1"))
    assert sent[1:] == [["response.cancel", "output_audio_buffer.clear", "item a"], ["response.create"]]


async def test_typing_into_the_sound_of_a_finished_answer_only_clears_the_sound(modules: Page) -> None:
    started: Step = ("hear", {"type": "output_audio_buffer.started", "response_id": "r1"})
    sent = await play(modules, created(), started, done(), ("say", "a"))
    assert sent[-1] == ["output_audio_buffer.clear", "item a", "response.create"]


async def test_two_lines_typed_quickly_are_both_answered_once(modules: Page) -> None:
    sent = await play(modules, ("say", "a"), ("say", "b"), created("r1"), done("r1"), created("r2"), done("r2"))
    assert sent[0] == ["item a", "response.create"]
    assert sent[1] == ["response.cancel", "output_audio_buffer.clear", "item b"]
    assert sent[2:] == [[], ["response.create"], [], []]


async def test_a_line_refused_because_the_server_was_first_is_asked_for_again(modules: Page) -> None:
    refused: Step = ("refused", "conversation_already_has_active_response")
    sent = await play(modules, ("say", "a"), created("of-the-server"), refused, done("of-the-server"))
    assert sent[2:] == [[], ["response.create"]]


async def test_a_refusal_that_arrives_after_the_servers_own_answer_is_asked_for_at_once(modules: Page) -> None:
    refused: Step = ("refused", "conversation_already_has_active_response")
    sent = await play(modules, ("say", "a"), created("of-the-server"), done("of-the-server"), refused)
    assert sent[-1] == ["response.create"]


async def test_a_request_refused_for_another_reason_does_not_block_the_next(modules: Page) -> None:
    sent = await play(modules, ("say", "a"), ("refused", "invalid_value"), ("say", "b"))
    assert sent[1:] == [[], ["item b", "response.create"]]


async def test_a_cancel_that_finds_nothing_frees_the_line(modules: Page) -> None:
    nothing: Step = ("hear", {"type": "error", "error": {"code": "response_cancel_not_active"}})
    sent = await play(modules, ("say", "a"), ("say", "b"), nothing)
    assert sent[-1] == ["response.create"]


async def test_a_response_beside_the_conversation_is_not_waited_for(modules: Page) -> None:
    sent = await play(modules, created("aside", conversation_id=None), ("say", "a"))
    assert sent[-1] == ["item a", "response.create"]


async def test_interrupting_sends_nothing_when_nothing_is_said(modules: Page) -> None:
    assert await play(modules, ("interrupt", None), created(), done(), ("interrupt", None)) == [[], [], [], []]


async def test_interrupting_twice_after_the_sound_has_stopped_sends_it_once(modules: Page) -> None:
    started: Step = ("hear", {"type": "output_audio_buffer.started", "response_id": "r1"})
    cleared: Step = ("hear", {"type": "output_audio_buffer.cleared", "response_id": "r1"})
    sent = await play(modules, created(), started, ("interrupt", None), done(), cleared, ("interrupt", None))
    assert sent[2] == ["response.cancel", "output_audio_buffer.clear"]
    assert sent[-1] == []
