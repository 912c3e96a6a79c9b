"""Whole calls over real UDP on this machine, with a stock aiortc caller on the other side."""

import asyncio

import pytest

from antiphon.errors import LocalProtocolError
from antiphon.rtc import EventTooLarge, InvalidOffer, PlayoutFull, RtcSettings, open_transport
from antiphon.rtc.aiortc_transport import AiortcTransport
from antiphon.rtc.peer import State
from antiphon.rtc.playout import FRAME_SAMPLES
from call_recorder import RATE, CallRecorder, call, likeness, loudest_frequency, rms, sweep, tone
from rtc_caller import Caller


async def test_speech_arrives_as_it_was_spoken() -> None:
    spoken = sweep(1.5)
    async with call() as ends:
        ends.caller.say(spoken)
        await ends.caller.said()
        heard = await ends.recorder.heard(len(ends.recorder.pcm) / 2 / RATE + 0.2)
    assert likeness(spoken, heard) > 0.9
    assert rms(heard) == pytest.approx(rms(spoken) * (len(spoken) / len(heard)) ** 0.5, rel=0.1)


async def test_speech_leaves_as_it_was_given() -> None:
    given = sweep(1.5)
    async with call() as ends:
        ends.transport.send_audio(given)
        ends.transport.end_audio()
        await ends.recorder.has_played(len(given) // 2)
        heard = await ends.caller.heard(len(ends.caller.received_pcm) // 2 + RATE // 5)
    assert likeness(given, heard) > 0.95


async def test_speech_is_played_in_real_time_and_counted() -> None:
    async with call() as ends:
        ends.transport.send_audio(tone(440, 0.5)[:-2])
        ends.transport.end_audio()
        assert ends.transport.pending_ms == pytest.approx(500, abs=0.1)
        started = asyncio.get_running_loop().time()
        await ends.recorder.has_played(RATE // 2 - 1)
        took = asyncio.get_running_loop().time() - started
    assert 0.4 < took < 3
    assert ends.recorder.played == sorted(ends.recorder.played)
    assert ends.recorder.played[-1] == RATE // 2 - 1
    assert ends.transport.pending_ms == 0


async def test_a_part_frame_waits_for_the_end() -> None:
    async with call() as ends:
        ends.transport.send_audio(tone(440, 0.05))
        await ends.recorder.has_played(2 * FRAME_SAMPLES)
        assert ends.transport.pending_ms == pytest.approx(10)
        ends.transport.end_audio()
        await ends.recorder.has_played(RATE // 20)


async def test_a_flush_silences_at_once_and_counts_anew() -> None:
    async with call() as ends:
        ends.transport.send_audio(tone(440, 5.0))
        await ends.recorder.has_played(RATE // 4)
        ends.transport.flush_audio()
        assert ends.transport.pending_ms == 0
        at_flush = len(ends.caller.received_pcm)
        ends.recorder.played.clear()
        heard = await ends.caller.heard(at_flush // 2 + RATE)
        assert not ends.recorder.played
        ends.transport.send_audio(tone(880, 0.1))
        ends.transport.end_audio()
        await ends.recorder.has_played(RATE // 10)
        assert ends.recorder.played[0] == FRAME_SAMPLES
    after = heard[at_flush:]
    quiet_from = next(i for i in range(0, len(after), 960) if rms(after[i : i + 4800]) < 100)
    # The stock caller's own jitter buffer holds 80 ms, and so do the packets on their way.
    assert quiet_from / 2 / RATE < 0.5


async def test_events_go_both_ways_in_order_from_before_the_channel_opens() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = open_transport(recorder)
    try:
        answer = await transport.answer(await caller.offer())
        for i in range(20):
            transport.send_event(f'{{"n": {i}}}')
        await caller.accept(answer)
        assert [(await caller.next_event())["n"] for _ in range(20)] == list(range(20))
        for i in range(20):
            caller.send({"n": i})
        caller.send(b"\x00\x01")
        async with asyncio.timeout(10):
            assert [await recorder.events.get() for _ in range(20)] == [f'{{"n": {i}}}' for i in range(20)]
            assert await recorder.events.get() == b"\x00\x01"
    finally:
        await transport.close()
        await caller.close()


@pytest.mark.parametrize("size", [65_536, 262_144, 900_000])
async def test_large_events_come_in_whole(size: int) -> None:
    async with call() as ends:
        assert "a=max-message-size:1048576" in ends.caller.connection.remoteDescription.sdp
        ends.caller.send("x" * size)
        async with asyncio.timeout(60):
            assert await ends.recorder.events.get() == "x" * size
        ends.caller.send("next")
        async with asyncio.timeout(10):
            assert await ends.recorder.events.get() == "next"


async def test_an_event_too_large_for_the_peer_is_refused_and_the_call_goes_on() -> None:
    async with call() as ends:
        limit = ends.transport.max_message_size
        assert limit == 262_144
        with pytest.raises(EventTooLarge, match="262145"):
            ends.transport.send_event("x" * (limit + 1))
        with pytest.raises(EventTooLarge):
            ends.transport.send_event("ü" * (limit // 2 + 1))
        ends.transport.send_event('"' + "x" * (limit - 2) + '"')
        assert len(await ends.caller.next_event(within=30)) == limit - 2
        assert ends.transport.state is State.CONNECTED


async def test_a_peer_without_a_channel_can_still_talk() -> None:
    async with call(data_channel=None) as ends:
        ends.transport.send_event("nobody will read this")
        ends.caller.say(tone(600, 0.5))
        heard = await ends.recorder.heard(0.8)
        assert loudest_frequency(heard[-RATE:]) == pytest.approx(600, abs=20)
        assert not ends.recorder.opened.is_set()


async def test_a_peer_that_only_listens_is_spoken_to() -> None:
    async with call(microphone=False) as ends:
        ends.transport.send_audio(tone(500, 0.6))
        heard = await ends.caller.heard(RATE // 2)
        assert loudest_frequency(heard[-RATE // 2 :]) == pytest.approx(500, abs=20)
        assert not ends.recorder.pcm


async def test_any_label_will_do_for_the_channel() -> None:
    async with call(data_channel="realtime-channel") as ends:
        ends.transport.send_event('{"type": "session.created"}')
        assert await ends.caller.next_event("session.created")


async def test_two_calls_do_not_hear_each_other() -> None:
    async with call() as one, call() as other:
        one.transport.send_audio(tone(400, 0.6))
        other.transport.send_audio(tone(900, 0.6))
        first, second = await asyncio.gather(one.caller.heard(RATE // 2), other.caller.heard(RATE // 2))
    assert loudest_frequency(first[-RATE // 2 :]) == pytest.approx(400, abs=20)
    assert loudest_frequency(second[-RATE // 2 :]) == pytest.approx(900, abs=20)


async def test_too_much_speech_is_refused() -> None:
    async with call(RtcSettings(max_pending_audio_s=1.0)) as ends:
        ends.transport.send_audio(tone(400, 0.9))
        with pytest.raises(PlayoutFull):
            ends.transport.send_audio(tone(400, 0.9))


async def test_a_transport_answers_once() -> None:
    async with call() as ends:
        with pytest.raises(LocalProtocolError, match="once"):
            await ends.transport.answer("v=0")


async def test_a_bad_offer_leaves_nothing_behind() -> None:
    recorder = CallRecorder()
    transport = AiortcTransport(recorder)
    before = asyncio.all_tasks()
    with pytest.raises(InvalidOffer):
        await transport.answer("garbage")
    assert asyncio.all_tasks() == before
    await transport.close()
    assert len(recorder.reasons) == 1


async def test_the_streams_are_counted() -> None:
    async with call() as ends:
        await ends.recorder.heard(0.5)
        stats = ends.transport.stats()
        assert stats.packets_in >= 20
        assert stats.packets_out >= 20
        assert stats.invalid_in == stats.dropped_in == 0
