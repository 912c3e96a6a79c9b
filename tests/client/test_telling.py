"""What a client tells its conversation besides the events of the wire: that time passes, and what never went out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from antiphon.client import ClientSettings, ClosedError, MemoryTransport, RealtimeClient, memory_pair, seat
from antiphon.client.trace import TraceWriter, read_trace, replay
from antiphon.conversation import Conversation
from antiphon.errors import LocalProtocolError
from scripted_realtime import ScriptedRealtime, scripted
from virtual_time import run_in_virtual_time


class Watched(Conversation):
    """Counts its ticks, and says when one changed the activity."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.changed = asyncio.Event()

    def tick(self, now_ms: float) -> bool:
        self.ticks += 1
        changed = super().tick(now_ms)
        if changed:
            self.changed.set()
        return changed


def test_a_turn_that_nobody_answers_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    # The conversation's clock is the loop's here, which jumps.
    clock = SimpleNamespace(time=time.time, monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(seat, "time", clock)

    async def run() -> int:
        conversation = Watched()
        async with (
            scripted() as (transport, server),
            RealtimeClient(transport=transport, conversation=conversation) as call,
        ):
            item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
            await server.send("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
            await server.send("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
            await server.send("input_audio_buffer.committed", item_id="u1", previous_item_id=None)
            await server.send("conversation.item.added", item=item, previous_item_id=None)
            async for event in call:
                if event.type == "conversation.item.added":
                    break
            assert call.activity.phase == "thinking"
            async with asyncio.timeout(60):
                await conversation.changed.wait()
            assert call.activity.phase == "listening"
        ticks = conversation.ticks
        await asyncio.sleep(60)
        assert conversation.ticks == ticks  # nothing of a call goes on after it
        return ticks

    assert 5 <= run_in_virtual_time(run()) <= 15


class Narrow:
    """Carries no event of more than a thousand characters."""

    media = False

    def __init__(self, inner: MemoryTransport) -> None:
        self.connect, self.receive, self.close = inner.connect, inner.receive, inner.close
        self._send = inner.send

    async def send(self, data: str) -> None:
        if len(data) > 1000:
            raise LocalProtocolError("This is more than the connection carries.")
        await self._send(data)


def failed(call: RealtimeClient) -> list[tuple[str, str | None]]:
    return [(message.text[:5], message.problem) for message in call.chat.messages if message.status == "failed"]


async def test_what_the_connection_does_not_carry_is_shown_as_failed_and_a_trace_tells_it(tmp_path: Path) -> None:
    ours, theirs = memory_pair()
    server = ScriptedRealtime(theirs)
    running = asyncio.create_task(server.run())
    with TraceWriter(tmp_path / "call.jsonl", target="", transport="memory") as trace:
        async with RealtimeClient(transport=Narrow(ours), trace=trace) as call:
            await call.send_text("short", respond=False)
            await call.send_text("long " * 300, respond=False)
            await call.send_text("after", respond=False)
            await server.until(lambda: len(server.received) == 2)
            assert failed(call) == [("long ", "This is more than the connection carries.")]
            assert [message.text[:5] for message in call.chat.messages] == ["short", "long ", "after"]
    await running
    again = replay(read_trace(tmp_path / "call.jsonl"))
    assert [message.status for message in again.chat.messages] == ["done", "failed", "done"]


async def test_words_that_wait_for_room_until_the_call_is_over_are_shown_as_failed() -> None:
    settings = ClientSettings(max_unsent_bytes=100, close_timeout_s=0.05)
    ours, theirs = memory_pair(limit=1)
    client = RealtimeClient(transport=ours, settings=settings)
    await theirs.send('{"type":"session.created","event_id":"e","session":{"type":"realtime"}}')
    async with client as call:
        async with asyncio.TaskGroup() as sending:
            for text in ("one", "two", "three", "four"):
                sending.create_task(_refused(call, text))
            await asyncio.sleep(0)
            await call.disconnect()
        assert {text for text, _problem in failed(call)} >= {"three", "four"}


async def _refused(call: RealtimeClient, text: str) -> None:
    with contextlib.suppress(ClosedError):
        await call.send_text(text, respond=False)
