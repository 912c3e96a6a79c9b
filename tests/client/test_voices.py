"""Both voices at the caller's side: what is played and heard, what an interruption tells the server, what is sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon.client import ClientSettings, ConnectionState, RealtimeClient, Stage, memory_pair
from antiphon.client import seat as seat_module
from antiphon.client.audio import IterSource
from scripted_realtime import DEFAULT_SESSION, ScriptedRealtime, scripted

MS = 48


class Sink:
    """A loudspeaker whose playing is the test's: `play` lets it play so much. holds: samples it cannot take back."""

    def __init__(self, holds: int = 0) -> None:
        self.written = b""
        self.holds = holds
        self.flushed = self.ended = self.closed = 0
        self.played_samples = 0
        self.pending_samples = 0
        self.wrote = asyncio.Event()

    def write(self, pcm: bytes) -> int:
        self.written += pcm
        self.wrote.set()
        self.pending_samples += len(pcm) // 2
        return len(pcm) // 2

    def play(self, ms: int) -> None:
        samples = min(24 * ms, self.pending_samples)
        self.played_samples += samples
        self.pending_samples -= samples

    def end(self) -> None:
        self.ended += 1

    def flush(self) -> None:
        self.flushed += 1
        self.pending_samples = min(self.pending_samples, self.holds)

    async def drained(self) -> None: ...

    async def aclose(self) -> None:
        self.closed += 1


