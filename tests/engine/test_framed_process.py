"""A helper program behind pipes, with small real programs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from antiphon.engine.framed_process import FramedProcess, ProcessEndedError

READ = """
import struct, sys
def read():
    header = sys.stdin.buffer.read(5)
    if len(header) < 5: sys.exit(0)
    kind, length = struct.unpack('>cI', header)
    return kind, sys.stdin.buffer.read(length)
def write(kind, payload):
    sys.stdout.buffer.write(struct.pack('>cI', kind, len(payload)) + payload)
    sys.stdout.buffer.flush()
"""
ECHO = READ + "while True: write(*read())\n"


def program(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(text)
    return path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_frames_go_and_come_back_whole(tmp_path: Path) -> None:
    process = await FramedProcess.start(program(tmp_path, ECHO), name="echo")
    async with asyncio.timeout(20):
        for payload in (b"", b"x", os.urandom(300_000), b"last"):
            await process.send(b"P", payload)
            frame = await process.receive()
            assert (frame.kind, frame.payload) == (b"P", payload)
        await process.send_json(b"J", {"a": [1, "ü"]})
        assert (await process.receive()).json() == {"a": [1, "ü"]}
    assert process.take_received() is None
    await process.aclose()


async def test_a_cancelled_receive_loses_nothing(tmp_path: Path) -> None:
    process = await FramedProcess.start(program(tmp_path, ECHO), name="echo")
    for number in range(20):
        waiting = asyncio.create_task(process.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await process.send(b"P", b"%d" % number)
    async with asyncio.timeout(20):
        assert [(await process.receive()).payload for _ in range(20)] == [b"%d" % number for number in range(20)]
    await process.aclose()


async def test_sending_waits_for_a_program_that_does_not_read(tmp_path: Path) -> None:
    process = await FramedProcess.start(
        program(tmp_path, READ + "read(); read(); import time; time.sleep(60)"), name="x"
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            for _ in range(100):
                await process.send(b"P", bytes(1 << 20))
    await process.aclose()  # kills it, as it does not see its stdin end
    assert not alive(process.pid)


async def test_a_program_that_ends_is_noticed_by_sender_and_receiver(tmp_path: Path) -> None:
    process = await FramedProcess.start(program(tmp_path, READ + "write(b'A', b'bye'); read()"), name="the program")
    async with asyncio.timeout(20):
        assert (await process.receive()).payload == b"bye"
        await process.send(b"P", b"")
        with pytest.raises(ProcessEndedError, match="the program has stopped"):
            await process.receive()
        with pytest.raises(ProcessEndedError):
            await process.send(b"P", b"")
    assert not process.running
    process.post(b"P", b"")
    await process.aclose()
    await process.aclose()


async def test_what_is_no_frame_ends_the_program(tmp_path: Path) -> None:
    noise = "import sys, time\nsys.stdout.buffer.write(b'\\xff' * 100)\nsys.stdout.flush()\ntime.sleep(60)\n"
    process = await FramedProcess.start(program(tmp_path, noise), name="the program")
    async with asyncio.timeout(20):
        with pytest.raises(ProcessEndedError):
            await process.receive()
        await process.aclose()
    assert not alive(process.pid)


async def test_closing_ends_a_sound_program_without_killing_it(tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    text = READ + f"try:\n    while True: read()\nfinally:\n    open({str(mark)!r}, 'w').close()\n"
    process = await FramedProcess.start(program(tmp_path, text), name="x")
    async with asyncio.timeout(20):
        await process.aclose()
    assert mark.exists()
    assert not alive(process.pid)


async def test_closing_does_not_hang_on_a_program_that_still_writes(tmp_path: Path) -> None:
    text = READ + "while True: write(b'A', bytes(100_000))\n"
    process = await FramedProcess.start(program(tmp_path, text), name="x")
    async with asyncio.timeout(20):
        await process.receive()
        process.kill()
        await process.aclose()
    assert not alive(process.pid)


async def test_the_program_does_not_see_the_users_python_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = await FramedProcess.start(program(tmp_path, "import json\n" + ECHO), name="x")
    async with asyncio.timeout(20):
        await process.send(b"P", b"ok")
        assert (await process.receive()).payload == b"ok"
    await process.aclose()
