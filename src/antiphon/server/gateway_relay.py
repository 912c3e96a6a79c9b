"""A call over WebSocket that a hosted upstream holds: two pumps, the agent between them, and sessions that roll over.

Each session at the upstream is one `RealtimeClient`, which runs the agent's tools. The caller sees one session, however
many there are behind it: the next one is given what was said, and its opening is kept from the caller.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from dataclasses import replace
from typing import cast

from msgspec import UNSET

from antiphon.agent import Agent, CallContext, overlaid
from antiphon.client import (
    AnswerTimeoutError,
    ClientError,
    ClientSettings,
    ClosedError,
    Event,
    RealtimeClient,
    RejectedError,
    RolloverSettings,
    Transport,
)
from antiphon.conversation import Record
from antiphon.errors import RemoteProtocolError
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDone,
    ErrorDetail,
    ErrorEvent,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InvalidEvent,
    RealtimeSession,
    SessionConfig,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    decode_client_event,
    decode_event,
    encode,
    invalid_request,
    new_id,
)
from antiphon.server.answering import Link, Seat, expiry_message, session_expired
from antiphon.server.gateway_policy import CallerPolicy, without_callers_choices
from antiphon.upstream import Upstream

logger = logging.getLogger("antiphon.server")

MAX_UNSENT_BYTES = 32 * 1024 * 1024
"""What a caller may have sent that the upstream has not taken; one who lets more pile up is cut off."""

_GOING_AWAY, _POLICY, _INTERNAL = 1001, 1008, 1011
_REPLAY_SECONDS = 15.0
_QUIET_CLIENT = ClientSettings(max_events=0, connect=None, reconnect=None, rollover=None)


class _Outcome(enum.Enum):
    OVER = "over"
    ROLL_OVER = "roll over"


class RelayedCall:
    """One caller's WebSocket call, relayed. Made by the gateway; `run` owns its sessions, pumps and tools.

    opening: what the session begins with. agent: already made for this call, or None.
    """

    def __init__(
        self,
        link: Link,
        upstream: Upstream,
        opening: SessionConfig,
        agent: Agent | None,
        context: CallContext,
        *,
        rollover: RolloverSettings | None = None,
        settings: ClientSettings = _QUIET_CLIENT,
    ) -> None:
        self.id = new_id("sess")
        self._link = link
        self._upstream = upstream
        self._opening = opening
        self._agent = None if agent is None else without_callers_choices(agent)
        self._limit = None if agent is None else agent.limits.max_call_s
        self._model = None if agent is None or agent.model is UNSET else agent.model
        self._policy = CallerPolicy(agent)
        self._context = context
        self._rollover = rollover or RolloverSettings()
        self._settings = settings
        self._unsent: deque[str | bytes] = deque()
        self._unsent_bytes = 0
        self._news = asyncio.Event()
        self._there = asyncio.Event()
        self._over = asyncio.Event()
        self._replay = Record()
        self._shown = False
        self._raw: str | bytes = ""
        self._forwarding = False
        self._hides_updates = False
        self._speaking = False
        self._stirred = asyncio.Event()

    # ── the caller's side ─────────────────────────────────────────────────────────────────────────────────────────

    def opened(self) -> None:
        self._there.set()

    def receive_event(self, data: str | bytes) -> None:
        if self._over.is_set():
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self._link.close(_POLICY, "Too many events are waiting to be taken.")
        self._news.set()

    def receive_audio(self, pcm: bytes) -> None:
        """Nothing comes this way: on a WebSocket audio travels inside events."""

    def audio_played(self, samples: int) -> None:
        """Nothing comes this way: the caller plays."""

    def attach(self, link: Link) -> Seat:
        raise invalid_request("call_id_not_found", "A relayed call takes no further peers.", "call_id")

    def hang_up(self, reason: str) -> None:
        self._over.set()

    async def run(self) -> None:
        """Relay until either side is done. Being cancelled ends the session."""
        limit = None
        if self._limit is not None:
            limit = asyncio.get_running_loop().call_later(self._limit, self._expire, self._limit)
        relaying = asyncio.create_task(self._relay(), name=f"relay-{self.id}")
        over = asyncio.create_task(self._over.wait(), name=f"over-{self.id}")
        try:
            await asyncio.wait([relaying, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if limit is not None:
                limit.cancel()
            self._over.set()
            over.cancel()
            relaying.cancel()
            await asyncio.gather(relaying, over, return_exceptions=True)

    def _expire(self, seconds: float) -> None:
        self._link.send_event(session_expired(seconds))
        self._link.close(_GOING_AWAY, expiry_message(seconds))

    # ── sessions, one after the other ─────────────────────────────────────────────────────────────────────────────

    async def _relay(self) -> None:
        try:
            await self._there.wait()
            while await self._session() is _Outcome.ROLL_OVER:
                logger.info("call %s went over into a new session", self.id)
        except ClosedError as closed:
            self._link.close(closed.code if closed.code in _CODES_PASSED_ON else _GOING_AWAY, "the upstream hung up")
        except RejectedError as error:
            self._fail(f"The upstream refused {error.error.param or 'the session'}.", "upstream_refused", str(error))
        except ClientError as error:
            self._fail("The upstream cannot be reached.", "upstream_unreachable", str(error))
        except Exception:
            logger.exception("call %s failed", self.id)
            self._link.close(_INTERNAL, "internal error")

    def _fail(self, message: str, code: str, why: str) -> None:
        logger.error("call %s: %s", self.id, why)
        detail = ErrorDetail(type="server_error", code=code, message=message)
        self._link.send_event(encode(ErrorEvent(event_id=new_id("event"), error=detail)))
        self._link.close(_INTERNAL, message)

    async def _session(self) -> _Outcome:
        """One session at the upstream, from its opening to its end."""
        began = asyncio.get_running_loop().time()
        self._forwarding = False
        self._speaking = False
        first = not self._shown
        client = RealtimeClient(
            transport=_Tap(self._upstream.connect(model=self._model), self),
            agent=self._agent if first else _without_greeting(self._agent),
            session=None if self._asks_nothing else self._opening,
            conversation=False,
            user=self._context.user,
            state=self._context.state,
            settings=self._settings,
            on_event=self._take,
        )
        async with client:
            if not first:
                await self._bring_up_to_date(client)
            elif not self._shown and client.session is not None:
                # An upstream that confirms no session: what it began with is all that is known.
                self._show(client.session)
            self._forwarding = True
            forwarding = asyncio.create_task(self._forward(client), name=f"forward-{self.id}")
            reading = asyncio.create_task(_until_closed(client), name=f"read-{self.id}")
            rolling = asyncio.create_task(self._time_to_roll_over(client, began), name=f"rollover-{self.id}")
            tasks = [forwarding, reading, rolling]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if rolling in done and reading not in done:
                rolling.result()
                await self._come_to_an_end(client)
                self._forwarding = False
                # A handoff may have changed whose call it is.
                self._agent = client.agent and without_callers_choices(client.agent)
                return _Outcome.ROLL_OVER
            for task in done:
                task.result()
        return _Outcome.OVER

    async def _time_to_roll_over(self, client: RealtimeClient, began: float) -> None:
        """Return when the session should end: in a quiet moment before the upstream's cap. Without a cap, never."""
        cap = self._upstream.describe().max_session_minutes
        if cap is None:
            await asyncio.Event().wait()
            return
        loop = asyncio.get_running_loop()
        seek, force = self._rollover.window(cap * 60)
        await asyncio.sleep(began + seek - loop.time())
        try:
            async with asyncio.timeout_at(began + force):
                await self._quiet(client)
        except (TimeoutError, AnswerTimeoutError):
            logger.warning("call %s goes over into a new session in the middle of a turn", self.id)
            # What is being said ends here, and the caller is told so.
            await client.interrupt()

    async def _come_to_an_end(self, client: RealtimeClient) -> None:
        """What the caller sent last is answered in the session that it was sent to, and the caller sees it."""
        seconds = min(5.0, self._rollover.force_s / 3)
        self._hides_updates = True
        try:
            async with asyncio.timeout(seconds):
                # An update that changes nothing: its answer comes after everything that was sent before.
                await client.update(RealtimeSession())
                await client.settled(timeout_s=seconds)
        except (TimeoutError, ClientError) as error:
            logger.debug("call %s: the old session did not come to rest: %s", self.id, error)
        finally:
            self._hides_updates = False

    async def _quiet(self, client: RealtimeClient) -> None:
        while True:
            await client.settled(timeout_s=3600)
            if not self._speaking and not self._unsent:
                return
            self._stirred.clear()
            await self._stirred.wait()

    async def _bring_up_to_date(self, client: RealtimeClient) -> None:
        """Give a new session what was said in the ones before."""
        items = self._replay.items()
        if not items:
            return
        last = items[-1].id
        told = asyncio.ensure_future(
            client.wait_for(ConversationItemDone, where=lambda done: done.item.id == last, timeout_s=_REPLAY_SECONDS)
        )
        try:
            # Its turn first, so that it is listening before there is something to hear.
            await asyncio.sleep(0)
            for item in items:
                await client.send(ConversationItemCreate(item=item))
            await told
        except AnswerTimeoutError:
            logger.warning("call %s: the new session did not confirm all of what was said before", self.id)
        finally:
            told.cancel()

    @property
    def _asks_nothing(self) -> bool:
        return all(getattr(self._opening, name) is UNSET for name in self._opening.__struct_fields__)

    # ── upstream to caller ────────────────────────────────────────────────────────────────────────────────────────

    def keep(self, data: str | bytes) -> None:
        """The frame whose event comes next: it is passed on as it came."""
        self._raw = data

    def _take(self, event: Event) -> None:
        self._stirred.set()
        match event:
            case InputAudioBufferSpeechStarted():
                self._speaking = True
            case InputAudioBufferCommitted() | InputAudioBufferCleared():
                self._speaking = False
        if self._forwarding or not self._shown:
            self._replay.receive(event)
        if self._forwarding:
            if not (self._hides_updates and isinstance(event, SessionUpdated)):
                self._link.send_event(self._raw if isinstance(self._raw, str) else self._raw.decode(errors="replace"))
        elif not self._shown and (
            isinstance(event, SessionUpdated) or (isinstance(event, SessionCreated) and self._asks_nothing)
        ):
            self._show(event.session)

    def _show(self, session: SessionConfig) -> None:
        """The opening as the caller sees it: one `session.created`, with the session that really applies."""
        self._shown = self._forwarding = True
        self._link.send_event(encode(SessionCreated(event_id=new_id("event"), session=session)))

    # ── caller to upstream ────────────────────────────────────────────────────────────────────────────────────────

    async def _forward(self, client: RealtimeClient) -> None:
        while True:
            while not self._unsent:
                self._news.clear()
                await self._news.wait()
            # Taken out only once it is sent: a session that rolls over meanwhile sends it in the next one.
            data = self._unsent[0]
            event = self._admitted(data)
            if event is not None:
                await client.send(event)
            self._unsent.popleft()
            self._unsent_bytes -= len(data)
            self._stirred.set()

    def _admitted(self, data: str | bytes) -> ClientEvent | None:
        try:
            if isinstance(data, bytes):
                raise invalid_request("invalid_event", "Events are text frames.")
            event = decode_client_event(data)
        except InvalidEvent as refusal:
            passed = None if self._policy.strict or isinstance(data, bytes) else _readable(data)
            if passed is None:
                self._link.send_event(encode(ErrorEvent(event_id=new_id("event"), error=refusal.error)))
            return passed
        admitted = self._policy.admit(event)
        if isinstance(admitted, SessionUpdate):
            # A later session is to begin as this one has become.
            self._opening = _changed(self._opening, admitted.session)
        return admitted


