"""The embedded model: it says what it is, does what it can, and pretends nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.llm import intents
from antiphon.engine.llm.embedded import NO_VISION, EmbeddedModel, open_model
from antiphon.engine.llm.intents import PHRASES, Intent, find_intent
from antiphon.engine.llm.mind import plan_answer
from antiphon.engine.llm.told_results import tell_result
from antiphon.engine.stages import (
    ImageContent,
    ModelDone,
    ModelEvent,
    ModelItem,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelToolResult,
    StageDescription,
    StageOptions,
    TextContent,
    TextDelta,
    ToolCallDelta,
)
from antiphon.errors import StageError

NOW = datetime(2026, 11, 20, 19, 5)
NUMBER, TEXT = {"type": "integer"}, {"type": "string"}
ADD = ModelTool(
    "delayed_add",
    "Add two numbers after a short delay",
    {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a", "b"]},
)
UPPER = ModelTool("echo_upper", "", {"type": "object", "properties": {"text": TEXT}, "required": ["text"]})
LIGHT = ModelTool(
    "set_light",
    "",
    {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"]},
)
TOOLS = (ADD, UPPER, LIGHT)
PICTURE = ImageContent("data:image/png;base64,AAAA")


def heard(text: str) -> ModelMessage:
    return ModelMessage("user", (TextContent(text),), spoken=True)


def said(text: str) -> ModelMessage:
    return ModelMessage("assistant", (TextContent(text),))


class Conversation:
    """Talks to the model turn by turn, as the engine does: with nothing remembered but the items."""

    def __init__(self, tools: Sequence[ModelTool] = TOOLS, **settings: Any) -> None:
        self.tools, self.settings, self.items = tuple(tools), settings, list[ModelItem]()

    def say(self, *items: ModelItem | str) -> str | tuple[str, Any]:
        """The reply in words, or the name and arguments of the call."""
        self.items += [heard(item) if isinstance(item, str) else item for item in items]
        settings = {"instructions": "", "tools": self.tools, **self.settings}
        plan = plan_answer(ModelRequest(items=tuple(self.items), **settings), now=NOW)
        if plan.calls:
            [call] = plan.calls
            self.items.append(ModelToolCall(f"call_{len(self.items)}", call.name, call.arguments))
            return call.name, json.loads(call.arguments)
        self.items.append(said(plan.text))
        return plan.text

    def result(self, output: str) -> str | tuple[str, Any]:
        call = next(item for item in reversed(self.items) if isinstance(item, ModelToolCall))
        return self.say(ModelToolResult(call.call_id, output))


async def events_of(model: EmbeddedModel, request: ModelRequest) -> list[ModelEvent]:
    return [event async for event in model.respond(request)]


def model(vision: Any = None) -> EmbeddedModel:
    return open_model(StageOptions(), vision=vision, clock=lambda: NOW)


class Watcher:
    """A vision stage that tells how it was asked."""

    def __init__(self, told: str | StageError = "The picture is red.") -> None:
        self.told, self.asked = told, list[ImageContent]()

    def describe(self) -> StageDescription:
        return StageDescription("watcher", "")

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def look(self, image: ImageContent) -> str:
        self.asked.append(image)
        if isinstance(self.told, StageError):
            raise self.told
        return self.told


@pytest.mark.parametrize(
    "opening", [[], ["hello"], ["who are you"], ["what can you do"], ["help"], ["Can you hear me?"]]
)
def test_it_says_what_it_is_or_can_and_how_to_give_it_a_mind(opening: list[str]) -> None:
    reply = Conversation().say(*opening)
    assert isinstance(reply, str)
    assert "--llm URL --llm-model NAME" in reply
    assert "Ollama" in reply
    assert "not an AI" in reply or "repeat what I hear" in reply


def test_the_first_turn_introduces_it_whatever_is_said() -> None:
    reply = Conversation().say("I was walking down the street")
    assert isinstance(reply, str)
    assert reply.startswith("I heard: “I was walking down the street”.")
    assert intents.IDENTITY in reply


def test_it_repeats_what_it_heard_in_different_words_but_always_the_same_ones() -> None:
    def replies() -> list[Any]:
        conversation = Conversation()
        return [conversation.say(f"the cow number {n} jumps") for n in range(6)]

    assert replies() == replies()
    assert len({str(reply).split("“")[0] for reply in replies()}) >= 4
    assert all(f"the cow number {n} jumps" in str(reply) for n, reply in enumerate(replies()))


def test_typed_words_are_read_and_not_heard() -> None:
    reply = Conversation().say(ModelMessage("user", (TextContent("Погода сегодня хорошая"),)))
    assert str(reply).startswith("You wrote: “Погода сегодня хорошая”.")


def test_words_that_were_not_recognised_are_asked_for_again() -> None:
    assert "could not make out any words" in str(Conversation().say(""))


def test_time_and_date_come_from_the_clock() -> None:
    conversation = Conversation()
    assert conversation.say("What time is it?") == "It is 7:05 PM by this machine's clock."
    assert conversation.say("what day is it today") == "Today is Friday, 20 November 2026."


def test_it_says_again_what_it_said() -> None:
    conversation = Conversation()
    conversation.say("hello")
    date = conversation.say("what is the date")
    assert conversation.say("say that again please") == date


def test_a_tool_is_called_and_its_result_told() -> None:
    conversation = Conversation()
    assert conversation.say("add two and five slowly") == ("delayed_add", {"a": 2, "b": 5})
    assert conversation.result('{"sum": 7}') == "From delayed add: sum is 7."
    assert conversation.say("uppercase hello world") == ("echo_upper", {"text": "hello world"})
    assert conversation.result("HELLO WORLD") == "Echo upper says: HELLO WORLD."
    assert "HELLO" not in str(conversation.say("nice weather")), "results are told once"


def test_what_is_missing_is_asked_for_and_the_answer_used() -> None:
    conversation = Conversation()
    assert conversation.say("add two") == "For delayed add, which number is b?"
    assert conversation.say("nine") == ("delayed_add", {"a": 2, "b": 9})


def test_several_missing_arguments_are_asked_for_one_by_one() -> None:
    sender = ModelTool("send_message", "", {"properties": {"to": TEXT, "text": TEXT}, "required": ["to", "text"]})
    conversation = Conversation([sender])
    assert conversation.say("send a message") == "For send message, what is the to?"
    assert conversation.say("Bob") == "For send message, what is the text?"
    assert conversation.say("Dinner is ready.") == ("send_message", {"to": "Bob", "text": "Dinner is ready"})


def test_one_answer_may_hold_all_that_is_missing() -> None:
    conversation = Conversation([ModelTool("delayed_add", "", ADD.parameters)])
    assert conversation.say("delayed add") == "For delayed add, which number is a?"
    assert conversation.say("three and four") == ("delayed_add", {"a": 3, "b": 4})


def test_a_question_is_given_up_on_request_by_another_order_or_after_two_tries() -> None:
    for answers in (["never mind"], ["banana", "banana"]):
        conversation = Conversation()
        conversation.say("add two")
        for answer in answers:
            reply = conversation.say(answer)
        assert reply in ("All right, never mind.", "I did not get the b, so I leave it.")
        assert "“nine”" in str(conversation.say("nine")), "the question is over"
    conversation = Conversation()
    conversation.say("add two")
    assert conversation.say("set light to green") == ("set_light", {"colour": "green"})
    conversation = Conversation()
    conversation.say("add two")
    assert "7:05" in str(conversation.say("what time is it"))


def test_a_question_that_was_interrupted_is_still_known_by_what_was_heard_of_it() -> None:
    conversation = Conversation()
    question = conversation.say("set light")
    assert question == "For set light, what is the colour: red or green?"
    conversation.items[-1] = said("For set light, what is")
    assert conversation.say("green please") == ("set_light", {"colour": "green"})


def test_none_calls_nothing_and_required_and_a_named_tool_call_once_per_utterance() -> None:
    assert isinstance(Conversation(tool_choice="none").say("add two and five"), str)
    forced = Conversation(tool_choice="required")
    assert forced.say("add two and five") == ("delayed_add", {"a": 2, "b": 5})
    assert isinstance(forced.result("7"), str), "the result is told, or it would call for ever"
    named = Conversation(tool_choice=("function", "echo_upper"))
    assert named.say("add two and five") == ("echo_upper", {"text": "add two and five"})


def test_a_running_tool_is_said_to_be_running() -> None:
    conversation = Conversation()
    conversation.say("add two and five")
    conversation.items.append(said("One moment."))
    assert conversation.say() == "The tool delayed add is still running."


@pytest.mark.parametrize(
    ("instructions", "line"),
    [
        ('Say exactly: "Welcome aboard."', "Welcome aboard."),
        ("Please say “The line is free.”", "The line is free."),
        ('Greet the user with "Good day!"', "Good day!"),
        ('Repeat the following: "a b c" and nothing else.', "a b c"),
    ],
)
def test_a_line_that_it_is_told_to_say_is_said(instructions: str, line: str) -> None:
    assert Conversation(instructions=instructions).say() == line


def test_a_greeting_in_long_instructions_is_only_for_the_beginning() -> None:
    conversation = Conversation(instructions='You sell shoes. Start by greeting with "Shoe shop, hello!" Never lie.')
    assert conversation.say() == "Shoe shop, hello!"
    assert "Shoe shop" not in str(conversation.say("do you have boots"))


def test_asked_for_an_answer_without_a_new_word_it_listens() -> None:
    conversation = Conversation()
    conversation.say("hello")
    assert conversation.say() == "I am listening."


@pytest.mark.parametrize("intent", list(Intent))
def test_every_phrase_of_the_table_is_found_and_answered(intent: Intent) -> None:
    for phrase in PHRASES[intent]:
        if " " in phrase:
            assert find_intent(f"Hey, {phrase}, please!") is intent
        assert find_intent(phrase) is intent
        conversation = Conversation([])
        conversation.say("some words")
        reply = conversation.say(phrase)
        assert isinstance(reply, str)
        assert reply
        assert f"“{phrase}”" not in reply


@pytest.mark.parametrize(
    ("said_words", "intent"),
    [
        ("Can you describe this picture for me?", Intent.PHOTO),
        ("What's in this photo?", Intent.PHOTO),
        ("could you please repeat that", Intent.REPEAT),
        ("What's the time?", Intent.TIME),
        ("which model are you", Intent.IDENTITY),
        ("never mind", Intent.STOP),
    ],
)
def test_phrases_are_found_as_they_are_varied(said_words: str, intent: Intent) -> None:
    assert find_intent(said_words) is intent


@pytest.mark.parametrize(
    "said_words",
    [
        "the photo is on the table",
        "hello kitty is a cat",
        "time flies like an arrow",
        "I said goodbye to my sister",
        "his",
    ],
)
def test_a_phrase_inside_a_sentence_is_not_an_intent(said_words: str) -> None:
    assert find_intent(said_words) is None


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("7", "The result of delayed add is 7."),
        ("7.0", "The result of delayed add is 7."),
        ('"HELLO"', "Delayed add says: HELLO."),
        ('{"result": 7}', "The result of delayed add is 7."),
        ('{"sum": 7, "took_ms": 900}', "From delayed add: sum is 7 and took ms is 900."),
        ('{"error": "no such city"}', "Delayed add did not work: no such city."),
        ('{"error": {"message": "too big"}}', "Delayed add did not work: too big."),
        ('{"ok": true}', "Delayed add is done."),
        ('{"error": null, "x": 1}', "From delayed add: x is 1."),
        ("[]", "Delayed add found nothing."),
        ('["a", "b"]', "Delayed add found 2 entries: a; b."),
        ("true", "Delayed add says yes."),
        ("", "Delayed add is done."),
        ("null", "Delayed add is done."),
        ("It rains.", "Delayed add says: It rains."),
    ],
)
def test_results_become_sentences(output: str, told: str) -> None:
    assert tell_result("delayed_add", output) == told


json_texts = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=600),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=8), inner, max_size=7),
    max_leaves=15,
).map(json.dumps)


@pytest.mark.parametrize("output", ["[" * 50_000, "[" * 500 + "]" * 500, '"\\ud83d"', '{"a":' * 300 + "1" + "}" * 300])
def test_strange_outputs_become_sentences_that_can_be_sent(output: str) -> None:
    assert tell_result("t", output).encode()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=50) | json_texts)
def test_any_output_becomes_a_bounded_sentence(output: str) -> None:
    told = tell_result("t", output)
    assert told.endswith((".", "!", "?", "…"))
    assert len(told) < 500


async def test_a_picture_is_described_by_vision_alone() -> None:
    vision = Watcher()
    request = ModelRequest(
        instructions="",
        items=(ModelMessage("user", (PICTURE,)), ModelMessage("user", (TextContent("nice, is it not"),))),
    )
    events = await events_of(model(vision), request)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "The picture is red."
    assert vision.asked == [PICTURE]


async def test_an_earlier_picture_is_looked_at_again_when_asked_about() -> None:
    vision = Watcher()
    items: tuple[ModelItem, ...] = (
        ModelMessage("user", (PICTURE,)),
        said("The picture is red."),
        heard("thanks"),
        said("Fine."),
    )
    asking = ModelRequest(instructions="", items=(*items, heard("describe the photo")))
    other = ModelRequest(instructions="", items=(*items, heard("the sky is blue")))
    await events_of(model(vision), other)
    assert vision.asked == []
    await events_of(model(vision), asking)
    assert vision.asked == [PICTURE]


async def test_a_broken_picture_is_named_as_such_and_no_vision_too() -> None:
    request = ModelRequest(instructions="", items=(ModelMessage("user", (PICTURE,)),))
    for vision, told in ((Watcher(StageError("It is cut off.")), "It is cut off."), (None, NO_VISION)):
        events = await events_of(model(vision), request)
        assert told in "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_answer_streams_in_words_and_ends_with_its_counts() -> None:
    events = await events_of(model(), ModelRequest(instructions="", items=(heard("hello"),)))
    words = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(words) > 20
    assert all(len(word.split()) == 1 for word in words)
    assert events[-1] == ModelDone("stop", input_tokens=1, output_tokens=len(words))


async def test_the_limit_of_output_is_kept() -> None:
    events = await events_of(model(), ModelRequest(instructions="", items=(heard("hello"),), max_output_tokens=5))
    assert len(events) == 6
    assert events[-1] == ModelDone("length", input_tokens=1, output_tokens=5)


async def test_a_call_streams_its_name_first_and_then_its_arguments() -> None:
    events = await events_of(model(), ModelRequest(instructions="", items=(heard("add two and five"),), tools=TOOLS))
    assert events[0] == ToolCallDelta(0, "", name="delayed_add")
    pieces = [event.arguments for event in events[1:] if isinstance(event, ToolCallDelta)]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"a": 2, "b": 5}


async def test_closing_the_answer_early_is_an_ordinary_end() -> None:
    stream = model().respond(ModelRequest(instructions="", items=(heard("hello"),)))
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()  # type: ignore[attr-defined]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_cancelling_while_a_picture_is_looked_at_ends_the_look() -> None:
    looking, ended = asyncio.Event(), asyncio.Event()

    class Slow(Watcher):
        async def look(self, image: ImageContent) -> str:
            looking.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

    request = ModelRequest(instructions="", items=(ModelMessage("user", (PICTURE,)),))
    task = asyncio.create_task(events_of(model(Slow()), request))
    await asyncio.wait_for(looking.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


parts = st.sampled_from(
    [
        "hello",
        "add two",
        "nine",
        "stop",
        "",
        "describe the photo",
        "add two and five",
        "the cow jumps",
        "set light",
        "red",
    ]
)
items = st.one_of(
    parts.map(heard),
    parts.map(said),
    st.just(ModelMessage("user", (PICTURE,))),
    st.just(ModelMessage("system", (TextContent("x"),))),
    st.builds(ModelToolCall, st.sampled_from("ab"), st.just("delayed_add"), st.just("{}")),
    st.builds(ModelToolResult, st.sampled_from("ab"), st.sampled_from(["7", "", "{}"])),
)
choices = st.sampled_from(["auto", "none", "required", ("function", "echo_upper"), ("function", "gone")])


@settings(max_examples=300, deadline=None)
@given(st.lists(items, max_size=10).map(tuple), choices, st.booleans())
def test_every_conversation_gets_words_or_a_call(
    conversation: tuple[ModelItem, ...], choice: Any, with_tools: bool
) -> None:
    tools = TOOLS if with_tools else ()
    plan = plan_answer(ModelRequest(instructions="", items=conversation, tools=tools, tool_choice=choice), now=NOW)
    assert plan.text or plan.calls
    assert not plan.calls or (with_tools and choice != "none")
    for call in plan.calls:
        assert isinstance(json.loads(call.arguments), dict)


def test_it_describes_itself_as_what_it_is() -> None:
    described = model().describe()
    assert described.embedded
    assert "not a language model" in described.summary
    assert described.improve is not None
    assert "--llm" in described.improve
