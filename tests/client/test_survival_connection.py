"""A connection that makes its next one: what the sessions are told, each exactly once. In memory, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from antiphon.client import (
    ClientError,
    ClientSettings,
    ClosedError,
    ConnectError,
    MemoryTransport,
    Patience,
    RefusedError,
    Transport,
    memory_pair,
)
from antiphon.client.connection import Connection
from antiphon.client.continuity import LineState, RolloverSettings
from antiphon.client.messages import typed
from antiphon.client.trace import TraceWriter
from antiphon.conversation import Record
from antiphon.errors import LocalProtocolError
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    FunctionCallOutput,
    InputAudioBufferAppend,
    Item,
    RealtimeSession,
    SessionUpdate,
    decode_server_event,
)
from scripted_realtime import ScriptedRealtime
from virtual_time import run_in_virtual_time

SETTINGS = ClientSettings(
    answer_timeout_s=5.0,
    connect=Patience(within_s=20.0, first_wait_s=1.0),
    reconnect=Patience(within_s=60.0, first_wait_s=1.0, last_wait_s=4.0),
    rollover=RolloverSettings(seek_s=100.0, force_s=20.0),
)


class Server(ScriptedRealtime):
    """One session. stopped: it reads nothing more."""

    def items(self) -> list[dict[str, Any]]:
        return [event["item"] for event in self.all("conversation.item.create")]

    def texts(self) -> list[str]:
        """What it was told, of notes nothing."""
        return [part["text"] for item in self.items() if item.get("role") == "user" for part in item["content"]]


class Wire:
    """A transport to a session of its own. refusal: what `connect` raises."""

    def __init__(self, refusal: ConnectError | None, **script: Any) -> None:
        ours, theirs = memory_pair(limit=4)
        self.ours: MemoryTransport = ours
        self.server = Server(theirs, **script)
        self.media = False
        self.refusal = refusal
        self.running: asyncio.Task[None] | None = None
        self.was_closed = False
        self.sent = 0
        self.left_at: int | None = None

    async def connect(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.running = asyncio.create_task(self.server.run())

    async def send(self, data: str) -> None:
        await self.ours.send(data)
        self.sent += 1

    async def receive(self) -> str | bytes:
        return await self.ours.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.was_closed = True
        await self.ours.close(code, reason)

    async def end(self) -> None:
        await self.ours.close()
        if self.running is not None:
            await self.running


class Net:
    """Where connections lead. scripts, refusals: of the next ones, in turn."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.refusals: deque[ConnectError | None] = deque()
        self.scripts: deque[dict[str, Any]] = deque()
        self.make = Wire

    def another(self) -> Wire:
        refusal = self.refusals.popleft() if self.refusals else None
        script = self.scripts.popleft() if self.scripts else {}
        self.wires.append(self.make(refusal, **script))
        return self.wires[-1]

    @property
    def last(self) -> Wire:
        return self.wires[-1]

    @property
    def sessions(self) -> list[Server]:
        return [wire.server for wire in self.wires if wire.running is not None]


class Caller:
    """Owns a connection, and writes down what it is told."""

    def __init__(self, net: Net, settings_: ClientSettings = SETTINGS, trace: TraceWriter | None = None) -> None:
        self.net = net
        self.events: list[dict[str, Any]] = []
        self.told: list[object] = []
        self.record = Record()
        self.is_quiet = True
        self.changed = asyncio.Event()
        self.connection = Connection(net.another(), settings_, self, another=net.another, trace=trace)

    def on_data(self, data: str | bytes) -> None:
        event = decode_server_event(data)
        self.connection.seen(event)
        self.record.receive(event)
        self.events.append(json.loads(data))
        self.changed.set()

    def on_lost(self) -> None:
        self._tell("lost")

    def on_reattached(self) -> None:
        raise AssertionError("it is no sideband")

    def on_waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        self._tell(("waiting", attempt))

    def on_switched(self, transport: Transport) -> None:
        for wire in self.net.wires:
            if wire is not transport and wire.left_at is None:
                wire.left_at = wire.sent
        self._tell("switched")

    def on_renewed(self, replayed: int) -> None:
        self._tell(("renewed", replayed))

    def on_line(self, state: LineState) -> None:
        self._tell(state)

    def on_not_sent(self, event: ClientEvent, why: str) -> None:
        if isinstance(event, ConversationItemCreate):
            self._tell(("not sent", event.item.id))

    def on_closed(self, error: ClosedError) -> None:
        self._tell(("closed", error.code))

    def past(self, open_outputs: set[str]) -> Sequence[Item]:
        return self.record.items(open_outputs)

    def quiet(self) -> bool:
        return self.is_quiet

    def _tell(self, what: object) -> None:
        self.told.append(what)
        self.changed.set()

    async def open(self) -> None:
        await self.connection.open()
        await self.until(lambda: self.events)
        self.connection.begun(RealtimeSession())

    async def say(self, text: str) -> str:
        event = typed(text)
        self.record.sent(event)
        await self.connection.send(event)
        return str(event.item.id)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(5000):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def until_done(self, text: str) -> None:
        """Until a session has confirmed this text to the caller."""
        await self.until(
            lambda: any(
                event["type"] == "conversation.item.done" and event["item"]["content"][0].get("text") == text
                for event in self.events
                if event["type"] == "conversation.item.done"
            )
        )


