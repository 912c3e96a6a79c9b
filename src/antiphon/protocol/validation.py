"""Names what is wrong with a JSON value, in the words and codes of the Realtime API.

Only called once the decoder has refused the value, so it may be slow and thorough. What types cannot express (which
content parts fit which role, for one) is in `rules`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from antiphon.protocol.faults import ErrorDetail
from antiphon.protocol.schema import Bounds, ObjectShape, Shape, is_base64

_LONGEST_QUOTE = 100
"""Characters of a peer's own text that an error repeats: enough to recognise it, too few to be a burden."""


def fault(code: str, message: str, param: str) -> ErrorDetail:
    """An `invalid_request_error` about `param`."""
    return ErrorDetail(type="invalid_request_error", code=code, message=message, param=param)


def find_fault(value: Any, shape: Shape, path: str) -> ErrorDetail | None:
    """The first thing in `value` that `shape` refuses, in document order, or None when there is nothing.

    path: the dotted name of the place, "" for the event itself.
    """
    if shape.anything or (value is None and shape.null):
        return None
    match value:
        case bool():
            return None if shape.boolean else _wrong_type(value, shape, path)
        case int() | float():
            return _number_fault(value, shape, path)
        case str():
            return _text_fault(value, shape, path)
        case list() if shape.array is not None:
            faults = (find_fault(element, shape.array, f"{path}[{i}]") for i, element in enumerate(value))
            return next(filter(None, faults), None)
        case dict():
            return _object_fault(value, shape, path)
    return _wrong_type(value, shape, path)


def _number_fault(value: float, shape: Shape, path: str) -> ErrorDetail | None:
    if isinstance(value, int) and value in shape.choices:
        return None
    if shape.integer is not None and isinstance(value, int):
        return _range_fault(value, shape.integer, "integer", path)
    if shape.decimal is not None:
        if isinstance(value, int) and not _fits_a_double(value):
            return fault("invalid_value", f"Invalid '{path}': the number is too large.", path)
        return _range_fault(value, shape.decimal, "decimal", path)
    if any(isinstance(choice, int) for choice in shape.choices):
        return _unsupported(value, shape.choices, path)
    return _wrong_type(value, shape, path)


def _text_fault(value: str, shape: Shape, path: str) -> ErrorDetail | None:
    if value in shape.choices:
        return None
    if shape.text is not None:
        return _length_fault(len(value), shape.text, path)
    if shape.base64:
        if is_base64(value):
            return None
        return fault(
            "invalid_value", f"Invalid '{path}'. Expected base64-encoded bytes, but got an invalid value.", path
        )
    if any(isinstance(choice, str) for choice in shape.choices):
        return _unsupported(value, shape.choices, path)
    return _wrong_type(value, shape, path)


def _object_fault(value: dict[str, Any], shape: Shape, path: str) -> ErrorDetail | None:
    if shape.tagged:
        kind_path = _join(path, "type")
        if "type" not in value:
            return missing(kind_path)
        kind = value["type"]
        if not isinstance(kind, str):
            return _wrong_type(kind, Shape(text=Bounds()), kind_path)
        if kind not in shape.tagged:
            return _unsupported(kind, tuple(shape.tagged), kind_path)
        return _members_fault(value, shape.tagged[kind], path)
    if shape.untagged:
        return _members_fault(value, shape.untagged, path)
    if shape.mapping:
        return _mapping_fault(value, shape.mapping, path)
    return _wrong_type(value, shape, path)


def _members_fault(value: dict[str, Any], expected: ObjectShape, path: str) -> ErrorDetail | None:
    for name, member in value.items():
        if name == "type" and expected.tag is not None:
            continue
        inner = _join(path, name)
        if name not in expected.members:
            return fault("unknown_parameter", f"Unknown parameter: '{inner}'.", inner)
        found = find_fault(member, expected.members[name], inner)
        if found is not None:
            return found
    for name in expected.required:
        if name not in value:
            return missing(_join(path, name))
    return None


