"""How an app waits for what a call brings: events one by one, a certain one, responses, the assistant's silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import msgspec

from antiphon.client.errors import AnswerTimeoutError
from antiphon.client.sending import Sending
from antiphon.client.waiting import Event
from antiphon.protocol import Response, ResponseDone, ResponseParams, new_id

Kind = TypeVar("Kind", bound=msgspec.Struct)

_MARK = "antiphon_aside"


class Reading(Sending):
    """The waiting of a `RealtimeClient`, and the questions that wait for their answer."""

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The server's events. Ends when the call was hung up; raises ClosedError when it broke off."""
        inbox = self._latest.inbox
        while (event := await inbox.next()) is not None:
            yield event

    async def wait_for(
        self, kind: type[Kind], *, where: Callable[[Kind], bool] | None = None, timeout_s: float = 10.0
    ) -> Kind:
        """The next event of this kind, past or unread ones not counted. Raises AnswerTimeoutError, ClosedError."""
        call = self._latest
        coming = call.inbox.expect(lambda event: isinstance(event, kind) and (where is None or where(event)))
        event = await call.in_time(coming, kind.__name__, timeout_s)
        assert isinstance(event, kind)
        return event

    async def response(self, *, timeout_s: float = 30.0) -> Response:
        """The next response that has ended, of those not returned yet. Raises AnswerTimeoutError, ClosedError."""
        answers = self._latest.answers
        try:
            async with asyncio.timeout(timeout_s):
                return await answers.next()
        except TimeoutError:
            raise AnswerTimeoutError(f"No response ended within {timeout_s:g} s.") from None

    async def settled(self, *, timeout_s: float = 60.0) -> None:
        """Wait until the assistant has said all that it will say without being asked anew: no tool is still owed.

        Raises AnswerTimeoutError and ClosedError.
        """
        call = self._running
        try:
            async with asyncio.timeout(timeout_s):
                await call.runner.settled()
        except TimeoutError:
            raise AnswerTimeoutError(f"The answer was not complete within {timeout_s:g} s.") from None
        if call.connection.closed is not None:
            raise call.connection.closed

    async def ask(self, text: str, *, timeout_s: float = 60.0) -> str:
        """Type something, and wait for all that the assistant has to say to it, tools included. Returns its words.

        Raises RejectedError when no response could be made, AnswerTimeoutError and ClosedError.
        """
        answers = self._running.answers
        before = answers.mark()
        await self.send_text(text)
        await self.settled(timeout_s=timeout_s)
        return answers.words_since(before)

    async def aside(self, params: ResponseParams | str, *, timeout_s: float = 30.0) -> Response:
        """A response out of band: beside the conversation, which it neither waits for nor becomes part of.

        params: what it is made of, or instructions alone, to be answered in writing; `input` gives it other items than
        the conversation's. `text_of` has the words. Raises AnswerTimeoutError and ClosedError.
        """
        if isinstance(params, str):
            params = ResponseParams(instructions=params, output_modalities=["text"])
        mark = new_id("aside")
        metadata = dict(params.metadata) if isinstance(params.metadata, dict) else {}
        wanted = msgspec.structs.replace(params, conversation="none", metadata=metadata | {_MARK: mark})

        def is_it(done: ResponseDone) -> bool:
            found = done.response.metadata
            return isinstance(found, dict) and found.get(_MARK) == mark

        call = self._running
        coming = call.inbox.expect(lambda event: isinstance(event, ResponseDone) and is_it(event))
        try:
            self.respond(wanted)
            event = await call.in_time(coming, "response.done", timeout_s)
        finally:
            coming.cancel()
        assert isinstance(event, ResponseDone)
        return event.response
