"""Our client beside `openai` and `openai-agents`, in one run and on one local server: events, connecting, memory, CPU.

    python benchmarks/client.py [--rounds 5] [--turns 40] [--seconds 5]

Each figure of each client is taken in a process of its own, and the clients take turns, so that all of them meet the
same moments of a busy machine. What is measured of each:

- antiphon: parse, one middleware, the router, one handler for every friendly event, the chat.
- openai: its parse; it has none of the rest.
- openai-agents: its parse, its session's events and its history, read by an `async for`.

"parse to chat" is what these parts cost by themselves; `stages` says for whom what. "fed" hands whole clients frames
without a network, so that nothing but their own work counts; "wire" sends the same frames over a WebSocket from another
process.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

CLIENTS = ("antiphon", "openai", "openai-agents")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "m",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "tools": [],
    "audio": {
        "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    },
}
_WORDS = [
    "The",
    "weather",
    "is",
    "fine",
    "today",
    "and",
    "stays",
    "so",
    "until",
    "evening",
    "with",
    "some",
    "rain",
    ".",
]
_PCM_100_MS = base64.b64encode(bytes(range(256)) * 18 + bytes(192)).decode()


# ── what a server says ───────────────────────────────────────────────────────────────────────────────────────────────


def turn(number: int) -> list[dict[str, Any]]:
    """One spoken turn as a hosted service tells it: the user's words, and an answer of as many words with its sound."""
    user, said, response_id = f"item_u{number}", f"item_a{number}", f"resp_{number}"
    before = f"item_a{number - 1}" if number else None
    spoken = {"id": user, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
    spoken["content"] = [{"type": "input_audio", "transcript": None}]  # type: ignore[assignment]
    answer = {"id": said, "object": "realtime.item", "type": "message", "role": "assistant"}
    words = " ".join(_WORDS)
    whole = {**answer, "status": "completed", "content": [{"type": "output_audio", "transcript": words}]}
    begun = {**answer, "status": "in_progress", "content": []}
    response = {
        "object": "realtime.response",
        "id": response_id,
        "status_details": None,
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "metadata": None,
    }
    usage = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 10, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 4, "audio_tokens": 6},
    }
    part = {"response_id": response_id, "item_id": said, "output_index": 0, "content_index": 0}
    heard = {"item_id": user, "content_index": 0}
    speech = "response.output_audio"
    return [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": user},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": user},
        {"type": "input_audio_buffer.committed", "previous_item_id": before, "item_id": user},
        {"type": "conversation.item.added", "previous_item_id": before, "item": spoken},
        {"type": "conversation.item.done", "previous_item_id": before, "item": spoken},
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "response_id": response_id, "output_index": 0, "item": begun},
        {"type": "conversation.item.added", "previous_item_id": user, "item": begun},
        {"type": "response.content_part.added", **part, "part": {"type": "audio", "transcript": ""}},
        *(
            {"type": "conversation.item.input_audio_transcription.delta", **heard, "delta": f"{word} "}
            for word in _WORDS[:6]
        ),
        {
            "type": "conversation.item.input_audio_transcription.completed",
            **heard,
            "transcript": " ".join(_WORDS[:6]),
            "usage": {"type": "duration", "seconds": 1.2},
        },
        *(
            frame
            for word in _WORDS
            for frame in (
                {"type": f"{speech}_transcript.delta", **part, "delta": f"{word} "},
                {"type": f"{speech}.delta", **part, "delta": _PCM_100_MS},
            )
        ),
        {"type": f"{speech}.done", **part},
        {"type": f"{speech}_transcript.done", **part, "transcript": words},
        {"type": "response.content_part.done", **part, "part": {"type": "audio", "transcript": words}},
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": whole},
        {"type": "conversation.item.done", "previous_item_id": user, "item": whole},
        {"type": "response.done", "response": {**response, "status": "completed", "output": [whole], "usage": usage}},
    ]


def script(turns: int) -> list[str]:
    events = (event for number in range(turns) for event in turn(number))
    return [json.dumps({"event_id": f"event_{number}", **event}) for number, event in enumerate(events)]


def one_long_answer(words: int) -> list[str]:
    """One turn whose answer is told in so many pieces, without sound, as over WebRTC."""
    frames = script(1)
    word = next(frame for frame in frames if "output_audio_transcript.delta" in frame)
    begun, ended = frames[: frames.index(word)], frames[-5:]
    return [*begun, *(word.replace("The ", f"word{number} ") for number in range(words)), *ended]


