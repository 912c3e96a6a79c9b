"""`antiphon replay`: a call that was written down (`antiphon talk --trace`), shown again: words, times, decisions."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from antiphon.cli.exits import FAILED

if TYPE_CHECKING:
    from antiphon.client.trace import Entry, Trace
    from antiphon.conversation import Conversation

_LONGEST = 100


@click.command(short_help="Show a call again that was written down.")
@click.argument("trace", type=click.Path(exists=True, dir_okay=False), metavar="TRACE.jsonl")
@click.option("--events", is_flag=True, help="Every event of the wire, one a line.")
@click.option("--json", "as_json", is_flag=True, help="Friendly events with their time, one JSON object a line.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="TIMES",
    help="As it happened, so many times as fast; 1 is its own pace.  [default: all at once]",
)
def replay(trace: str, events: bool, as_json: bool, speed: float | None) -> None:
    """Show a call again that was written down with `antiphon talk --trace`.

    Its words and tools with their times, how long each answer took, and what was decided on the way.
    """
    from antiphon.client.trace import read_trace  # noqa: PLC0415 - heavy; --help does not need it

    found = read_trace(trace)
    wait = _pace(speed)
    if events:
        told = _wire(found)
    elif as_json:
        told = _friendly(found)
    elif speed is not None:
        told = _as_it_happened(found)
    else:
        told = _play(found)
    for moment in told:
        wait(moment.t_ms)
        click.echo(moment.text)
    if not found.complete:
        click.echo("antiphon: The trace has no end: the program was cut off, or the file was full.", err=True)
        if not found.entries:
            sys.exit(FAILED)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something to show. t_ms: since the trace began."""

    t_ms: float
    text: str


def _pace(speed: float | None) -> Callable[[float], None]:
    """What waits until a moment of the trace has come."""
    if speed is None:
        return lambda _t_ms: None
    began = time.monotonic()

    def wait(t_ms: float) -> None:
        time.sleep(max(0.0, began + t_ms / 1000 / speed - time.monotonic()))

    return wait


# ── every event ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _wire(trace: Trace) -> Iterator[Moment]:
    yield Moment(0.0, _heading(trace))
    for entry in trace.entries:
        yield Moment(entry.t_ms, f"{_clock(entry.t_ms)}  {_arrow(entry)} {_event_line(entry)}")


def _arrow(entry: Entry) -> str:
    return {"in": "←", "out": "→", "note": "·"}[entry.dir]


def _event_line(entry: Entry) -> str:
    if entry.dir == "note":
        return _decision(entry)
    event = entry.event
    told = [str(event.get("type") or "?")]
    error = event.get("error")
    if isinstance(error, dict):
        told.append(str(error.get("message")))
    for name in ("delta", "transcript", "text", "name"):
        if isinstance(event.get(name), str) and event[name]:
            told.append(json.dumps(_cut(event[name]), ensure_ascii=False))
            break
    if entry.elided:
        told.append(f"({sum(entry.elided.values())} bytes left out)")
    if entry.set_up:
        told.append("(new session)")
    return "  ".join(told)


def _decision(entry: Entry) -> str:
    words = entry.decision.replace("_", " ")
    told = ", ".join(f"{name} {value}" for name, value in entry.data.items())
    return f"{words}{f': {told}' if told else ''}"


# ── friendly events ───────────────────────────────────────────────────────────────────────────────────────────────────


def _steps(trace: Trace, conversation: Conversation) -> Iterator[tuple[Entry, list[Any]]]:
    """Each entry, and the friendly events that it brought."""
    from antiphon.client.trace import Trace as One  # noqa: PLC0415 - as above
    from antiphon.client.trace import replay as run  # noqa: PLC0415

    heard: list[Any] = []
    conversation.handlers.on("*", heard.append)
    for entry in trace.entries:
        run(One(trace.header, [entry]), conversation)
        yield entry, list(heard)
        heard.clear()


def _friendly(trace: Trace) -> Iterator[Moment]:
    from antiphon.conversation import Conversation, to_wire  # noqa: PLC0415 - as above

    for entry, heard in _steps(trace, Conversation()):
        for event in heard:
            told = {"t_ms": entry.t_ms, **to_wire(event)}
            yield Moment(entry.t_ms, json.dumps(told, ensure_ascii=False))


