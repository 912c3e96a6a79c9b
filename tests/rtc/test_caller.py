"""Calls that we make: against stock aiortc, and against our own answering side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from antiphon.errors import LocalProtocolError
from antiphon.rtc import CallerTransport, Ending, EventTooLarge, RtcSettings, open_caller
from antiphon.rtc.aiortc_transport import AiortcTransport
from call_recorder import RATE, CallRecorder, arrived, loudest_frequency, rms, sweep, tone
from stock_answerer import StockAnswerer


@dataclass
class Called:
    """A call of ours to a stock answerer."""

    recorder: CallRecorder
    transport: CallerTransport
    answerer: StockAnswerer


@asynccontextmanager
async def called(settings: RtcSettings | None = None, *, label: str = "oai-events") -> AsyncIterator[Called]:
    recorder, answerer = CallRecorder(), StockAnswerer()
    transport = open_caller(recorder, settings, label=label)
    try:
        await transport.accept(await answerer.answer(await transport.offer()))
        async with asyncio.timeout(10):
            await recorder.opened.wait()
        await answerer.opened()
        yield Called(recorder, transport, answerer)
    finally:
        await transport.close()
        await answerer.close()


@dataclass
class Ours:
    """A call between the two sides that are both ours."""

    caller: CallRecorder
    calling: CallerTransport
    callee: CallRecorder
    answering: AiortcTransport


@asynccontextmanager
async def both_ours(
    settings: RtcSettings | None = None,
    *,
    offered: Callable[[str], str] = str,
    answered: Callable[[str], str] = str,
) -> AsyncIterator[Ours]:
    """offered, answered: change the SDP on its way."""
    caller, callee = CallRecorder(), CallRecorder()
    calling, answering = open_caller(caller, settings), AiortcTransport(callee)
    try:
        await calling.accept(answered(await answering.answer(offered(await calling.offer()))))
        async with asyncio.timeout(10):
            await caller.opened.wait()
            await callee.opened.wait()
        yield Ours(caller, calling, callee, answering)
    finally:
        await calling.close()
        await answering.close()


async def test_speech_goes_both_ways() -> None:
    up, down = sweep(1.2), sweep(1.2, amplitude=6000)
    async with called() as call:
        call.transport.send_audio(up)
        call.transport.end_audio()
        call.answerer.say(down)
        await call.recorder.has_played(len(up) // 2)
        await call.answerer.said()
        heard_there = await call.answerer.heard(len(call.answerer.received_pcm) / 2 / RATE + 0.3)
        heard_here = await call.recorder.heard(len(call.recorder.pcm) / 2 / RATE + 0.3)
    assert arrived(up, heard_there) > 0.7
    assert arrived(down, heard_here) > 0.7


async def test_events_go_both_ways_in_order() -> None:
    async with called() as call:
        for number in range(20):
            call.transport.send_event(f'{{"n": {number}}}')
            call.answerer.send(f'{{"m": {number}}}')
        async with asyncio.timeout(10):
            assert [await call.answerer.messages.get() for _ in range(20)] == [f'{{"n": {n}}}' for n in range(20)]
            assert [await call.recorder.events.get() for _ in range(20)] == [f'{{"m": {n}}}' for n in range(20)]


@pytest.mark.parametrize("label", ["oai-events", "realtime-channel"])
async def test_the_data_channel_has_the_label_that_was_asked_for(label: str) -> None:
    async with called(label=label) as call:
        assert call.answerer.channel is not None
        assert call.answerer.channel.label == label


async def test_without_a_microphone_silence_is_sent_and_speech_may_begin_later() -> None:
    async with called() as call:
        offered = str(call.answerer.connection.remoteDescription.sdp)
        assert "a=sendrecv" in offered.split("m=application", maxsplit=1)[0]
        quiet = await call.answerer.heard(0.5)
        assert rms(quiet) < 2
        call.transport.send_audio(tone(600, 0.6))
        later = await call.answerer.heard(len(call.answerer.received_pcm) / 2 / RATE + 0.6)
        assert loudest_frequency(later[-RATE // 2 :]) == pytest.approx(600, abs=20)
        assert str(call.answerer.connection.remoteDescription.sdp) == offered


async def test_our_own_sides_understand_each_other() -> None:
    async with both_ours() as call:
        up, down = sweep(0.8), sweep(0.8, amplitude=5000)
        call.calling.send_audio(up)
        call.answering.send_audio(down)
        call.calling.send_event("up")
        call.answering.send_event("down")
        await call.caller.has_played(len(up) // 2)
        heard_there = await call.callee.heard(len(call.callee.pcm) / 2 / RATE + 0.2)
        await call.callee.has_played(len(down) // 2)
        heard_here = await call.caller.heard(len(call.caller.pcm) / 2 / RATE + 0.2)
        async with asyncio.timeout(5):
            assert await call.callee.events.get() == "up"
            assert await call.caller.events.get() == "down"
        await call.calling.close()
        assert call.calling.ending is Ending.HERE
        async with asyncio.timeout(3):
            await call.callee.closed.wait()
        assert call.answering.ending is Ending.PEER
    assert arrived(up, heard_there) > 0.7
    assert arrived(down, heard_here) > 0.7
    assert call.caller.reasons == ["hung up by this side"]


async def test_either_side_may_open_the_dtls_handshake() -> None:
    async with both_ours(offered=lambda sdp: sdp.replace("a=setup:actpass", "a=setup:active")) as call:
        call.calling.send_event("by the caller")
        async with asyncio.timeout(5):
            assert await call.callee.events.get() == "by the caller"


@pytest.mark.parametrize(
    "answered",
    [
        lambda sdp: sdp.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
        lambda sdp: "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith("a=candidate")),
        lambda sdp: "".join(line for line in sdp.splitlines(keepends=True) if "BUNDLE" not in line),
        lambda sdp: sdp.replace("\r\n", "\n"),
    ],
    ids=["ice-lite", "no candidates", "no bundle group", "bare newlines"],
)
async def test_answers_of_many_kinds_connect(answered: Callable[[str], str]) -> None:
    async with both_ours(answered=answered) as call:
        call.calling.send_event("here")
        async with asyncio.timeout(5):
            assert await call.callee.events.get() == "here"


async def test_a_large_event_leaves_and_one_too_large_is_refused() -> None:
    async with called() as call:
        assert call.transport.max_message_size == 262_144  # what stock aiortc takes
        with pytest.raises(EventTooLarge, match="262145 bytes"):
            call.transport.send_event("x" * 262_145)
        call.transport.send_event("y" * 262_144)
        async with asyncio.timeout(10):
            assert await call.answerer.messages.get() == "y" * 262_144


async def test_there_is_room_again_once_the_peer_has_taken_what_waited() -> None:
    async with both_ours() as call:
        for _ in range(4):
            call.calling.send_event("x" * 300_000)
        waiting = asyncio.create_task(call.calling.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        async with asyncio.timeout(20):
            await waiting
        await call.calling.room()


async def test_the_connection_is_measured_on_both_sides() -> None:
    async with both_ours(RtcSettings(shaky_after_s=0.6)) as call:
        call.calling.send_audio(tone(500, 3.0))
        await call.callee.heard(2.5)
        for side in (call.calling, call.answering):
            stats = side.stats()
            assert stats.round_trip_ms is not None
            assert 0 < stats.round_trip_ms < 500
            assert stats.jitter_ms is not None
            assert (stats.local_candidate, stats.remote_candidate) in {
                (one, other) for one in ("host", "prflx") for other in ("host", "prflx")
            }
            assert stats.address_family in ("ipv4", "ipv6")
            assert stats.packets_in > 100
            assert stats.packets_out > 100
            assert stats.loss_in is not None
            assert stats.loss_in < 0.2
            assert stats.loss_out < 0.2
        up, down = call.calling.stats(), call.answering.stats()
        assert up.bitrate_out is not None
        assert down.bitrate_in is not None
        assert up.bitrate_out > 20_000
        assert down.bitrate_in > 20_000
        assert down.bytes_in > 10_000
        assert down.bytes_in == pytest.approx(up.bytes_out, rel=0.1)


async def test_states_and_gathering_are_told() -> None:
    recorder, callee = CallRecorder(), CallRecorder()
    told: list[str] = []
    calling = open_caller(recorder, on_state=told.append, on_gathering=told.append)
    answering = AiortcTransport(callee)
    try:
        offer = await calling.offer()
        assert told == ["gathering", "complete"]
        await calling.accept(await answering.answer(offer))
        async with asyncio.timeout(10):
            await recorder.opened.wait()
    finally:
        await calling.close()
        await answering.close()
    assert told == ["gathering", "complete", "connecting", "connected", "closed"]


async def test_offers_and_answers_are_taken_once() -> None:
    async with both_ours() as call:
        with pytest.raises(LocalProtocolError, match="once"):
            await call.calling.offer()
        with pytest.raises(LocalProtocolError, match="once"):
            await call.calling.accept("v=0")
