"""What calls survive, with real parts: networks that are cut, servers that are killed, caps, refusals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from antiphon.agent import Agent, tool
from antiphon.client import ClientSettings, ConnectError, Patience, RealtimeClient, RefusedError, text_of
from antiphon.client.continuity import RolloverSettings
from antiphon.client.lifecycle import ConnectionState
from antiphon.client.trace import TraceWriter, read_trace, replay
from antiphon.engine import Engine, Stages
from antiphon.engine.stages import ModelEvent, ModelRequest
from antiphon.protocol import (
    AudioConfig,
    AudioInput,
    InputTranscription,
    RealtimeSession,
    ResponseFunctionCallArgumentsDone,
)
from dark_relay import dark_relay
from engine_bench import Detector, Recognizer, Voice
from live_server import live_app, live_server
from session_rig import loud, quiet
from survival_rig import LINES, Counting, States, counting_engine, lines_of

TEXT = RealtimeSession(output_modalities=["text"])
HEARD = RealtimeSession(
    output_modalities=["text"], audio=AudioConfig(input=AudioInput(transcription=InputTranscription(model="whisper-1")))
)
QUICK = Patience(within_s=20.0, first_wait_s=0.05, last_wait_s=0.3)
SETTINGS = ClientSettings(
    connect=QUICK,
    reconnect=QUICK,
    connect_timeout_s=1.0,
    answer_timeout_s=5.0,
    path_check_s=0.4,
    shaky_grace_s=0.4,
    close_timeout_s=1.0,
)


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_network_that_is_gone_for_a_while_is_noticed_and_survived(tmp_path: Path) -> None:
    states, renewed = States(), []
    async with live_server(counting_engine()) as server, dark_relay(server.port) as relay:
        call = RealtimeClient(
            f"http://127.0.0.1:{relay.port}",
            session=TEXT,
            settings=SETTINGS,
            on_state=states,
            on_reconnected=renewed.append,
            trace=(trace := TraceWriter(tmp_path / "t", target="relay", transport="websocket")),
        )
        async with call:
            await call.ask("one")
            relay.go_dark()
            dark = asyncio.get_running_loop().time()
            await states.until(lambda: call.state is ConnectionState.RECONNECTING)
            assert asyncio.get_running_loop().time() - dark < 2.5, "it is told when there is no way"
            # Typed while there is no connection: it is answered when there is.
            asked = asyncio.create_task(call.ask("two"))
            asyncio.get_running_loop().call_at(dark + 3.0, relay.light_up)
            await asked
            assert asyncio.get_running_loop().time() - dark > 3.0
            await call.ask("three")
            assert lines_of(call) == LINES
        trace.close()
    assert [state.value for state in states.all] == [
        "connecting",
        "connected",
        "reconnecting",
        "connected",
        "disconnected",
    ]
    assert renewed == [2]
    again = replay(read_trace(tmp_path / "t"))
    assert [f"{one.role}: {one.text.strip()}" for one in again.chat.messages] == LINES


async def test_a_connection_that_breaks_in_an_answer_gets_the_answer_again_and_the_tool_runs_once() -> None:
    ran, begun, release = [], asyncio.Event(), asyncio.Event()

    @tool
    async def add(a: int, b: int) -> int:
        """Add."""
        ran.append((a, b))
        begun.set()
        await release.wait()
        return a + b

    states = States()
    async with live_server(_embedded()) as server, dark_relay(server.port) as relay:
        call = RealtimeClient(
            f"http://127.0.0.1:{relay.port}",
            session=TEXT,
            agent=Agent(tools=[add], filler=None),
            settings=SETTINGS,
            on_state=states,
        )
        async with call:
            asked = asyncio.create_task(call.ask("add two and five"))
            async with asyncio.timeout(10):
                await begun.wait()
            relay.cut()
            await states.until(lambda: ConnectionState.RECONNECTING in states.all)
            release.set()
            assert "7" in await asked
            await states.until(lambda: call.state is ConnectionState.CONNECTED)
            assert len(ran) == 1
            assert [message.role for message in call.chat.messages if message.role != "tool"] == ["user", "assistant"]


async def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    class Halting(Counting):
        """Stops in the middle of its first answer."""

        async def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
            async for event in super().respond(request):
                yield event
                if halting.is_set():
                    halted.set()
                    await asyncio.Event().wait()

    halting, halted, states = asyncio.Event(), asyncio.Event(), States()
    halting.set()
    stages = Stages(Detector(), Recognizer(), Halting(), Voice(seconds=0.05))  # type: ignore[arg-type]
    async with (
        live_server(Engine(stages)) as server,
        dark_relay(server.port) as relay,
        RealtimeClient(f"http://127.0.0.1:{relay.port}", session=TEXT, settings=SETTINGS, on_state=states) as call,
    ):
        asked = asyncio.create_task(call.ask("one"))
        await halted.wait()
        halting.clear()
        relay.cut()
        assert (await asked).strip() == "You said one, your word 1."
        assert lines_of(call)[0] == "user: one"
        assert lines_of(call)[-1] == "assistant: You said one, your word 1."
        assert states.names == ["connecting", "connected", "reconnecting", "connected"]


async def test_a_function_call_of_the_apps_own_is_answered_in_the_next_session() -> None:
    states = States()
    session = msgspec.structs.replace(TEXT, tools=[tool(_add).definition()])
    async with (
        live_server(_embedded()) as server,
        dark_relay(server.port) as relay,
        RealtimeClient(f"http://127.0.0.1:{relay.port}", session=session, settings=SETTINGS, on_state=states) as call,
    ):
        called = asyncio.ensure_future(call.wait_for(ResponseFunctionCallArgumentsDone))
        await call.send_text("add two and five")
        call_id = (await called).call_id
        await call.response()
        relay.cut()
        await states.until(lambda: call.state is ConnectionState.RECONNECTING)
        await states.until(lambda: call.state is ConnectionState.CONNECTED)
        await call.send_output(call_id, "7")
        assert "7" in text_of(await call.response())


async def _add(a: int, b: int) -> int:
    """Add."""
    raise AssertionError("the app runs it by itself")


def _embedded() -> Engine:
    from antiphon.engine.llm.embedded import open_model
    from antiphon.engine.stages import StageOptions

    stages = Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05))  # type: ignore[arg-type]
    return Engine(stages)


# ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_is_killed_and_started_again_goes_on_with_the_conversation() -> None:
    port = _free_port()
    states = States()
    first = await _serve(port)
    await _is_there(first, port)
    second = None
    try:
        async with RealtimeClient(f"http://127.0.0.1:{port}", session=TEXT, settings=SETTINGS, on_state=states) as call:
            await call.ask("echo one")
            before = lines_of(call)
            first.send_signal(signal.SIGKILL)
            await first.wait()
            await states.until(lambda: call.state is ConnectionState.RECONNECTING)
            asked = asyncio.create_task(call.ask("echo two"))
            second = await _serve(port)
            await asked
            assert lines_of(call)[: len(before)] == before
            assert [line for line in lines_of(call) if line.startswith("user")] == ["user: echo one", "user: echo two"]
            assert call.state is ConnectionState.CONNECTED
    finally:
        for process in (first, second):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _serve(port: int) -> asyncio.subprocess.Process:
    pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
    ours = ("ANTIPHON_", "OPENAI_", "AZURE_OPENAI_", "REALTIME_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon", "serve", "--port", str(port), "--no-discovery"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )


async def _is_there(process: asyncio.subprocess.Process, port: int) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while f":{port}" not in (line := (await process.stdout.readline()).decode()):
            assert line, "it ended early"


# ── the session's cap ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["websocket", "webrtc"])
@pytest.mark.parametrize("rolls_over", [True, False])
async def test_a_session_at_its_cap_is_followed_by_another_one(
    rolls_over: bool, kind: Literal["websocket", "webrtc"]
) -> None:
    if kind == "webrtc":
        pytest.importorskip("aiortc", reason="WebRTC is not installed: antiphon[rtc] has it")
    states, renewed, sessions = States(), [], []
    settings = ClientSettings(
        reconnect=QUICK,
        rollover=RolloverSettings(seek_s=0.8, force_s=0.2) if rolls_over else None,
        answer_timeout_s=5.0,
    )

    def note(replayed: int) -> None:
        renewed.append(replayed)
        states.changed.set()

    async with (
        live_server(counting_engine(max_session_s=2.0)) as server,
        RealtimeClient(
            server.base_url,
            transport=kind,
            session=TEXT,
            settings=settings,
            on_state=states,
            on_reconnected=note,
            on_event=lambda event: sessions.append(event) if event.type == "session.created" else None,
        ) as call,
    ):
        await call.ask("one")
        await states.until(lambda: renewed)
        await call.ask("two")
        await call.ask("three")
        assert lines_of(call) == LINES
        assert len(sessions) == 2
        assert (ConnectionState.RECONNECTING in states.all) is not rolls_over


@pytest.mark.parametrize("kind", ["websocket", "webrtc"])
async def test_the_microphone_goes_on_into_the_new_session(kind: Literal["websocket", "webrtc"]) -> None:
    if kind == "webrtc":
        pytest.importorskip("aiortc", reason="WebRTC is not installed: antiphon[rtc] has it")
    speak, states, renewed = asyncio.Event(), States(), []

    async def microphone() -> AsyncIterator[bytes]:
        while True:
            await speak.wait()
            for block in [loud(20)] * 30 + [quiet(20)] * 50:
                yield block
            speak.clear()

    def note(replayed: int) -> None:
        renewed.append(replayed)
        states.changed.set()

    settings = ClientSettings(reconnect=QUICK, rollover=RolloverSettings(seek_s=0.8, force_s=0.2))
    async with (
        live_server(counting_engine(max_session_s=6.0)) as server,
        RealtimeClient(
            server.base_url,
            transport=kind,
            session=HEARD,
            settings=settings,
            microphone=microphone(),
            on_state=states,
            on_reconnected=note,
        ) as call,
    ):
        call.on("assistant.completed", lambda _event: states.changed.set())
        speak.set()
        await states.until(lambda: len(call.chat.messages) == 2 and not speak.is_set())
        await states.until(lambda: renewed)
        speak.set()
        await states.until(lambda: len(lines_of(call)) == 4 and lines_of(call)[-1].endswith("."))
        assert lines_of(call) == [
            "user: hello there",
            "assistant: You said hello there, your word 1.",
            "user: hello there",
            "assistant: You said hello there, your word 2.",
        ]
        assert ConnectionState.RECONNECTING not in states.all


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Refusing:
    """An app in front of another one, which refuses as often as it is told: (status, headers), in turn."""

    def __init__(self, app: Any, *refusals: tuple[int, dict[str, str]]) -> None:
        self.app = app
        self.refusals = deque(refusals)
        self.asked: list[float] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or scope["path"] == "/healthz":
            await self.app(scope, receive, send)
            return
        self.asked.append(asyncio.get_running_loop().time())
        if not self.refusals:
            await self.app(scope, receive, send)
            return
        status, headers = self.refusals.popleft()
        kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": f"{kind}.start", "status": status, "headers": named})
        await send({"type": f"{kind}.body", "body": b'{"error":{"message":"No.","code":"no"}}'})


@asynccontextmanager
async def refusing(*refusals: tuple[int, dict[str, str]]) -> AsyncIterator[tuple[str, Refusing]]:
    async with live_server(counting_engine()) as server:
        front = Refusing(server.app, *refusals)
        # The app's own start and end are the inner server's.
        async with live_app(_without_lifespan(front)) as url:
            yield url, front


def _without_lifespan(app: Refusing) -> Any:
    async def without(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await app(scope, receive, send)

    return without


async def test_a_server_that_says_later_is_asked_again_when_it_said() -> None:
    async with refusing((429, {"Retry-After": "0.4"}), (503, {})) as (url, front):
        async with RealtimeClient(url, session=TEXT, settings=SETTINGS) as call:
            assert "your word 1" in await call.ask("one")
        waits = [after - before for before, after in zip(front.asked, front.asked[1:], strict=False)]
        assert len(waits) == 2
        assert waits[0] >= 0.39


async def test_a_place_where_nothing_is_is_said_at_once() -> None:
    states = States()
    async with refusing((404, {})) as (url, front):
        with pytest.raises(RefusedError) as caught:
            await RealtimeClient(url, session=TEXT, settings=SETTINGS, on_state=states).connect()
        assert caught.value.status == 404
        assert len(front.asked) == 1
    assert states.all[-1] is ConnectionState.ERROR


async def test_a_call_that_is_refused_when_it_comes_back_waits_or_ends_as_it_is_told() -> None:
    states = States()
    async with refusing() as (url, front):
        port = int(url.rpartition(":")[2])
        async with (
            dark_relay(port) as relay,
            RealtimeClient(f"http://127.0.0.1:{relay.port}", session=TEXT, settings=SETTINGS, on_state=states) as call,
        ):
            await call.ask("one")
            front.refusals += [(429, {"Retry-After": "0.3"}), (500, {})]
            relay.cut()
            await states.until(lambda: call.state is ConnectionState.RECONNECTING)
            await states.until(lambda: call.state is ConnectionState.CONNECTED)
            await call.ask("two")
            await call.ask("three")
            assert lines_of(call) == LINES
            front.refusals.append((404, {}))
            relay.cut()
            await states.until(lambda: call.state is ConnectionState.ERROR)
            assert call.closed is not None
            assert "404" in str(call.closed)


async def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(ConnectError):
        await RealtimeClient(f"http://127.0.0.1:{_free_port()}", settings=SETTINGS).connect()