# ── as a play ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _play(trace: Trace) -> Iterator[Moment]:
    """All at once: the words in the conversation's order, decisions in between, and how long the answers took."""
    from antiphon.cli.talk.script import script  # noqa: PLC0415 - as above
    from antiphon.conversation import Conversation  # noqa: PLC0415

    conversation = Conversation()
    decisions: list[Moment] = []
    for entry, heard in _steps(trace, conversation):
        decisions += [Moment(entry.t_ms, line) for line in _asides(entry, heard)]
    yield Moment(0.0, f"{_heading(trace)}\n")
    messages = conversation.chat.messages
    for message, line in zip(messages, script(messages, conversation.turns.all), strict=True):
        t_ms = max(0.0, message.time - trace.started_ms)
        while decisions and decisions[0].t_ms <= t_ms:
            yield decisions.pop(0)
        yield Moment(t_ms, f"{_clock(t_ms)}  {_spoken(line)}")
    yield from decisions
    yield Moment(trace.entries[-1].t_ms if trace.entries else 0.0, _summary(trace, conversation))


def _as_it_happened(trace: Trace) -> Iterator[Moment]:
    """In the order of things: a line when its words are complete."""
    from antiphon.cli.talk.script import Voice, script  # noqa: PLC0415 - as above
    from antiphon.conversation import Conversation  # noqa: PLC0415

    conversation = Conversation()
    told: dict[str, str] = {}
    yield Moment(0.0, f"{_heading(trace)}\n")
    for entry, heard in _steps(trace, conversation):
        for aside in _asides(entry, heard):
            yield Moment(entry.t_ms, aside)
        if not heard:
            continue
        for line in script(conversation.chat.messages, conversation.turns.all):
            text = _spoken(line)
            if (not line.is_open or line.voice is Voice.TOOL) and told.get(line.key) != text:
                told[line.key] = text
                yield Moment(entry.t_ms, f"{_clock(entry.t_ms)}  {text}")
    yield Moment(trace.entries[-1].t_ms if trace.entries else 0.0, _summary(trace, conversation))


def _asides(entry: Entry, heard: list[Any]) -> list[str]:
    """What is told beside the words: decisions, and errors of the server."""
    lines = []
    if entry.dir == "note" and entry.decision not in ("played", "trace_ended"):
        lines.append(f"{_clock(entry.t_ms)}  · {_decision(entry)}")
    for event in heard:
        if event.type == "error":
            lines.append(f"{_clock(entry.t_ms)}  ! {event.error.message}")
    return lines


def _spoken(line: Any) -> str:
    from antiphon.cli.talk.script import Voice, seconds  # noqa: PLC0415 - as above

    match line.voice:
        case Voice.TOOL:
            return f"{'':<10} ⌁ {line.text}"
        case Voice.NOTE:
            return f"{'':<10} {line.text}"
    name = "You" if line.voice is Voice.YOU else "Assistant"
    cut_off = f" [not heard: {line.unheard.strip()}]" if line.unheard.strip() else ""
    took = f"  ({seconds(line.latency_ms)})" if line.latency_ms is not None else ""
    pictures = "".join("[picture] " for _ in line.images)
    return f"{name + ':':<10} {pictures}{line.text}{cut_off}{f' [{line.problem}]' if line.problem else ''}{took}"


def _heading(trace: Trace) -> str:
    header = trace.header
    return f"A call to {header.target or '?'} over {header.transport or '?'}, {header.started or 'at some time'}"


def _summary(trace: Trace, conversation: Conversation) -> str:
    from antiphon.cli.talk.script import seconds  # noqa: PLC0415 - as above

    lasted = trace.entries[-1].t_ms if trace.entries else 0.0
    answers = [
        turn.answer_ms for turn in conversation.turns.all if turn.kind != "unasked" and turn.answer_ms is not None
    ]
    told = [f"{len(conversation.chat.messages)} lines in {_clock(lasted)}"]
    if answers:
        middle = sorted(answers)[len(answers) // 2]
        told.append(f"answers began after {seconds(middle)} (the slowest {seconds(max(answers))})")
    total = conversation.usage.total
    if total.tokens_in or total.tokens_out:
        told.append(f"{total.tokens_in} tokens in, {total.tokens_out} out")
    if conversation.usage.cost:
        told.append(f"${conversation.usage.cost:.4f}")
    return f"\n{'; '.join(told)}."


def _clock(t_ms: float) -> str:
    minutes, rest = divmod(t_ms / 1000, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
