"""How calls end, in every way that they do, and that nothing of them is left."""

import asyncio
import gc
import random
import socket
import threading
import weakref
from pathlib import Path

import pytest

from antiphon.errors import LocalProtocolError
from antiphon.rtc import RtcSettings
from antiphon.rtc.aiortc_transport import AiortcTransport
from antiphon.rtc.peer import CLOSED_HERE, State
from call_recorder import Call, CallRecorder, call, tone
from rtc_caller import Caller

QUICK = RtcSettings(silence_timeout_s=2.0, connect_timeout_s=2.0)


async def ended(recorder: CallRecorder, within: float = 10.0) -> str:
    """Wait for the end, and return its reason, having made sure that there was one."""
    async with asyncio.timeout(within):
        await recorder.closed.wait()
    (reason,) = recorder.reasons
    return reason


async def test_the_peer_hangs_up() -> None:
    async with call() as ends:
        await ends.caller.close()
        assert await ended(ends.recorder, within=3) in (
            "the peer closed the data channel",
            "the peer closed the connection",
        )
        assert ends.transport.state is State.CLOSED


async def test_a_peer_without_a_channel_hangs_up() -> None:
    async with call(data_channel=None) as ends:
        await ends.recorder.heard(0.1)
        await ends.caller.close()
        assert await ended(ends.recorder, within=3) == "the peer closed the connection"


async def test_this_side_hangs_up_once() -> None:
    async with call() as ends:
        await asyncio.gather(ends.transport.close(), ends.transport.close())
        await ends.transport.close()
        assert ends.recorder.reasons == [CLOSED_HERE]
        ends.transport.send_event("{}")
        ends.transport.send_audio(tone(440, 0.1))
        ends.transport.flush_audio()
        assert ends.transport.pending_ms == 0
        async with asyncio.timeout(5):
            await ends.caller.closed.wait()
    assert not ends.recorder.after_close


async def test_the_last_events_arrive_before_a_hang_up() -> None:
    async with call() as ends:
        for i in range(50):
            ends.transport.send_event(f'{{"n": {i}, "text": "{"x" * 2000}"}}')
        await ends.transport.close()
        assert [(await ends.caller.next_event())["n"] for _ in range(50)] == list(range(50))


async def test_a_peer_that_vanishes_is_given_up_in_time() -> None:
    async with call(QUICK) as ends:
        await ends.recorder.heard(0.1)
        ends.caller.vanish()
        started = asyncio.get_running_loop().time()
        assert await ended(ends.recorder) == "no sign of life from the peer for 2 s"
        assert 1.5 < asyncio.get_running_loop().time() - started < 4


async def test_a_peer_that_is_silent_but_there_is_not_given_up() -> None:
    async with call(RtcSettings(silence_timeout_s=0.6), microphone=False) as ends:
        with pytest.raises(TimeoutError):
            await ended(ends.recorder, within=2.5)


async def test_a_peer_that_never_takes_the_answer_is_given_up() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, RtcSettings(connect_timeout_s=0.5))
    await transport.answer(await caller.offer())
    assert await ended(recorder) == "no connection within 0.5 s"
    await caller.close()


async def test_hanging_up_while_connecting() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder)
    answer = await transport.answer(await caller.offer())
    accepting = asyncio.create_task(caller.accept(answer))
    await transport.close()
    assert recorder.reasons == [CLOSED_HERE]
    await accepting
    await caller.close()


async def test_hanging_up_while_answering() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder)
    answering = asyncio.create_task(transport.answer(await caller.offer()))
    await asyncio.sleep(0)
    await transport.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        await answering
    assert recorder.reasons == [CLOSED_HERE]
    await caller.close()


async def test_a_wrong_certificate_is_no_connection() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, QUICK)
    lines = (await caller.offer()).split("\r\n")
    wrong = [f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}" if "fingerprint" in line else line for line in lines]
    await caller.accept(await transport.answer("\r\n".join(wrong)))
    assert await ended(recorder) == "the DTLS handshake with the peer failed"
    await caller.close()


async def test_cancelling_the_calls_task_frees_it_too() -> None:
    async with call() as ends:
        assert ends.transport._task is not None
        ends.transport._task.cancel()
        assert await ended(ends.recorder) == "the server is stopping"
        assert ends.transport.state is State.CLOSED


