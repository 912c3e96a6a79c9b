"""A Realtime server played at the other end of a transport: it answers as servers do, or leaves out what a test says.

`answers` are what it says to each `response.create` in turn: words, or function calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from antiphon.client import ClosedError, MemoryTransport, memory_pair

DEFAULT_SESSION: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "scripted",
    "output_modalities": ["audio"],
    "instructions": "Default.",
    "tools": [],
    "audio": {
        "input": {"turn_detection": {"type": "server_vad"}},
        "output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}},
    },
}


@dataclass
class ScriptedRealtime:
    """received: every client event as it came. leave_out: types of server events that it never sends.

    answers: words (a str), or function calls (a list of name and arguments). refuse: an update's field that it refuses;
    ignore: fields that it takes no notice of.
    """

    transport: MemoryTransport
    answers: deque[str | list[tuple[str, str]]] = field(default_factory=deque)
    leave_out: frozenset[str] = frozenset()
    refuse: str | None = None
    ignore: frozenset[str] = frozenset()
    greet: bool = True
    received: list[dict[str, Any]] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(DEFAULT_SESSION)))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    responses: int = 0

    async def send(self, event_type: str, **members: Any) -> None:
        if event_type not in self.leave_out:
            # A peer that hung up is still listened to: what it sent before has arrived.
            with contextlib.suppress(ClosedError):
                await self.transport.send(json.dumps({"type": event_type, "event_id": "event_s", **members}))

    async def run(self) -> None:
        with contextlib.suppress(ClosedError):
            if self.greet:
                await self.send("session.created", session=self.session)
            while True:
                event = json.loads(await self.transport.receive())
                self.received.append(event)
                await self.answer(event)
                self.changed.set()

    async def answer(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                await self.update(event)
            case "conversation.item.create":
                await self.send("conversation.item.added", item=event["item"])
                await self.send("conversation.item.done", item=event["item"])
            case "response.create" if self.answers:
                await self.respond(self.answers.popleft())

    async def update(self, event: dict[str, Any]) -> None:
        if self.refuse is not None and self.refuse in event["session"]:
            await self.error(event["event_id"], "unknown_parameter", f"session.{self.refuse}")
            return
        self.session |= {name: value for name, value in event["session"].items() if name not in self.ignore}
        await self.send("session.updated", session=self.session)

    async def error(self, event_id: str, code: str, param: str | None = None) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": f"No: {code}.", "event_id": event_id}
        await self.send("error", error=error | ({"param": param} if param else {}))

    async def begin(self) -> str:
        self.responses += 1
        response_id = f"resp_{self.responses}"
        response = {"id": response_id, "status": "in_progress", "output": [], "conversation_id": "conv_1"}
        await self.send("response.created", response=response)
        return response_id

    async def respond(self, answer: str | list[tuple[str, str]]) -> None:
        response_id = await self.begin()
        output: list[dict[str, Any]] = []
        if isinstance(answer, str):
            part = {"type": "output_text", "text": answer}
            output = [{"type": "message", "id": f"{response_id}_a", "role": "assistant", "content": [part]}]
        else:
            for number, (name, arguments) in enumerate(answer):
                call = {"call_id": f"call_{self.responses}_{number}", "name": name, "arguments": arguments}
                output.append({"type": "function_call", "id": f"{response_id}_{number}", "status": "completed", **call})
        for index, item in enumerate(output):
            place = {"response_id": response_id, "output_index": index}
            await self.send("response.output_item.added", item=item, **place)
            if item["type"] == "function_call":
                await self.send(
                    "response.function_call_arguments.done",
                    item_id=item["id"],
                    **{key: item[key] for key in ("call_id", "name", "arguments")},
                    **place,
                )
            await self.send("response.output_item.done", item=item, **place)
        await self.done(response_id, output=output)

    async def done(self, response_id: str, status: str = "completed", output: Any = ()) -> None:
        response = {"id": response_id, "status": status, "output": list(output), "conversation_id": "conv_1"}
        await self.send("response.done", response=response)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def types(self) -> list[str]:
        return [event["type"] for event in self.received]

    def all(self, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == event_type]


@contextlib.asynccontextmanager
async def scripted(*, media: bool = False, limit: int = 256, **script: Any) -> AsyncIterator[tuple[Any, Any]]:
    """A client's transport, and the server at its other end, which runs while the block does."""
    ours, theirs = memory_pair(limit=limit, media=media)
    server = ScriptedRealtime(theirs, **script)
    running = asyncio.create_task(server.run(), name="scripted-server")
    try:
        yield ours, server
    finally:
        await theirs.close()
        await running
