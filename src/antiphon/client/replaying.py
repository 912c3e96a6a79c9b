"""Bringing a new session up to date: it is set up as the one before had become, and told what was said there.

It is done on a transport of its own, before anybody else reads or writes there; what of it the call should not see (the
server's echoes of what is told again) ends here. Which items are told is decided by `antiphon.conversation`'s record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from antiphon.client.errors import AnswerTimeoutError, RejectedError
from antiphon.client.kept import which
from antiphon.client.transport import Transport
from antiphon.errors import LocalProtocolError, RemoteProtocolError
from antiphon.protocol import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    RealtimeSession,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    UnknownEvent,
    decode_server_event,
    encode,
    new_id,
)

logger = logging.getLogger("antiphon.client")

REANCHOR = (
    "The connection was interrupted and is back. The messages that follow are this same conversation so far, partly "
    "written down from speech. Go on with it as before, in the same language, voice and role, and do not mention the "
    "interruption."
)

_DONE_S = 0.5

Noted = Callable[[str, str | bytes, bool], None]
"""Is told of each frame of a set-up: "in" or "out", the frame, and whether the call gets to see it."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a new session is to know. session: what to ask for, None for nothing; items: each with its id.

    note: words for the model before them, None for none.
    """

    session: SessionConfig | None
    items: Sequence[Item]
    note: str | None = None


@dataclass(slots=True)
class BroughtUp:
    """A connection whose session is up to date. frames: what came meanwhile that the call should see, in order."""

    transport: Transport
    session: SessionConfig
    replayed: int = 0
    frames: list[str | bytes] = field(default_factory=list)


def reanchor(items: Sequence[Item], session: SessionConfig | None) -> str | None:
    """The note that a new session needs: one that is to speak, and is told in writing what was spoken before."""
    speaks = not isinstance(session, RealtimeSession) or session.output_modalities in (UNSET, ["audio"])
    spoken = any(isinstance(item, Message) and any(isinstance(p, OutputText) for p in item.content) for item in items)
    return REANCHOR if speaks and spoken else None


def unanswered(items: Sequence[Item]) -> bool:
    """Whether the last word is not the assistant's."""
    return bool(items) and (isinstance(last := items[-1], FunctionCallOutput) or getattr(last, "role", "") == "user")


async def bring_up(transport: Transport, past: Past, *, timeout_s: float, noted: Noted | None = None) -> BroughtUp:
    """Set a connection up that was just opened. timeout_s: for each answer of the server.

    Raises ClosedError, AnswerTimeoutError (it never greeted), and RejectedError (it refuses the session).
    """
    reader = _Reader(transport, timeout_s, noted)
    created = await reader.until(SessionCreated)
    if not isinstance(created, SessionCreated):
        raise AnswerTimeoutError("The server began no session.")
    done = BroughtUp(transport, created.session)
    if past.session is not None:
        update = SessionUpdate(event_id=new_id("event"), session=past.session)
        await reader.send(encode(update))
        answer = await reader.until(SessionUpdated, refusal=str(update.event_id))
        if isinstance(answer, ErrorEvent):
            raise RejectedError("the session", answer.error)
        if isinstance(answer, SessionUpdated):
            done.session = answer.session
        else:
            logger.warning("the server did not confirm the new session")
    done.replayed = await reader.tell(past)
    done.frames = reader.shown
    return done


class _Reader:
    """The only reader and writer of a transport while its session is brought up."""

    def __init__(self, transport: Transport, timeout_s: float, noted: Noted | None) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._noted = noted
        self._unsent: set[str] = set()
        self.shown: list[str | bytes] = []

    async def send(self, data: str) -> None:
        if self._noted is not None:
            self._noted("out", data, False)
        await self._transport.send(data)

    async def until(self, kind: type[ServerEvent], refusal: str = "") -> ServerEvent | None:
        """The next event of this kind, or the refusal of that event; None when neither comes in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    data, event = await self._receive()
                    refused = isinstance(event, ErrorEvent) and refusal and event.error.event_id == refusal
                    self._show(data, not refused)
                    if refused or isinstance(event, kind):
                        return event  # type: ignore[return-value]
        except TimeoutError:
            return None

    async def tell(self, past: Past) -> int:
        """Tell the session the items, and wait until it has taken them. Returns how many it took."""
        items = list(past.items)
        if past.note is not None and items:
            # In front: what the server says next names the last item, which is one that the call knows.
            items.insert(0, Message(id=new_id("item"), role="system", content=[InputText(text=past.note)]))
        if not items:
            return 0
        events = {new_id("event"): item for item in items}
        # Beside the reading: a server whose answers nobody takes may stop reading itself.
        sending = asyncio.create_task(self._send_all(events), name="client-replay")
        try:
            refused = await self._confirmed(events)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return len(past.items) - refused

    async def _send_all(self, events: dict[str, Item]) -> None:
        for event_id, item in events.items():
            try:
                await self.send(encode(ConversationItemCreate(event_id=event_id, item=item)))
            except LocalProtocolError as error:
                # A picture that came over a WebSocket may be larger than a data channel carries.
                logger.warning("something that was said before cannot be told again: %s", error)
                self._unsent.add(event_id)

    async def _confirmed(self, events: dict[str, Item]) -> int:
        untold, unadded, refused = set(events), set(events), 0
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while untold - self._unsent:
            try:
                async with asyncio.timeout(min(_DONE_S, self._timeout_s)):
                    data, event = await self._receive()
            except TimeoutError:
                if not unadded - self._unsent:
                    break  # a server that says "added" may say "done", too, but not much later
                if loop.time() - heard_at < self._timeout_s:
                    continue
                logger.warning("the new session did not confirm all of what was said before")
                break
            heard_at = loop.time()
            told = None
            match event:
                case (
                    ConversationItemAdded(item=item)
                    | ConversationItemDone(item=item)
                    | ConversationItemCreated(item=item)
                ) if (told := which(events, item)) is not None:
                    unadded.discard(told)
                    if not isinstance(event, ConversationItemAdded):
                        untold.discard(told)
                case ErrorEvent(error=error) if isinstance(error.event_id, str) and error.event_id in events:
                    told = error.event_id
                    refused += told in untold
                    untold.discard(told)
                    unadded.discard(told)
                    logger.warning("the new session refuses something that was said before: %s", error.message)
            self._show(data, told is None)
        return refused + len(self._unsent)

    async def _receive(self) -> tuple[str | bytes, ServerEvent | UnknownEvent | None]:
        data = await self._transport.receive()
        try:
            return data, decode_server_event(data)
        except RemoteProtocolError:
            # Not for here to judge: whoever reads the call's events says what they think of it.
            return data, None

    def _show(self, data: str | bytes, shown: bool) -> None:
        if shown:
            self.shown.append(data)
        if self._noted is not None:
            self._noted("in", data, shown)
