"""A chat server for tests: real HTTP on a random loopback port, as strict as the strictest servers known.

It stands in only because no language model can run in the tests. What it refuses, some real server refuses: unknown
fields, roles out of turn, tool calls without their results, arguments that do not parse, a missing key.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

FIELDS = {
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_tokens",
    "temperature",
}  # fmt: skip


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What a handler writes with. `gone` is set when the client closes the connection."""

    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def json(self, body: Any, status: int = 200, headers: str = "") -> None:
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        self.writer.write(f"{head}Connection: close\r\n{headers}\r\n".encode() + data)
        await self.writer.drain()

    async def begin_stream(self) -> None:
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        await self.writer.drain()

    async def chunk(self, body: Any) -> None:
        await self.raw(b"data: " + json.dumps(body).encode() + b"\n\n")

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def say(self, *pieces: str, finish: str = "stop", usage: Any = None) -> None:
        """A whole ordinary answer."""
        await self.begin_stream()
        for piece in pieces:
            await self.chunk({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        await self.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if usage:
            await self.chunk({"choices": [], "usage": usage})
        await self.raw(b"data: [DONE]\n\n")


Handler = Callable[[Request, Reply], Awaitable[None]]


@dataclass
class StrictServer:
    port: int = 0
    key: str | None = None
    models: tuple[str, ...] = ("tiny-instruct",)
    fields: set[str] = field(default_factory=lambda: set(FIELDS))
    answer: Handler | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Any]:
        return [request.body for request in self.requests if request.path.endswith("/chat/completions")]

    async def handle(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            await reply.json({"error": {"message": f"Incorrect API key provided: {self.key}"}}, 401)
        elif request.path == "/v1/models":
            await reply.json({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        elif request.path != "/v1/chat/completions":
            await reply.json({"error": {"message": "no such route"}}, 404)
        elif (wrong := wrong_with(request.body, self.fields)) is not None:
            await reply.json({"error": {"message": wrong, "type": "invalid_request_error"}}, 400)
        elif request.body["model"] not in self.models:
            await reply.json({"error": {"message": f"model {request.body['model']} not found"}}, 404)
        elif self.answer is None:
            await reply.say("Hello", " there.")
        else:
            await self.answer(request, reply)


def wrong_with(body: Any, fields: set[str]) -> str | None:
    """The first thing that a strict server would refuse a chat request for, or None."""
    for name in body:
        if name not in fields:
            return f"Unsupported parameter: '{name}'" + (
                ". Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            )
    if not body.get("tools") and ("tool_choice" in body or "parallel_tool_calls" in body):
        return "tool_choice and parallel_tool_calls are only allowed when tools are given"
    for tool in body.get("tools", ()):
        if set(tool) != {"type", "function"} or tool["function"].get("parameters", {}).get("type") != "object":
            return "a tool needs a type and a function with an object schema"
    return wrong_with_messages(body["messages"])


def wrong_with_messages(messages: list[Any]) -> str | None:
    rest = messages[1:] if messages and messages[0]["role"] == "system" else messages
    if not rest or rest[0]["role"] != "user":
        return "the first message must be the user's"
    if rest[-1]["role"] not in ("user", "tool"):
        return "the last message must be the user's or a tool's"
    open_calls: list[str] = []
    seen_ids: set[str] = set()
    before = "system"
    for message in rest:
        role = message["role"]
        allowed = {"user": {"role", "content"}, "assistant": {"role", "content", "tool_calls"}}
        if set(message) - allowed.get(role, {"role", "content", "tool_call_id"}):
            return f"unknown fields in a message of role {role}"
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool message must answer a call of the assistant message before it"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"no tool message answers {open_calls}"
        elif role == before or role not in ("user", "assistant"):
            return f"roles must take turns, not {before} and {role}"
        if role == "assistant":
            if not message["content"] and not message.get("tool_calls"):
                return "an assistant message must say or call something"
            for call in message.get("tool_calls", ()):
                if not isinstance(json.loads(call["function"]["arguments"]), dict):
                    return "arguments must be an object"
                if call["id"] in seen_ids:
                    return "call ids must be unique"
                seen_ids.add(call["id"])
                open_calls.append(call["id"])
        elif not message["content"] and role == "user":
            return "a user message must not be empty"
        before = role
    return f"no tool message answers {open_calls}" if open_calls else None


@asynccontextmanager
async def running(handle: Handler) -> AsyncIterator[int]:
    """Serve HTTP/1.1 on a random loopback port; gives the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        work = watch = None
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            data = await reader.readexactly(int(headers.get("content-length", 0)))
            reply = Reply(writer)
            work = asyncio.create_task(
                handle(Request(method, path, headers, json.loads(data) if data else None), reply)
            )
            watch = asyncio.create_task(reader.read(1))
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                reply.gone.set()
            await work
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            for child in (work, watch):
                if child is not None:
                    child.cancel()
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def strict_server(**settings: Any) -> AsyncIterator[StrictServer]:
    server = StrictServer(**settings)
    async with running(server.handle) as port:
        server.port = port
        yield server