def _mapping_fault(value: dict[str, Any], mapping: tuple[Shape, Shape, Bounds], path: str) -> ErrorDetail | None:
    keys, values, size = mapping
    if size.most is not None and len(value) > size.most:
        message = (
            f"Invalid '{path}': too many properties. Expected an object with at most {size.most} properties, "
            f"but got an object with {len(value)} properties instead."
        )
        return fault("object_above_max_properties", message, path)
    for name, member in value.items():
        inner = _join(path, name)
        found = find_fault(name, keys, inner) or find_fault(member, values, inner)
        if found is not None:
            return found
    return None


def missing(path: str) -> ErrorDetail:
    """A member that has to be there is not."""
    return fault("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _range_fault(value: float, bounds: Bounds, noun: str, path: str) -> ErrorDetail | None:
    if bounds.least is not None and value < bounds.least:
        side, relation, limit = "below_min", ">=", bounds.least
    elif bounds.most is not None and value > bounds.most:
        side, relation, limit = "above_max", "<=", bounds.most
    else:
        return None
    words = f"{noun} {side.replace('_', ' ')}imum value"
    message = (
        f"Invalid '{path}': {words}. Expected a value {relation} {_quote(limit)}, but got {_quote(value)} instead."
    )
    return fault(f"{noun}_{side}_value", message, path)


def _length_fault(length: int, bounds: Bounds, path: str) -> ErrorDetail | None:
    if bounds.most is not None and length > bounds.most:
        code, words, limit, which = "string_above_max_length", "string too long", bounds.most, "maximum"
    elif bounds.least is not None and length < bounds.least:
        code, words, limit, which = "string_below_min_length", "string too short", bounds.least, "minimum"
    else:
        return None
    message = (
        f"Invalid '{path}': {words}. Expected a string with {which} length {limit}, "
        f"but got a string with length {length} instead."
    )
    return fault(code, message, path)


def _unsupported(value: str | float, choices: Sequence[str | int], path: str) -> ErrorDetail:
    return fault("invalid_value", f"Invalid value: {_quote(value)}. Supported values are: {listing(choices)}.", path)


def _wrong_type(value: Any, shape: Shape, path: str) -> ErrorDetail:
    expected = " or ".join(_accepted(shape))
    place = f"'{path}'" if path else "the event"
    return fault(
        "invalid_type", f"Invalid type for {place}: expected {expected}, but got {_kind(value)} instead.", path
    )


def _accepted(shape: Shape) -> list[str]:
    kinds = {
        "null": shape.null,
        "a boolean": shape.boolean,
        "an integer": shape.integer is not None,
        "a number": shape.decimal is not None,
        "a string": shape.text is not None or shape.base64,
        _one_of(shape.choices): bool(shape.choices),
        "an array": shape.array is not None,
        "an object": bool(shape.tagged or shape.untagged or shape.mapping),
    }
    return [words for words, accepted in kinds.items() if accepted]


def _one_of(choices: Sequence[str | int]) -> str:
    return f"one of {listing(choices)}" if len(choices) > 1 else listing(choices)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def listing(values: Sequence[str | int]) -> str:
    """'a', 'b', and 'c'."""
    quoted = [_quote(value) for value in values]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _quote(value: str | float) -> str:
    if isinstance(value, str):
        shown = f"'{value}'"
    elif value == (whole := int(value)):
        shown = _digits(whole)
    else:
        shown = f"{value:g}"
    return shown if len(shown) <= _LONGEST_QUOTE else f"{shown[:_LONGEST_QUOTE]}…{shown[-1]}"


def _digits(value: int) -> str:
    # Python refuses to print integers beyond some thousand digits; nobody wants to read them either.
    return str(value) if value.bit_length() <= 256 else "an integer of more than 77 digits"


def _join(path: str, name: str) -> str:
    shown = name if len(name) <= _LONGEST_QUOTE else f"{name[:_LONGEST_QUOTE]}…"
    return f"{path}.{shown}" if path else shown


def _fits_a_double(value: int) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
