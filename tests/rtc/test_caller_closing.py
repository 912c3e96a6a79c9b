"""How calls that we make end, in every stage that they can be in, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from antiphon.errors import LocalProtocolError
from antiphon.rtc import (
    CallerTransport,
    Ending,
    IceServer,
    InvalidAnswer,
    RtcSettings,
    TransportUnavailable,
    open_caller,
)
from call_recorder import CallRecorder, tone
from stock_answerer import StockAnswerer

QUICK = RtcSettings(silence_timeout_s=1.5, connect_timeout_s=1.0, shaky_after_s=0.4)


def sockets_of_this_process() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("open sockets cannot be listed on this system")
    found = set()
    for entry in folder.iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """What the block opens, it closes: tasks and sockets, without a word in the log of the loop."""
    problems: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(str(context)))
    gc.collect()
    tasks, sockets = asyncio.all_tasks(), sockets_of_this_process()
    yield
    if left := asyncio.all_tasks() - tasks:
        _, left = await asyncio.wait(left, timeout=5)
    assert not left
    gc.collect()
    for _ in range(3):
        await asyncio.sleep(0)  # a transport's socket is closed in the loop's next turn
    assert sockets_of_this_process() - sockets == set()
    assert not problems


async def ended(recorder: CallRecorder, within: float = 10.0) -> str:
    async with asyncio.timeout(within):
        await recorder.closed.wait()
    (reason,) = recorder.reasons
    return reason


async def test_closing_before_there_was_an_offer() -> None:
    async with nothing_left():
        recorder = CallRecorder()
        transport = open_caller(recorder)
        await transport.close()
        await transport.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            await transport.offer()
    assert recorder.reasons == ["hung up by this side"]


async def test_closing_an_offer_that_nobody_answered() -> None:
    async with nothing_left():
        recorder = CallRecorder()
        transport = open_caller(recorder)
        await transport.offer()
        await transport.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            await transport.accept("v=0")
    assert recorder.reasons == ["hung up by this side"]


async def test_closing_while_gathering() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = IceServer(url=f"stun:127.0.0.1:{deaf.getsockname()[1]}")
        settings = RtcSettings(ice_servers=(server,), bind_addresses=("127.0.0.1",), gathering_timeout_s=0.3)
        async with nothing_left():
            recorder = CallRecorder()
            transport = open_caller(recorder, settings)
            offering = asyncio.create_task(transport.offer())
            await asyncio.sleep(0)
            await transport.close()
            with pytest.raises(LocalProtocolError, match="closed"):
                await offering
        assert recorder.reasons == ["hung up by this side"]


@pytest.mark.parametrize("kind", ["stun", "turn"])
async def test_a_server_that_does_not_answer_holds_the_offer_up_for_a_bounded_time(kind: str) -> None:
    told: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = IceServer(url=f"{kind}:127.0.0.1:{deaf.getsockname()[1]}", username="u", credential="c")
        settings = RtcSettings(ice_servers=(server,), bind_addresses=("127.0.0.1",), gathering_timeout_s=0.2)
        async with nothing_left():
            transport = open_caller(CallRecorder(), settings, on_gathering=told.append)
            async with asyncio.timeout(2):
                assert "typ host" in await transport.offer()
            await transport.close()
    assert told == ["gathering", "timeout"]


async def _offering(transport: CallerTransport, _answerer: StockAnswerer) -> None:
    await transport.offer()


async def _accepting(transport: CallerTransport, answerer: StockAnswerer) -> None:
    await transport.accept(await answerer.answer(await transport.offer()))


@pytest.mark.parametrize("doing", [_offering, _accepting])
@pytest.mark.parametrize("turns", [1, 2, 4, 8])
async def test_cancelling_at_any_turn_leaves_nothing(
    doing: Callable[[CallerTransport, StockAnswerer], Awaitable[None]], turns: int
) -> None:
    async with nothing_left():
        answerer = StockAnswerer()
        transport = open_caller(CallRecorder(), QUICK)
        task = asyncio.ensure_future(doing(transport, answerer))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await transport.close()
        await answerer.close()


async def test_a_bad_answer_leaves_nothing() -> None:
    async with nothing_left():
        transport = open_caller(CallRecorder())
        await transport.offer()
        with pytest.raises(InvalidAnswer):
            await transport.accept("garbage")
        await transport.close()


async def test_no_port_is_said_plainly() -> None:
    async with nothing_left():
        transport = open_caller(CallRecorder(), RtcSettings(bind_addresses=("203.0.113.250",)))
        with pytest.raises(TransportUnavailable, match=r"203\.0\.113\.250"):
            await transport.offer()


async def test_a_peer_that_answers_but_cannot_be_reached_is_given_up_in_time() -> None:
    async with nothing_left():
        recorder, answerer = CallRecorder(), StockAnswerer()
        states: list[str] = []
        transport = open_caller(recorder, QUICK, on_state=states.append)
        answer = await answerer.answer(await transport.offer())
        await answerer.close()
        await transport.accept(answer)
        assert await ended(recorder) == "no connection within 1 s"
        assert transport.ending is Ending.UNREACHED
        assert states == ["connecting", "failed"]


async def test_a_wrong_certificate_is_no_connection() -> None:
    recorder, answerer = CallRecorder(), StockAnswerer()
    transport = open_caller(recorder, RtcSettings(connect_timeout_s=5))
    lines = (await answerer.answer(await transport.offer())).split("\r\n")
    wrong = [f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}" if "fingerprint" in line else line for line in lines]
    await transport.accept("\r\n".join(wrong))
    assert await ended(recorder) == "the DTLS handshake with the peer failed"
    assert transport.ending is Ending.UNREACHED
    await answerer.close()


async def connected(settings: RtcSettings, **more: object) -> tuple[CallRecorder, CallerTransport, StockAnswerer]:
    recorder, answerer = CallRecorder(), StockAnswerer()
    transport = open_caller(recorder, settings, **more)  # type: ignore[arg-type]
    await transport.accept(await answerer.answer(await transport.offer()))
    async with asyncio.timeout(10):
        await recorder.opened.wait()
    return recorder, transport, answerer


async def test_the_peer_hangs_up() -> None:
    async with nothing_left():
        recorder, transport, answerer = await connected(QUICK)
        await answerer.close()
        await ended(recorder, within=3)
        assert transport.ending is Ending.PEER


def _deafened(answerer: StockAnswerer, deaf: bool) -> None:
    """Let the answerer's machine lose its network, and find it again."""
    for transceiver in answerer.connection.getTransceivers():
        ice = transceiver.receiver.transport.transport._connection
        for protocol in ice._protocols:
            protocol.transport.pause_reading() if deaf else protocol.transport.resume_reading()
            protocol.transport.sendto = (
                (lambda data, addr=None: None) if deaf else type(protocol.transport).sendto.__get__(protocol.transport)
            )