def opening(kind: str) -> str:
    return json.dumps({"type": kind, "event_id": "event_0", "session": _SESSION})


@asynccontextmanager
async def server(frames: list[str]) -> AsyncIterator[str]:
    """Greets, confirms sessions, and on a `response.create` says the script: at once, or in real time when it is asked
    with the path /paced."""
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    async def handle(connection: ServerConnection) -> None:
        await connection.send(opening("session.created"))
        paced = connection.request is not None and "paced" in connection.request.path
        async for message in connection:
            kind = json.loads(message)["type"]
            if kind == "session.update":
                await connection.send(opening("session.updated"))
            elif kind == "response.create":
                for frame in frames:
                    await connection.send(frame)
                    if paced and "output_audio.delta" in frame:
                        await asyncio.sleep(0.1)

    async def handle_until_closed(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await handle(connection)

    async with serve(handle_until_closed, "127.0.0.1", 0, compression=None, max_size=None) as running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}"


class Fed:
    """A connection whose frames are there already, with what each of the clients calls on one."""

    def __init__(self, frames: list[str], done: asyncio.Event) -> None:
        self._frames = [opening("session.created"), opening("session.updated"), *frames]
        self._next = iter(self._frames)
        self._done = done
        self.media = False

    async def connect(self) -> None: ...
    async def send(self, data: Any) -> None: ...
    async def close(self, *_: Any, **__: Any) -> None:
        self._done.set()

    async def receive(self) -> str:
        for frame in self._next:
            return frame
        await self._done.wait()
        from antiphon.client import ClosedError

        raise ClosedError(1000)

    async def recv(self, decode: bool | None = None) -> bytes:
        return (await self.receive()).encode()

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in self._next:
            yield frame
        await self._done.wait()


# ── the clients ──────────────────────────────────────────────────────────────────────────────────────────────────────

Asked = Callable[[], Awaitable[None]]
Said = Callable[[bytes], Awaitable[None]]


class Counter:
    """Sees the type of every event. `last` is set when so many responses have ended."""

    def __init__(self, responses: int) -> None:
        self.left = responses
        self.opened = asyncio.Event()
        self.last = asyncio.Event()

    def see(self, kind: str) -> None:
        if kind == "response.done":
            self.left -= 1
            if self.left == 0:
                self.last.set()
        elif kind == "session.created":
            self.opened.set()


@asynccontextmanager
async def antiphon(url: str, counter: Counter, fed: Fed | None) -> AsyncIterator[tuple[Asked, Said]]:
    from antiphon.client import RealtimeClient

    def pass_on(event: Any, _client: Any = None) -> Any:
        return event

    client = RealtimeClient(url, transport=fed, incoming=[pass_on], on_event=lambda event: counter.see(event.type))
    heard: list[None] = []
    client.on("*", lambda _event: heard.append(None) if len(heard) < 10 else None)
    async with client:
        yield _asks(client), client.send_audio
        assert fed is None or len(client.chat.messages) > 0


def _asks(client: Any) -> Asked:
    async def ask() -> None:
        client.respond()

    return ask


@asynccontextmanager
async def openai(url: str, counter: Counter, fed: Fed | None) -> AsyncIterator[tuple[Asked, Said]]:
    from openai import AsyncOpenAI
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

    async def read(connection: Any) -> None:
        async for event in connection:
            counter.see(event.type)

    if fed is not None:
        connection = AsyncRealtimeConnection(fed)  # type: ignore[arg-type]
        reading = asyncio.create_task(read(connection))
        yield connection.response.create, _nothing
        reading.cancel()
        return
    client = AsyncOpenAI(api_key="k", websocket_base_url=url)
    async with client.realtime.connect(model="m") as connection:
        reading = asyncio.create_task(read(connection))

        async def say(pcm: bytes) -> None:
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

        yield connection.response.create, say
        reading.cancel()


async def _nothing(_pcm: bytes) -> None: ...


@asynccontextmanager
async def agents(url: str, counter: Counter, fed: Fed | None) -> AsyncIterator[tuple[Asked, Said]]:
    from agents.realtime import RealtimeAgent, RealtimeRunner
    from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

    class Model(OpenAIRealtimeWebSocketModel):
        async def _create_websocket_connection(self, *args: Any, **kwargs: Any) -> Any:
            return await super()._create_websocket_connection(*args, **kwargs) if fed is None else fed

    runner = RealtimeRunner(RealtimeAgent(name="a", instructions="Be brief."), model=Model())
    session = await runner.run(model_config={"url": f"{url}/realtime?model=m", "api_key": "k"})

    async def read() -> None:
        async for event in session:
            if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                counter.see(event.data.data["type"])

    async with session:
        reading = asyncio.create_task(read())

        async def ask() -> None:
            await session.send_message("go")

        yield ask, session.send_audio
        reading.cancel()