def calling(
    work: Callable[[Caller, Net], Awaitable[None]], *, settings_: ClientSettings = SETTINGS, **first: Any
) -> Caller:
    """Run `work` with a caller that is connected, in virtual time."""

    async def run() -> Caller:
        net = Net()
        net.scripts.append(first)
        caller = Caller(net, settings_)
        try:
            await caller.open()
            await work(caller, net)
        finally:
            await caller.connection.aclose(1000, "")
            for wire in net.wires:
                await wire.end()
        return caller

    return run_in_virtual_time(run())


def test_a_cut_becomes_a_new_session_that_is_set_up_and_told_and_its_echoes_are_not_seen() -> None:
    async def work(caller: Caller, net: Net) -> None:
        await caller.connection.send(SessionUpdate(session=RealtimeSession(instructions="Be kind.")))
        for text in ("one", "two"):
            await caller.say(text)
            await caller.until_done(text)
        seen = len(caller.events)
        net.last.ours.cut()
        await caller.until(lambda: ("renewed", 2) in caller.told)
        assert [event["type"] for event in caller.events[seen:]] == ["session.created", "session.updated"]
        old, new = net.sessions
        assert new.types() == ["session.update", "conversation.item.create", "conversation.item.create"]
        assert new.session["instructions"] == "Be kind."
        assert [item["id"] for item in new.items()] == [item["id"] for item in old.items()]
        await caller.say("three")
        await caller.until_done("three")
        assert new.texts() == ["one", "two", "three"]

    caller = calling(work)
    assert caller.told == [
        "lost",
        ("waiting", 1),
        LineState.LOST,
        LineState.RECONNECTING,
        "switched",
        LineState.UP,
        ("renewed", 2),
        LineState.OVER,
        ("closed", 1000),
    ]


def test_what_is_typed_while_away_arrives_once_and_what_is_said_is_dropped() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.last.ours.cut()
        await caller.until(lambda: caller.connection.line is LineState.LOST)
        await caller.connection.send(InputAudioBufferAppend(audio=b"\0" * 960))
        await caller.say("while away")
        await caller.until_done("while away")
        assert net.last.server.types() == ["conversation.item.create"]
        assert caller.connection.outbox.dropped == 1

    calling(work)


def test_what_was_sent_and_not_confirmed_is_sent_again_and_what_was_confirmed_is_told() -> None:
    async def work(caller: Caller, net: Net) -> None:
        await caller.say("confirmed")
        await caller.until_done("confirmed")
        net.last.server.leave_out = frozenset({"conversation.item.added", "conversation.item.done"})
        await caller.say("lost on the way back")
        await net.last.server.until(lambda: len(net.last.server.received) == 2)
        net.last.ours.cut()
        await caller.until_done("lost on the way back")
        assert net.last.server.texts() == ["confirmed", "lost on the way back"]
        assert ("renewed", 1) in caller.told

    calling(work)


def test_what_was_typed_and_never_arrived_is_told_when_there_will_be_no_connection() -> None:
    async def work(caller: Caller, net: Net) -> None:
        await caller.say("confirmed")
        await caller.until_done("confirmed")
        net.last.server.leave_out = frozenset({"conversation.item.added", "conversation.item.done"})
        unconfirmed = await caller.say("lost on the way")
        await net.last.server.until(lambda: len(net.last.server.received) == 2)
        net.refusals.extend([ConnectError("Nobody listens there.")] * 100)
        net.last.ours.cut()
        await caller.until(lambda: caller.connection.line is LineState.LOST)
        waiting = await caller.say("while away")
        await caller.until(lambda: caller.connection.closed)
        assert caller.told[-4:] == [
            ("not sent", unconfirmed),
            ("not sent", waiting),
            LineState.OVER,
            ("closed", 1006),
        ]

    calling(work)


def test_an_output_whose_call_ran_while_away_is_given_to_the_new_session() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.last.ours.cut()
        await caller.until(lambda: caller.connection.line is LineState.LOST)
        output = FunctionCallOutput(call_id="call_1", output="7")
        caller.connection.send_now(ConversationItemCreate(item=output))
        await caller.until(lambda: caller.connection.line is LineState.UP)
        await net.last.server.until(lambda: net.last.server.received)
        (item,) = net.last.server.items()
        assert (item["type"], item["output"]) == ("function_call_output", "7")

    calling(work)


