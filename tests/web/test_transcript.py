"""What was said, from the events of the wire: the chat as the page shows it, run in the browser it ships for."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from web.wire import answer_begins, answer_ends, cancelled, delta, heard, said

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REDUCE = """async (events) => {
  const { Conversation } = await import("/conversation.js");
  const always = { user_placeholder_on_start: true, assistant_placeholder_on_start: true };
  const conversation = new Conversation({ chat: always });
  for (const event of events) {
    const at = event.at ?? 0;
    if (event.type === "local.item") conversation.sent({ type: "conversation.item.create", item: event.item }, at);
    else if (event.type === "local.call_over") conversation.disconnected(at);
    else conversation.receive(event, at);
  }
  return conversation.chat.messages;
}"""


async def read(modules: Page, *events: dict[str, Any]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = await modules.evaluate(REDUCE, list(events))
    return entries


def texts(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["text"] for entry in entries]


async def test_words_recognised_after_the_answer_began_stand_before_it(modules: Page) -> None:
    entries = await read(
        modules,
        *heard("u1", None),
        *answer_begins("r1", "a1", "u1"),
        delta("r1", "a1", "Four."),
        said("u1", "Two and two?"),
    )
    assert texts(entries) == ["Two and two?", "Four."]


async def test_every_interleaving_of_recognition_and_answer_reads_the_same(modules: Page) -> None:
    recognition = [
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": "u1",
            "content_index": 0,
            "delta": "Two",
        },
        said("u1", "Two and two?"),
    ]
    answer = [*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "Fo"), *answer_ends("r1", "a1", "u1", "Four.")]
    for first in range(len(answer) + 1):
        for second in range(first, len(answer) + 1):
            mixed = [*answer[:first], recognition[0], *answer[first:second], recognition[1], *answer[second:]]
            entries = await read(modules, *heard("u1", None), *mixed)
            assert [(entry["text"], entry["status"]) for entry in entries] == [
                ("Two and two?", "done"),
                ("Four.", "done"),
            ]


async def test_the_final_words_replace_the_streamed_ones(modules: Page) -> None:
    entries = await read(
        modules,
        *heard("u1", None),
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u1", "delta": "to and "},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u1", "delta": "too"},
        said("u1", "two and two"),
        *answer_begins("r1", "a1", "u1"),
        delta("r1", "a1", "That makes "),
        delta("r1", "a1", "fourr"),
        *answer_ends("r1", "a1", "u1", "That makes four."),
        delta("r1", "a1", "straggler"),
    )
    assert texts(entries) == ["two and two", "That makes four."]


async def test_an_item_put_between_two_others_stands_there(modules: Page) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "between"}]}
    entries = await read(
        modules,
        {"type": "conversation.item.added", "previous_item_id": None, "item": {**item, "id": "one"}},
        {"type": "conversation.item.added", "previous_item_id": "one", "item": {**item, "id": "three"}},
        {"type": "conversation.item.added", "previous_item_id": "one", "item": {**item, "id": "two"}},
    )
    assert [entry["id"] for entry in entries] == ["one", "two", "three"]


async def test_an_item_moves_to_its_place_when_its_predecessor_arrives_late(modules: Page) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    entries = await read(
        modules,
        {"type": "conversation.item.added", "previous_item_id": "two", "item": {**item, "id": "three"}},
        {"type": "conversation.item.added", "previous_item_id": "three", "item": {**item, "id": "four"}},
        {"type": "conversation.item.added", "previous_item_id": None, "item": {**item, "id": "one"}},
        {"type": "conversation.item.added", "previous_item_id": "one", "item": {**item, "id": "two"}},
    )
    assert [entry["id"] for entry in entries] == ["one", "two", "three", "four"]


async def test_a_ring_of_predecessors_loses_no_words(modules: Page) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    entries = await read(
        modules,
        {"type": "conversation.item.added", "previous_item_id": "b", "item": {**item, "id": "a"}},
        {"type": "conversation.item.added", "previous_item_id": "a", "item": {**item, "id": "b"}},
    )
    assert sorted(entry["id"] for entry in entries) == ["a", "b"]


async def test_two_answers_at_once_keep_their_own_words(modules: Page) -> None:
    entries = await read(
        modules,
        *answer_begins("r1", "a1", None),
        *answer_begins("r2", "a2", "a1"),
        delta("r1", "a1", "one "),
        delta("r2", "a2", "two "),
        delta("r1", "a1", "more"),
    )
    assert texts(entries) == ["one more", "two"]


async def test_an_interrupted_answer_is_struck_where_the_server_says_it_was_not_heard(modules: Page) -> None:
    entries = await read(
        modules,
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "This was heard, and this was not."),
        *cancelled("r1", "a1", None, "This was heard,"),
    )
    (entry,) = entries
    assert entry["text"] == "This was heard, and this was not."
    assert entry["heard"] == "This was heard,"
    assert entry["is_interrupted"]


async def test_without_the_servers_word_the_place_is_estimated_at_the_end_of_a_word(modules: Page) -> None:
    text = "Twenty characters are about one and a third second of speech."
    entries = await read(
        modules,
        *answer_begins("r1", "a1", None),
        *answer_ends("r1", "a1", None, text),
        {"type": "output_audio_buffer.cleared", "response_id": "r1"},
        {"type": "conversation.item.truncated", "item_id": "a1", "content_index": 0, "audio_end_ms": 1300},
    )
    assert entries[0]["heard"] == "Twenty characters are"
    assert entries[0]["is_interrupted"]


async def test_nothing_heard_strikes_everything(modules: Page) -> None:
    entries = await read(
        modules,
        *answer_begins("r1", "a1", None),
        *answer_ends("r1", "a1", None, "Not a word of it."),
        {"type": "conversation.item.truncated", "item_id": "a1", "content_index": 0, "audio_end_ms": 0},
    )
    assert entries[0]["heard"] == ""


async def test_the_pace_of_the_voice_is_learned_from_answers_heard_to_their_end(modules: Page) -> None:
    slow = "a slow voice says thirty-two letters"  # 36 characters in 6 seconds: 6 a second
    text = "abcdef abcdef abcdef abcdef"
    entries = await read(
        modules,
        *answer_begins("r1", "a1", None),
        {"type": "output_audio_buffer.started", "response_id": "r1", "at": 0},
        *answer_ends("r1", "a1", None, slow),
        {"type": "output_audio_buffer.stopped", "response_id": "r1", "at": 6000},
        *answer_begins("r2", "a2", "a1"),
        *answer_ends("r2", "a2", "a1", text),
        {"type": "conversation.item.truncated", "item_id": "a2", "content_index": 0, "audio_end_ms": 2000},
    )
    assert entries[1]["heard"] == "abcdef abcdef"


async def test_an_answer_stopped_before_its_first_word_is_not_shown(modules: Page) -> None:
    begun = answer_begins("r1", "a1", None)
    assert len(await read(modules, *begun)) == 1
    assert await read(modules, *begun, *cancelled("r1", "a1", None, "")) == []


async def test_a_false_start_leaves_nothing(modules: Page) -> None:
    start = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u1"}
    assert [entry["status"] for entry in await read(modules, start)] == ["hearing"]
    assert await read(modules, start, {"type": "input_audio_buffer.cleared"}) == []
    again = {**start, "item_id": "u2"}
    assert [entry["id"] for entry in await read(modules, start, again)] == ["u2"]


async def test_speech_that_could_not_be_recognised_says_so(modules: Page) -> None:
    failed = {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "u1",
        "content_index": 0,
        "error": {"type": "server_error", "message": "The recognizer is away."},
    }
    (entry,) = await read(modules, *heard("u1", None), failed)
    assert (entry["status"], entry["problem"]) == ("failed", "The recognizer is away.")


async def test_typed_words_appear_once_and_keep_their_photo(modules: Page) -> None:
    content = [
        {"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA"},
        {"type": "input_text", "text": "What is it?"},
    ]
    item = {"id": "mine", "type": "message", "role": "user", "content": content}
    echo = {**item, "content": [{"type": "input_text", "text": "What is it?"}]}
    (entry,) = await read(
        modules,
        {"type": "local.item", "item": item},
        {"type": "conversation.item.added", "previous_item_id": None, "item": echo},
        {"type": "conversation.item.done", "previous_item_id": None, "item": echo},
    )
    assert (entry["text"], entry["images"][0], entry["status"]) == ("What is it?", content[0]["image_url"], "done")


async def test_parallel_tool_calls_keep_their_arguments_and_results(modules: Page) -> None:
    def call(item_id: str, call_id: str, a: int) -> list[dict[str, Any]]:
        item = {"id": item_id, "type": "function_call", "name": "add", "call_id": call_id, "arguments": ""}
        done = {"type": "response.function_call_arguments.done", "item_id": item_id, "call_id": call_id}
        return [
            {"type": "response.output_item.added", "response_id": "r1", "item": item},
            {"type": "conversation.item.added", "previous_item_id": None, "item": item},
            {"type": "response.function_call_arguments.delta", "item_id": item_id, "delta": '{"a"'},
            {**done, "name": "add", "arguments": f'{{"a":{a}}}'},
        ]

    def output(item_id: str, call_id: str, value: str, at: int) -> dict[str, Any]:
        item = {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": value}
        return {"type": "conversation.item.added", "previous_item_id": "f2", "item": item, "at": at}

    entries = await read(
        modules,
        *call("f1", "c1", 1),
        *call("f2", "c2", 2),
        output("o2", "c2", "two", 800),
        output("o1", "c1", "one", 900),
    )
    tools = {entry["tool"]["call_id"]: entry["tool"] for entry in entries if entry["type"] == "tool"}
    assert len(tools) == 2
    assert (tools["c1"]["text"], tools["c1"]["output"]) == ('{"a":1}', "one")
    assert (tools["c2"]["text"], tools["c2"]["output"], tools["c2"]["ended_at"]) == ('{"a":2}', "two", 800)


async def test_names_of_older_servers_are_understood(modules: Page) -> None:
    item = {"id": "a1", "type": "message", "role": "assistant", "content": []}
    entries = await read(
        modules,
        {"type": "conversation.item.created", "previous_item_id": None, "item": item},
        {"type": "response.audio_transcript.delta", "response_id": "r1", "item_id": "a1", "delta": "Hel"},
        {"type": "response.audio_transcript.done", "response_id": "r1", "item_id": "a1", "transcript": "Hello."},
    )
    assert texts(entries) == ["Hello."]


async def test_deleted_items_and_instructions_are_not_shown(modules: Page) -> None:
    system = {
        "id": "s1",
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "Be brief."}],
    }
    entries = await read(
        modules,
        {"type": "conversation.item.added", "previous_item_id": None, "item": system},
        *heard("u1", "s1"),
        said("u1", "gone"),
        *heard("u2", "u1"),
        said("u2", "stays"),
        {"type": "conversation.item.deleted", "item_id": "u1"},
    )
    assert texts(entries) == ["stays"]


async def test_a_very_long_call_is_kept_bounded_with_its_newest_words(modules: Page) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    events = [
        {
            "type": "conversation.item.added",
            "previous_item_id": f"i{number - 1}" if number else None,
            "item": {**item, "id": f"i{number}"},
        }
        for number in range(1300)
    ]
    entries = await read(modules, *events)
    assert 500 <= len(entries) <= 1_100
    assert [entry["id"] for entry in entries] == [f"i{number}" for number in range(1300 - len(entries), 1300)]


async def test_the_end_of_the_call_settles_what_was_open(modules: Page) -> None:
    entries = await read(
        modules,
        *heard("u1", None),
        *answer_begins("r1", "a1", "u1"),
        delta("r1", "a1", "I was just say"),
        {"type": "local.call_over"},
    )
    assert [(entry["text"], entry["status"]) for entry in entries] == [("I was just say", "cancelled")]
