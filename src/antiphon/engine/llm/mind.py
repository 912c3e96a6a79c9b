"""Decides what the embedded model answers: a pure function from a request to a plan. No I/O, no clock, no memory.

It understands nothing and does not pretend to. What it can do is written in `intents` (fixed phrases), `tool_matching`
(calls whose words were said) and `told_results` (results in words); here these are put in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from antiphon.engine.llm import intents
from antiphon.engine.llm.intents import Intent, find_intent
from antiphon.engine.llm.slots import Parameter, asked_words, fill_one, fill_slots, parameters_of
from antiphon.engine.llm.told_results import tell_result
from antiphon.engine.llm.tool_matching import best_effort, match_tool
from antiphon.engine.llm.words import name_words, split_words
from antiphon.engine.stages import (
    ImageContent,
    ModelItem,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelToolResult,
    TextContent,
)

MOST_IMAGES: Final = 3
_LONGEST_ECHO: Final = 60
_REMEMBERED_TURNS: Final = 8
_MOST_QUESTIONS: Final = 2
_QUESTIONS_BEGIN: Final = "For "

_LINE_TO_SAY: Final = re.compile(
    r"(?:please |now |just )*(?:say|speak|repeat|tell the user|answer with|respond with|reply with|greet the user with|"
    r"greet the caller with)"
    r"(?: exactly| only| just| verbatim| word for word| the following| this| to the user| the words)*"
    r"\s*[:,]?\s*[\"“](?P<line>[^\"“”]+)[\"”]\s*[.!]?\s*(?:and nothing else[.!]?)?",
    re.IGNORECASE,
)
_GREETING_TO_SAY: Final = re.compile(
    r"\b(?:greet|welcome|begin|start|open|answer the call|say hello)\b[^.\"“”\n]{0,60}[\"“](?P<line>[^\"“”]+)[\"”]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool to call. arguments: a JSON object as text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to answer: words, or calls."""

    text: str = ""
    calls: tuple[PlannedCall, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """A tool that was asked for and still lacks an argument: the first of `missing` was asked for."""

    tool: ModelTool
    arguments: Mapping[str, Any]
    missing: tuple[str, ...]
    times: int = 1

    @property
    def parameter(self) -> Parameter:
        return next(known for known in parameters_of(self.tool) if known.name == self.missing[0])

    @property
    def text(self) -> str:
        parameter = self.parameter
        tool = " ".join(name_words(self.tool.name))
        name = asked_words(parameter)
        if parameter.kind == "choice":
            listed = [str(choice) for choice in parameter.choices[:6]]
            return f"{_QUESTIONS_BEGIN}{tool}, what is the {name}: {_either(listed)}?"
        if parameter.kind == "boolean":
            return f"{_QUESTIONS_BEGIN}{tool}, should {name} be on or off?"
        if parameter.kind in ("integer", "number"):
            limits = _limits(parameter)
            return f"{_QUESTIONS_BEGIN}{tool}, which number is {name}{limits}?"
        return f"{_QUESTIONS_BEGIN}{tool}, what is the {name}?"


@dataclass(slots=True)
class _Turns:
    """The conversation as this model sees it, read once from the request's items."""

    said_before: int = 0
    last_reply: str = ""
    earlier: list[tuple[str, str]] = field(default_factory=list)  # (user, assistant)
    users: list[ModelMessage] = field(default_factory=list)  # since the last reply
    results: list[tuple[str, str]] = field(default_factory=list)  # (tool, output) since the last reply
    results_after_user: bool = False
    running: list[str] = field(default_factory=list)


def images_to_look_at(request: ModelRequest) -> tuple[ImageContent, ...]:
    """The pictures that the answer needs described: those just sent, or the latest when it is asked about."""
    turns = _read(request.items)
    if turns.results_after_user:
        return ()
    fresh = [part for message in turns.users for part in message.content if isinstance(part, ImageContent)]
    if fresh:
        return tuple(fresh[-MOST_IMAGES:])
    if find_intent(_said(turns.users)) is Intent.PHOTO:
        messages = [item for item in request.items if isinstance(item, ModelMessage) and item.role == "user"]
        every = [part for message in messages for part in message.content if isinstance(part, ImageContent)]
        return tuple(every[-1:])
    return ()


def plan_answer(request: ModelRequest, *, now: datetime, seen: Sequence[str] = ()) -> Plan:
    """Decide the answer. now: the local time; seen: what vision told of each of `images_to_look_at`.

    The same request at the same time always gives the same plan. With `tool_choice` "required" a tool is called as
    long as the user's newest words are not answered by a call yet; its result is then told in words.
    """
    line = _LINE_TO_SAY.fullmatch(request.instructions.strip())
    if line:
        return Plan(line["line"].strip())
    turns = _read(request.items)
    told = " ".join(tell_result(tool, output) for tool, output in turns.results)
    if turns.results_after_user:
        return Plan(told)
    said = _said(turns.users)
    tools = _usable(request)
    must_call = bool(tools) and (request.tool_choice == "required" or isinstance(request.tool_choice, tuple))
    if must_call and (said or not turns.running):
        match = best_effort(said, tools)
        return Plan(told, (_call(match.tool, match.arguments),))
    if not turns.users:
        return Plan(_unprompted(request, turns))
    if seen:
        return Plan(_joined(told, *seen))
    step = _tool_step(_open_question(turns.earlier, tools), said, tools) if said and tools else None
    if isinstance(step, Plan):
        return Plan(_joined(told, step.text), step.calls)
    if isinstance(step, _Question):
        return Plan(_joined(told, step.text))
    return Plan(_joined(told, _words_for(request, turns, said, now)))


def _words_for(request: ModelRequest, turns: _Turns, said: str, now: datetime) -> str:
    spoken = turns.users[-1].spoken
    turn = turns.said_before
    if not said:
        return intents.NO_WORDS[turn % len(intents.NO_WORDS)] if spoken else "Your message has no words in it."
    intent = find_intent(said)
    if intent is None:
        return _heard(said, turn, spoken=spoken)
    if intent in (Intent.GREETING, Intent.HEARING) and turn == 0:
        return f"Hello. {intents.IDENTITY} {intents.IMPROVEMENT}"
    clock = f"{now.hour % 12 or 12}:{now.minute:02d} {'AM' if now.hour < 12 else 'PM'}"
    computed = {
        Intent.IDENTITY: f"{intents.IDENTITY} {intents.IMPROVEMENT}",
        Intent.HELP: f"{_abilities(request.tools)} {intents.IMPROVEMENT}",
        Intent.IMPROVE: intents.IMPROVEMENT,
        Intent.TIME: f"It is {clock} by this machine's clock.",
        Intent.DATE: f"Today is {now:%A}, {now.day} {now:%B} {now.year}.",
        Intent.REPEAT: turns.last_reply or "I have not said anything yet.",
        Intent.PHOTO: intents.NO_PHOTO,
        Intent.TOOLS: _abilities(request.tools),
    }
    if intent in computed:
        return computed[intent]
    replies = intents.REPLIES[intent]
    return replies[turn % len(replies)]


def _heard(said: str, turn: int, *, spoken: bool) -> str:
    words = said.split()
    echo = said if len(words) <= _LONGEST_ECHO else " ".join(words[:_LONGEST_ECHO]) + " …"
    forms = intents.HEARD if spoken else intents.READ
    text = forms[turn % len(forms)].format(words=echo.strip().rstrip("."))
    if turn == 0:
        return f"{text} {intents.IDENTITY} {intents.HOW_TO_ASK}"
    if turn % 3 == 0:
        return f"{text} {intents.NOT_A_MIND[turn // 3 % len(intents.NOT_A_MIND)]}"
    return text


def _abilities(tools: Sequence[ModelTool]) -> str:
    names = [" ".join(name_words(tool.name)) for tool in tools[:6]]
    if not names:
        return f"{intents.ABILITIES}, and that is all."
    more = " and others" if len(tools) > len(names) else ""
    return f"{intents.ABILITIES}, and call these tools when you say their words: {', '.join(names)}{more}."


def _unprompted(request: ModelRequest, turns: _Turns) -> str:
    """An answer was asked for, but the user has said nothing new."""
    if turns.running:
        return f"The tool {' '.join(name_words(turns.running[-1]))} is still running."
    if turns.said_before:
        return "I am listening."
    line = _GREETING_TO_SAY.search(request.instructions)
    return line["line"].strip() if line else f"Hello. {intents.IDENTITY} {intents.IMPROVEMENT}"


def _tool_step(question: _Question | None, said: str, tools: Sequence[ModelTool]) -> Plan | _Question | None:
    """What an utterance leads to: a call, a question for what is missing, or nothing that has to do with tools."""
    match = match_tool(said, tools)
    if match is not None and not match.missing:
        return Plan(calls=(_call(match.tool, match.arguments),))
    if question is not None:
        return _answer_to(question, said)
    if match is None:
        return None
    return _Question(match.tool, match.arguments, match.missing)


def _answer_to(question: _Question, said: str) -> Plan | _Question | None:
    intent = find_intent(said)
    if intent is Intent.STOP:
        return Plan("All right, never mind.")
    parameter = question.parameter
    if intent is not None and parameter.kind not in ("boolean", "choice"):
        return None  # "help", "what time is it": answered as such, and the tool is given up
    words = split_words(said)
    value = fill_one(said, words, parameter)
    if value is None:
        if question.times >= _MOST_QUESTIONS:
            return Plan(f"I did not get the {asked_words(parameter)}, so I leave it.")
        return _Question(question.tool, question.arguments, question.missing, question.times + 1)
    arguments = {**question.arguments, parameter.name: value}
    if parameter.kind != "text" and len(question.missing) > 1:
        # One answer may hold the other arguments as well ("two and five").
        for name, further in fill_slots(said, words, question.tool).arguments.items():
            if name in question.missing:
                arguments[name] = further
    missing = tuple(name for name in question.missing if name not in arguments)
    if missing:
        return _Question(question.tool, arguments, missing)
    return Plan(calls=(_call(question.tool, arguments),))


def _open_question(earlier: Sequence[tuple[str, str]], tools: Sequence[ModelTool]) -> _Question | None:
    """The question that the last reply asked, found by going through the last turns again: there is no memory."""
    if not earlier or not earlier[-1][1].startswith(_QUESTIONS_BEGIN):
        return None  # going through the turns is the dear part: 40 microseconds for each tool and turn
    question: _Question | None = None
    for said, reply in earlier[-_REMEMBERED_TURNS:]:
        step = _tool_step(question, said, tools) if said else None
        question = step if isinstance(step, _Question) and _is_reply(step.text, reply) else None
    return question


def _is_reply(text: str, reply: str) -> bool:
    """Whether the reply is this text, or the part of it that was heard before an interruption."""
    return bool(reply) and (reply.endswith(text) or (len(reply) >= 12 and text.startswith(reply)))


def _read(items: Sequence[ModelItem]) -> _Turns:
    turns = _Turns()
    names: dict[str, str] = {}
    open_calls: dict[str, str] = {}
    for item in items:
        if isinstance(item, ModelToolCall):
            names[item.call_id] = open_calls[item.call_id] = item.name
        elif isinstance(item, ModelToolResult):
            turns.results.append((names.get(item.call_id, "tool"), item.output))
            turns.results_after_user = True
            open_calls.pop(item.call_id, None)
        elif item.role == "user":
            turns.users.append(item)
            turns.results_after_user = False
        elif item.role == "assistant":
            turns.earlier.append((_said(turns.users), _text(item)))
            turns.said_before += 1
            turns.last_reply = _text(item) or turns.last_reply
            turns.users, turns.results, turns.results_after_user = [], [], False
    turns.running = list(open_calls.values())
    return turns


def _usable(request: ModelRequest) -> tuple[ModelTool, ...]:
    if request.tool_choice == "none":
        return ()
    if isinstance(request.tool_choice, tuple):
        return tuple(tool for tool in request.tools if tool.name == request.tool_choice[1])
    return request.tools


def _call(tool: ModelTool, arguments: Mapping[str, Any]) -> PlannedCall:
    return PlannedCall(tool.name, json.dumps(dict(arguments), ensure_ascii=False))


def _said(messages: Sequence[ModelMessage]) -> str:
    """The user's newest words. A photo and the words about it may be two messages."""
    return next((text for message in reversed(messages) if (text := _text(message))), "")


def _text(message: ModelMessage) -> str:
    return " ".join(part.text.strip() for part in message.content if isinstance(part, TextContent)).strip()


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _either(listed: Sequence[str]) -> str:
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def _limits(parameter: Parameter) -> str:
    if parameter.minimum is not None and parameter.maximum is not None:
        return f", from {parameter.minimum:g} to {parameter.maximum:g}"
    if parameter.minimum is not None:
        return f", at least {parameter.minimum:g}"
    return f", at most {parameter.maximum:g}" if parameter.maximum is not None else ""
