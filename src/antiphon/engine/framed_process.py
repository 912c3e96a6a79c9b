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
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple, cast

from antiphon.errors import StageError

_HEADER = struct.Struct(">cI")
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


class FramedProcess(asyncio.SubprocessProtocol):
    """One running helper program. One task may send and one may receive at a time; cancelling either loses nothing.

    Frames are taken in as they come, so what a program sends unasked must be bounded by what it was asked for. The
    owner must call `aclose`, which also reaps the process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._transport: asyncio.SubprocessTransport | None = None
        self._received = bytearray()
        self._frames: deque[Frame] = deque()
        self._changed = asyncio.Event()  # a frame has come, or no more will
        self._writable = asyncio.Event()
        self._writable.set()
        self._silent = False  # stdout is closed, or what came was no frame
        self._gone = asyncio.Event()

    @classmethod
    async def start(cls, program: Path, *arguments: str, name: str) -> FramedProcess:
        """Run a Python file with this interpreter, isolated from the user's environment. Raises ProcessEndedError.

        name: for messages, such as "the espeak-ng helper". stderr is the server's own.
        """
        try:
            _, process = await asyncio.get_running_loop().subprocess_exec(
                lambda: cls(name),
                sys.executable,
                # Isolated: neither the user's PYTHONPATH nor the program's own folder comes before the installed
                # packages. (In stt/ there is a pocketsphinx.py, which is not the library of that name.)
                "-I",
                str(program),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=None,
                # An interrupt typed at the server's terminal is the server's to handle; it then closes its helpers.
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessEndedError(f"{name} could not be started: {error.strerror}") from error
        return process

    @property
    def pid(self) -> int:
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def running(self) -> bool:
        return not self._silent and self._transport is not None and self._transport.get_returncode() is None

    async def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Write one frame; waits while the pipe is full. Raises ProcessEndedError."""
        if not self.running:
            raise ProcessEndedError(f"{self._name} has stopped")
        self.post(kind, payload)
        await self._writable.wait()

    async def send_json(self, kind: bytes, value: object) -> None:
        await self.send(kind, json.dumps(value).encode())

    def post(self, kind: bytes, payload: bytes = b"") -> None:
        """Queue one small frame without waiting, also while another task sends. Silent when the process is gone:
        whoever receives from it will hear of that."""
        pipe = self._stdin()
        if pipe is not None and not pipe.is_closing():
            # One write: a frame is queued whole or not at all, so no cancellation can cut it in two.
            pipe.write(_HEADER.pack(kind, len(payload)) + payload)

    def take_received(self) -> Frame | None:
        """A frame that has already come, or None."""
        return self._frames.popleft() if self._frames else None

    async def receive(self) -> Frame:
        """The next frame. Raises ProcessEndedError when there will be no more."""
        while not self._frames:
            if self._silent:
                raise ProcessEndedError(f"{self._name} has stopped")
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft()

    def kill(self) -> None:
        """End it now; `aclose` is still owed."""
        with contextlib.suppress(ProcessLookupError):
            if self._transport is not None:
                self._transport.kill()

    async def aclose(self) -> None:
        """Close stdin, which ends a sound program; kill one that stays; reap it. Twice is once."""
        pipe = self._stdin()
        if pipe is not None:
            pipe.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self.kill()
            await self._gone.wait()
        except asyncio.CancelledError:
            self.kill()
            raise

    def _stdin(self) -> asyncio.WriteTransport | None:
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        return cast("asyncio.WriteTransport | None", pipe)

    # ── asyncio.SubprocessProtocol: called by the event loop only ───────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._received)
            if length > _MAX_PAYLOAD:
                self.kill()
                self._received.clear()
                self._end_receiving()
                return
            end = _HEADER.size + length
            if len(self._received) < end:
                break
            if not self._silent:
                self._frames.append(Frame(kind, bytes(self._received[_HEADER.size : end])))
            del self._received[:end]
        if self._frames:
            self._changed.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._writable.set()
        if fd == 1:
            self._end_receiving()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Every pipe is closed and the process has been reaped."""
        self._writable.set()
        self._end_receiving()
        self._gone.set()

    def _end_receiving(self) -> None:
        self._silent = True
        self._changed.set()
