"""Voice detection window by window, off the event loop: what every detector with fixed windows shares. No model here.

24 kHz PCM becomes 16 kHz windows of 512 samples (32 ms). One thread owns the model. The streams that have a window
waiting when the model is free are run together as one batch, so the cost of a call falls as their number rises, and no
stream ever waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol

from antiphon.audio import Resampler
from antiphon.engine.stages import SAMPLE_RATE, StageDescription, VoiceProbability
from antiphon.errors import LocalProtocolError, StageError

WINDOW_RATE: Final = 16_000
WINDOW_SAMPLES: Final = 512
WINDOW_MS: Final = WINDOW_SAMPLES / WINDOW_RATE * 1000
_WINDOW_BYTES: Final = WINDOW_SAMPLES * 2

QUIET_DBFS: Final = -60.0
"""A window below this level holds no voice that anybody could have meant to be heard."""

_QUIET_POWER: Final = (32768 * 10 ** (QUIET_DBFS / 20)) ** 2
# The model is still asked for this many quiet windows (a quarter of a second), so that its memory of speech fades the
# way it was trained to. After that it is not asked, and begins afresh with the next sound.
_QUIET_WINDOWS: Final = 8
_MAX_WAITING: Final = 1024


class WindowModel(Protocol):
    """A voice detection network. Only the detector's one thread calls it, so it needs no lock."""

    max_batch: int

    def load(self) -> None:
        """Raises StageUnavailable when it cannot be loaded."""
        ...

    def new_state(self) -> Any:
        """What the network remembers of one stream. Called in the thread too."""
        ...

    def run(self, states: Sequence[Any], windows: Sequence[Any]) -> Sequence[float]:
        """One window for each state (float32 of shape (512,), -1 to 1); probabilities, with the states updated."""
        ...


class _Memory:
    """The acoustic state of one stream since its last reset. Only the thread touches it, once it is handed over."""

    __slots__ = ("quiet", "state")

    def __init__(self) -> None:
        self.state: Any = None
        self.quiet = 0