OPEN = {"antiphon": antiphon, "openai": openai, "openai-agents": agents}


# ── one measurement, in a process of its own ─────────────────────────────────────────────────────────────────────────


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


async def events(client: str, url: str, frames: list[str], feed: bool) -> dict[str, float]:
    turns = sum('"response.done"' in frame for frame in frames)
    # Once before it counts: what is loaded and built when it is first used has a row of its own.
    warm = Counter(2)
    async with OPEN[client](url, warm, Fed(script(2), asyncio.Event())):
        await warm.last.wait()
    fed = Fed(frames, asyncio.Event()) if feed else None
    counter = Counter(turns)
    if fed is not None:
        # It reads as soon as it is opened: the opening counts for two frames of thousands.
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        async with OPEN[client](url, counter, fed):
            await counter.last.wait()
            took, busy = time.perf_counter() - began, time.process_time() - cpu
            await fed.close()
    else:
        async with OPEN[client](url, counter, None) as (ask, _):
            await counter.opened.wait()
            gc.collect()
            began, cpu = time.perf_counter(), time.process_time()
            await ask()
            await counter.last.wait()
            took, busy = time.perf_counter() - began, time.process_time() - cpu
    return {"per_second": len(frames) / took, "cpu_us": busy / len(frames) * 1e6, "memory_mb": memory_mb()}


def stages(client: str, frames: list[str]) -> dict[str, float]:
    """What an event takes on its way through parse, middleware, router and chat alone, with no call around them.

    Ours: those four, with a handler for everything. openai: its parse, for it has none of the rest. openai-agents has
    no such parts by themselves: its row is that of "fed".
    """
    if client == "openai-agents":
        return asyncio.run(events(client, "", frames, True))
    take = _ours() if client == "antiphon" else _openais()
    for frame in script(2):
        take(frame)
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    for frame in frames:
        take(frame)
    took, busy = time.perf_counter() - began, time.process_time() - cpu
    return {"per_second": len(frames) / took, "cpu_us": busy / len(frames) * 1e6, "memory_mb": memory_mb()}


def _ours() -> Callable[[str], object]:
    from antiphon.client.middleware import STOP, checked, passed
    from antiphon.conversation import Conversation
    from antiphon.protocol import decode_server_event

    middleware, conversation, nobody = checked([lambda event, _call: event]), Conversation(), cast("Any", None)
    heard: list[None] = []
    conversation.handlers.on("*", lambda _event: heard.append(None) if len(heard) < 10 else None)

    def take(frame: str) -> None:
        event = passed(middleware, decode_server_event(frame), nobody)
        if event is not STOP:
            conversation.receive(event, time.monotonic() * 1000)

    return take


def _openais() -> Callable[[str], object]:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

    connection = AsyncRealtimeConnection.__new__(AsyncRealtimeConnection)
    return connection.parse_event


async def connecting(client: str, url: str, times: int = 20) -> dict[str, float]:
    taken = []
    memory = 0.0
    for _ in range(times):
        began = time.perf_counter()
        counter = Counter(0)
        async with OPEN[client](url, counter, None):
            await counter.opened.wait()
            taken.append(time.perf_counter() - began)
            memory = memory or memory_mb()
    return {"first_ms": taken[0] * 1000, "ms": statistics.median(taken[1:]) * 1000, "memory_mb": memory}


async def cpu(client: str, url: str, seconds: float) -> dict[str, float]:
    """Parts of one core: of a call in which nothing happens, and of one in which both sides talk."""
    counter = Counter(0)
    async with OPEN[client](url, counter, None):
        await counter.opened.wait()
        before = time.process_time()
        await asyncio.sleep(seconds)
        idle = (time.process_time() - before) / seconds
    counter = Counter(0)
    async with OPEN[client](f"{url}/paced", counter, None) as (ask, say):
        await counter.opened.wait()
        await ask()
        before, began = time.process_time(), time.perf_counter()
        for number in range(int(seconds * 50)):
            await say(bytes(960))
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - time.perf_counter()))
        talking = (time.process_time() - before) / seconds
    return {"idle": idle, "talking": talking}


