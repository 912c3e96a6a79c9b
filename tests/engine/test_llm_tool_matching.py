"""Tools are called when their words are said, and not otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.llm.numbers import find_numbers, number_words
from antiphon.engine.llm.tool_matching import best_effort, match_tool
from antiphon.engine.llm.tool_phrases import MOST_PHRASES, tool_phrases
from antiphon.engine.llm.words import name_words
from antiphon.engine.stages import ModelTool


def tool(name: str, description: str = "", required: list[str] | None = None, **properties: Any) -> ModelTool:
    needed = list(properties) if required is None else required
    return ModelTool(name, description, {"type": "object", "properties": properties, "required": needed})


INTEGER, TEXT, FLAG = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
TOOLS = (
    tool("delayed_add", "Add two numbers after a short delay", a=INTEGER, b=INTEGER),
    tool("echo_upper", "Echo text in upper case", text=TEXT),
    tool("get_weather", "Get the weather for a city", ["city"], city=TEXT, unit={"enum": ["celsius", "fahrenheit"]}),
    tool("set_timer", "", minutes={"type": "integer", "minimum": 1, "maximum": 90}),
    tool("set_light", "Turn the light on or off", ["on"], on=FLAG, room={"enum": ["kitchen", "living room"]}),
    tool("roll_dice", "Roll the dice"),
    tool("sendMessage", "", to=TEXT, text=TEXT),
    tool("set_temperature", "", degrees={"type": "number"}),
)


@pytest.mark.parametrize(
    ("said", "name", "arguments"),
    [
        ("add two and five slowly", "delayed_add", {"a": 2, "b": 5}),
        ("Please add 2 and 5.", "delayed_add", {"a": 2, "b": 5}),
        ("can you add minus three and twenty one", "delayed_add", {"a": -3, "b": 21}),
        ("add one hundred and five", "delayed_add", {"a": 100, "b": 5}),
        ("add one hundred and five and two", "delayed_add", {"a": 105, "b": 2}),
        ("add to and five", "delayed_add", {"a": 2, "b": 5}),
        ("what is two plus five", "delayed_add", {"a": 2, "b": 5}),
        ("add two numbers two and five", "delayed_add", {"a": 2, "b": 5}),
        ("could you please tell me what two plus nine is", "delayed_add", {"a": 2, "b": 9}),
        ("echo upper hello world", "echo_upper", {"text": "hello world"}),
        ("uppercase hello world", "echo_upper", {"text": "hello world"}),
        ("upper case Hello World!", "echo_upper", {"text": "Hello World"}),
        ("Please echo “Good Morning” in upper case", "echo_upper", {"text": "Good Morning"}),
        ("what's the weather like in Paris", "get_weather", {"city": "Paris"}),
        ("weather in new york in celsius please", "get_weather", {"city": "new york", "unit": "celsius"}),
        ("tell me the weather in Berlin", "get_weather", {"city": "Berlin"}),
        ("set a timer for five minutes", "set_timer", {"minutes": 5}),
        ("set timer twenty five", "set_timer", {"minutes": 25}),
        ("turn on the light in the kitchen", "set_light", {"on": True, "room": "kitchen"}),
        ("turn the light off in the living rom", "set_light", {"on": False, "room": "living room"}),
        ("roll the dice", "roll_dice", {}),
        ("could you roll the dice please", "roll_dice", {}),
        ("send a message to bob saying hello there", "sendMessage", {"to": "bob", "text": "hello there"}),
        ("set temperature to twenty one point five degrees", "set_temperature", {"degrees": 21.5}),
    ],
)
def test_an_order_is_a_call(said: str, name: str, arguments: dict[str, Any]) -> None:
    match = match_tool(said, TOOLS)
    assert match is not None
    assert (match.tool.name, dict(match.arguments), match.missing) == (name, arguments, ())


@pytest.mark.parametrize(
    ("said", "name", "missing"),
    [
        ("add two", "delayed_add", ("b",)),
        ("add 2.5 and 3", "delayed_add", ("a",)),
        ("how's the weather today", "get_weather", ("city",)),
        ("set a timer", "set_timer", ("minutes",)),
        ("set a timer for two hundred minutes", "set_timer", ("minutes",)),
        ("send message", "sendMessage", ("to", "text")),
        ("echo upper", "echo_upper", ("text",)),
    ],
)
def test_an_order_that_lacks_something_tells_what(said: str, name: str, missing: tuple[str, ...]) -> None:
    match = match_tool(said, TOOLS)
    assert match is not None
    assert (match.tool.name, match.missing) == (name, missing)


@pytest.mark.parametrize(
    "said",
    [
        "hello how are you", "thank you", "I have two dogs and five cats", "add some sugar to my coffee",
        "what time is it", "the weather is nice today", "we should add that two of the five people left",
        "an echo is a sound", "is the light on", "it was five minutes",
        "tell me a story about the weather and two people", "goodbye", "", "my message was lost on the way",
        "the dice were rolled yesterday", "I was thinking about the temperature",
        "sunday is the best part of the week", "go forward ten meters", "the timer was wrong",
        "she turned off the road", "ask not what your country can do for you", "upper management came by",
        "light is faster than sound", "two and five", "that adds up to twenty", "it echoes in here",
        "he said two words and five numbers", "ten", "yes", "no", "…", "42",
    ],
)  # fmt: skip
def test_small_talk_calls_nothing(said: str) -> None:
    assert match_tool(said, TOOLS) is None


def test_a_tool_that_needs_an_object_is_never_called_by_words() -> None:
    assert (
        match_tool("save settings", (tool("save_settings", settings={"type": "object", "properties": {"x": {}}}),))
        is None
    )


@pytest.mark.parametrize(
    "parameters", [{}, {"properties": 3}, {"properties": {"x": 1}, "required": "x"}, {"required": [1]}]
)
def test_strange_schemas_are_tools_without_parameters_at_worst(parameters: dict[str, Any]) -> None:
    match = match_tool("roll dice", (ModelTool("roll_dice", "", parameters),))
    assert match is not None


def test_a_call_that_must_be_made_is_made_with_what_there_is() -> None:
    match = best_effort("tell everybody good night", (TOOLS[0], TOOLS[1]))
    assert (match.tool.name, dict(match.arguments)) == ("echo_upper", {"text": "tell everybody good night"})
    assert dict(best_effort("hello", (TOOLS[0],)).arguments) == {}


SAID = (
    "add", "two", "five", "echo", "upper", "weather", "in", "light", "on", "set", "timer", "message", "to", "the", "is",
    "“", "”", "3", ".", "?",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SAID), max_size=9).map(" ".join))
def test_a_match_only_has_arguments_of_its_own_tool(said: str) -> None:
    match = match_tool(said, TOOLS)
    if match is not None:
        properties = match.tool.parameters["properties"]
        assert set(match.arguments) <= set(properties)
        assert set(match.missing) == set(match.tool.parameters["required"]) - set(match.arguments)


@given(st.integers(-999_999, 999_999))
def test_every_number_said_is_the_number_heard(value: int) -> None:
    [found] = find_numbers(number_words(value).split())
    assert (found.value, found.start, found.end) == (value, 0, len(number_words(value).split()))


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("two and five", [2, 5]),
        ("twenty one", [21]),
        ("one two three", [1, 2, 3]),
        ("one hundred and five", [105]),
        ("a hundred and twenty", [120]),
        ("three point one four", [3.14]),
        ("minus three", [-3]),
        ("two million three hundred thousand and one", [2_300_001]),
        ("5 thousand", [5000]),
        ("3.14 -2 1,000", [3.14, -2, 1000]),
        ("nineteen eighty four", [19, 84]),
        ("for to ate", []),
        ("and point minus hundred", []),
    ],
)
def test_numbers_are_read_as_they_are_said(said: str, values: list[float]) -> None:
    assert [number.value for number in find_numbers(said.split())] == values


@pytest.mark.parametrize("name", ["delayed_add", "delayedAdd", "delayed-add", "DelayedAdd"])
def test_names_in_any_case_are_words(name: str) -> None:
    assert name_words(name) == ["delayed", "add"]


def test_hints_are_few_lower_case_phrases_and_none_that_would_swallow_a_text() -> None:
    phrases = tool_phrases(TOOLS)
    assert len(phrases) <= MOST_PHRASES
    assert len(set(phrases)) == len(phrases)
    assert all(phrase == phrase.lower() and phrase.replace(" ", "").replace("'", "").isalpha() for phrase in phrases)
    assert {"add two and five", "set timer five", "roll the dice", "what time is it", "describe the photo"} <= set(
        phrases
    )
    assert not any(phrase.startswith(("echo", "send")) for phrase in phrases)


def test_hints_stay_few_with_many_tools_and_lead_to_their_tool() -> None:
    many = tuple(tool(f"add_{name}", "", a=INTEGER, b=INTEGER) for name in ("apples", "pears", "plums") * 30)
    assert 0 < len(tool_phrases(many)) <= MOST_PHRASES
    for phrase in tool_phrases(TOOLS[:1])[:40]:
        match = match_tool(phrase, TOOLS)
        assert match is not None
        assert (match.tool.name, match.missing) == ("delayed_add", ())
