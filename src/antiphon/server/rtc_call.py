"""A call over WebRTC: the driver between one peer connection and the call that the answerer made for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from antiphon.server.answering import AnsweredCall, LinkKind, session_expired
from antiphon.server.edge import Edge

if TYPE_CHECKING:
    from antiphon.rtc.transport import CallHandler, CallTransport

logger = logging.getLogger("antiphon.server")

CLOSE_SECONDS = 2.0
"""How long a peer connection gets to close."""


OpenTransport = Callable[["CallHandler"], "CallTransport"]


class RtcCall:
    """Both ends of one call's wiring: the transport's `CallHandler` and the call's `Link`.

    Made before either exists; `run` connects them. What travels is in the peer's dialect (`edge`), what the call sees
    is GA. Only the first `close` counts. One call's failure stays its own:
    an exception from the call ends that call and never reaches the transport.
    """

    kind: LinkKind = "webrtc"

    def __init__(self, open_transport: OpenTransport, edge: Edge | None = None) -> None:
        self._edge = edge or Edge()
        self._transport = open_transport(self)
        self._call: AnsweredCall | None = None
        self._channel_opened = False
        self._over: str | None = None

    # ── what `server/app.py` does with it ─────────────────────────────────────────────────────────────────────────

    async def answer(self, offer: str) -> str:
        """The SDP answer. Raises `antiphon.rtc.InvalidOffer`."""
        return await self._transport.answer(offer)

    async def run(self, call: AnsweredCall, *, channel_seconds: float, max_seconds: float) -> None:
        """Run the call on the answered connection; returns when it is over. Being cancelled hangs up."""
        self._call = call
        loop = asyncio.get_running_loop()
        timers = [
            loop.call_later(channel_seconds, self._expect_channel, channel_seconds),
            loop.call_later(max_seconds, self._expire, max_seconds),
        ]
        if self._over is not None:
            call.hang_up(self._over)
        elif self._channel_opened:
            self._guard(call.opened)
        try:
            await call.run()
        except Exception:
            logger.exception("call %s failed", call.id)
        finally:
            for timer in timers:
                timer.cancel()

    async def aclose(self) -> None:
        """Close the peer connection, and never wait long for it."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._transport.close()
        except TimeoutError:
            logger.warning("a peer connection did not close in time")

    def _expect_channel(self, seconds: float) -> None:
        if not self._channel_opened:
            self.close(1001, f"No data channel was opened within {seconds:g} seconds.")

    def _expire(self, seconds: float) -> None:
        self.send_event(session_expired(seconds))
        self.close(1001, "the session expired")

    @property
    def max_event_bytes(self) -> int | None:
        return self._edge.limit(self._transport.max_message_size)

    # ── Link ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def send_event(self, data: str) -> None:
        for frame in self._edge.outgoing(data):
            self._transport.send_event(frame)

    def send_audio(self, pcm: bytes) -> None:
        self._transport.send_audio(pcm)

    def end_audio(self) -> None:
        self._transport.end_audio()

    def flush_audio(self) -> None:
        self._transport.flush_audio()

    def close(self, code: int, reason: str) -> None:
        if self._over is not None:
            return
        self._over = reason
        if self._call is not None:
            logger.info("call %s is closing: %s", self._call.id, reason)
            self._call.hang_up(reason)

    # ── CallHandler ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_open(self) -> None:
        self._channel_opened = True
        if self._call is not None:
            self._guard(self._call.opened)

    def on_event(self, data: str | bytes) -> None:
        if self._call is not None:
            for frame in self._edge.incoming(data):
                self._guard(self._call.receive_event, frame)

    def on_audio(self, pcm: bytes) -> None:
        if self._call is not None:
            self._guard(self._call.receive_audio, pcm)

    def on_played(self, samples: int) -> None:
        if self._call is not None:
            self._guard(self._call.audio_played, samples)

    def on_closed(self, reason: str) -> None:
        self.close(1001, reason)

    def _guard(self, receive: Callable[..., None], *args: object) -> None:
        try:
            receive(*args)
        except Exception:
            logger.exception("call %s failed on what its peer sent", self._call.id if self._call else "")
            self.close(1011, "internal error")
