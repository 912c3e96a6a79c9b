"""A helper program at the other end of two pipes, as the stages see it. What is said over the pipes is not known here.

Libraries that hold the GIL, or whose licence must not meet the server's, run in processes of their own. One frame, both
ways, is one byte of kind, a 32-bit big-endian length, and the payload. The programs are plain files that import nothing
of Antiphon (so they start fast, stay small, and are clearly separate works); each ends when its stdin ends, so none
outlives the server, even one that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

from antiphon.errors import StageError

_HEADER = struct.Struct(">cI")
_READ_BYTES = 1 << 16
_MAX_PAYLOAD = 8 << 20
_END_SECONDS = 2.0


class Frame(NamedTuple):
    """kind: one byte. payload: as it came."""

    kind: bytes
    payload: bytes

    def json(self) -> Any:
        return json.loads(self.payload)


class ProcessEndedError(StageError):
    """The helper process is gone: it crashed, was killed, or broke the framing."""


class FramedProcess:
    """One running helper program. One task may send and one may receive at a time; cancelling either loses nothing.

    The owner must call `aclose`, which also reaps the process.
    """

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process must have pipes at stdin and stdout")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._received = bytearray()
        self._name = name

    @classmethod
    async def start(cls, program: Path, *arguments: str, name: str) -> FramedProcess:
        """Run a Python file with this interpreter, isolated from the user's environment. Raises ProcessEndedError."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(program),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # An interrupt typed at the server's terminal is the server's to handle; it then closes its helpers.
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessEndedError(f"{name} could not be started: {error.strerror}") from error
        return cls(process, name)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Write one frame; waits while the pipe is full. Raises ProcessEndedError."""
        try:
            # One write call: a frame is queued whole or not at all, so a cancelled drain cannot cut it in two.
            self._stdin.write(_HEADER.pack(kind, len(payload)) + payload)
            await self._stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise ProcessEndedError(f"{self._name} has stopped") from error

    async def send_json(self, kind: bytes, value: object) -> None:
        await self.send(kind, json.dumps(value).encode())

    def post_json(self, kind: bytes, value: object) -> None:
        """Queue one small frame without waiting, also while another task sends. Silent when the process is gone:
        whoever receives from it will hear of that."""
        payload = json.dumps(value).encode()
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._stdin.write(_HEADER.pack(kind, len(payload)) + payload)

    async def receive(self) -> Frame:
        """Read one frame. Raises ProcessEndedError when there will be no more. Cancelling keeps what has arrived."""
        while True:
            frame = self._take_frame()
            if frame is not None:
                return frame
            data = await self._stdout.read(_READ_BYTES)
            if not data:
                raise ProcessEndedError(f"{self._name} has stopped")
            self._received += data

    def _take_frame(self) -> Frame | None:
        if len(self._received) < _HEADER.size:
            return None
        kind, length = _HEADER.unpack_from(self._received)
        if length > _MAX_PAYLOAD:
            self.kill()
            raise ProcessEndedError(f"{self._name} sent something that is no frame")
        end = _HEADER.size + length
        if len(self._received) < end:
            return None
        frame = Frame(kind, bytes(self._received[_HEADER.size : end]))
        del self._received[:end]
        return frame

    def kill(self) -> None:
        """End it now; `aclose` is still owed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _drain(self) -> None:
        """Wait for the end of the process. What it still writes is read, or a full pipe would keep it from ending."""
        while await self._stdout.read(_READ_BYTES):
            pass
        await self._process.wait()

    async def aclose(self) -> None:
        """Close stdin, which ends a sound program; kill one that stays; reap it. Twice is once."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._drain()
        except TimeoutError:
            self.kill()
            await self._drain()
        except asyncio.CancelledError:
            self.kill()
            raise
