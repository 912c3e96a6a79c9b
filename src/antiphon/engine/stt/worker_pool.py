"""The recognizer's worker processes: who has one, how many there are, and what becomes of a broken one.

A worker belongs to one utterance at a time. There is always one more started than is in use, up to the limit, so that
nobody waits for a model to load. A worker that died, or that does not come back from an abandoned utterance, is
replaced. What is said to a worker is not known here, but for the one word that makes it give an utterance up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

from antiphon.engine.framed_process import FramedProcess, ProcessEndedError
from antiphon.errors import LocalProtocolError, StageError, StageUnavailable

WORKER: Final = Path(__file__).with_name("pocketsphinx_worker.py")
_NAME: Final = "the recognizer's worker process"
_START_SECONDS: Final = 30.0
_ABANDON_SECONDS: Final = 5.0


class WorkerPool:
    """Every worker is in one place: `_idle`, `_taken`, or in the hands of one of `_tasks`, which starts it, waits for
    it to give an utterance up, or ends it. Only the event loop touches it. `aclose` is owed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._idle: asyncio.Queue[FramedProcess | None] = asyncio.Queue()  # holds at most `limit`, and None at the end
        self._taken: set[FramedProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._coming = 0  # workers in the hands of a task that will be idle
        self._waiting = 0
        self._failure: StageError | None = None  # why the last worker that was started did not come up
        self._closed = False

    @property
    def taken(self) -> int:
        """How many utterances have a worker."""
        return len(self._taken)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that are idle or have an utterance."""
        idle = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for worker in idle:
            self._idle.put_nowait(worker)
        return [worker.pid for worker in (*idle, *self._taken) if worker is not None]

    @property
    def taken_pids(self) -> list[int]:
        return [worker.pid for worker in self._taken]

    @property
    def idle(self) -> int:
        return self._idle.qsize()

    @property
    def size(self) -> int:
        """How many workers there are, those that are just starting or giving up included."""
        return self.idle + len(self._taken) + self._coming

    async def start(self) -> None:
        """Have one worker ready. Raises StageUnavailable when it does not start."""
        self._check_open()
        if self.size == 0:
            self._coming += 1
            try:
                worker = await _start_worker()
            finally:
                self._coming -= 1
            try:
                self._check_open()  # it may have been closed meanwhile
            except LocalProtocolError:
                await _kill(worker)
                raise
            self._idle.put_nowait(worker)

    async def take(self, wait_seconds: float) -> FramedProcess:
        """A free worker; the longest waiting is served first. Raises StageError when all stay busy for so long."""
        self._check_open()
        self._waiting += 1
        try:
            self._grow()
            async with asyncio.timeout(wait_seconds):
                worker = await self._next_sound_one()
        except TimeoutError:
            raise self._failure or StageError("the recognizer is busy: too many people speak at once") from None
        finally:
            self._waiting -= 1
        self._taken.add(worker)
        self._grow()
        return worker

    def give_back(self, worker: FramedProcess, *, sound: bool) -> None:
        """sound: its utterance is over. Otherwise it is told to give it up, and is free when it has."""
        self._taken.discard(worker)
        if sound and worker.running and not self._closed:
            self._idle.put_nowait(worker)
        elif worker.running and not self._closed:
            worker.post(b"A")
            self._coming += 1
            self._spawn(self._abandon(worker))
        else:
            self._spawn(self._end(worker))

    async def aclose(self) -> None:
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers = list(self._taken)
        self._taken.clear()
        while not self._idle.empty():
            worker = self._idle.get_nowait()
            if worker is not None:
                workers.append(worker)
        for _ in range(self._waiting):
            self._idle.put_nowait(None)
        await asyncio.gather(*(_kill(worker) for worker in workers))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_open(self) -> None:
        if self._closed:
            raise LocalProtocolError("this recognizer has been closed")

    async def _next_sound_one(self) -> FramedProcess:
        while True:
            worker = await self._idle.get()
            if worker is None or self._closed:
                if worker is not None:
                    await _kill(worker)
                raise StageError("the recognizer has been closed")
            if worker.running:
                return worker
            self._spawn(self._end(worker))
            self._grow()

    def _grow(self) -> None:
        """Start workers until one is idle beyond those that are waited for, or the limit is reached."""
        while not self._closed and self.size < self.limit and self.idle + self._coming <= self._waiting:
            self._coming += 1
            self._spawn(self._add())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=_NAME)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _add(self) -> None:
        try:
            worker = await _start_worker()
        except StageError as error:
            self._failure = error
            return
        finally:
            self._coming -= 1
        self._failure = None
        self._idle.put_nowait(worker)

    async def _abandon(self, worker: FramedProcess) -> None:
        """Read what it still says of the old utterance, until it says that it has given it up."""
        try:
            async with asyncio.timeout(_ABANDON_SECONDS):
                while (await worker.receive()).kind != b"D":
                    pass
        except (ProcessEndedError, TimeoutError):
            self._coming -= 1
            await _kill(worker)
            self._grow()
        except BaseException:
            self._coming -= 1
            await _kill(worker)
            raise
        else:
            self._coming -= 1
            self._idle.put_nowait(worker)

    async def _end(self, worker: FramedProcess) -> None:
        await _kill(worker)
        self._grow()


async def _start_worker() -> FramedProcess:
    worker = await FramedProcess.start(WORKER, name=_NAME)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await worker.receive()
    except (ProcessEndedError, TimeoutError):
        await _kill(worker)
        raise StageUnavailable(
            "the recognizer's worker process does not start; its error output says why "
            "(try pip install --force-reinstall pocketsphinx)"
        ) from None
    except BaseException:
        await _kill(worker)
        raise
    return worker


async def _kill(worker: FramedProcess) -> None:
    worker.kill()
    await worker.aclose()
