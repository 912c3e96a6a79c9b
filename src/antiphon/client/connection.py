"""One connection kept up: tasks that read and write, and what makes the next one. The driver of `continuity`.

What is read goes to `on_data` at once; what is to be sent waits in the outbox, also while there is no connection. A
lost sideband is attached again to its call; a caller's lost connection becomes a new call, which is brought up to date
first (`replaying`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from antiphon.client.alive import watch
from antiphon.client.attaching import (
    RETRIED_CLOSE_CODES,
    Patience,
    worth_asking_again,
    worth_attaching_again,
    worth_reattaching,
)
from antiphon.client.continuity import Attempt, Continuity, Drop, GiveUp, LineState, Wait, session_cap
from antiphon.client.errors import ClientError, ClosedError, ConnectError, RefusedError
from antiphon.client.kept import FLEETING, Kept, Ledger, SessionAsked, kept, named, open_outputs, untold
from antiphon.client.owner import Another, CallOwner
from antiphon.client.replaying import BroughtUp, Past, bring_up, reanchor
from antiphon.client.settings import ClientSettings
from antiphon.client.trace import TraceWriter
from antiphon.client.transport import NORMAL_CLOSE, Transport
from antiphon.client.waiting import Event, Outbox, Unsent
from antiphon.errors import LocalProtocolError
from antiphon.protocol import ClientEvent, ConversationItemCreate, SessionConfig, SessionUpdate, encode

logger = logging.getLogger("antiphon.client")

_INTERNAL_ERROR = 1011
_REST_S = 1.0
_NEVER_SENT = "This was not sent: the call was over before."


class Connection:
    """A transport and the tasks around it. Owned by one client; `aclose` must be awaited once `open` was called.

    attached: it is a sideband, which is looked for and, when it is lost, attached again. another: makes the next
    transport of a caller, None when there can be none. known_cap_s: after how long this kind of server ends a session.
    """

    def __init__(
        self,
        transport: Transport,
        settings: ClientSettings,
        owner: CallOwner,
        *,
        attached: bool = False,
        another: Another | None = None,
        known_cap_s: float | None = None,
        trace: TraceWriter | None = None,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._owner = owner
        self._attached = attached
        self._another = None if attached else another
        self._known_cap_s = known_cap_s
        self._trace = trace
        self._line = Continuity(
            settings.reconnect,
            shaky_grace_s=settings.shaky_grace_s,
            rollover=settings.rollover,
            renewable=self._another is not None,
        )
        self._told = LineState.UP
        self._ledger = Ledger()
        self._asked = SessionAsked()
        self._expecting = False
        self._online = asyncio.Event()
        self._connections = 0
        self._away = False
        self._survives = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._attempt_task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.outbox = Outbox(settings.max_unsent_bytes)
        self.closed: ClosedError | None = None

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def transport(self) -> Transport:
        return self._transport

    @property
    def line(self) -> LineState:
        """How the connection stands."""
        return self._line.state

    # ── opening and closing ───────────────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Connect and begin to read and write. Raises ConnectError."""
        if self._attached:
            await self._connect(self._settings.attach, worth_attaching_again)
        else:
            await self._connect(self._settings.connect, worth_asking_again)
        self._own(self._read(self._transport), "client-read")
        self._own(self._write(), "client-write")
        if self._another is not None and self._settings.path_check_s is not None:
            self._own(watch(self._watched, self.path, every_s=self._settings.path_check_s), "client-watch")

    def begun(self, session: SessionConfig) -> None:
        """The first session is there: from now on the call survives its connection."""
        self._survives = True
        now = asyncio.get_running_loop().time()
        self._line.begun(now, self._cap(session))
        self._carry_out()

    def path(self, works: bool) -> None:
        """Whether the media path of the connection answers."""
        now = asyncio.get_running_loop().time()
        (self._line.relief if works else self._line.trouble)(now)
        self._carry_out()

    def _watched(self) -> Transport | None:
        return None if self._line.away else self._transport

    async def aclose(self, code: int, reason: str) -> None:
        """Send what waits, close, and wait until every task is over."""
        if self._online.is_set() and self.closed is None:
            try:
                async with asyncio.timeout(self._settings.close_timeout_s):
                    await self.outbox.drained()
            except TimeoutError:
                logger.warning("hung up before everything was sent: the server takes nothing")
        self._line.hung_up()
        self._end(ClosedError(code, reason or "hung up here"))
        await self._transport.close(code, reason)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self, error: ClosedError) -> None:
        if self.closed is None:
            self.closed = error
            self._online.clear()
            # What was written to a connection that broke was to be sent again: it did not arrive either.
            owed = [known.event for known in self._ledger.owed()] if self._away else []
            for event in [*owed, *self.outbox.said()]:
                self._not_sent(event, _NEVER_SENT)
            if self._timer is not None:
                self._timer.cancel()
            if self._attempt_task is not None:
                self._attempt_task.cancel()
            self.outbox.close(error)
            self._owner.on_line(LineState.OVER)
            self._owner.on_closed(error)

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, event: ClientEvent) -> None:
        """Send an event of the app's; waits while too much is unsent. Raises ClosedError."""
        await self.outbox.put(self._unsent(event))

    def send_now(self, event: ClientEvent, *, fleeting: bool = False) -> None:
        """Send an event without waiting. fleeting: made anew by its sender when the connection is lost. Raises
        ClosedError."""
        self.outbox.put_now(self._unsent(event, fleeting=fleeting))

    def _unsent(self, event: ClientEvent, *, fleeting: bool = False) -> Unsent:
        if self._another is None:
            return Unsent(encode(event), fleeting, event=event if isinstance(event, ConversationItemCreate) else None)
        if isinstance(event, FLEETING):
            return Unsent(encode(event), fleeting=True)
        event = named(event)
        if isinstance(event, SessionUpdate):
            self._asked.sent(event)
        data = encode(event)
        waits = kept(event, data)
        return Unsent(data, fleeting, waits, None if waits is None else waits.event)

    def _not_sent(self, event: ClientEvent, why: str) -> None:
        item_id = event.item.id if isinstance(event, ConversationItemCreate) else None
        self.note("not_sent", type=event.type, item_id=item_id or None, why=why)
        self._owner.on_not_sent(event, why)

    async def _write(self) -> None:
        while True:
            await self._online.wait()
            event = await self.outbox.take()
            if not self._online.is_set():
                # It waited for something to send, and meanwhile the connection went.
                self.outbox.put_back(event, tried=False)
                continue
            connection = self._connections
            # Before it is written: the server may confirm it before the writing returns.
            if event.kept is not None:
                self._ledger.sent(event.kept)
                self._expecting = True
            try:
                if self._trace is not None:
                    self._trace.wire("out", event.data)
                await self._transport.send(event.data)
                self.outbox.sent()
            except LocalProtocolError as error:
                # Larger than the data channel carries: it would not fit the next time either.
                logger.warning("an event was not sent: %s", error)
                if event.kept is not None:
                    self._ledger.unsent(event.kept)
                self.outbox.sent()
                if event.event is None:
                    self.note("not_sent", why=str(error))
                else:
                    self._not_sent(event.event, str(error))
            except ClosedError:
                # Whether the call is over is for the reader to find out; until then the event waits.
                if event.kept is not None:
                    self._ledger.unsent(event.kept)
                self.outbox.put_back(event)
                if self.closed is not None and event.event is not None:
                    self._not_sent(event.event, _NEVER_SENT)
                if connection == self._connections:
                    self._online.clear()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

    def seen(self, event: Event) -> None:
        """One event that the owner has read of `on_data`: it may confirm what was sent."""
        if self._expecting:
            self._ledger.receive(event)
            self._asked.receive(event)
            self._expecting = bool(len(self._ledger)) or self._asked.pending

    async def _read(self, transport: Transport) -> None:
        try:
            while True:
                try:
                    data = await transport.receive()
                except ClosedError as closed:
                    if transport is not self._transport:
                        return
                    if self._attached and await self._reattached(closed):
                        continue
                    if not self._attached:
                        self._lost(closed)
                    else:
                        self._end(closed)
                    return
                if transport is not self._transport:
                    continue  # the last words of a session that has given way
                if self._trace is not None:
                    self._trace.wire("in", data)
                self._owner.on_data(data)
        except Exception:
            # Nobody may be left waiting for a reader that is gone.
            logger.exception("the client failed on what it read")
            self._end(ClosedError(_INTERNAL_ERROR, "the client failed"))
            await transport.close(NORMAL_CLOSE, "")

    # ── the first connection, and a sideband's next ones ──────────────────────────────────────────────────────────

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
                waited = time.monotonic() - started
                wait = patience.wait(attempt, waited) if patience and worth(error) else None
                at_least = error.retry_after_s if isinstance(error, RefusedError) else None
                if wait is None or patience is None or waited + (at_least or 0.0) > patience.within_s:
                    raise
                wait = max(wait, at_least or 0.0)
                self.note("connect_refused", attempt=attempt, wait_s=wait, why=str(error))
            await asyncio.sleep(wait)

    async def _reattached(self, closed: ClosedError) -> bool:
        """Try to get a lost sideband back. False when the call is over."""
        patience = self._settings.reattach
        if patience is None or self.closed is not None or closed.code not in RETRIED_CLOSE_CODES:
            return False
        self._online.clear()
        self.outbox.leave()
        self._owner.on_lost()
        logger.warning("the sideband was lost (close code %d): attaching again", closed.code)
        self.note("sideband_lost", code=closed.code)
        try:
            await self._connect(patience, worth_reattaching)
        except ConnectError as error:
            logger.warning("the sideband did not come back: %s", error)
            return False
        self.outbox.back()
        self._owner.on_reattached()
        return True

    # ── a caller's next ones ──────────────────────────────────────────────────────────────────────────────────────

    def _lost(self, closed: ClosedError) -> None:
        if self.closed is not None:
            return
        self.note("lost", code=closed.code, reason=closed.reason)
        if not self._survives:
            # It never got as far as a session: whoever opens it is to know at once.
            self._end(closed)
            return
        self._line.lost(closed, asyncio.get_running_loop().time())
        self._carry_out()

    def _carry_out(self) -> None:
        if self.closed is not None:
            return
        for effect in self._line.take_effects():
            match effect:
                case Drop():
                    self._own(self._transport.close(NORMAL_CLOSE, "another connection follows"), "client-drop")
                case Wait(attempt, wait_s, why):
                    logger.warning("there is no connection; attempt %d follows in %.1f s: %s", attempt, wait_s, why)
                    self.note("reconnecting", attempt=attempt, wait_s=round(wait_s, 3), why=str(why))
                    self._leave()
                    self._owner.on_waiting(attempt, wait_s, why)
                case Attempt(number):
                    if number == 0:
                        self.note("rollover")
                    self._attempt_task = self._own(self._attempt(number), "client-attempt")
                case GiveUp(error):
                    self._end(error)
                    return
        if self._line.away:
            self._leave()
        if self._line.carries:
            self._online.set()
        else:
            self._online.clear()
        if self._line.state is not self._told:
            self._told = self._line.state
            self._owner.on_line(self._told)
        self._arm()

    def _leave(self) -> None:
        if not self._away:
            self._away = True
            self._online.clear()
            self.outbox.leave()
            self._gone()

    def _gone(self) -> None:
        """The session is gone, and with it all that was under way there."""
        self.note("session_gone")
        self._owner.on_lost()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._line.next_timeout()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        quiet = self._line.state is LineState.UP and self.outbox.empty and not len(self._ledger) and self._owner.quiet()
        self._line.tick(asyncio.get_running_loop().time(), quiet=quiet)
        self._carry_out()

    async def _attempt(self, number: int) -> None:
        """Open one more connection, bring its session up to date, and go over to it."""
        assert self._another is not None
        loop = asyncio.get_running_loop()
        transport: Transport | None = None
        done: BroughtUp | None = None
        failure: ClientError
        try:
            transport = self._another()
            await transport.connect()
            # What is still being written to the old one belongs to the past that is told.
            await self._rest()
            owed = self._ledger.owed()
            coming = [*owed, *self.outbox.kept()]
            items = untold(self._owner.past(open_outputs(coming)), coming)
            past = Past(self._asked.session, items, reanchor(items, self._asked.session))
            done = await bring_up(
                transport,
                past,
                timeout_s=self._settings.answer_timeout_s,
                noted=None if self._trace is None else self._trace.set_up,
            )
        except ClientError as error:
            failure = error
        except Exception:
            logger.exception("a new connection failed")
            failure = ConnectError("The client failed on a new connection.")
        finally:
            if done is None and transport is not None:
                await transport.close(NORMAL_CLOSE, "")
        if done is None:
            logger.warning("no new connection: %s", failure)
            self.note("attempt_failed", why=str(failure))
            self._line.failed(failure, loop.time())
        else:
            self._switch(done, owed)
        self._carry_out()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_REST_S):
                await self.outbox.at_rest()
        except TimeoutError:
            logger.debug("the old connection does not take the last of what was written")

    def _switch(self, done: BroughtUp, owed: list[Kept]) -> None:
        old, self._transport = self._transport, done.transport
        self._connections += 1
        if not self._away:
            # The old one still stands. What was under way on it is lost as if it had broken.
            self._gone()
        self._own(old.close(NORMAL_CLOSE, "another session follows"), "client-retire")
        # What was sent and not told: the new session gets it now, before what waits.
        new = [known for known in self._ledger.owed() if known not in owed]
        self._ledger.clear()
        self.outbox.put_first([Unsent(known.data, kept=known, event=known.event) for known in [*owed, *new]])
        self.outbox.back()
        self._away = False
        self._line.brought_up(asyncio.get_running_loop().time(), self._cap(done.session))
        self.note("renewed", replayed=done.replayed, resent=len(owed) + len(new))
        logger.info("the call goes on in a new session, which was told %d items", done.replayed)
        self._owner.on_switched(done.transport)
        for data in done.frames:
            self._owner.on_data(data)
        self._own(self._read(done.transport), "client-read")
        self._carry_out()
        self._owner.on_renewed(done.replayed)

    def _cap(self, session: SessionConfig) -> float | None:
        expires_at = session.expires_at if isinstance(session.expires_at, int | float) else None
        return session_cap(expires_at, time.time(), self._known_cap_s, self._settings.session_cap_s)

    def note(self, decision: str, **more: object) -> None:
        """Write a decision into the trace, if there is one."""
        if self._trace is not None:
            self._trace.note(decision, **more)

    def _own(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
