"""A function's parameters as a JSON schema, and JSON arguments as its Python values. Type hints decide both.

msgspec makes the schema and checks the values, so that what the model is told and what is accepted cannot differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from antiphon.agent.docstrings import parse_docstring
from antiphon.errors import AntiphonError, ConfigurationError

_LONGEST_COMPLAINT = 500


class BadArgumentsError(AntiphonError):
    """The model's arguments do not fit. The message is written for the model, which may try again."""


@dataclass(frozen=True, slots=True)
class Signature:
    """schema: the JSON schema of the arguments, an object. model: the struct that the arguments are checked against."""

    schema: dict[str, Any]
    model: type[Struct]

    def read(self, arguments: str) -> dict[str, Any]:
        """The Python values for arguments as the model wrote them. Raises BadArgumentsError.

        Nothing at all stands for no arguments. Numbers in quotes are taken as numbers: models write them.
        """
        try:
            value = msgspec.json.decode(arguments) if arguments.strip() else {}
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise BadArgumentsError("The arguments are not valid JSON.") from None
        if not isinstance(value, dict):
            raise BadArgumentsError("The arguments are not a JSON object.")
        try:
            read = msgspec.convert(value, self.model, strict=False)
        except (msgspec.ValidationError, RecursionError, OverflowError) as error:
            raise BadArgumentsError(_complaint(str(error))) from None
        return {name: getattr(read, name) for name in read.__struct_fields__}


def read_signature(function: Callable[..., Any], *, skip_first: bool) -> Signature:
    """The signature of a plain or async function. skip_first: its first parameter is not the model's to give.

    Raises ConfigurationError when a parameter cannot be given by name, or its type has no JSON form.
    """
    where = f"tool function '{getattr(function, '__name__', function)}'"
    hints = resolved_hints(function)
    described = parse_docstring(inspect.getdoc(function)).parameters
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in list(inspect.signature(function).parameters.values())[int(skip_first) :]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(
                f"{where}: '{parameter}' cannot be given by name. Allowed are ordinary and keyword-only parameters."
            )
        annotation = _described(hints.get(parameter.name, Any), described.get(parameter.name))
        if parameter.default is parameter.empty:
            fields.append((parameter.name, annotation))
        else:
            fields.append((parameter.name, annotation, _default(parameter.default)))
    try:
        model = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
        schema = _inlined(msgspec.json.schema(model))
    except TypeError as error:
        raise ConfigurationError(f"{where}: a parameter's type has no JSON form: {error}") from error
    return Signature(schema, model)


def resolved_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The function's type hints, names in quotes resolved. Raises ConfigurationError when one is not to be found."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        name = getattr(function, "__name__", str(function))
        raise ConfigurationError(
            f"tool function '{name}': a type hint names '{error.name}', which its module does not have at the top level"
        ) from error


def _described(annotation: Any, from_docstring: str | None) -> Any:
    """`annotation` with a description: `Annotated[int, "words"]` before the docstring's."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        words = next((extra for extra in extras if isinstance(extra, str)), None)
        metas = [extra for extra in extras if isinstance(extra, Meta)]
        if words is None and any(meta.description for meta in metas):
            words = from_docstring = None
        annotation = inner
        for meta in metas:
            annotation = Annotated[annotation, meta]
        from_docstring = words or from_docstring
    return annotation if not from_docstring else Annotated[annotation, Meta(description=from_docstring)]


def _default(value: Any) -> Any:
    # A mutable default is the function's own object, as Python has it; msgspec wants to be told so.
    return msgspec.field(default_factory=lambda: value) if isinstance(value, list | dict | set) else value


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, for many models and servers read none. A type that holds itself keeps them."""
    definitions: Mapping[str, dict[str, Any]] = schema.get("$defs", {})
    recursive: set[str] = set()

    def visit(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [visit(element, inside) for element in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return {key: visit(value, inside) for key, value in node.items()}
        name = reference.rpartition("/")[2]
        if name in inside:
            recursive.add(name)
            return node
        # The title is a Python class's name: of no use to the model.
        body = {key: value for key, value in definitions[name].items() if key != "title"}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**visit(body, (*inside, name)), **visit(beside, inside)}

    whole: dict[str, Any] = visit({key: value for key, value in schema.items() if key != "$defs"}, ())
    if recursive:
        # While this runs `recursive` can grow no further: every definition has been visited above.
        whole["$defs"] = {name: visit(definitions[name], (*sorted(recursive),)) for name in sorted(recursive)}
    return whole


def _complaint(message: str) -> str:
    """msgspec's words with the place first and in a form that a model can act on."""
    what, _, place = message.partition(" - at `$")
    if place:
        path = place.rstrip("`").lstrip(".")
        message = f"Argument '{path}': {what}."
    else:
        message = f"{message}."
    return message.replace("Object missing required field", "Missing required argument").replace(
        "Object contains unknown field", "Unknown argument"
    )[:_LONGEST_COMPLAINT]