def test_a_refused_item_is_not_sent_again_and_a_refused_update_is_not_asked_again() -> None:
    async def work(caller: Caller, net: Net) -> None:
        server = net.last.server
        server.refuse = "instructions"
        await caller.connection.send(SessionUpdate(session=RealtimeSession(instructions="No.")))
        await caller.connection.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"])))
        await caller.until(lambda: any(event["type"] == "session.updated" for event in caller.events))
        net.last.ours.cut()
        await caller.until(lambda: ("renewed", 0) in caller.told)
        (update,) = net.last.server.all("session.update")
        assert update["session"] == {"type": "realtime", "output_modalities": ["text"]}

    calling(work)


def test_refusals_are_waited_out_and_a_404_is_the_end() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.refusals += [
            RefusedError("busy", status=429, retry_after_s=9.0),
            ConnectError("nobody"),
            None,
        ]
        began = asyncio.get_running_loop().time()
        net.last.ours.cut()
        await caller.until(lambda: ("renewed", 0) in caller.told)
        assert asyncio.get_running_loop().time() - began > 9.0
        assert [what for what in caller.told if isinstance(what, tuple)][:3] == [
            ("waiting", 1),
            ("waiting", 2),
            ("waiting", 3),
        ]
        net.refusals.append(RefusedError("no such place", status=404))
        net.last.ours.cut()
        await caller.until(lambda: ("closed", 1006) in caller.told)
        with pytest.raises(ClosedError, match="no such place"):
            await caller.say("too late")

    calling(work)


def test_a_first_connection_that_is_told_later_waits_and_one_that_finds_nobody_does_not() -> None:
    async def run() -> None:
        net = Net()
        net.refusals += [RefusedError("later", status=429, retry_after_s=3.0), None]
        caller = Caller(net)
        wire = net.last

        async def reconnect() -> None:
            wire.refusal = None

        asyncio.get_running_loop().call_later(2.0, lambda: setattr(wire, "refusal", None))
        began = asyncio.get_running_loop().time()
        await caller.open()
        assert asyncio.get_running_loop().time() - began >= 3.0
        await caller.connection.aclose(1000, "")
        await wire.end()
        nobody = Net()
        nobody.refusals.append(ConnectError("nobody"))
        with pytest.raises(ConnectError, match="nobody"):
            await Caller(nobody).open()

    run_in_virtual_time(run())


def cap(seconds: float) -> ClientSettings:
    return ClientSettings(
        session_cap_s=seconds, reconnect=SETTINGS.reconnect, rollover=SETTINGS.rollover, answer_timeout_s=5.0
    )


def test_before_the_cap_the_call_goes_over_in_a_quiet_moment_and_nothing_said_meanwhile_is_lost() -> None:
    async def work(caller: Caller, net: Net) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await caller.say("one")
        await caller.until_done("one")
        caller.is_quiet = False
        loop.call_later(950.0, setattr, caller, "is_quiet", True)
        await caller.until(lambda: LineState.ROLLING_OVER in caller.told)
        assert 950.0 <= loop.time() - began < 951.0
        # Said between the sessions: it waits, sound too, for the old one still stands and hears nothing more.
        await caller.connection.send(InputAudioBufferAppend(audio=b"\0" * 960))
        await caller.say("two")
        await caller.until_done("two")
        old, new = net.sessions
        assert old.texts() == ["one"]
        assert new.types() == ["conversation.item.create", "input_audio_buffer.append", "conversation.item.create"]
        assert net.wires[0].was_closed
        assert LineState.LOST not in caller.told
        assert ("renewed", 1) in caller.told

    calling(work, settings_=cap(1000.0))


def test_a_cap_does_not_wait_for_quiet_that_never_comes() -> None:
    async def work(caller: Caller, net: Net) -> None:
        caller.is_quiet = False
        began = asyncio.get_running_loop().time()
        await caller.until(lambda: LineState.ROLLING_OVER in caller.told)
        assert 980.0 <= asyncio.get_running_loop().time() - began < 981.0
        await caller.until(lambda: ("renewed", 0) in caller.told)

    calling(work, settings_=cap(1000.0))


def test_a_rollover_that_fails_leaves_the_call_where_it_was() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.refusals += [ConnectError("not now"), None]
        await caller.until(lambda: LineState.ROLLING_OVER in caller.told)
        await caller.until(lambda: caller.connection.line is LineState.UP)
        await caller.say("still here")
        await caller.until_done("still here")
        assert net.wires[0].server.texts() == ["still here"]
        await caller.until(lambda: ("renewed", 1) in caller.told)
        assert net.last.server.texts() == ["still here"]

    calling(work, settings_=cap(1000.0))


