"""The client of a Realtime call, the same in every seat: the caller's, the sideband's, and a tester's in memory.

Here is what an app calls, and nothing that decides: `targets` and `opening` find the way to a server, `ongoing` is one
call, `seat` is what outlives it; the methods to talk with are in `sending`, `reading` and `listening`. Nothing that is
read ever waits for the app or for a tool.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import UNSET

from antiphon.agent import Agent, Approver, CallContext, Notice
from antiphon.client.addresses import OPENAI_URL
from antiphon.client.audio import AudioSink, AudioSource
from antiphon.client.capturing import closed
from antiphon.client.credentials import Credentials, TokenProvider
from antiphon.client.errors import AnswerTimeoutError, ClosedError, ConnectError, TokenError
from antiphon.client.lifecycle import (
    ConnectionState,
    Fault,
    FaultListener,
    FaultStage,
    Severity,
    Stage,
    StageListener,
    StateListener,
)
from antiphon.client.listening import Listening, conversation_of
from antiphon.client.middleware import Middleware
from antiphon.client.ongoing import OngoingCall, Plan
from antiphon.client.opening import ChosenTransport, Opening, TransportKind, failed_at
from antiphon.client.reading import Reading
from antiphon.client.seat import ClientSeat
from antiphon.client.sending import Mode
from antiphon.client.settings import ClientSettings
from antiphon.client.setup import (
    Difference,
    differences,
    greeting_response,
    read_session,
    wanted_session,
    with_greeting,
)
from antiphon.client.speaking import Speaking
from antiphon.client.targets import Target, azure
from antiphon.client.trace import TraceWriter
from antiphon.client.transport import NORMAL_CLOSE, Transport
from antiphon.client.waiting import Event
from antiphon.errors import ConfigurationError
from antiphon.protocol import ClientEvent, RealtimeSession, SessionConfig

if TYPE_CHECKING:
    from antiphon.conversation import Conversation
    from antiphon.rtc import RtcSettings

logger = logging.getLogger("antiphon.client")

Setup = Literal["always", "if_different", "never"]


class RealtimeClient(Listening, Reading):
    """A call. `async with RealtimeClient(...) as call:` connects, sets the session up, and hangs up at the end;
    `connect` and `disconnect` do the same by hand, as often as one likes.

    Whom to call. url: of the server, its API or its socket, or a `Target` (`RealtimeClient.azure` makes one for Azure).
    api_key: a standard key; token_provider: is asked for a token at every connection instead. model, headers,
    subprotocols: what the server asks for. call_id: attaches beside a running call (the sideband).

    How. transport: "websocket", "webrtc", "auto", or a transport of your own. Where WebRTC finds no way for its media,
    the call is made over a WebSocket and `on_fault` is told; fallback=False raises NoMediaPathError instead. rtc: ICE
    servers and the rest. microphone: what the user says, a source of 24 kHz int16 mono; speaker: where the assistant
    is heard. Both are the call's, which closes them; both can come later, and for another call they come anew.

    What for. agent: its session is set up and its tools are run here; without one, function calls are the app's.
    session: more settings, as structs or as JSON; the agent's win. setup: "always" sends them (over WebRTC with the
    offer), "if_different" only when the server's session is another, "never". greeting: words to begin with;
    greeting_instructions: how to begin, besides the session's own instructions. user, state: what the agent's tools and
    instructions see.

    Who is told. on_event: of every server event, at once and before any reader. incoming, outgoing: middleware, which
    may change and stop events. on_state, on_stage, on_fault: see `lifecycle`. on_reconnecting: the connection was lost,
    and attempt number so-and-so begins in so many seconds; on_reconnected: there is another one, whose session was told
    so many items. on_notice, approve: see `ToolRunner`. conversation: what `chat`, `on` and
    `events` are made with; False does without them, and costs less. trace: writes the call down.

    Entering raises ConnectError, RejectedError (the server refuses the session, and names the field), and
    AnswerTimeoutError; everything after that raises ClosedError once the call is over.
    """

    def __init__(
        self,
        url: str | Target = OPENAI_URL,
        *,
        api_key: str | None = None,
        token_provider: TokenProvider | None = None,
        model: str | None = None,
        call_id: str | None = None,
        agent: Agent | None = None,
        session: SessionConfig | Mapping[str, Any] | None = None,
        setup: Setup = "always",
        greeting: str | None = None,
        greeting_instructions: str | None = None,
        transport: TransportKind | Transport | None = None,
        fallback: bool = True,
        rtc: RtcSettings | None = None,
        microphone: AudioSource | AsyncIterator[bytes] | None = None,
        speaker: AudioSink | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        user: Any = None,
        state: Any = None,
        settings: ClientSettings | None = None,
        conversation: Conversation | bool = True,
        incoming: Sequence[Middleware[Event]] = (),
        outgoing: Sequence[Middleware[ClientEvent]] = (),
        on_event: Callable[[Event], None] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_state: StateListener | None = None,
        on_stage: StageListener | None = None,
        on_fault: FaultListener | None = None,
        on_reconnecting: Callable[[int, float], None] | None = None,
        on_reconnected: Callable[[int], None] | None = None,
        approve: Approver | None = None,
        trace: TraceWriter | None = None,
    ) -> None:
        if setup not in ("always", "if_different", "never"):
            raise ConfigurationError(f"setup is {setup!r}; allowed are 'always', 'if_different' and 'never'")
        self._settings = settings or ClientSettings()
        agent, self._greeter = with_greeting(agent, greeting, greeting_instructions)
        self._agent = agent
        self._setup = setup
        self._approve = approve
        self._trace = trace
        self._credentials = Credentials(api_key, token_provider)
        self._context = CallContext(call_id, user, state)
        self._wanted = wanted_session(agent, None if session is None else read_session(session), self._context)
        self._seat = ClientSeat(
            self,
            conversation=conversation_of(conversation),
            speaking=Speaking(speaker),
            incoming=incoming,
            outgoing=outgoing,
            on_event=on_event,
            on_notice=on_notice,
            on_reconnecting=on_reconnecting,
            on_reconnected=on_reconnected,
        )
        self._opening: Opening | None = None
        self._transport: Transport
        if transport is None or isinstance(transport, str):
            if agent is not None and model is None and agent.model is not UNSET:
                model = agent.model
            if not isinstance(url, Target):
                url = Target(url, headers=dict(headers or {}), subprotocols=subprotocols)
            self._opening = Opening(
                target=url.for_model(model),
                credentials=self._credentials,
                kind=transport or "websocket",
                fallback=fallback,
                call_id=call_id,
                settings=self._settings,
                rtc=rtc,
                session=lambda: self._wanted,
                on_fallback=self._fell_back,
                on_audio=self._seat.media_heard,
                on_stage=self._seat.lifecycle.done,
                on_shaky=self._seat.shaky,
            )
            self._transport = self._opening()
        else:
            self._transport = transport
        self._microphone = microphone
        self._mode: Mode = "voice"
        self._connecting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self.differences: tuple[Difference, ...] = ()
        """Where the session that applies is not the one that was asked for."""
        lifecycle = self._seat.lifecycle
        if on_state is not None:
            lifecycle.on_state(on_state)
        if on_stage is not None:
            lifecycle.on_any_stage(on_stage)
        if on_fault is not None:
            lifecycle.on_fault(on_fault)

    @classmethod
    def azure(cls, endpoint: str, *, deployment: str, api_version: str | None = None, **more: Any) -> Self:
        """A client of an Azure OpenAI deployment. more: as for a client of any other server.

        api_key is the resource's key, token_provider gives Entra tokens or ephemeral keys. api_version: None for GA.
        """
        return cls(azure(endpoint, deployment=deployment, api_version=api_version), **more)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> ConnectionState:
        """Where the client stands."""
        return self._seat.lifecycle.state

    @property
    def session(self) -> SessionConfig | None:
        """The configuration that applies; None before the server has told it."""
        return None if self._seat.call is None else self._seat.call.view.session

    @property
    def agent(self) -> Agent | None:
        """Whose call it is now (a handoff changes it); None without an agent."""
        return self._agent if self._agent is None or not self._started else self._latest.runner.agent

    @property
    def expected_session(self) -> RealtimeSession | None:
        """What the agent's session is to be now (a handoff changes it); None without an agent."""
        return None if self._agent is None or not self._started else self._latest.runner.session

    @property
    def closed(self) -> ClosedError | None:
        """Why the call is over; None while it goes on."""
        return None if self._seat.call is None else self._seat.call.connection.closed

    @property
    def call_id(self) -> str | None:
        """The call's id, for a sideband; None where the server told none, as over a WebSocket."""
        return self._context.call_id if self._seat.media is None else self._seat.media.call_id

    @property
    def transport_kind(self) -> Literal["websocket", "webrtc", "other"]:
        """What carries the call: after a fallback, what it fell back to."""
        transport = self._transport if self._seat.call is None else self._seat.call.connection.transport
        return transport.kind if isinstance(transport, ChosenTransport) else "other"

    def set_token_provider(self, provider: TokenProvider | None) -> None:
        """Ask somebody else for the token, from the next connection on."""
        self._credentials.token_provider = provider

    # ── opening and closing ───────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self._release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def connect(self) -> None:
        """Connect and set the session up. Where that is under way already, wait for it; where it is done, return.

        Raises what entering raises, and ClosedError when somebody disconnects meanwhile.
        """
        if self._leaving is not None:
            await asyncio.shield(self._leaving)
        if self._connecting is None:
            if self.state in (ConnectionState.CONNECTED, ConnectionState.RECONNECTING):
                logger.warning("connect: there is a call already")
                return
            opening = self._connecting = asyncio.create_task(self._open(), name="client-open")
            opening.add_done_callback(self._opened)
            mine = True
        else:
            logger.warning("connect: a connection is being made already")
            opening, mine = self._connecting, False
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise ClosedError(NORMAL_CLOSE, "hung up while it was connecting") from None
            if mine:
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
                self._seat.lifecycle.enter(ConnectionState.DISCONNECTED)
            raise

    async def disconnect(self) -> None:
        """Hang up: stop the tools, send what waits, close, and wait until all of it is over. A connection that is being
        made is given up. Twice is once; `connect` makes another call."""
        await self.aclose()

    async def aclose(self, code: int = NORMAL_CLOSE, reason: str = "") -> None:
        """The same, with the close code and the reason that the server sees."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._hang_up(code, reason), name="client-hang-up")
            self._leaving.add_done_callback(self._left)
        leaving = self._leaving
        try:
            await asyncio.shield(leaving)
        except asyncio.CancelledError:
            if not self._seat.tasks.is_within:
                # Nothing may be left behind: it takes no longer than the settings allow. But a handler or a tool that
                # hangs up is itself cancelled by that, and cannot wait for it.
                await asyncio.gather(leaving, return_exceptions=True)
            raise

    async def _open(self) -> None:
        seat = self._seat
        seat.tasks.mark_within()
        seat.lifecycle.enter(ConnectionState.CONNECTING)
        seat.lifecycle.done(Stage.PEER_CONNECTION_CREATING)
        transport = self._transport
        if self._opening is not None and seat.call is not None:
            self._opening.fell_back = False
            transport = self._transport = self._opening()
        seat.switched(transport)
        call = seat.call = OngoingCall(
            Plan(
                transport=transport,
                # A new session has to be told what was said: a client that does not know that goes on with none.
                another=None if seat.conversation is None else self._opening,
                attached=self._context.call_id is not None,
                settings=self._settings,
                agent=self._agent,
                context=self._context,
                wanted=self._wanted,
                approve=self._approve,
                known_cap_s=None if self._opening is None else self._opening.target.known_cap_s,
                trace=self._trace,
            ),
            seat,
        )
        try:
            await call.open()
            await self._set_up(call)
            call.began()
            self._greet(call)
            seat.lifecycle.enter(ConnectionState.CONNECTED)
            if self._microphone is not None:
                await self.set_microphone(self._microphone)
        except BaseException as error:
            seat.hanging_up = True
            await call.aclose(NORMAL_CLOSE, "")
            seat.hanging_up = False
            if isinstance(error, Exception):
                stage = FaultStage.FETCH_TOKEN if isinstance(error, TokenError) else failed_at(transport)
                seat.lifecycle.fault(Fault(stage, error, Severity.CRITICAL, recoverable=True))
            raise

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._connecting = None
        if not opening.cancelled():
            opening.exception()  # whoever waited has got it

    async def _hang_up(self, code: int, reason: str) -> None:
        seat = self._seat
        connecting, call = self._connecting, seat.call
        if connecting is None and (call is None or call.released):
            await self._release()
            if self.state is ConnectionState.ERROR:
                seat.lifecycle.enter(ConnectionState.DISCONNECTED)
            return
        seat.lifecycle.done(Stage.HANG_UP_STARTED)
        seat.hanging_up = True
        if connecting is not None:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        await self._release()
        if call is not None:
            await call.aclose(code, reason)
        seat.hanging_up = False
        seat.lifecycle.enter(ConnectionState.DISCONNECTED)
        seat.lifecycle.done(Stage.HANG_UP_DONE)

    async def _release(self) -> None:
        """Close the microphone and the speaker, and end the handlers that still run."""
        source, self._microphone = self._microphone, None
        if source is not None and self._seat.capturing.source is None:
            await closed(source)
        await self._seat.aclose()

    def _left(self, leaving: asyncio.Task[None]) -> None:
        self._leaving = None

    async def _set_up(self, call: OngoingCall) -> None:
        if self._wanted is None or self._setup == "never":
            return
        expected, applies = self.expected_session or self._wanted, call.view.session
        # An offer has taken the session with it; Azure answers no update of a caller's then (`protocol.md` B.2).
        asked = self._setup == "if_different" or self._seat.media is not None
        if asked and applies is not None and not differences(expected, applies):
            return
        try:
            await self.update(self._wanted)
        except AnswerTimeoutError:
            # Some servers never confirm. Whether the settings apply is then not known, which is worth a warning only.
            logger.warning("the server did not confirm the session within %g s", self._settings.answer_timeout_s)

    def _greet(self, call: OngoingCall) -> None:
        if self._greeter is None:
            return
        self.respond(greeting_response(self._greeter, call.view.session, self._context))

    def _fell_back(self, why: ConnectError, stage: FaultStage) -> None:
        logger.warning("no WebRTC, so the call is made over a WebSocket")
        self._seat.lifecycle.fault(Fault(stage, why, Severity.WARNING, recoverable=True))
