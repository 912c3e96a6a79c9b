"""The client of a Realtime call, the same in every seat: the caller's, the sideband's, and a tester's in memory.

What decides is elsewhere and pure (`agent.Conductor`, `view`, `attaching`), the tasks that read and write are in
`connection`; here is what an app calls. Nothing that is read ever waits for the app or for a tool.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from msgspec import UNSET

from antiphon.agent import (
    Agent,
    Approver,
    CallContext,
    Notice,
    ResponseRefused,
    ToolRunner,
    words_to_say,
)
from antiphon.client.addresses import OPENAI_URL
from antiphon.client.answers import Answers
from antiphon.client.connection import Another, Connection
from antiphon.client.continuity import LineState
from antiphon.client.errors import AnswerTimeoutError, ClientError, ClosedError, OverflowingError, RejectedError
from antiphon.client.messages import appended, shown_image, typed
from antiphon.client.settings import ClientSettings
from antiphon.client.setup import Difference, differences, wanted_session
from antiphon.client.trace import TraceWriter
from antiphon.client.transport import NORMAL_CLOSE, Transport
from antiphon.client.view import SessionView
from antiphon.client.waiting import Event, Inbox
from antiphon.client.websocket import WebSocketTransport
from antiphon.errors import LocalProtocolError, RemoteProtocolError
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ErrorEvent,
    FunctionCallOutput,
    ImageDetail,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InvalidEvent,
    Item,
    OutputAudioBufferClear,
    RealtimeSession,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseParams,
    SessionConfig,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    decode_client_event,
    decode_server_event,
    encode,
    new_id,
)

logger = logging.getLogger("antiphon.client")

Kind = TypeVar("Kind", bound=msgspec.Struct)


class RealtimeClient:
    """A call. `async with RealtimeClient(...) as call:` connects, sets the session up, and hangs up at the end.

    url: of the server, its API or its socket; api_key, headers: what it asks for. call_id: attaches beside a running
    call (the sideband). transport: another way than a WebSocket, and then the ones before are not used. agent: its
    session is set up and its tools are run here; without one, function calls are the app's. session: more settings;
    the agent's win. user, state: what the agent's tools and instructions see. on_event: is told of every server event,
    at once and before any reader. on_notice, approve: see `ToolRunner`.

    Entering raises ConnectError, RejectedError (the server refuses the session, and names the field), and
    AnswerTimeoutError; everything after that raises ClosedError once the call is over.
    """

    def __init__(
        self,
        url: str = OPENAI_URL,
        *,
        api_key: str | None = None,
        model: str | None = None,
        call_id: str | None = None,
        agent: Agent | None = None,
        session: SessionConfig | None = None,
        transport: Transport | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        user: Any = None,
        state: Any = None,
        settings: ClientSettings | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        approve: Approver | None = None,
        on_reconnecting: Callable[[int, float], None] | None = None,
        on_reconnected: Callable[[int], None] | None = None,
        trace: TraceWriter | None = None,
    ) -> None:
        self._settings = settings or ClientSettings()
        if agent is not None and model is None and agent.model is not UNSET:
            model = agent.model
        another: Another | None = None
        if transport is None:

            def another() -> Transport:
                return WebSocketTransport(
                    url,
                    api_key=api_key,
                    model=model,
                    call_id=call_id,
                    headers=headers,
                    subprotocols=subprotocols,
                    connect_timeout_s=self._settings.connect_timeout_s,
                    ping_interval_s=self._settings.ping_interval_s,
                    ping_timeout_s=self._settings.ping_timeout_s,
                    close_timeout_s=self._settings.close_timeout_s,
                )

            transport = another()
        self._transport = transport
        self._connection = Connection(
            transport,
            self._settings,
            self,
            attached=call_id is not None,
            another=None,  # not before there is a record of what was said
            trace=trace,
        )
        self._agent = agent
        self._context = CallContext(call_id, user, state)
        self._wanted = wanted_session(agent, session, self._context)
        self._on_event = on_event
        self._on_notice = on_notice
        self._on_reconnecting = on_reconnecting
        self._on_reconnected = on_reconnected
        self._approve = approve
        self._view = SessionView()
        self._inbox = Inbox(self._settings.max_events, self._settings.slow_consumer)
        self._answers = Answers(self._settings.max_responses)
        self._runner: ToolRunner | None = None
        self._ending: asyncio.Task[None] | None = None
        self.differences: tuple[Difference, ...] = ()
        """Where the session that applies is not the one that was asked for."""

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def session(self) -> SessionConfig | None:
        """The configuration that applies; None before the server has told it."""
        return self._view.session

    @property
    def agent(self) -> Agent | None:
        """Whose call it is now (a handoff changes it); None without an agent."""
        return self._runner.agent if self._runner is not None and self._agent is not None else self._agent

    @property
    def expected_session(self) -> RealtimeSession | None:
        """What the agent's session is to be now (a handoff changes it); None without an agent."""
        return self._runner.session if self._runner is not None and self._agent is not None else None

    @property
    def closed(self) -> ClosedError | None:
        """Why the call is over; None while it goes on."""
        return self._connection.closed

    @property
    def dropped_events(self) -> int:
        """How many events were dropped because nobody read them in time."""
        return self._inbox.dropped

    # ── opening and closing ───────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise LocalProtocolError("A client is for one call: make another one.")
        self._runner = ToolRunner(
            self._agent,
            self._put,
            call=self._context,
            session=self._wanted if isinstance(self._wanted, RealtimeSession) else None,
            media=self._transport.media,
            on_notice=self._notice,
            approve=self._approve,
        )
        created = self._inbox.expect(lambda event: isinstance(event, SessionCreated))
        try:
            await self._connection.open()
            await self._in_time(created, "session.created")
            await self._set_up()
            if self._view.session is not None:
                self._connection.begun(self._view.session)
            self._runner.start()
        except BaseException:
            created.cancel()
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        """Hang up: stop the tools, send what waits, close, and wait until all of it is over. Twice is once."""
        if self._runner is not None:
            await self._runner.aclose()
            await self._connection.aclose(code, reason)
        if self._ending is not None:
            await self._ending

    async def _set_up(self) -> None:
        if self._wanted is None:
            return
        try:
            await self.update(self._wanted)
        except AnswerTimeoutError:
            # Some servers never confirm. Whether the settings apply is then not known, which is worth a warning only.
            logger.warning("the server did not confirm the session within %g s", self._settings.answer_timeout_s)

    # ── what the connection reports (see `connection.CallOwner`) ──────────────────────────────────────────────────

    def on_data(self, data: str | bytes) -> None:
        try:
            event = decode_server_event(data)
        except RemoteProtocolError as error:
            logger.warning("the server sent what is no event: %s", error)
            return
        self._connection.seen(event)
        self._view.receive(event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event failed on %s", event.type)
        assert self._runner is not None
        self._runner.receive(event)
        self._inbox.put(event)
        if isinstance(event, ResponseDone):
            self._answers.put(event.response)
        elif isinstance(event, ErrorEvent):
            logger.info("the server says: %s", event.error.message)

    def on_lost(self) -> None:
        if self._runner is not None:
            self._runner.disconnected()

    def on_reattached(self) -> None:
        if self._runner is not None:
            self._runner.reconnected()

    def on_waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        if self._on_reconnecting is not None:
            self._on_reconnecting(attempt, wait_s)

    def on_switched(self, transport: Transport) -> None:
        self._transport = transport

    def on_renewed(self, replayed: int) -> None:
        if self._runner is not None:
            self._runner.reconnected()
        if self._on_reconnected is not None:
            self._on_reconnected(replayed)

    def on_line(self, state: LineState) -> None:
        pass

    def past(self, open_outputs: set[str]) -> Sequence[Item]:
        return []

    def quiet(self) -> bool:
        return self._runner is not None and self._runner.is_settled

    def on_closed(self, error: ClosedError) -> None:
        self._inbox.close(error)
        self._answers.close(error)
        if self._runner is not None:
            self._ending = asyncio.get_running_loop().create_task(self._runner.aclose(), name="client-end")

    def _put(self, event: ClientEvent) -> None:
        try:
            # A create that is lost with its connection is asked for anew by the runner.
            self._connection.send_now(event, fleeting=isinstance(event, ResponseCreate))
        except ClosedError:
            logger.debug("%s came after the end of the call", event.type)

    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, ResponseRefused):
            self._answers.refuse(notice.error)
        if self._on_notice is not None:
            self._on_notice(notice)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The server's events. Ends when the call was hung up; raises ClosedError when it broke off."""
        while (event := await self._inbox.next()) is not None:
            yield event

    async def wait_for(
        self, kind: type[Kind], *, where: Callable[[Kind], bool] | None = None, timeout_s: float = 10.0
    ) -> Kind:
        """The next event of this kind, past or unread ones not counted. Raises AnswerTimeoutError, ClosedError."""
        coming = self._inbox.expect(lambda event: isinstance(event, kind) and (where is None or where(event)))
        event = await self._in_time(coming, kind.__name__, timeout_s)
        assert isinstance(event, kind)
        return event

    async def response(self, *, timeout_s: float = 30.0) -> Response:
        """The next response that has ended, of those not returned yet. Raises AnswerTimeoutError, ClosedError."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answers.next()
        except TimeoutError:
            raise AnswerTimeoutError(f"No response ended within {timeout_s:g} s.") from None

    async def settled(self, *, timeout_s: float = 60.0) -> None:
        """Wait until the assistant has said all that it will say without being asked anew: no tool is still owed.

        Raises AnswerTimeoutError and ClosedError.
        """
        runner = self._running()
        try:
            async with asyncio.timeout(timeout_s):
                await runner.settled()
        except TimeoutError:
            raise AnswerTimeoutError(f"The answer was not complete within {timeout_s:g} s.") from None
        if self._connection.closed is not None:
            raise self._connection.closed

    async def _in_time(self, coming: asyncio.Future[Event], what: str, timeout_s: float | None = None) -> Event:
        seconds = self._settings.answer_timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await coming
        except TimeoutError:
            raise AnswerTimeoutError(f"The server sent no {what} within {seconds:g} s.") from None

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, event: ClientEvent) -> None:
        """Send any event; waits while too much is unsent. Raises ClosedError."""
        if isinstance(event, ResponseCreate):
            if event.event_id is UNSET:
                event = msgspec.structs.replace(event, event_id=new_id("event"))
            self._running().sent(event)
        await self._connection.send(event)

    async def update(self, session: SessionConfig) -> SessionConfig:
        """Change the session. Returns what applies, and keeps in `differences` what is not as it was asked for.

        Raises LocalProtocolError when the update is wrong in itself, RejectedError when the server refuses it (whole:
        one wrong field is enough), AnswerTimeoutError.
        """
        update = SessionUpdate(event_id=new_id("event"), session=session)
        data = encode(update)
        try:
            decode_client_event(data)
        except InvalidEvent as wrong:
            raise LocalProtocolError(f"This session cannot be asked for: {wrong}") from wrong
        answer = self._inbox.expect(
            lambda event: (
                isinstance(event, SessionUpdated)
                or (isinstance(event, ErrorEvent) and event.error.event_id == update.event_id)
            )
        )
        await self._connection.send(update)
        event = await self._in_time(answer, "session.updated")
        if isinstance(event, ErrorEvent):
            raise RejectedError("the session", event.error)
        assert isinstance(event, SessionUpdated)
        self.differences = differences(session, event.session)
        for difference in self.differences:
            logger.warning("the session is not as it was asked for: %s", difference)
        return event.session

    async def send_text(self, text: str, *, respond: bool = True) -> str:
        """What the user typed. Returns the item's id. respond: let the assistant answer."""
        return await self._add(typed(text), respond)

    async def send_image(
        self,
        image: bytes | str,
        *,
        text: str | None = None,
        detail: ImageDetail | None = None,
        respond: bool = True,
    ) -> str:
        """A picture from the user: a PNG or JPEG file, or its data URL. Returns the item's id."""
        return await self._add(shown_image(image, text=text, detail=detail), respond)

    async def send_audio(self, audio: bytes | bytearray | memoryview) -> None:
        """What the user says, in the session's input format (24 kHz int16 mono unless it says otherwise)."""
        for event in appended(audio):
            await self.send(event)

    async def commit(self, *, respond: bool = True) -> None:
        """The user has finished speaking; for sessions without turn detection. respond: let the assistant answer."""
        await self.send(InputAudioBufferCommit())
        if respond:
            self.respond()

    async def clear_audio(self) -> None:
        """Throw away what was sent of the user's speech and not committed."""
        await self.send(InputAudioBufferClear())

    async def send_output(self, call_id: str, output: str, *, respond: bool = True) -> None:
        """The output of a function call that the app ran by itself."""
        item = FunctionCallOutput(id=new_id("item"), call_id=call_id, output=output)
        await self._add(ConversationItemCreate(item=item), respond)

    def respond(self, params: ResponseParams | None = None) -> None:
        """Ask for a response, as soon as one can be made: never into another one. Raises ClosedError,
        OverflowingError."""
        if not self._running().ask(params):
            raise OverflowingError("Too many responses are waiting to be asked for.")

    def say(self, text: str) -> None:
        """Have the assistant say these words, as soon as it can."""
        self.respond(words_to_say(text))

    async def ask(self, text: str, *, timeout_s: float = 60.0) -> str:
        """Type something, and wait for all that the assistant has to say to it, tools included. Returns its words.

        Raises RejectedError when no response could be made, AnswerTimeoutError and ClosedError.
        """
        before = self._answers.mark()
        await self.send_text(text)
        await self.settled(timeout_s=timeout_s)
        return self._answers.words_since(before)

    async def interrupt(self, *, played_ms: float | None = None) -> None:
        """Stop what the assistant is saying. played_ms: how much of its newest speech was heard, if it is played here.

        On WebRTC the server knows what was heard, and played_ms is not needed.
        """
        for response_id in list(self._view.active_responses):
            await self.send(ResponseCancel(response_id=response_id))
        if self._transport.media:
            await self.send(OutputAudioBufferClear())
        elif played_ms is not None:
            truncation = self._view.truncation(played_ms)
            if truncation is not None:
                await self.send(truncation)

    def approve(self, call_id: str) -> bool:
        """Let a tool run that waits for it. False when it does not wait (any more)."""
        return self._running().approve(call_id)

    def reject(self, call_id: str, reason: str = "") -> bool:
        """Do not let a tool run; the model reads the reason. False when it does not wait (any more)."""
        return self._running().reject(call_id, reason)

    async def _add(self, event: ConversationItemCreate, respond: bool) -> str:
        await self.send(event)
        if respond:
            self.respond()
        return str(event.item.id)

    def _running(self) -> ToolRunner:
        if self._runner is None:
            raise LocalProtocolError("The call is not open: use `async with`.")
        if self._connection.closed is not None:
            raise self._connection.closed
        return self._runner
