"""Connecting and disconnecting: states, guards, giving up, calling again; what is told of it, and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon import Agent, ToolContext, tool
from antiphon.client import (
    ClientSettings,
    ClosedError,
    ConnectError,
    ConnectionState,
    Fault,
    FaultStage,
    MemoryTransport,
    RealtimeClient,
    RejectedError,
    Severity,
    Stage,
    memory_pair,
)
from antiphon.client.audio import DeviceError, IterSource, NullSink
from antiphon.protocol import RealtimeSession
from scripted_realtime import ScriptedRealtime, scripted

IDLE, CONNECTING, CONNECTED, DISCONNECTED, ERROR = (
    ConnectionState.IDLE,
    ConnectionState.CONNECTING,
    ConnectionState.CONNECTED,
    ConnectionState.DISCONNECTED,
    ConnectionState.ERROR,
)
SESSION = RealtimeSession(instructions="Be brief.")


class Doors:
    """A transport to a new scripted server at every connection. hold: connections wait until it is set."""

    media = False

    def __init__(self) -> None:
        self.servers: list[ScriptedRealtime] = []
        self.hold: asyncio.Event | None = None
        self.refuses = False
        self.waiting = asyncio.Event()
        self._inner: MemoryTransport | None = None
        self._running: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        if self.hold is not None:
            self.waiting.set()
            await self.hold.wait()
        if self.refuses:
            raise ConnectError("Nobody listens there.")
        self._inner, theirs = memory_pair()
        server = ScriptedRealtime(theirs, answers=deque(["Hello."] * 4))
        self.servers.append(server)
        self._running.append(asyncio.create_task(server.run(), name="scripted-server"))

    async def send(self, data: str) -> None:
        assert self._inner is not None
        await self._inner.send(data)

    async def receive(self) -> str | bytes:
        assert self._inner is not None
        return await self._inner.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._inner is not None:
            await self._inner.close(code, reason)

    async def aclose(self) -> None:
        for server in self.servers:
            await server.transport.close()
        await asyncio.gather(*self._running)


@asynccontextmanager
async def doors() -> AsyncIterator[Doors]:
    made = Doors()
    try:
        async with asyncio.timeout(20):
            yield made
    finally:
        await made.aclose()


# ── states and guards ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_client_calls_by_hand_and_calls_again() -> None:
    states: list[ConnectionState] = []
    async with doors() as transport:
        client = RealtimeClient(transport=transport, on_state=states.append)
        assert client.state is IDLE
        for number in range(2):
            await client.connect()
            assert client.state is CONNECTED
            assert await client.ask("hi") == "Hello."
            await client.disconnect()
            assert client.state is DISCONNECTED
            assert len(transport.servers) == number + 1
    assert states == [CONNECTING, CONNECTED, DISCONNECTED] * 2


async def test_connecting_twice_at_once_makes_one_call() -> None:
    async with doors() as transport:
        client = RealtimeClient(transport=transport)
        await asyncio.gather(client.connect(), client.connect())
        await client.connect()
        assert len(transport.servers) == 1
        await asyncio.gather(client.disconnect(), client.disconnect())
        assert client.state is DISCONNECTED


async def test_disconnecting_gives_up_a_connection_that_is_being_made() -> None:
    before = asyncio.all_tasks()
    async with doors() as transport:
        transport.hold = asyncio.Event()
        client = RealtimeClient(transport=transport)
        connecting = asyncio.create_task(client.connect())
        await transport.waiting.wait()
        assert client.state is CONNECTING
        await client.disconnect()
        with pytest.raises(ClosedError, match="hung up while it was connecting"):
            await connecting
        assert client.state is DISCONNECTED
        assert not {task.get_name() for task in asyncio.all_tasks() - before} - {"scripted-server"}

        transport.hold = None
        await client.connect()
        assert client.state is CONNECTED
        await client.disconnect()


async def test_a_cancelled_connect_leaves_the_client_ready_for_another() -> None:
    async with doors() as transport:
        transport.hold = asyncio.Event()
        client = RealtimeClient(transport=transport)
        connecting = asyncio.create_task(client.connect())
        await transport.waiting.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert client.state is DISCONNECTED
        transport.hold = None
        async with client:
            assert client.state is CONNECTED


async def test_a_call_that_nobody_takes_is_a_critical_fault_and_can_be_tried_again() -> None:
    faults: list[Fault] = []
    async with doors() as transport:
        transport.refuses = True
        client = RealtimeClient(transport=transport, on_fault=faults.append)
        with pytest.raises(ConnectError):
            await client.connect()
        assert client.state is ERROR
        [fault] = faults
        assert (fault.stage, fault.severity) == (FaultStage.INIT_PEER_CONNECTION, Severity.CRITICAL)
        assert isinstance(fault.error, ConnectError)
        assert fault.recoverable
        transport.refuses = False
        async with client:
            assert client.state is CONNECTED
        assert client.state is DISCONNECTED


async def test_a_session_that_is_refused_ends_the_call() -> None:
    async with scripted(refuse="instructions") as (transport, _server):
        client = RealtimeClient(transport=transport, session=SESSION)
        with pytest.raises(RejectedError):
            await client.connect()
        assert client.state is ERROR
        with pytest.raises(ClosedError):
            await client.send_text("hi")


@pytest.mark.parametrize(("code", "state"), [(1000, DISCONNECTED), (1008, ERROR)])
async def test_how_the_server_ends_a_call_is_how_it_stands(code: int, state: ConnectionState) -> None:
    reached = asyncio.Event()
    async with (
        scripted() as (transport, server),
        RealtimeClient(transport=transport, on_state=lambda new: reached.set() if new is state else None) as call,
    ):
        await server.transport.close(code, "enough")
        async with asyncio.timeout(10):
            await reached.wait()
        assert call.state is state
        assert call.closed is not None
        assert call.closed.code == code


async def test_the_session_is_sent_when_it_is_wanted() -> None:
    for setup, updates in (("always", 1), ("if_different", 1), ("never", 0)):
        async with (
            scripted() as (transport, server),
            RealtimeClient(transport=transport, session=SESSION, setup=setup),  # type: ignore[arg-type]
        ):
            assert len(server.all("session.update")) == updates
    same = RealtimeSession(instructions="Default.")
    async with (
        scripted() as (transport, server),
        RealtimeClient(transport=transport, session=same, setup="if_different"),
    ):
        assert server.all("session.update") == []


async def test_a_handler_and_a_tool_may_hang_up() -> None:
    @tool
    async def hang_up(context: ToolContext) -> None:
        """End the call."""
        await asyncio.gather(client.disconnect())

    async with doors() as transport:
        client = RealtimeClient(transport=transport)
        client.on("assistant.completed", lambda _event: client.disconnect())
        async with client as call:
            over = asyncio.Event()
            call.on_state(lambda state: over.set() if state is DISCONNECTED else None)
            await call.send_text("hi")
            await over.wait()
    async with asyncio.timeout(10), scripted(answers=deque([[("hang_up", "{}")]])) as (ours, _server):
        client = RealtimeClient(transport=ours, agent=Agent(tools=[hang_up]))
        ended = asyncio.Event()
        client.on_state(lambda state: ended.set() if state is DISCONNECTED else None)
        await client.connect()
        await client.send_text("bye")
        await ended.wait()


async def test_what_was_given_to_a_call_is_closed_with_it_also_when_it_never_opens() -> None:
    class Given:
        closed = 0

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

        async def aclose(self) -> None:
            self.closed += 1

    class Speaker(NullSink):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    for refuses in (True, False):
        async with doors() as transport:
            transport.refuses = refuses
            microphone, speaker = Given(), Speaker()
            client = RealtimeClient(transport=transport, microphone=microphone, speaker=speaker)
            with contextlib.suppress(ConnectError):
                async with client:
                    assert not refuses
            assert (microphone.closed, speaker.closed) == (1, 1)


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_stages_are_told_to_who_asked_for_one_and_then_to_who_asked_for_all() -> None:
    told: list[tuple[str, Stage]] = []
    async with scripted() as (transport, _server):
        client = RealtimeClient(transport=transport, on_stage=lambda stage, _data: told.append(("all", stage)))
        off = client.on_stage(Stage.DATA_CHANNEL_OPEN, lambda _data: told.append(("one", Stage.DATA_CHANNEL_OPEN)))
        client.on_stage(Stage.DATA_CHANNEL_OPEN, broken)
        source = IterSource([bytes(960)], realtime=False)
        async with client as call:
            off()
            await call.set_microphone(source)
    stages = [stage for who, stage in told if who == "all"]
    assert stages[:4] == [
        Stage.PEER_CONNECTION_CREATING,
        Stage.PEER_CONNECTION_CREATED,
        Stage.REMOTE_STREAM_SET,
        Stage.DATA_CHANNEL_OPEN,
    ]
    opened = told.index(("one", Stage.DATA_CHANNEL_OPEN))
    assert told[opened + 1] == ("all", Stage.DATA_CHANNEL_OPEN)
    assert stages.count(Stage.LOCAL_TRACK_ADDED) == 1
    assert Stage.DATA_CHANNEL_MESSAGE in stages
    assert stages[-1] is Stage.HANG_UP_DONE
    assert Stage.HANG_UP_STARTED in stages


def broken(_data: object) -> None:
    raise RuntimeError("a listener")


async def test_what_is_no_event_is_told_with_what_came_and_ends_nothing() -> None:
    faults: list[Fault] = []
    async with (
        scripted(answers=deque(["Hello."])) as (transport, server),
        RealtimeClient(transport=transport, on_fault=faults.append) as call,
    ):
        await server.transport.send('{"type": ')
        assert await call.ask("hi") == "Hello."
        assert call.state is CONNECTED
    [fault] = faults
    assert (fault.stage, fault.severity, fault.recoverable) == (FaultStage.DATA_CHANNEL, Severity.WARNING, True)
    assert fault.context["raw"] == '{"type": '
    assert fault.timestamp > 1_700_000_000


@pytest.mark.parametrize(
    ("code", "severity", "recoverable"),
    [
        ("conversation_already_has_active_response", Severity.INFO, True),
        ("invalid_value", Severity.WARNING, True),
        ("insufficient_quota", Severity.WARNING, False),
    ],
)
async def test_errors_of_the_server_are_faults_of_the_api(code: str, severity: Severity, recoverable: bool) -> None:
    faults: list[Fault] = []
    seen = asyncio.Event()

    def note(fault: Fault) -> None:
        faults.append(fault)
        seen.set()

    async with scripted() as (transport, server), RealtimeClient(transport=transport, on_fault=note) as call:
        await server.error("event_9", code, "session.voice")
        async with asyncio.timeout(10):
            await seen.wait()
        assert call.state is CONNECTED
    [fault] = faults
    assert (fault.stage, fault.severity, fault.recoverable) == (FaultStage.API, severity, recoverable)
    assert fault.context["code"] == code
    assert fault.context["param"] == "session.voice"


async def test_a_microphone_that_cannot_be_opened_is_a_warning_and_the_call_goes_on() -> None:
    class Denied:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            raise DeviceError("The microphone is somebody else's.")

        async def aclose(self) -> None: ...

    stages: list[Stage] = []
    faults: list[Fault] = []
    told = asyncio.Event()

    def note(fault: Fault) -> None:
        faults.append(fault)
        told.set()

    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(
            transport=transport,
            microphone=Denied(),
            on_fault=note,
            on_stage=lambda stage, _data: stages.append(stage),
        ) as call,
    ):
        async with asyncio.timeout(10):
            await told.wait()
        assert await call.ask("hi") == "Hello."
    assert Stage.MICROPHONE_PERMISSION_DENIED in stages
    assert Stage.MICROPHONE_PERMISSION_GRANTED not in stages
    assert [fault.stage for fault in faults] == [FaultStage.MICROPHONE_PERMISSION]


# ── the microphone, without a second call ────────────────────────────────────────────────────────────────────────────


async def test_a_call_begins_without_a_microphone_and_gets_changes_and_loses_it_on_the_same_connection() -> None:
    class Source:
        def __init__(self, byte: bytes) -> None:
            self.block = byte * 960
            self.closed = 0

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            await asyncio.sleep(0)
            return self.block

        async def aclose(self) -> None:
            self.closed += 1

    async with doors() as transport, RealtimeClient(transport=transport) as call:
        [server] = transport.servers
        first, second = Source(b"\x01"), Source(b"\x02")
        heard: Callable[[Source], Any] = lambda source: next(  # noqa: E731
            (True for event in server.all("input_audio_buffer.append") if event["audio"] == encoded(source.block)), None
        )
        await call.set_microphone(first)
        await server.until(lambda: heard(first))
        await call.set_microphone(second)
        assert (first.closed, second.closed) == (1, 0)
        await server.until(lambda: heard(second))
        await call.set_microphone(None)
        assert second.closed == 1
        assert len(transport.servers) == 1
        assert call.state is CONNECTED


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


async def test_a_source_that_ends_is_followed_by_silence_so_that_the_turn_can_end() -> None:
    async with (
        scripted() as (transport, server),
        RealtimeClient(transport=transport, settings=ClientSettings(max_events=0)) as call,
    ):
        await server.send("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
        ended = asyncio.Event()
        call.on_stage(Stage.LOCAL_TRACK_REMOVED, lambda _source: ended.set())
        await call.set_microphone(IterSource([b"\x01" * 960], realtime=False))
        async with asyncio.timeout(10):
            await ended.wait()
        await server.until(lambda: len(server.all("input_audio_buffer.append")) > 3)
        appended = [event["audio"] for event in server.all("input_audio_buffer.append")]
        assert appended[0] == encoded(b"\x01" * 960)
        assert set(appended[1:]) == {encoded(bytes(960))}
