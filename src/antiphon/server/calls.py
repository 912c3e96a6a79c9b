"""Every call of this server, from its admission to its end, and whether the server is ready for one.

What a call says, and how it travels, is not known here.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from antiphon.server.answering import AnsweredCall, Answerer
from antiphon.server.refusals import Refusal

logger = logging.getLogger("antiphon.server")

CLOSING_SECONDS = 1.0
"""How long calls get to end by themselves when the server stops; after that their tasks are cancelled."""

ENDED_REMEMBERED = 256
"""Ids of ended calls that are remembered, so that a second hang-up is no error."""


class Readiness(enum.Enum):
    """Where the server stands. Written by `Calls.running` only."""

    IDLE = "idle"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    CLOSING = "closing"


class Calls:
    """The calls at hand, and the one who answers them. Used on one event loop only.

    It owns the answerer's start and end and the task of every WebRTC call. A WebSocket call runs in the task that the
    ASGI server made for its connection, and is known here so that it, too, can be hung up and counted.
    """

    def __init__(self, answerer: Answerer, *, max_calls: int, ready_seconds: float) -> None:
        self.answerer = answerer
        self.readiness = Readiness.IDLE
        self.failure: Exception | None = None
        self._max_calls = max_calls
        self._ready_seconds = ready_seconds
        self._taken = 0
        self._calls: dict[str, AnsweredCall] = {}
        self._hang_ups: dict[str, Callable[[str], None]] = {}
        self._ended: deque[str] = deque(maxlen=ENDED_REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    # ── the server's life ─────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def running(self, prepare: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
        """Start the answerer beside the server, so that the page is there at once; end everything on the way out.

        prepare: imports that take time; run in a thread beside the answerer's start.
        """
        if self.readiness is not Readiness.IDLE:
            raise RuntimeError("This app runs already, or has run: make a new one with create_app().")
        self.readiness = Readiness.STARTING
        starting = asyncio.create_task(self._start(prepare), name="antiphon-start")
        try:
            yield
        finally:
            self.readiness = Readiness.CLOSING
            self._settled.set()
            starting.cancel()
            await asyncio.wait([starting])
            await self._end_all()
            await self.answerer.aclose()

    async def _start(self, prepare: Callable[[], None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(prepare))
                group.create_task(self.answerer.start())
        except ExceptionGroup as errors:
            self.failure = errors.exceptions[0]
            self.readiness = Readiness.FAILED
        else:
            self.readiness = Readiness.READY
        finally:
            self._settled.set()

    async def settled(self) -> None:
        """Wait until the start has come to an end, well or badly, however long it takes. Raises what went wrong."""
        await self._settled.wait()
        if self.failure is not None:
            raise self.failure

    async def ready(self) -> None:
        """Wait until calls can be taken. Raises Refusal when that is not soon."""
        if self.readiness is Readiness.STARTING:
            try:
                async with asyncio.timeout(self._ready_seconds):
                    await self._settled.wait()
            except TimeoutError:
                raise Refusal(
                    503, "not_ready", "The server is still loading. Try again shortly.", headers={"Retry-After": "5"}
                ) from None
        match self.readiness:
            case Readiness.READY:
                return
            case Readiness.FAILED:
                logger.error("a call was refused, because the engine did not start", exc_info=self.failure)
                raise Refusal(503, "engine_unavailable", "The server could not start its engine. Its log says why.")
            case Readiness.IDLE:
                raise Refusal(
                    503, "not_started", "This app was mounted without its lifespan: enter antiphon.server.running(app)."
                )
            case _:
                raise Refusal(503, "closing", "The server is going down.", headers={"Retry-After": "5"})

    # ── one call's life ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def active(self) -> int:
        """Calls that hold a slot now, also those that are still being set up."""
        return self._taken

    async def idle(self) -> None:
        """Wait until no call holds a slot."""
        await self._empty.wait()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places for calls. Raises Refusal when there is none."""
        if self.readiness is Readiness.CLOSING:
            raise Refusal(503, "closing", "The server is going down.", headers={"Retry-After": "5"})
        if self._taken >= self._max_calls:
            raise Refusal(
                503,
                "too_many_calls",
                f"All {self._max_calls} places for calls are taken. Try again later.",
                headers={"Retry-After": "10"},
            )
        self._taken += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._taken -= 1
            if self._taken == 0:
                self._empty.set()

    @contextmanager
    def listed(self, call: AnsweredCall, hang_up: Callable[[str], None]) -> Iterator[None]:
        """Make the call known under its id while the block runs."""
        call_id = call.id
        if call_id in self._calls:
            raise ValueError(f"two calls with the id {call_id}")
        self._calls[call_id] = call
        self._hang_ups[call_id] = hang_up
        loop = asyncio.get_running_loop()
        began = loop.time()
        logger.info("call %s began (%d at once)", call_id, self._taken)
        try:
            yield
        finally:
            del self._calls[call_id], self._hang_ups[call_id]
            self._ended.append(call_id)
            logger.info("call %s ended after %.1f s", call_id, loop.time() - began)

    def find(self, call_id: str) -> AnsweredCall | None:
        """The running call of that id, or None."""
        return self._calls.get(call_id)

    def hang_up(self, call_id: str, reason: str) -> bool:
        """End a call. False when there is none of that id.

        A caller that closes its connection and asks to hang up in one breath may be late with the second; hanging up a
        call that has just ended is no error.
        """
        hang_up = self._hang_ups.get(call_id)
        if hang_up is None:
            return call_id in self._ended
        hang_up(reason)
        return True

    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a call's work in a task of its own, which ends with the server at the latest."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_all(self) -> None:
        for hang_up in list(self._hang_ups.values()):
            hang_up("the server is going down")
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.idle()
        except TimeoutError:
            logger.warning("%d calls did not end in time", self._taken)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
