"""One connection kept up: a task that reads, a task that writes, and attaching again. The driver of a transport.

What is read goes to `on_data` at once; what is to be sent waits in the outbox, over a reattachment too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from antiphon.client.attaching import RETRIED_CLOSE_CODES, Patience, worth_attaching_again, worth_reattaching
from antiphon.client.errors import ClosedError, ConnectError
from antiphon.client.settings import ClientSettings
from antiphon.client.transport import NORMAL_CLOSE, Transport
from antiphon.client.waiting import Outbox

logger = logging.getLogger("antiphon.client")

_INTERNAL_ERROR = 1011


class Connection:
    """A transport and its two tasks. Owned by one client; `aclose` must be awaited once `open` was called.

    attached: it is a sideband, which is looked for and, when it is lost, attached again. on_data: takes what came, and
    returns at once. on_lost: the connection is gone, and is looked for. on_reattached: there is another one. on_closed:
    there will be no more.
    """

    def __init__(
        self,
        transport: Transport,
        settings: ClientSettings,
        *,
        attached: bool,
        on_data: Callable[[str | bytes], None],
        on_lost: Callable[[], None],
        on_reattached: Callable[[], None],
        on_closed: Callable[[ClosedError], None],
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._attached = attached
        self._on_data = on_data
        self._on_lost = on_lost
        self._on_reattached = on_reattached
        self._on_closed = on_closed
        self._online = asyncio.Event()
        self._connections = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.outbox = Outbox(settings.max_unsent_bytes)
        self.closed: ClosedError | None = None

    async def open(self) -> None:
        """Connect and begin to read and write. Raises ConnectError."""
        await self._connect(self._settings.attach if self._attached else None, worth_attaching_again)
        self._tasks = [
            asyncio.create_task(self._read(), name="client-read"),
            asyncio.create_task(self._write(), name="client-write"),
        ]

    async def aclose(self, code: int, reason: str) -> None:
        """Send what waits, close, and wait until both tasks are over."""
        if self._online.is_set() and self.closed is None:
            try:
                async with asyncio.timeout(self._settings.close_timeout_s):
                    await self.outbox.drained()
            except TimeoutError:
                logger.warning("hung up before everything was sent: the server takes nothing")
        self._end(ClosedError(code, reason or "hung up here"))
        await self._transport.close(code, reason)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self, error: ClosedError) -> None:
        if self.closed is None:
            self.closed = error
            self._online.clear()
            self.outbox.close(error)
            self._on_closed(error)

    async def _connect(self, patience: Patience | None, worth: Callable[[ConnectError], bool]) -> None:
        started, attempt = time.monotonic(), 0
        while True:
            try:
                await self._transport.connect()
                self._connections += 1
                self._online.set()
                return
            except ConnectError as error:
                attempt += 1
                wait = patience.wait(attempt, time.monotonic() - started) if patience and worth(error) else None
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    async def _read(self) -> None:
        try:
            while True:
                try:
                    data = await self._transport.receive()
                except ClosedError as closed:
                    if await self._reattached(closed):
                        continue
                    self._end(closed)
                    return
                self._on_data(data)
        except Exception:
            # Nobody may be left waiting for a reader that is gone.
            logger.exception("the client failed on what it read")
            self._end(ClosedError(_INTERNAL_ERROR, "the client failed"))
            await self._transport.close(NORMAL_CLOSE, "")

    async def _write(self) -> None:
        while True:
            await self._online.wait()
            event = await self.outbox.take()
            connection = self._connections
            try:
                await self._transport.send(event.data)
                self.outbox.sent()
            except ClosedError:
                # Whether the call is over is for the reader to find out; until then the event waits.
                self.outbox.put_back(event)
                if connection == self._connections:
                    self._online.clear()

    async def _reattached(self, closed: ClosedError) -> bool:
        """Try to get a lost sideband back. False when the call is over."""
        patience = self._settings.reattach
        if not self._attached or patience is None or self.closed is not None or closed.code not in RETRIED_CLOSE_CODES:
            return False
        self._online.clear()
        self.outbox.drop_fleeting()
        self._on_lost()
        logger.warning("the sideband was lost (close code %d): attaching again", closed.code)
        try:
            await self._connect(patience, worth_reattaching)
        except ConnectError as error:
            logger.warning("the sideband did not come back: %s", error)
            return False
        self._on_reattached()
        return True
