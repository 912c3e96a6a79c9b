"""A session that reaches its cap: told before where no other follows, and for what it is when it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from web.calling import connected, kinds_told, told, until
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EXPIRED = {"type": "error", "error": {"code": "session_expired", "message": "Your session hit the maximum."}}
SPOKE = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u1"}
SILENT = {"type": "input_audio_buffer.cleared"}
LATER = "() => { const now = performance.now.bind(performance); performance.now = () => now() + 16 * 60_000; }"


@pytest_asyncio.fixture(loop_scope="session")
async def deserted(caller: Page, server: ScriptedServer) -> AsyncIterator[Page]:
    """In a call that nobody has used for sixteen minutes, and whose session ends in six seconds."""
    server.session = {"expires_at": int(time.time()) + 6}
    await connected(caller, timing={"seek_ms": 4_000, "force_ms": 0})
    server.session = {}
    await caller.evaluate(LATER)
    yield caller
    await caller.evaluate("delete performance.now, 0")


async def test_the_end_of_a_session_that_no_other_follows_is_told_before_and_when_it_comes(
    deserted: Page, server: ScriptedServer
) -> None:
    expiring = await told(deserted, "connection.expiring")
    assert expiring["expires_at"] == pytest.approx(time.time() + 3, abs=4)
    assert 0 < expiring["in_ms"] <= 6_000
    server.call.send(EXPIRED)
    await until(deserted, "call.trace.events.some((e) => e.event?.error)")
    await server.call.connection.close()
    await until(deserted, "call.state === 'disconnected'")
    problem = {"kind": "session_expired", "detail": "Your session hit the maximum."}
    assert await deserted.evaluate("call.problem") == problem
    ends = "told.filter((e) => e.type === 'connection.changed' && e.problem).map((e) => e.problem.kind)"
    assert set(await deserted.evaluate(ends)) == {"session_expired"}
    assert len(server.calls) == 1


async def test_who_speaks_once_they_are_told_goes_on_in_the_next_session(
    deserted: Page, server: ScriptedServer
) -> None:
    await told(deserted, "connection.expiring")
    server.call.send(SPOKE, SILENT)
    renewed = await told(deserted, "connection.renewed")
    assert renewed["reason"] == "rollover"
    assert len(server.calls) == 2


async def test_a_call_that_somebody_uses_is_not_told_of_an_end_that_will_not_come(
    caller: Page, server: ScriptedServer
) -> None:
    server.session = {"expires_at": int(time.time()) + 6}
    await connected(caller, timing={"seek_ms": 4_000, "force_ms": 0})
    server.session = {}
    await told(caller, "connection.renewed")
    assert "connection.expiring" not in await kinds_told(caller)
