"""The tasks that are a client's own: async handlers, and whatever is started from within them or from a tool.

Somebody in such a task may hang up. The hanging up then cancels it, so that it cannot be waited for there.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Awaitable
from typing import Any

logger = logging.getLogger("antiphon.client")

_WITHIN: contextvars.ContextVar[object] = contextvars.ContextVar("antiphon_client", default=None)
"""Whose task this is."""


class OwnTasks:
    """The handlers of one client that still run. Only its seat touches it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_within(self) -> bool:
        """Whether who asks runs in a task of this client: a handler, a tool, or what they have started."""
        return _WITHIN.get() is self

    def mark_within(self) -> None:
        """The task that calls, and all that it starts from here on, are this client's."""
        _WITHIN.set(self)

    def own(self, work: Awaitable[Any]) -> None:
        """Run what an async handler returned."""
        context = contextvars.copy_context()
        context.run(self.mark_within)
        task = asyncio.get_running_loop().create_task(_awaited(work), name="client-handler", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Cancel what still runs, and wait until it is over."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                logger.error("a handler failed", exc_info=error)


async def _awaited(work: Awaitable[Any]) -> None:
    await work