async def test_a_passing_silence_is_told_and_survived() -> None:
    shaky: asyncio.Queue[bool] = asyncio.Queue()
    settings = RtcSettings(silence_timeout_s=8.0, shaky_after_s=0.3)
    recorder, transport, answerer = await connected(settings, on_shaky=shaky.put_nowait)
    try:
        _deafened(answerer, True)
        async with asyncio.timeout(5):
            assert await shaky.get() is True
        assert not recorder.closed.is_set()
        _deafened(answerer, False)
        async with asyncio.timeout(5):
            assert await shaky.get() is False
        transport.send_event("still here")
        async with asyncio.timeout(5):
            assert await answerer.messages.get() == "still here"
    finally:
        await transport.close()
        await answerer.close()


async def test_a_peer_that_vanishes_is_given_up_in_time() -> None:
    async with nothing_left():
        states: list[str] = []
        recorder, transport, answerer = await connected(QUICK, on_state=states.append)
        _deafened(answerer, True)
        assert await ended(recorder) == "no sign of life from the peer for 1.5 s"
        assert transport.ending is Ending.LOST
        assert states == ["connecting", "connected", "disconnected", "failed"]
        transport.send_event("{}")
        transport.send_audio(tone(440, 0.1))
        await transport.close()
        _deafened(answerer, False)
        await answerer.close()
    assert not recorder.after_close


async def test_closing_while_connecting() -> None:
    async with nothing_left():
        recorder, answerer = CallRecorder(), StockAnswerer()
        transport = open_caller(recorder)
        await transport.accept(await answerer.answer(await transport.offer()))
        await asyncio.gather(transport.close(), transport.close())
        assert recorder.reasons == ["hung up by this side"]
        await answerer.close()