@asynccontextmanager
async def speaking(
    sink: Sink | None = None, *, media: bool = False, session: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[tuple[RealtimeClient, ScriptedRealtime]]:
    """A call whose server has begun to speak, on item_a of resp_1."""
    script = {} if session is None else {"session": session}
    async with (
        asyncio.timeout(20),
        scripted(media=media, **script) as (transport, server),
        RealtimeClient(transport=transport, speaker=sink, **more) as call,
    ):
        await server.begin()
        yield call, server


async def sound(server: ScriptedRealtime, ms: int, item: str = "item_a", response: str = "resp_1") -> None:
    delta = base64.b64encode(bytes([1]) * (MS * ms)).decode()
    place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    await server.send("response.output_audio.delta", delta=delta, **place)


async def barge_in(call: RealtimeClient, server: ScriptedRealtime) -> None:
    """The server hears the user, and everything before has arrived."""
    started = asyncio.create_task(call.events("user.speech_started").__anext__())
    await asyncio.sleep(0)
    await server.send("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    await started


async def settled(call: RealtimeClient, server: ScriptedRealtime) -> list[dict[str, Any]]:
    """Everything sent until now has arrived. Returns the truncations."""
    before = len(server.received)
    await call.clear_audio()
    await server.until(lambda: any(e["type"] == "input_audio_buffer.clear" for e in server.received[before:]))
    return server.all("conversation.item.truncate")


# ── an interruption over a WebSocket ─────────────────────────────────────────────────────────────────────────────────


async def test_an_interruption_silences_the_speaker_and_tells_what_was_really_heard() -> None:
    sink = Sink()
    async with speaking(sink) as (call, server):
        interrupted = call.events("assistant.interrupted")
        await sound(server, 1000)
        await received(sink, 1000)
        sink.play(300)
        await barge_in(call, server)
        assert sink.flushed == 1
        assert sink.pending_samples == 0
        [truncation] = await settled(call, server)
        assert (truncation["item_id"], truncation["audio_end_ms"]) == ("item_a", 300)
        assert (await anext(interrupted)).response_id == "resp_1"


async def received(sink: Sink, ms: int) -> None:
    while len(sink.written) < MS * ms:
        sink.wrote.clear()
        await sink.wrote.wait()


async def test_what_the_device_cannot_take_back_counts_as_heard() -> None:
    sink = Sink(holds=24 * 40)
    async with speaking(sink) as (call, server):
        await sound(server, 1000)
        await received(sink, 1000)
        sink.play(300)
        await barge_in(call, server)
        [truncation] = await settled(call, server)
        assert truncation["audio_end_ms"] == 340


async def test_what_is_still_on_its_way_of_an_interrupted_answer_is_not_played_and_the_next_answer_is() -> None:
    sink = Sink()
    async with speaking(sink) as (call, server):
        await sound(server, 1000)
        await received(sink, 1000)
        sink.play(300)
        await barge_in(call, server)
        await sound(server, 500)
        await server.done("resp_1", "cancelled")
        await server.begin()
        await sound(server, 200, "item_b", "resp_2")
        await received(sink, 1200)
        assert len(sink.written) == MS * 1200
        sink.play(100)
        await barge_in(call, server)
        assert [event["audio_end_ms"] for event in await settled(call, server)] == [300, 100]


@pytest.mark.parametrize(("played", "complete"), [(0, False), (1000, True)])
async def test_nothing_heard_or_all_of_it_truncates_nothing(played: int, complete: bool) -> None:
    sink = Sink()
    async with speaking(sink) as (call, server):
        await sound(server, 1000)
        await received(sink, 1000)
        if complete:
            await server.done("resp_1")
        sink.play(played)
        await barge_in(call, server)
        assert await settled(call, server) == []


async def test_of_two_answers_that_wait_the_one_that_is_heard_is_truncated() -> None:
    sink = Sink()
    async with speaking(sink) as (call, server):
        await sound(server, 500)
        await server.done("resp_1")
        await server.begin()
        await sound(server, 500, "item_b", "resp_2")
        await received(sink, 1000)
        sink.play(200)
        assert call.heard == ("item_a", 200)
        interrupted: list[str] = []
        call.on("assistant.interrupted", lambda event: interrupted.append(event.response_id))
        await barge_in(call, server)
        assert interrupted == ["resp_1", "resp_2"]  # of the second not a word was heard
        [truncation] = await settled(call, server)
        assert (truncation["item_id"], truncation["audio_end_ms"]) == ("item_a", 200)


@pytest.mark.parametrize("detection", [None, {"type": "server_vad", "interrupt_response": False}])
async def test_a_server_that_goes_on_speaking_is_still_heard(detection: Any) -> None:
    sink = Sink()
    audio = DEFAULT_SESSION["audio"]
    session = DEFAULT_SESSION | {"audio": audio | {"input": {"turn_detection": detection}}}
    async with speaking(sink, session=session) as (call, server):
        await sound(server, 1000)
        await received(sink, 1000)
        await barge_in(call, server)
        assert sink.flushed == 0
        assert await settled(call, server) == []


async def test_where_the_server_plays_it_truncates_and_this_side_does_not() -> None:
    async with speaking(Sink(), media=True) as (call, server):
        await barge_in(call, server)
        assert await settled(call, server) == []


async def test_interrupting_by_hand_uses_what_was_heard_and_cancels() -> None:
    sink = Sink()
    async with speaking(sink) as (call, server):
        await sound(server, 1000)
        await received(sink, 1000)
        sink.play(250)
        await call.interrupt()
        [truncation] = await settled(call, server)
        assert truncation["audio_end_ms"] == 250
        assert server.all("response.cancel")[0]["response_id"] == "resp_1"
        assert sink.flushed == 1


# ── who listens ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_app_can_read_the_voice_and_what_it_read_counts_as_heard() -> None:
    async with speaking() as (call, server):
        reading = call.audio()
        first = asyncio.ensure_future(anext(reading))
        await asyncio.sleep(0)
        await sound(server, 400)
        await sound(server, 600)
        assert len(await first) == MS * 400
        await barge_in(call, server)
        [truncation] = await settled(call, server)
        assert truncation["audio_end_ms"] == 400


async def test_reading_the_voice_ends_with_the_call() -> None:
    async with scripted() as (transport, server):
        async with RealtimeClient(transport=transport) as call:
            reading = call.audio()
            first = asyncio.ensure_future(anext(reading))
            await asyncio.sleep(0)
            await server.begin()
            await sound(server, 20)
            await first
        assert [block async for block in reading] == []


async def test_the_voice_can_be_switched_off_and_goes_to_another_speaker() -> None:
    first, second = Sink(), Sink()
    heard: list[bytes] = []
    async with speaking(first) as (call, server):
        off = call.on_audio(heard.append)
        await sound(server, 100)
        await received(first, 100)
        call.set_remote_audio(False)
        await sound(server, 100)
        await settled(call, server)
        call.set_remote_audio(True)
        await call.set_speaker(second)
        assert first.closed == 1
        await sound(server, 50)
        await received(second, 50)
        off()
        assert (len(first.written), len(second.written)) == (MS * 100, MS * 50)
        assert [len(block) // MS for block in heard] == [100, 50]
    assert second.closed == 1


async def test_telephone_sound_is_decoded_for_the_speaker_and_encoded_for_the_server() -> None:
    pytest.importorskip("soxr", reason="the resampler is not installed: antiphon[rtc] has it")
    pcmu = {"type": "audio/pcmu"}
    detection = {"turn_detection": {"type": "server_vad"}}
    session = DEFAULT_SESSION | {"audio": {"input": {"format": pcmu, **detection}, "output": {"format": pcmu}}}
    sink = Sink()
    async with speaking(sink, session=session) as (call, server):
        place = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
        await server.send("response.output_audio.delta", delta=base64.b64encode(b"\x10" * 8000).decode(), **place)
        await received(sink, 900)
        await call.set_microphone(IterSource([b"\x01" * MS * 500], realtime=False))
        await server.until(lambda: len(server.all("input_audio_buffer.append")) > 3)
        sent = b"".join(base64.b64decode(event["audio"]) for event in server.all("input_audio_buffer.append"))
        assert len(sent) < MS * 500 / 5


async def test_who_speaks_follows_what_is_played_and_not_what_was_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_module, "PLAYED_EVERY_S", 0.001)
    sink = Sink()
    async with speaking(sink) as (call, server):
        started = call.events("assistant.audio_started", "assistant.audio_stopped")
        await sound(server, 1000)
        await server.send(
            "response.output_audio.done", response_id="resp_1", item_id="item_a", output_index=0, content_index=0
        )
        await server.done("resp_1")
        await received(sink, 1000)
        assert not call.activity.is_assistant_speaking
        sink.play(400)
        assert (await anext(started)).type == "assistant.audio_started"
        assert call.activity.is_assistant_speaking
        sink.play(600)
        assert (await anext(started)).type == "assistant.audio_stopped"
        assert not call.activity.is_assistant_speaking
        assert sink.ended == 1


async def test_a_server_that_takes_the_microphone_no_faster_loses_sound_and_nothing_else() -> None:
    ours, theirs = memory_pair(limit=1)
    await theirs.send(json.dumps({"type": "session.created", "session": DEFAULT_SESSION}))
    settings = ClientSettings(close_timeout_s=0.05)
    async with RealtimeClient(transport=ours, settings=settings) as call:
        ended = asyncio.Event()
        call.on_stage(Stage.LOCAL_TRACK_REMOVED, lambda _source: ended.set())
        await call.set_microphone(IterSource([b"\x01" * MS * 20] * 400, realtime=False))
        async with asyncio.timeout(10):
            await ended.wait()
        assert call.dropped_microphone_blocks > 0
        assert call.state is ConnectionState.CONNECTED
        await theirs.close()