IMPORTS = {
    "antiphon": "from antiphon import RealtimeClient",
    "openai": "from openai import AsyncOpenAI; AsyncOpenAI(api_key='k').realtime.connect(model='m')",
    "openai-agents": "from agents.realtime import RealtimeAgent, RealtimeRunner",
}


def imported(client: str) -> dict[str, float]:
    """What it takes to be able to call, over a bare interpreter that has asyncio."""
    bare = "import asyncio, time; before = time.perf_counter()"
    tell = "import resource; print(time.perf_counter() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    lines = [
        subprocess.run([sys.executable, "-c", f"{bare}; {what}; {tell}"], capture_output=True, text=True, check=True)
        for what in ("pass", IMPORTS[client])
    ]
    (_, before), (seconds, after) = (map(float, line.stdout.split()) for line in lines)
    return {"ms": seconds * 1000, "memory_mb": (after - before) * 1024 / 1e6}


def worker(options: argparse.Namespace) -> None:
    match options.worker:
        case "fed" | "wire":
            frames = script(options.turns)
            found = asyncio.run(events(options.client, options.url, frames, options.worker == "fed"))
        case "stages":
            found = stages(options.client, script(options.turns))
        case "words":
            found = asyncio.run(events(options.client, options.url, one_long_answer(2000), True))
        case "connecting":
            found = asyncio.run(connecting(options.client, options.url))
        case "cpu":
            found = asyncio.run(cpu(options.client, options.url, options.seconds))
        case _:
            found = imported(options.client)
    print(json.dumps(found))


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = (
    ("events per second, parse to chat", "stages", "per_second", "{:,.0f}"),
    ("CPU per event, parse to chat", "stages", "cpu_us", "{:.1f} µs"),
    ("events per second, fed", "fed", "per_second", "{:,.0f}"),
    ("events per second, over a WebSocket", "wire", "per_second", "{:,.0f}"),
    ("CPU per event, fed", "fed", "cpu_us", "{:.1f} µs"),
    ("CPU per piece of a transcript, fed", "words", "cpu_us", "{:.1f} µs"),
    ("CPU per event, over a WebSocket", "wire", "cpu_us", "{:.1f} µs"),
    ("connect, the first in a process", "connecting", "first_ms", "{:.1f} ms"),
    ("connect, the next ones", "connecting", "ms", "{:.1f} ms"),
    ("import", "import", "ms", "{:.0f} ms"),
    ("memory, imported", "import", "memory_mb", "{:.1f} MB"),
    ("memory of the process, connected", "connecting", "memory_mb", "{:.1f} MB"),
    ("memory of the process, after the script", "wire", "memory_mb", "{:.1f} MB"),
    ("CPU of an idle call", "cpu", "idle", "{:.2%}"),
    ("CPU of a talking call", "cpu", "talking", "{:.2%}"),
)


async def measure(options: argparse.Namespace) -> None:
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    async with server(script(options.turns)) as url:
        for number in range(options.rounds):
            for kind in ("stages", "fed", "words", "wire", "connecting", "import", "cpu"):
                # The order changes, so that nobody always follows the same one.
                for client in CLIENTS[number % 3 :] + CLIENTS[: number % 3]:
                    more = ["--worker", kind, "--client", client, "--url", url]
                    more += ["--turns", str(options.turns), "--seconds", str(options.seconds)]
                    process = await asyncio.create_subprocess_exec(
                        sys.executable, __file__, *more, stdout=asyncio.subprocess.PIPE
                    )
                    output, _ = await process.communicate()
                    assert process.returncode == 0, f"{client} failed at {kind}"
                    found.setdefault((kind, client), []).append(json.loads(output))
            load = os.getloadavg()[0]
            print(f"round {number + 1} of {options.rounds}, load {load:.1f}", file=sys.stderr)
    frames = len(script(options.turns))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {frames} frames a run")
    print(f"median of {options.rounds} runs (worst), in brackets: times ours\n")
    print(f"{'':42}" + "".join(f"{client:>34}" for client in CLIENTS))
    for title, kind, name, form in ROWS:
        cells, ours = [], 0.0
        for client in CLIENTS:
            values = sorted(one[name] for one in found[kind, client])
            middle = statistics.median(values)
            worst = values[0] if name == "per_second" else values[-1]
            ours = ours or middle
            cells.append(f"{form.format(middle)} ({form.format(worst)}) [{middle / ours:.2f}]")
        print(f"{title:42}" + "".join(f"{cell:>34}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options)
    else:
        asyncio.run(measure(options))


if __name__ == "__main__":
    main()
