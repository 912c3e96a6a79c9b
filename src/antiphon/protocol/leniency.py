"""Fits a JSON value to the structs as well as it goes, and keeps beside them what does not fit.

This is what a peer of a newer version meets: a member that nobody here knows, or an optional one whose value nobody
here understands, is set aside in `Wire.unknown_fields` and written back by `encoding`. Limits (a threshold above 1.0)
are not checked: they are the business of whoever the value is for.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.protocol.schema import ObjectShape, Shape, is_base64
from antiphon.protocol.wire import UnknownFields, Wire


class Misfit(Exception):
    """The value cannot be held by the struct without losing something."""


def fit(value: Any, shape: Shape) -> Any:
    """The Python value for a JSON value. Raises Misfit."""
    if shape.anything or (value is None and shape.null):
        return value
    match value:
        case bool() if shape.boolean:
            return value
        case bool():
            raise Misfit
        case int() if shape.integer is not None:
            return value
        case int() | float() if shape.decimal is not None:
            return _to_double(value)
        case int() | str() if value in shape.choices:
            return value
        case str() if shape.text is not None:
            return value
        case str() if shape.base64 and is_base64(value, canonical=True):
            return msgspec.convert(value, bytes)
        case list() if shape.array is not None:
            return [fit(element, shape.array) for element in value]
        case {"type": str(kind)} if kind in shape.tagged:
            return _fit_object(value, shape.tagged[kind])
        case dict() if shape.untagged is not None:
            return _fit_object(value, shape.untagged)
        case dict() if shape.mapping is not None:
            return {name: fit(member, shape.mapping[1]) for name, member in value.items()}
    raise Misfit


def _fit_object(value: dict[str, Any], shape: ObjectShape) -> Wire:
    known: dict[str, Any] = {}
    aside: dict[str, Any] = {}
    for name, member in value.items():
        if name == "type" and shape.tag is not None:
            continue
        if name not in shape.members:
            aside[name] = member
            continue
        try:
            known[name] = fit(member, shape.members[name])
        except Misfit:
            if name in shape.required:
                raise
            aside[name] = member
    if any(name not in known for name in shape.required):
        raise Misfit
    return shape.struct(**known, unknown_fields=UnknownFields(aside) if aside else UNSET)


def _to_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Misfit from None
