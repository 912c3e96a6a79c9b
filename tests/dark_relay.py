"""A TCP relay that can go dark, as a network does: what is sent vanishes, and nobody is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class DarkRelay:
    """Between callers and one port of this machine. dark: nothing gets through either way, new connections hang.

    What is sent while it is dark is not lost: TCP sends it again when there is light, and so does this.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._light = asyncio.Event()
        self._light.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.accepted = 0

    def go_dark(self) -> None:
        self._light.clear()

    def light_up(self) -> None:
        self._light.set()

    def cut(self) -> None:
        """Break every connection at once, without a word of goodbye."""
        for writer in self._writers:
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        await self._light.wait()
        there, away = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, away}
        for source, sink in ((reader, away), (there, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._light.wait()
                sink.write(data)
                await sink.drain()
        with contextlib.suppress(OSError):
            sink.close()

    async def end(self) -> None:
        self._light.set()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def dark_relay(port: int) -> AsyncIterator[DarkRelay]:
    """A relay to that port, while the block runs. Give callers its own `port`."""
    relay = DarkRelay(port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        await relay.end()
        server.close()
        await server.wait_closed()
