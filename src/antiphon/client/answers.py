"""The responses that have ended and that the app has not read. Bounded: the oldest give way."""

from __future__ import annotations

import asyncio
from collections import deque

from antiphon.client.errors import AnswerTimeoutError, ClosedError, RejectedError
from antiphon.client.view import text_of
from antiphon.protocol import ErrorDetail, Response


class Answers:
    """Filled by the client as it reads, read by the app."""

    def __init__(self, most: int) -> None:
        self._unread: deque[Response] = deque(maxlen=most)
        self._changed = asyncio.Event()
        self._closed: ClosedError | None = None
        self._refusal: ErrorDetail | None = None
        self._count = 0

    def put(self, response: Response) -> None:
        self._count += 1
        self._unread.append(response)
        self._changed.set()

    def refuse(self, error: ErrorDetail | None) -> None:
        """A response that was wanted will not be made."""
        self._refusal = error

    def close(self, error: ClosedError) -> None:
        """There will be no more: whoever waits gets the error."""
        self._closed = error
        self._changed.set()

    async def next(self) -> Response:
        """The next response that has ended, of those not returned yet. Raises ClosedError."""
        while not self._unread:
            if self._closed is not None:
                raise self._closed
            self._changed.clear()
            await self._changed.wait()
        return self._unread.popleft()

    def mark(self) -> int:
        """Now, for `words_since`."""
        self._refusal = None
        return self._count

    def words_since(self, mark: int) -> str:
        """What was said since then. Raises RejectedError when a response was refused, AnswerTimeoutError for none."""
        if self._refusal is not None:
            raise RejectedError("the response", self._refusal)
        new = min(self._count - mark, len(self._unread))
        said = [self._unread.pop() for _ in range(new)][::-1]
        if not said:
            raise AnswerTimeoutError("The server made no response.")
        return " ".join(filter(None, map(text_of, said)))
