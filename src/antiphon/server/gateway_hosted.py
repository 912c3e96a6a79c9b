"""A WebRTC call that a hosted upstream answers: made with the agent's session, watched over from its sideband.

The caller's audio and events go to the upstream directly. What this process knows of the call it learns from the
sideband, on which the agent's tools run too; when that is lost for good, the call is hung up.
"""

from __future__ import annotations

import asyncio
import logging

from antiphon.agent import DEFAULT_CLIENT_MAY, Agent, CallContext
from antiphon.client import ClientError, ClientSettings, ClosedError, Event, RealtimeClient
from antiphon.protocol import RealtimeSession, SessionUpdate, SessionUpdated, invalid_request
from antiphon.server.answering import Link, Seat
from antiphon.server.gateway_policy import SessionWatch, without_callers_choices
from antiphon.upstream import CreatedCall, HostedUpstream, UpstreamError

logger = logging.getLogger("antiphon.server")

HANG_UP_SECONDS = 5.0
"""How long the upstream gets to confirm that a call is over."""

_QUIET_CLIENT = ClientSettings(max_events=0)


class HostedCall:
    """One call of a hosted upstream, as its gateway sees it. `run` owns its sideband, and hangs up at its end.

    agent: already made for this call, or None for a caller that runs its own tools. max_seconds: after which it is
    hung up. most_changes: how often what the agent set is put back before the call is hung up.
    """

    def __init__(
        self,
        upstream: HostedUpstream,
        created: CreatedCall,
        agent: Agent | None,
        context: CallContext,
        *,
        max_seconds: float,
        most_changes: int,
        settings: ClientSettings = _QUIET_CLIENT,
    ) -> None:
        self.id = created.call_id
        self._upstream = upstream
        self._context = context
        self._max_seconds = max_seconds
        self._settings = settings
        self._seated = None if agent is None else without_callers_choices(agent)
        self._watch = SessionWatch(DEFAULT_CLIENT_MAY if agent is None else agent.client_may, most=most_changes)
        self._client: RealtimeClient | None = None
        # More than fit in here would end the call anyway.
        self._to_put_back: asyncio.Queue[RealtimeSession] = asyncio.Queue(most_changes + 1)
        self._over = asyncio.Event()

    # ── what the server's other rooms may do with it ──────────────────────────────────────────────────────────────

    def hang_up(self, reason: str) -> None:
        """End the call. Ending it twice is ending it once."""
        if not self._over.is_set():
            logger.info("call %s is hung up: %s", self.id, reason)
            self._over.set()

    def receive_event(self, data: str | bytes) -> None:
        """Nothing comes this way: the caller's events go to the upstream."""

    def receive_audio(self, pcm: bytes) -> None:
        """Nothing comes this way: the caller's audio goes to the upstream."""

    def audio_played(self, samples: int) -> None:
        """Nothing comes this way: the upstream plays."""

    def opened(self) -> None:
        """Nothing comes this way: the upstream knows when the caller is there."""

    def attach(self, link: Link) -> Seat:
        raise invalid_request("call_id_not_found", "This call takes no further peers through this server.", "call_id")

    async def run(self) -> None:
        """Sit beside the call until it is over. Being cancelled hangs up."""
        sitting = asyncio.create_task(self._sit(), name=f"sideband-{self.id}")
        over = asyncio.create_task(self._over.wait(), name=f"over-{self.id}")
        try:
            done, _ = await asyncio.wait(
                [sitting, over], timeout=self._max_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                logger.info("call %s has lasted its %g s and is hung up", self.id, self._max_seconds)
        finally:
            over.cancel()
            sitting.cancel()
            await asyncio.gather(sitting, over, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        """Hang up at the upstream: a call that nobody watches over must not go on."""
        try:
            async with asyncio.timeout(HANG_UP_SECONDS):
                await self._upstream.hang_up(self.id)
        except (UpstreamError, TimeoutError) as error:
            logger.warning("call %s: whether it was hung up is not known: %s", self.id, error or "no answer in time")

    # ── the sideband ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _sit(self) -> None:
        client = RealtimeClient(
            call_id=self.id,
            transport=self._upstream.attach(self.id),
            agent=self._seated,
            # An update would be answered by a `session.updated` that the caller takes for the answer to its own. Some
            # upstreams take no session with the offer; only there it is asked for after all.
            setup="if_different",
            conversation=False,
            user=self._context.user,
            state=self._context.state,
            settings=self._settings,
            on_event=self._take,
        )
        try:
            async with client:
                if (expected := client.expected_session) is not None and client.session is not None:
                    self._watch.applied(expected, client.session)
                self._client = client
                putting_back = asyncio.create_task(self._put_back(client), name=f"policy-{self.id}")
                try:
                    async for _event in client:
                        pass
                finally:
                    putting_back.cancel()
                    await asyncio.gather(putting_back, return_exceptions=True)
        except ClosedError as closed:
            logger.debug("call %s: %s", self.id, closed)
        except ClientError as error:
            logger.error("call %s is hung up, for its sideband is missing: %s", self.id, error)
        except Exception:
            logger.exception("call %s is hung up, for its sideband failed", self.id)

    def _take(self, event: Event) -> None:
        if self._client is None or not isinstance(event, SessionUpdated):
            return
        expected = self._client.expected_session
        restored = None if expected is None else self._watch.updated(expected, event.session)
        if restored is None:
            return
        if self._watch.exhausted:
            logger.warning("call %s: its caller changed the session %d times", self.id, self._watch.changes)
            self.hang_up("the caller kept changing the session")
        elif not self._to_put_back.full():
            logger.info("call %s: what its caller changed is put back", self.id)
            self._to_put_back.put_nowait(restored)

    async def _put_back(self, client: RealtimeClient) -> None:
        while True:
            session = await self._to_put_back.get()
            try:
                await client.send(SessionUpdate(session=session))
            except ClosedError:
                return
