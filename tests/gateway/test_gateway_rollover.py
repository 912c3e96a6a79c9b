"""When a session rolls over, and what the caller is shown of an upstream that confirms nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from antiphon.agent import Agent, CallContext
from antiphon.client import ClientSettings, MemoryTransport, RolloverSettings, memory_pair
from antiphon.errors import ConfigurationError
from antiphon.server.gateway_policy import opening_session
from antiphon.server.gateway_relay import RelayedCall
from antiphon.upstream import UpstreamDescription
from engine_bench import Link

AGENT = Agent(instructions="You are the agent.")


@pytest.mark.parametrize(
    ("cap_s", "seek", "force"), [(3600, 3420, 3580), (1800, 1620, 1780), (60, 30, 45), (200, 100, 180)]
)
def test_a_quiet_moment_is_looked_for_before_the_cap(cap_s: float, seek: float, force: float) -> None:
    assert RolloverSettings().window(cap_s) == (seek, force)


@pytest.mark.parametrize(("seek_s", "force_s"), [(10, 20), (10, 10), (10, 0), (-1, -2)])
def test_times_that_make_no_sense_are_refused(seek_s: float, force_s: float) -> None:
    with pytest.raises(ConfigurationError, match="seek_s"):
        RolloverSettings(seek_s=seek_s, force_s=force_s)


class Played:
    """An upstream whose other end is the test."""

    name = "played"

    def __init__(self) -> None:
        self.ends: list[MemoryTransport] = []
        self.connected = asyncio.Event()

    def describe(self) -> UpstreamDescription:
        return UpstreamDescription("played", "played", "here", None)

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    def connect(self, *, model: str | None = None) -> MemoryTransport:
        ours, theirs = memory_pair()
        self.ends.append(theirs)
        self.connected.set()
        return ours

    def attach(self, call_id: str) -> MemoryTransport:
        raise NotImplementedError


async def test_an_upstream_that_confirms_no_session_is_shown_as_it_began() -> None:
    upstream, link = Played(), Link()
    call = RelayedCall(
        link,
        upstream,
        opening_session(AGENT, None),
        AGENT,
        CallContext(),
        settings=ClientSettings(max_events=0, answer_timeout_s=0.2),
    )
    running = asyncio.create_task(call.run())
    call.opened()
    async with asyncio.timeout(10):
        await upstream.connected.wait()
        end = upstream.ends[0]
        session = {"type": "realtime", "id": "sess_1", "model": "m"}
        await end.send(json.dumps({"type": "session.created", "event_id": "e1", "session": session}))
        asked = json.loads(await end.receive())
        assert asked["session"]["instructions"] == "You are the agent."
        created = await link.seen("session.created")
        assert created["session"]["model"] == "m"
        call.receive_event('{"type": "input_audio_buffer.commit"}')
        assert json.loads(await end.receive())["type"] == "input_audio_buffer.commit"
        call.hang_up("done")
        await running
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("relay", "forward", "client"))]


async def test_a_caller_that_sends_more_than_is_taken_is_cut_off() -> None:
    upstream, link = Played(), Link()
    call = RelayedCall(link, upstream, opening_session(AGENT, None), AGENT, CallContext())
    running = asyncio.create_task(call.run())
    call.opened()
    for _ in range(40):
        call.receive_event("x" * 1024 * 1024)
    assert link.closes[0][0] == 1008
    call.hang_up(link.closes[0][1])
    async with asyncio.timeout(10):
        await running
