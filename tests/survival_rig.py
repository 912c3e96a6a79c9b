"""What the tests of broken networks share: an engine that says what it knows, and what a client was through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from antiphon.client import RealtimeClient
from antiphon.client.lifecycle import ConnectionState
from antiphon.engine import Engine, SessionSettings, Stages
from antiphon.engine.stages import ModelDone, ModelEvent, ModelMessage, ModelRequest, TextDelta
from engine_bench import Detector, Model, Recognizer, Voice

LINES = [
    "user: one",
    "assistant: You said one, your word 1.",
    "user: two",
    "assistant: You said two, your word 2.",
    "user: three",
    "assistant: You said three, your word 3.",
]
"""A whole conversation with `counting_engine`, as `lines_of` tells it: nothing lost, nothing doubled."""


class Counting(Model):
    """Says what the user said last, and how often the user spoke: so that a test sees what a session was told."""

    async def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        said = [item for item in request.items if isinstance(item, ModelMessage) and item.role == "user"]
        for word in f"You said {_text(said[-1])}, your word {len(said)}.".split(" "):
            yield TextDelta(f"{word} ")
        yield ModelDone("stop", 3, 2)


def _text(message: ModelMessage) -> str:
    return "".join(getattr(part, "text", "") for part in message.content)


def counting_engine(max_session_s: float = 3600.0) -> Engine:
    """An engine without audio stages to speak of. max_session_s: after how long it ends a session."""
    stages = Stages(Detector(), Recognizer(), Counting(), Voice(seconds=0.05))  # type: ignore[arg-type]
    return Engine(stages, session=SessionSettings(max_session_s=max_session_s))


class States:
    """Every state a client was in, and a way to wait for one. Give it to a client as `on_state`."""

    def __init__(self) -> None:
        self.all: list[ConnectionState] = []
        self.changed = asyncio.Event()

    def __call__(self, state: ConnectionState) -> None:
        self.all.append(state)
        self.changed.set()

    @property
    def names(self) -> list[str]:
        return [state.value for state in self.all]

    async def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def lines_of(call: RealtimeClient) -> list[str]:
    """The chat as lines."""
    return [f"{message.role}: {message.text.strip()}" for message in call.chat.messages]
