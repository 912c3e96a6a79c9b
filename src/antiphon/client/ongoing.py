"""One call of a client, from its connection to its end: what comes is put where it belongs, what is sent goes out.

It owns the connection, the agent's tools and whoever waits for an event. What outlives a call (handlers, the chat, the
loudspeaker) is the client's, and is told through `Seat`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import UNSET

from antiphon.agent import (
    Agent,
    Approver,
    CallContext,
    Notice,
    ResponseRefused,
    ToolFinished,
    ToolRunner,
    ToolStarted,
)
from antiphon.client.answers import Answers
from antiphon.client.connection import Connection
from antiphon.client.continuity import LineState
from antiphon.client.errors import AnswerTimeoutError, ClientError, ClosedError, OverflowingError
from antiphon.client.kept import named
from antiphon.client.owner import Another
from antiphon.client.replaying import unanswered
from antiphon.client.settings import ClientSettings
from antiphon.client.trace import TraceWriter
from antiphon.client.transport import Transport
from antiphon.client.view import SessionView
from antiphon.client.waiting import Event, Inbox, Unsent
from antiphon.errors import RemoteProtocolError
from antiphon.protocol import (
    ClientEvent,
    Item,
    RealtimeSession,
    ResponseCreate,
    ResponseDone,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    UnknownEvent,
    decode_server_event,
    new_id,
)

logger = logging.getLogger("antiphon.client")


class Seat(Protocol):
    """The client behind a call. All of it returns at once."""

    def admitted(self, event: Event) -> Event | None:
        """The event as the app's middleware lets it through; None for one that goes no further."""
        ...

    def let_out(self, event: ClientEvent) -> ClientEvent | None:
        """The same for what goes out."""
        ...

    def came(self, event: Event) -> None:
        """An event of the server, before whoever waits for it."""

    def went(self, event: ClientEvent) -> None:
        """An event of this side, on its way."""

    def not_sent(self, event: ClientEvent, why: str) -> None:
        """What `went` never went out. why: for the user to read."""

    def unreadable(self, error: RemoteProtocolError, data: str | bytes) -> None:
        """The server sent what is no event."""

    def noticed(self, notice: Notice) -> None:
        """What the agent's tools do."""

    def line(self, state: LineState) -> None:
        """How the connection stands."""

    def waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        """Another connection is tried in so many seconds. why: what ended or refused the last one."""

    def renewed(self, replayed: int) -> None:
        """The call goes on in a new session, which was told so many items."""

    def opened(self, transport: Transport) -> None:
        """The first connection stands."""

    def switched(self, transport: Transport) -> None:
        """The call goes on over another connection."""

    def lost(self) -> None:
        """The connection is gone, perhaps to be made anew."""

    def remembered(self, open_calls: set[str] | None) -> list[Item]:
        """What was said, for a new session. open_calls: calls that are not answered yet, and will be; None for all."""
        ...

    def over(self, error: ClosedError) -> None:
        """There will be no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a call is to be. wanted: the session to ask for; another: makes the transports after the first."""

    transport: Transport
    another: Another | None
    attached: bool
    settings: ClientSettings
    agent: Agent | None
    context: CallContext
    wanted: SessionConfig | None
    approve: Approver | None
    known_cap_s: float | None = None
    trace: TraceWriter | None = None