_CODES_PASSED_ON = frozenset({1000, 1001, 1008, 1011, 4000})


class _Tap:
    """The upstream's transport, each of whose frames is kept for the caller before the client reads it."""

    def __init__(self, inner: Transport, call: RelayedCall) -> None:
        self._inner = inner
        self._call = call

    @property
    def media(self) -> bool:
        return self._inner.media

    async def connect(self) -> None:
        await self._inner.connect()

    async def send(self, data: str) -> None:
        await self._inner.send(data)

    async def receive(self) -> str | bytes:
        data = await self._inner.receive()
        self._call.keep(data)
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)


async def _until_closed(client: RealtimeClient) -> None:
    async for _event in client:
        pass


def _readable(data: str) -> ClientEvent | None:
    """An event that is newer than this server, for an upstream that may know it; None when it is no JSON object.

    It is an `UnknownEvent`, or a known one with unknown members; the client sends either as it is.
    """
    try:
        return cast("ClientEvent", decode_event(data))
    except (RemoteProtocolError, InvalidEvent):
        return None


def _without_greeting(agent: Agent | None) -> Agent | None:
    return None if agent is None else replace(agent, greeting=None, greeting_instructions=None)


def _changed(session: SessionConfig, update: SessionConfig) -> SessionConfig:
    if isinstance(session, RealtimeSession) and isinstance(update, RealtimeSession):
        return overlaid(session, update)
    return update
