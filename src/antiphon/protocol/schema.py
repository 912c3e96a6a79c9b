"""What JSON each place of the protocol accepts, as data, made from the structs themselves.

The JSON decoder of msgspec answers "yes" in a microsecond but says little when it says "no". `validation` walks the
shapes of this module to name what is wrong, and `leniency` to keep what it can; both only after the decoder refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast, get_args

import msgspec
from msgspec import inspect

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.sessions import SessionConfig
from antiphon.protocol.wire import UnknownFields, Wire


def _types(union: Any) -> tuple[str, ...]:
    return tuple(str(member.__struct_config__.tag) for member in get_args(union))


CLIENT_EVENT_TYPES = _types(ClientEvent)
"""The `type` of every client event."""

SERVER_EVENT_TYPES = _types(ServerEvent)
"""The `type` of every server event."""


@dataclass(slots=True)
class Bounds:
    """Inclusive limits of a number, or of a length. None: no limit."""

    least: float | None = None
    most: float | None = None


@dataclass(slots=True)
class ObjectShape:
    """A JSON object with named members. tag: the value of its `type`, None when it needs none."""

    struct: type[Wire]
    tag: str | None
    members: dict[str, Shape] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Shape:
    """The JSON values that one place accepts: one slot for each kind of JSON value, empty where it is refused.

    At most one of choices/text/base64 applies to a string, one of tagged/untagged/mapping to an object.
    """

    anything: bool = False
    null: bool = False
    boolean: bool = False
    integer: Bounds | None = None
    decimal: Bounds | None = None
    choices: tuple[str | int, ...] = ()
    text: Bounds | None = None
    base64: bool = False
    array: Shape | None = None
    tagged: dict[str, ObjectShape] = field(default_factory=dict)
    untagged: ObjectShape | None = None
    mapping: tuple[Shape, Shape, Bounds] | None = None


def shape_of(annotation: Any) -> Shape:
    """The shape of a type annotation made of what this package uses."""
    return _Compiler().shape(inspect.type_info(annotation))


class _Compiler:
    """Turns msgspec's type descriptions into shapes, each struct once."""

    def __init__(self) -> None:
        self.objects: dict[type, ObjectShape] = {}

    def shape(self, info: inspect.Type) -> Shape:
        shape = Shape()
        for option in info.types if isinstance(info, inspect.UnionType) else (info,):
            self.add(shape, option)
        return shape

    def add(self, shape: Shape, info: inspect.Type) -> None:
        match info:
            case inspect.AnyType():
                shape.anything = True
            case inspect.NoneType():
                shape.null = True
            case inspect.BoolType():
                shape.boolean = True
            case inspect.IntType(ge=least, le=most):
                shape.integer = Bounds(least, most)
            case inspect.FloatType(ge=least, le=most):
                shape.decimal = Bounds(least, most)
            case inspect.LiteralType(values=values):
                shape.choices = (*shape.choices, *(value for value in values if value is not None))
            case inspect.StrType(min_length=least, max_length=most):
                shape.text = Bounds(least, most)
            case inspect.BytesType():
                shape.base64 = True
            case inspect.ListType(item_type=item):
                shape.array = self.shape(item)
            case inspect.DictType(key_type=key, value_type=value, min_length=least, max_length=most):
                shape.mapping = (self.shape(key), self.shape(value), Bounds(least, most))
            case inspect.StructType():
                found = self.object(info)
                if found.tag is None:
                    shape.untagged = found
                else:
                    shape.tagged[found.tag] = found
            case _:
                raise TypeError(f"the protocol has no JSON shape for {info!r}")

    def object(self, info: inspect.StructType) -> ObjectShape:
        known = self.objects.get(info.cls)
        if known is not None:
            return known
        found = ObjectShape(struct=cast("type[Wire]", info.cls), tag=None if info.tag is None else str(info.tag))
        self.objects[info.cls] = found
        for member in info.fields:
            if isinstance(member.type, inspect.CustomType) and member.type.cls is UnknownFields:
                continue  # not a member on the wire
            found.members[member.encode_name] = self.shape(member.type)
            if member.required:
                found.required.append(member.encode_name)
        return found


@cache
def client_event() -> Shape:
    """Of any client event. Like the ones below it is made when it is first needed: most programs never meet an event
    that the decoder refuses, and making it takes most of the time of importing this package."""
    return shape_of(ClientEvent)


@cache
def server_event() -> Shape:
    """Of any server event."""
    return shape_of(ServerEvent)


@cache
def any_event() -> Shape:
    """Of any event."""
    return shape_of(ClientEvent | ServerEvent)


@cache
def session() -> Shape:
    """Of any session."""
    return shape_of(SessionConfig)


def is_base64(text: str, *, canonical: bool = False) -> bool:
    """Whether the decoder takes `text` as base64. canonical: encoding its bytes gives exactly `text` back."""
    try:
        decoded = msgspec.convert(text, bytes)
    except msgspec.ValidationError:
        return False
    return not canonical or msgspec.to_builtins(decoded) == text