class OngoingCall:
    """One call. Made when a client connects; `aclose` must be awaited once `open` was called."""

    def __init__(self, plan: Plan, seat: Seat) -> None:
        self._plan = plan
        self._seat = seat
        settings = plan.settings
        self.view = SessionView()
        self.inbox = Inbox(settings.max_events, settings.slow_consumer)
        self.answers = Answers(settings.max_responses)
        self.connection = Connection(
            plan.transport,
            settings,
            self,
            attached=plan.attached,
            another=plan.another,
            known_cap_s=plan.known_cap_s,
            trace=plan.trace,
        )
        self.released = False
        """Whether nothing of it is left."""
        self._runner: ToolRunner | None = None
        self._ending: asyncio.Task[None] | None = None
        self._cut_off = False
        self._turn_due = False

    @property
    def is_open(self) -> bool:
        """Whether there has been a connection."""
        return self._runner is not None

    @property
    def runner(self) -> ToolRunner:
        """The tools, and the order of responses. Not before `open`."""
        assert self._runner is not None
        return self._runner

    # ── opening and closing ───────────────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Connect, and wait for the session. Raises ConnectError, ClosedError, AnswerTimeoutError."""
        created = self.inbox.expect(lambda event: isinstance(event, SessionCreated))
        plan = self._plan
        try:
            await self.connection.open()
            # Which transport it is has been decided now; and nothing has been read, for nothing was awaited since.
            self._runner = ToolRunner(
                plan.agent,
                self.put,
                call=plan.context,
                session=plan.wanted if isinstance(plan.wanted, RealtimeSession) else None,
                media=plan.transport.media,
                on_notice=self._notice,
                approve=plan.approve,
            )
            self._seat.opened(plan.transport)
            event = await self.in_time(created, "session.created")
        finally:
            created.cancel()
        assert isinstance(event, SessionCreated)

    def began(self) -> None:
        """The session is set up: from now on the call survives its connection, and the agent greets."""
        self.connection.begun(self.view.session or RealtimeSession())
        self.runner.start()

    async def aclose(self, code: int, reason: str) -> None:
        """Stop the tools, send what waits, close, and wait until all of it is over."""
        if self._runner is not None:
            await self._runner.aclose()
        await self.connection.aclose(code, reason)
        if self._ending is not None:
            await self._ending
        self.released = True

    async def in_time(self, coming: asyncio.Future[Event], what: str, timeout_s: float | None = None) -> Event:
        """What was waited for. Raises AnswerTimeoutError, ClosedError."""
        seconds = self._plan.settings.answer_timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await coming
        except TimeoutError:
            raise AnswerTimeoutError(f"The server sent no {what} within {seconds:g} s.") from None

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, event: ClientEvent) -> None:
        """Send an event of the app's; waits while too much is unsent. Raises ClosedError."""
        prepared = self._prepared(event, of_app=True)
        if prepared is not None:
            try:
                await self.connection.send(prepared)
            except (ClosedError, asyncio.CancelledError):
                self._seat.not_sent(prepared, "This was not sent.")
                raise

    def post(self, event: ClientEvent) -> None:
        """Send an event of the app's without waiting. Raises ClosedError, OverflowingError when too much is unsent."""
        if self.connection.outbox.unsent_bytes > self._plan.settings.max_unsent_bytes:
            raise OverflowingError("More is waiting to be sent than is allowed.")
        prepared = self._prepared(event, of_app=True)
        if prepared is not None:
            self.connection.send_now(prepared)

    async def send_raw(self, data: str) -> None:
        """Send a text as it is. Raises ClosedError."""
        await self.connection.outbox.put(Unsent(data))

    def stream(self, event: ClientEvent) -> None:
        """Send a piece of the user's voice: it is dropped rather than kept for later."""
        prepared = self._seat.let_out(event)
        if prepared is not None:
            with contextlib.suppress(ClosedError):
                self.connection.send_now(prepared, fleeting=True)

    def put(self, event: ClientEvent) -> None:
        """Send an event of the machinery's, which always fits. After the end of the call it is dropped."""
        prepared = self._prepared(event, of_app=False)
        if prepared is None:
            return
        try:
            # A create that is lost with its connection is asked for anew by the runner.
            self.connection.send_now(prepared, fleeting=isinstance(prepared, ResponseCreate))
        except ClosedError:
            logger.debug("%s came after the end of the call", event.type)

    def _prepared(self, event: ClientEvent, *, of_app: bool) -> ClientEvent | None:
        let_out = self._seat.let_out(event)
        if let_out is None:
            self.connection.note("middleware_stopped", dir="out", type=event.type)
            return None
        event = named(let_out)
        if isinstance(event, ResponseCreate) and of_app:
            if event.event_id is UNSET:
                event = msgspec.structs.replace(event, event_id=new_id("event"))
            self.runner.sent(event)
        self._seat.went(event)
        return event

    # ── what the connection reports ───────────────────────────────────────────────────────────────────────────────

    def on_data(self, data: str | bytes) -> None:
        try:
            event: ServerEvent | UnknownEvent = decode_server_event(data)
        except RemoteProtocolError as error:
            self._seat.unreadable(error, data)
            return
        self.connection.seen(event)
        admitted = self._seat.admitted(event)
        if admitted is None:
            self.connection.note("middleware_stopped", dir="in", type=event.type)
            return
        self.view.receive(admitted)
        self._seat.came(admitted)
        assert self._runner is not None
        self._runner.receive(admitted)
        self.inbox.put(admitted)
        if isinstance(admitted, ResponseDone):
            self.answers.put(admitted.response)

    def on_lost(self) -> None:
        self._turn_due = self._turn_due or self.view.turn_taken
        self.view.disconnected()
        if self._runner is not None:
            self._cut_off = self._cut_off or self._runner.answering
            self._runner.disconnected()
        self._seat.lost()

    def on_reattached(self) -> None:
        if self._runner is not None:
            self._runner.reconnected()
        self._seat.line(LineState.UP)

    def on_waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        self._seat.waiting(attempt, wait_s, why)

    def on_switched(self, transport: Transport) -> None:
        self._seat.switched(transport)

    def on_renewed(self, replayed: int) -> None:
        runner = self.runner
        # An answer that was cut off is asked for again, unless one that knows as much is wanted anyway.
        due = self._cut_off or (self._turn_due and unanswered(self._seat.remembered(set())))
        self._cut_off = self._turn_due = False
        if due and not runner.waiting and not runner.calls:
            runner.ask()
        runner.reconnected()
        self._seat.renewed(replayed)

    def on_line(self, state: LineState) -> None:
        self._seat.line(state)

    def on_not_sent(self, event: ClientEvent, why: str) -> None:
        self._seat.not_sent(event, why)

    def on_closed(self, error: ClosedError) -> None:
        self.inbox.close(error)
        self.answers.close(error)
        if self._runner is not None:
            self._ending = asyncio.get_running_loop().create_task(self._runner.aclose(), name="client-end")
        self._seat.over(error)

    def past(self, open_outputs: set[str]) -> Sequence[Item]:
        # Without an agent the calls are the app's, which may answer any of them yet.
        return self._seat.remembered(None if self._plan.agent is None else open_outputs | self.runner.calls)

    def quiet(self) -> bool:
        return not self.view.user_speaking and self.runner.is_settled

    def _notice(self, notice: Notice) -> None:
        match notice:
            case ResponseRefused():
                self.answers.refuse(notice.error)
            case ToolStarted():
                self.connection.note("tool_started", call_id=notice.call_id, name=notice.name)
            case ToolFinished():
                self.connection.note(
                    "tool_finished", call_id=notice.call_id, name=notice.name, outcome=notice.outcome.value
                )
        self._seat.noticed(notice)