async def test_a_peer_that_reads_nothing_is_hung_up() -> None:
    async with call(RtcSettings(max_event_queue_bytes=100_000)) as ends:
        ends.caller.vanish()
        for _ in range(40):
            ends.transport.send_event("x" * 10_000)
        assert (await ended(ends.recorder)).startswith("the peer does not read its events")


async def test_events_queued_for_a_channel_that_never_opens_are_bounded() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder, RtcSettings(max_event_queue_bytes=100_000))
    await transport.answer(await caller.offer())
    for _ in range(40):
        transport.send_event("x" * 10_000)
    assert (await ended(recorder)).startswith("the peer does not read its events")
    await caller.close()


async def test_a_message_larger_than_announced_ends_the_call() -> None:
    async with call(RtcSettings(max_message_bytes=20_000)) as ends:
        assert ends.caller.channel is not None
        ends.caller.channel.transport._remote_max_message_size = 0
        ends.caller.send("x" * 500_000)
        assert await ended(ends.recorder) == "the peer sent a message larger than was announced"
        assert ends.recorder.events.empty()


async def test_text_that_is_no_utf8_ends_the_call() -> None:
    async with call() as ends:
        assert ends.caller.channel is not None
        sctp, text_message = ends.caller.channel.transport, 51
        await sctp._send(ends.caller.channel.id, text_message, b"\xff\xfe")
        assert await ended(ends.recorder) == "the peer broke the data channel's protocol"


async def test_strangers_datagrams_change_nothing() -> None:
    rng = random.Random(3)
    async with call() as ends:
        assert ends.transport._connection is not None
        (host, port), *_ = [(c.host, c.port) for c in ends.transport._connection.local_candidates if ":" not in c.host]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for first in (None, 0, 1, 20, 22, 23, 64, 128, 144, 191, 200, 255):
                for size in (0, 1, 3, 12, 20, 100, 1400):
                    data = rng.randbytes(size)
                    stranger.sendto(data if first is None or not data else bytes([first]) + data[1:], (host, port))
        ends.caller.send({"type": "still.here"})
        async with asyncio.timeout(5):
            assert "still.here" in str(await ends.recorder.events.get())
        heard = len(ends.recorder.pcm) / 48_000
        await ends.recorder.heard(heard + 0.3)
        assert ends.transport.state is State.CONNECTED


def open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        if Path(folder).is_dir():
            return len(list(Path(folder).iterdir()))
    pytest.skip("open files cannot be counted on this system")


def threads_of_calls() -> int:
    """Threads but for the event loop's own pool, where the stock caller encodes: it grows as it is used."""
    return len([thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")])


async def test_many_calls_leave_nothing_behind() -> None:
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context)))

    async def one(index: int) -> None:
        async with call(QUICK) as ends:
            ends.transport.send_audio(tone(300, 0.2))
            ends.caller.send({"n": index})
            await ends.recorder.heard(0.1)
            await hang_up(ends, index)
            await ended(ends.recorder)

    async def hang_up(ends: Call, index: int) -> None:
        match index % 3:
            case 0:
                await ends.transport.close()
            case 1:
                await ends.caller.close()
            case _:
                ends.caller.vanish()

    await one(0)  # what is made once in a process is made by now
    gc.collect()
    tasks, files, threads = asyncio.all_tasks(), open_files(), threads_of_calls()
    for batch in range(4):
        await asyncio.gather(*(one(3 * batch + i) for i in range(3)))
    if left := asyncio.all_tasks() - tasks:
        _, left = await asyncio.wait(left, timeout=5)
    assert not left
    gc.collect()
    assert open_files() <= files
    assert threads_of_calls() <= threads
    assert not problems


async def test_a_closed_call_is_forgotten() -> None:
    async with call() as ends:
        ends.caller.send({"n": 1})
        await ends.recorder.heard(0.1)
        await ends.transport.close()
        remembered = [weakref.ref(ends.transport), weakref.ref(ends.transport._audio), weakref.ref(ends.recorder)]
        del ends
    gc.collect()
    assert [reference() for reference in remembered] == [None, None, None]


async def test_a_call_takes_no_thread_of_its_own() -> None:
    recorder, caller = CallRecorder(), Caller()
    transport = AiortcTransport(recorder)
    before = {thread.ident for thread in threading.enumerate()}
    offer = await caller.offer()
    await transport.answer(offer)
    assert {thread.ident for thread in threading.enumerate()} <= before
    await transport.close()
    await caller.close()