class _Work:
    """Some windows of one stream, in order. The thread fills `found`; the future is settled on the event loop."""

    __slots__ = ("done", "found", "loop", "memory", "windows")

    def __init__(self, memory: _Memory, windows: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.memory = memory
        self.windows = windows  # int16, shape (n, 512)
        self.found: list[float] = []
        self.loop = loop
        self.done: asyncio.Future[list[float]] = loop.create_future()

    def settle(self, error: StageError | None = None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed; nobody waits
            self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: StageError | None) -> None:
        if self.done.done():  # its caller was cancelled
            return
        if error is None:
            self.done.set_result(self.found)
        else:
            self.done.set_exception(error)


class WindowDetector:
    """A voice detector for every session of the process: one model, one thread. Streams come from `open`."""

    def __init__(self, model: WindowModel, description: StageDescription) -> None:
        import numpy as np  # noqa: PLC0415 -- the core install has none

        self._np = np
        self._model = model
        self._description = description
        self._waiting: queue.Queue[_Work | None] = queue.Queue(_MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self.batches = 0
        self.windows = 0

    def describe(self) -> StageDescription:
        return self._description

    async def start(self) -> None:
        async with self._starting:
            if self._closed:
                raise LocalProtocolError("this voice detector has been closed")
            if self._thread is not None:
                return
            await asyncio.to_thread(self._model.load)
            self._thread = threading.Thread(
                target=self._work, name=f"voice detector {self._description.name}", daemon=True
            )
            self._thread.start()

    async def aclose(self) -> None:
        self._closed = True
        async with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(self._waiting.put, None)
            await asyncio.to_thread(thread.join)

    def open(self) -> WindowStream:
        return WindowStream(self)

    async def probabilities(self, memory: _Memory, windows: Any) -> list[float]:
        """For `WindowStream`: run windows of shape (n, 512) through the model in the thread."""
        if self._thread is None:
            raise LocalProtocolError("the voice detector is not running: start it first")
        work = _Work(memory, windows, asyncio.get_running_loop())
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            raise StageError("the voice detector cannot keep up: too many sessions wait for it") from None
        return await work.done

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        pending: list[_Work] = []
        ending = False
        while not (ending and not pending):
            # Block only when there is nothing to do; what is left in the queue when `pending` is long keeps it bounded.
            while not ending and (not pending or (len(pending) < _MAX_WAITING and not self._waiting.empty())):
                work = self._waiting.get()
                if work is None:
                    ending = True
                else:
                    pending.append(work)
            try:
                self._run_batch(pending)
            except Exception as error:  # noqa: BLE001 -- whatever a model throws must not end the thread for everybody
                for work in pending:
                    work.memory.state = None
                    work.settle(StageError(f"the voice detector failed: {type(error).__name__}"))
                pending.clear()
            pending = [work for work in pending if len(work.found) < len(work.windows)]

    def _run_batch(self, pending: Sequence[_Work]) -> None:
        """Take the next window of each stream, as many as the model runs at once, and settle what is complete."""
        batch: list[_Work] = []
        streams: set[int] = set()
        for work in pending:
            if id(work.memory) in streams:
                continue  # an earlier piece of the same stream comes first
            streams.add(id(work.memory))
            self._skip_quiet(work)
            if len(work.found) < len(work.windows):
                batch.append(work)
            if len(batch) == self._model.max_batch:
                break
        if batch:
            for work in batch:
                if work.memory.state is None:
                    work.memory.state = self._model.new_state()
            windows = [work.windows[len(work.found)].astype(self._np.float32) / 32768 for work in batch]
            found = self._model.run([work.memory.state for work in batch], windows)
            self.batches += 1
            self.windows += len(batch)
            for work, probability in zip(batch, found, strict=True):
                work.found.append(probability)
        for work in pending:
            if len(work.found) == len(work.windows):
                work.settle()

    def _skip_quiet(self, work: _Work) -> None:
        """Answer 0 for the windows that are so quiet, for so long, that the model need not be asked."""
        memory = work.memory
        while len(work.found) < len(work.windows):
            window = work.windows[len(work.found)].astype(self._np.float32)
            if float(window.dot(window)) / WINDOW_SAMPLES >= _QUIET_POWER:
                memory.quiet = 0
                return
            memory.quiet += 1
            if memory.quiet <= _QUIET_WINDOWS and memory.state is not None:
                return
            memory.state = None
            work.found.append(0.0)


class WindowStream:
    """One session's detector: its resampler, its unfinished window and its clock. One task feeds it."""

    def __init__(self, detector: WindowDetector) -> None:
        import numpy as np  # noqa: PLC0415

        self._np = np
        self._detector = detector
        self._memory = _Memory()
        self._resampler = Resampler(SAMPLE_RATE, WINDOW_RATE)
        self._rest = b""
        self._fed_bytes = 0
        self._start_ms = 0.0
        self._windows = 0
        self._closed = False

    async def feed(self, pcm: bytes) -> Sequence[VoiceProbability]:
        """See `VoiceStream.feed`. Raises StageError when the model fails or is overrun."""
        if self._closed:
            raise LocalProtocolError("this voice stream has been closed")
        self._fed_bytes += len(pcm)
        ready = self._rest + self._resampler.feed(pcm)
        count = len(ready) // _WINDOW_BYTES
        self._rest = ready[count * _WINDOW_BYTES :]
        if count == 0:
            return ()
        ends = [self._start_ms + (self._windows + number) * WINDOW_MS for number in range(1, count + 1)]
        self._windows += count
        windows = self._np.frombuffer(ready, dtype="<i2", count=count * WINDOW_SAMPLES).reshape(count, WINDOW_SAMPLES)
        found = await self._detector.probabilities(self._memory, windows)
        return [VoiceProbability(end, probability) for end, probability in zip(ends, found, strict=True)]

    def reset(self) -> None:
        """See `VoiceStream.reset`. What is being computed right now still belongs to the old state."""
        self._memory = _Memory()
        self._resampler = Resampler(SAMPLE_RATE, WINDOW_RATE)
        self._rest = b""
        self._start_ms = self._fed_bytes / 2 / SAMPLE_RATE * 1000
        self._windows = 0

    def close(self) -> None:
        self._closed = True
        self._rest = b""
