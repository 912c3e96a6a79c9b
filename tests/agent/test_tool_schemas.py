"""What the model is told about a function, and how its arguments become Python values."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from antiphon.agent import BadArgumentsError, Tool, ToolContext, tool
from antiphon.agent.docstrings import parse_docstring
from antiphon.errors import ConfigurationError
from antiphon.protocol import FunctionTool, RealtimeSession, SessionUpdate, decode_client_event, encode


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Place:
    city: str
    floor: int = 0


class Range(TypedDict, total=False):
    least: int
    most: int


class Guest(msgspec.Struct):
    name: str
    children: list[Guest] = []


def book(  # noqa: PLR0917 - as many kinds of parameters as there are
    nights: int,
    colour: Colour,
    place: Place,
    kind: Literal["single", "double"] = "single",
    extras: list[str] | None = None,
    price: Range | None = None,
    notes: dict[str, str] = {},  # noqa: B006 - a mutable default is what is tried here
    *,
    vip: bool = False,
) -> str:
    """Book a room.

    It is held for a day.

    Args:
        nights (int): How many nights,
            at least one.
        colour: Of the walls.

    Returns:
        The number of the room.
    """
    return f"{nights}{colour}{place}{kind}{extras}{price}{notes}{vip}"


def read(made: Tool, arguments: str) -> dict[str, Any]:
    return made.signature.read(arguments)


def test_the_schema_tells_types_choices_defaults_and_descriptions() -> None:
    made = tool(book)

    assert made.name == "book"
    assert made.description == "Book a room.\n\nIt is held for a day."
    assert made.signature.schema == {
        "type": "object",
        "properties": {
            "nights": {"type": "integer", "description": "How many nights, at least one."},
            "colour": {"enum": ["blue", "red"], "description": "Of the walls."},
            "place": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "floor": {"type": "integer", "default": 0}},
                "required": ["city"],
            },
            "kind": {"enum": ["double", "single"], "default": "single"},
            "extras": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
            "price": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"least": {"type": "integer"}, "most": {"type": "integer"}},
                        "required": [],
                    },
                    {"type": "null"},
                ],
                "default": None,
            },
            "notes": {"type": "object", "additionalProperties": {"type": "string"}},
            "vip": {"type": "boolean", "default": False},
        },
        "required": ["nights", "colour", "place"],
        "additionalProperties": False,
    }


def test_a_definition_passes_the_protocols_own_check() -> None:
    update = SessionUpdate(session=RealtimeSession(tools=[tool(book).definition()]))

    assert decode_client_event(encode(update)) == update


def test_arguments_become_the_types_that_the_function_asks_for() -> None:
    values = read(tool(book), '{"nights": "2", "colour": "red", "place": {"city": "Rome"}, "price": {"most": 90}}')

    assert values == {
        "nights": 2,
        "colour": Colour.RED,
        "place": Place("Rome"),
        "kind": "single",
        "extras": None,
        "price": {"most": 90},
        "notes": {},
        "vip": False,
    }
    assert tool(book)(**values).startswith("2Colour.RED")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("{", "not valid JSON"),
        ('"\ud800"', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("{}", "Missing required argument `nights`."),
        ('{"nights": "two", "colour": "red", "place": {"city": "x"}}', "Argument 'nights': Expected `int`, got `str`."),
        ('{"nights": 1, "colour": "grey", "place": {"city": "x"}}', "Argument 'colour': Invalid enum value 'grey'."),
        ('{"nights": 1, "colour": "red", "place": {}}', "Argument 'place': Missing required argument `city`."),
        ('{"nights": 1, "colour": "red", "place": {"city": "x"}, "pets": 1}', "Unknown argument `pets`."),
    ],
)
def test_what_does_not_fit_is_told_in_words_for_the_model(arguments: str, complaint: str) -> None:
    with pytest.raises(BadArgumentsError) as caught:
        read(tool(book), arguments)
    assert complaint in str(caught.value)


def test_no_arguments_at_all_are_an_empty_object() -> None:
    @tool
    def ping() -> str:
        return "pong"

    assert read(ping, "") == read(ping, "{}") == {}
    assert ping.description == ""


def test_a_description_beside_the_type_goes_before_the_docstrings() -> None:
    @tool
    def dial(
        number: Annotated[str, "Digits only."],
        tries: Annotated[int, msgspec.Meta(ge=1, le=9, description="How often.")] = 1,
        pause: Annotated[float, msgspec.Meta(ge=0)] = 0.5,
    ) -> None:
        """Dial.

        Args:
            number: ignored
            tries: ignored
            pause: Seconds between.
        """

    assert dial.signature.schema["properties"] == {
        "number": {"type": "string", "description": "Digits only."},
        "tries": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How often.", "default": 1},
        "pause": {"type": "number", "minimum": 0, "description": "Seconds between.", "default": 0.5},
    }
    with pytest.raises(BadArgumentsError, match="Argument 'tries'"):
        read(dial, '{"number": "1", "tries": 10}')


def test_a_type_that_holds_itself_keeps_its_reference() -> None:
    @tool
    def invite(guest: Guest) -> None:
        """Invite."""

    schema = invite.signature.schema
    assert schema["properties"]["guest"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Guest"}
    assert schema["$defs"]["Guest"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Guest"}
    values = read(invite, '{"guest": {"name": "a", "children": [{"name": "b"}]}}')
    assert values["guest"].children == [Guest("b")]


def test_the_context_is_not_the_models_to_give() -> None:
    @tool
    async def whoami(context: ToolContext, loud: bool = False) -> str:
        return str(context.user)

    assert list(whoami.signature.schema["properties"]) == ["loud"]
    assert whoami.takes_context
    assert whoami.is_async


def test_untyped_parameters_take_anything() -> None:
    @tool
    def store(value, times=1) -> None:  # type: ignore[no-untyped-def]
        """Store."""

    assert read(store, '{"value": {"a": [1]}, "times": "x"}') == {"value": {"a": [1]}, "times": "x"}


def test_methods_are_tools_too() -> None:
    class Shop:
        def price(self, item: str) -> int:
            """Tell a price.

            Args:
                item: Which.
            """
            return len(item)

    made = tool(Shop().price)
    assert list(made.signature.schema["properties"]) == ["item"]
    assert made("abc") == 3


def many(*numbers: int) -> None: ...
def odd(value: Tool) -> None: ...
def dangling(value: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: tool(many), "cannot be given by name"),
        (lambda: tool(odd), "no JSON form"),
        (lambda: tool(dangling), "names 'Nowhere'"),
        (lambda: tool(name="two words")(book), "no name for a tool"),
        (lambda: tool(timeout_s=0)(book), "must be above 0"),
        (lambda: tool(description="x" * 1025)(book), "1025 characters"),
        (lambda: tool(lambda: None), "no name for a tool"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_at_once(make: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        make()


def test_options_go_before_what_the_function_says() -> None:
    made = tool(name="reserve", description="Other words.", timeout_s=3, background=True)(book)

    assert made.definition() == FunctionTool(
        name="reserve", description="Other words.", parameters=made.signature.schema
    )
    assert (made.timeout_s, made.background) == (3, True)


@pytest.mark.parametrize(
    ("text", "description", "parameters"),
    [
        (None, "", {}),
        ("One line.", "One line.", {}),
        ("Wraps over\ntwo lines.\n\nAnd more.", "Wraps over two lines.\n\nAnd more.", {}),
        ("Do.\n\nArgs:\n    a: x\n\n    b (int, optional): y\n        more: of it\nReturns:\n    c: no", "Do.",
         {"a": "x", "b": "y more: of it"}),
        ("Do.\n\nRaises:\n    ValueError: never\nArguments:\n  *rest: all", "Do.", {"rest": "all"}),
        ("Args:\n    a:\n        below", "", {"a": "below"}),
        ("Do: this.\n\nWarning:\n    hot", "Do: this.", {}),
    ],
)  # fmt: skip
def test_docstrings_are_read_as_google_writes_them(
    text: str | None, description: str, parameters: dict[str, str]
) -> None:
    found = parse_docstring(text)

    assert (found.description, found.parameters) == (description, parameters)
