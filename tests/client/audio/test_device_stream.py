"""Work that may never come back, done in threads of its own; and silence in place of a device."""

from __future__ import annotations

import asyncio
import threading

import pytest

from antiphon.client.audio.device_stream import SilentStream, in_thread


async def test_what_a_thread_returns_or_raises_arrives() -> None:
    assert await in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_a_device_that_opens_after_nobody_waits_any_more_is_given_back() -> None:
    go_on, given_back = threading.Event(), asyncio.Event()

    def opens_slowly() -> str:
        go_on.wait(10)
        return "a stream"

    unwanted: list[str] = []
    opening = in_thread(opens_slowly, unwanted=lambda stream: (unwanted.append(stream), given_back.set()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await opening
    go_on.set()

    await asyncio.wait_for(given_back.wait(), 10)
    assert unwanted == ["a stream"]


async def test_silence_comes_as_time_passes_and_ends_when_closed() -> None:
    ticks: list[float] = []
    third = asyncio.Event()

    def tick(due: float) -> None:
        ticks.append(due)
        if len(ticks) == 3:
            third.set()

    stream = SilentStream(tick)
    await asyncio.wait_for(third.wait(), 10)
    assert stream.is_alive()
    assert ticks[1] - ticks[0] == pytest.approx(0.01)
    await stream.aclose()
    assert not stream.is_alive()
    after = len(ticks)
    await asyncio.sleep(0)
    assert len(ticks) == after