def test_a_server_with_room_for_one_has_the_old_connection_closed_first() -> None:
    async def work(caller: Caller, net: Net) -> None:
        await caller.say("one")
        await caller.until_done("one")
        net.refusals += [RefusedError("one each", status=429), None]
        await caller.until(lambda: ("renewed", 1) in caller.told)
        assert net.wires[0].was_closed
        assert net.last.server.texts() == ["one"]

    calling(work, settings_=cap(1000.0))


def test_a_session_that_never_begins_is_another_failed_attempt() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.scripts += [{"greet": False}, {}]
        net.last.ours.cut()
        await caller.until(lambda: ("renewed", 0) in caller.told)
        assert net.wires[1].was_closed

    calling(work)


def test_hanging_up_while_away_ends_at_once() -> None:
    async def work(caller: Caller, net: Net) -> None:
        net.refusals += [ConnectError("nobody")] * 50
        net.last.ours.cut()
        await caller.until(lambda: caller.connection.line is LineState.LOST)
        await caller.connection.aclose(1000, "enough")
        assert caller.connection.closed is not None
        assert caller.told[-1] == ("closed", 1000)

    calling(work)


def test_what_the_next_connection_cannot_carry_is_left_out_and_the_rest_is_told() -> None:
    class Narrow(Wire):
        async def send(self, data: str) -> None:
            if "too much" in data:
                raise LocalProtocolError("larger than the peer takes")
            await super().send(data)

    async def work(caller: Caller, net: Net) -> None:
        for text in ("one", "too much", "two"):
            await caller.say(text)
            await caller.until_done(text)
        net.make = Narrow
        net.last.ours.cut()
        await caller.until(lambda: ("renewed", 2) in caller.told)
        assert net.last.server.texts() == ["one", "two"]
        await caller.say("too much again")
        await caller.say("three")
        await caller.until_done("three")
        assert net.last.server.texts() == ["one", "two", "three"]

    calling(work)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 3)),
        st.tuples(st.just("delete"), st.just(0)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("mute"), st.just(0)),
        st.tuples(st.just("refuse"), st.integers(1, 3)),
        st.tuples(st.just("yield"), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.integers(1, 200)),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(STEPS)
def test_whatever_breaks_whenever_every_item_is_in_the_last_session_once_and_in_order(
    steps: list[tuple[str, int]],
) -> None:
    async def work(caller: Caller, net: Net) -> None:
        said: list[str] = []
        words = (f"word {number}" for number in itertools.count())
        for step, count in steps:
            match step:
                case "say":
                    for _ in range(count):
                        said.append(next(words))
                        await caller.say(said[-1])
                case "delete" if said:
                    # Of an item that a server has: one that it does not have could not be deleted.
                    await caller.until_done(said[-1])
                    item = next(item for item in caller.record.items() if item.content[0].text == said[-1])  # type: ignore[union-attr]
                    await caller.connection.send(ConversationItemDelete(item_id=str(item.id)))
                    said.pop()
                    said.append(next(words))
                    await caller.say(said[-1])
                case "cut":
                    net.last.ours.cut()
                case "mute":
                    # It still hears, and what it says is lost.
                    net.sessions[-1].leave_out = frozenset({"conversation.item.added", "conversation.item.done"})
                case "refuse":
                    net.refusals += [ConnectError("nobody")] * count
                case "yield":
                    for _ in range(count):
                        await asyncio.sleep(0)
                case "wait":
                    await asyncio.sleep(count)
        net.refusals.clear()
        await caller.until(lambda: caller.connection.line in (LineState.UP, LineState.OVER))
        if caller.connection.line is LineState.OVER:
            raise AssertionError(f"the call ended: {caller.connection.closed}")
        if net.sessions[-1].leave_out:
            net.last.ours.cut()
            await caller.until(lambda: caller.connection.line is not LineState.UP)
            await caller.until(lambda: caller.connection.line is LineState.UP)
        await caller.say("the last word")
        await caller.until_done("the last word")
        for wire in net.wires[:-1]:
            assert wire.left_at in (None, wire.sent), "something was written to a connection that had given way"
        server = net.sessions[-1]
        ids = [item["id"] for item in server.items()]
        assert len(ids) == len(set(ids)), "an item came twice"
        deleted = {event["item_id"] for event in server.all("conversation.item.delete")}
        left = [part["text"] for item in server.items() if item["id"] not in deleted for part in item["content"]]
        assert left == [*said, "the last word"]

    calling(work, settings_=cap(500.0))
