"""Tools: Python functions that the model may call, and what they are given besides their arguments."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from antiphon.agent.docstrings import parse_docstring
from antiphon.agent.signatures import Signature, read_signature, resolved_hints
from antiphon.errors import AntiphonError, ConfigurationError
from antiphon.protocol import FunctionTool

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_DESCRIPTION = 1024
"""Servers of the Realtime API refuse the whole session for a longer one."""

DEFAULT_TIMEOUT_S = 30.0


class ToolError(AntiphonError):
    """Raise it in a tool to tell the model why it did not work; the message is the model's to read.

    Any other exception reaches the log, and the model learns no more than that the tool failed.
    """


@dataclass(frozen=True, slots=True)
class CallContext:
    """One call, as instructions and tools see it.

    call_id: the call's own id ("rtc_…" or "sess_…"), None before there is one. user: who calls, as the app told;
    state: an object of the app's own that lives as long as the call.
    """

    call_id: str | None = None
    user: Any = None
    state: Any = None


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may ask for as its first parameter. call: the call it runs in; call_id: of this one function call."""

    call: CallContext
    call_id: str
    tool: str
    _say: Callable[[str], None] = field(repr=False)

    @property
    def user(self) -> Any:
        return self.call.user

    @property
    def state(self) -> Any:
        return self.call.state

    def say(self, text: str) -> None:
        """Have these words said now, if nobody speaks; otherwise they are left out. Safe from any thread."""
        self._say(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call. Made by `tool`; calling it calls the function.

    timeout_s: how long it may take. needs_approval: True, or a function of the arguments that tells. background: the
    model goes on at once, and the result is delivered when the call is idle. filler: what is said when it takes longer
    than filler_after_s; None for the agent's, "" for nothing.
    """

    name: str
    description: str
    function: Callable[..., Any]
    signature: Signature
    takes_context: bool
    timeout_s: float = DEFAULT_TIMEOUT_S
    needs_approval: bool | Callable[[Mapping[str, Any]], bool] = False
    background: bool = False
    filler: str | None = None
    filler_after_s: float | None = None

    @property
    def is_async(self) -> bool:
        return _is_async(self.function)

    def definition(self) -> FunctionTool:
        """The tool as a session tells the model of it."""
        return FunctionTool(name=self.name, description=self.description, parameters=self.signature.schema)

    def wants_approval(self, arguments: Mapping[str, Any]) -> bool:
        return self.needs_approval(arguments) if callable(self.needs_approval) else self.needs_approval

    def call(self, context: ToolContext, arguments: Mapping[str, Any]) -> Any:
        """Call the function: its value, or an awaitable of it when it is async."""
        given = (context,) if self.takes_context else ()
        return self.function(*given, **arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    needs_approval: bool | Callable[[Mapping[str, Any]], bool] = False,
    background: bool = False,
    filler: str | None = None,
    filler_after_s: float | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    needs_approval: bool | Callable[[Mapping[str, Any]], bool] = False,
    background: bool = False,
    filler: str | None = None,
    filler_after_s: float | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a plain or async function: `@tool`, or `@tool(timeout_s=5)`.

    The schema comes from the type hints, the descriptions from the docstring (Google style) or `Annotated[…, "words"]`.
    A plain function runs in a thread. Raises ConfigurationError when the function cannot be a tool.
    """

    def make(wrapped: Callable[..., Any]) -> Tool:
        tool_name = name or str(getattr(wrapped, "__name__", ""))
        if not _NAME.fullmatch(tool_name):
            raise ConfigurationError(
                f"'{tool_name}' is no name for a tool. Allowed are up to 64 letters, digits, '_' and '-'."
            )
        if timeout_s <= 0:
            raise ConfigurationError(f"tool '{tool_name}': timeout_s is {timeout_s}; it must be above 0")
        words = description if description is not None else parse_docstring(inspect.getdoc(wrapped)).description
        if len(words) > LONGEST_DESCRIPTION:
            raise ConfigurationError(
                f"tool '{tool_name}': its description has {len(words)} characters; allowed are {LONGEST_DESCRIPTION}"
            )
        takes_context = _takes_context(wrapped)
        return Tool(
            name=tool_name,
            description=words,
            function=wrapped,
            signature=read_signature(wrapped, skip_first=takes_context),
            takes_context=takes_context,
            timeout_s=timeout_s,
            needs_approval=needs_approval,
            background=background,
            filler=filler,
            filler_after_s=filler_after_s,
        )

    return make if function is None else make(function)


def as_tool(candidate: Tool | Callable[..., Any]) -> Tool:
    """A tool as it is, a plain function made one."""
    return candidate if isinstance(candidate, Tool) else tool(candidate)


def _takes_context(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters)
    return bool(parameters) and resolved_hints(function).get(parameters[0]) is ToolContext


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - an object with an async __call__


async def awaited(value: Any) -> Any:
    """`value`, or what it comes to when it is awaitable."""
    return await value if isinstance(value, Awaitable) else value
