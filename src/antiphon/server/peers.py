"""WebRTC offers in, answers out: the setup of peer calls. The media stack is loaded here, and only when it is there."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from antiphon.protocol import TranscriptionSession
from antiphon.server.answering import CallKind
from antiphon.server.bodies import CallRequest
from antiphon.server.calls import Calls
from antiphon.server.refusals import Refusal
from antiphon.server.rtc_call import OpenTransport, RtcCall
from antiphon.server.settings import ServerSettings

if TYPE_CHECKING:
    from antiphon.rtc.transport import CallHandler, CallTransport

logger = logging.getLogger("antiphon.server")

_PARTS = ("aiortc", "cffi", "numpy", "soxr")
"""What `antiphon.rtc` stands on, none of which the core installation has."""


def load_rtc() -> None:
    """Import the media stack now, so that the first call does not wait for it. Does nothing where it is missing."""
    if rtc_installed():
        import antiphon.rtc  # noqa: F401, PLC0415 - heavy: half a second that a server without calls need not spend


def rtc_installed() -> bool:
    return all(importlib.util.find_spec(part) is not None for part in _PARTS)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an offer, and the id of the call behind it."""

    sdp: str
    call_id: str


class Peers:
    """Opens WebRTC calls. Holds no state of its own: the calls live in `Calls`.

    open_transport: makes one peer connection; None takes the one of `antiphon.rtc`.
    """

    def __init__(self, calls: Calls, settings: ServerSettings, open_transport: OpenTransport | None = None) -> None:
        self._calls = calls
        self._settings = settings
        self._open_transport = open_transport

    async def answer(self, wanted: CallRequest, *, model: str | None) -> Answered:
        """Answer an offer; the call then goes on in a task of its own. Raises Refusal."""
        open_transport = self._open_transport or self._packaged_transport()
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._calls.own(self._run(wanted, model, open_transport, answered), "rtc-call")
        try:
            return await answered
        except asyncio.CancelledError:
            if answered.done():
                # The server went down while the call was being set up, and cancelled it, not this request.
                raise Refusal(503, "closing", "The server is going down.", headers={"Retry-After": "5"}) from None
            raise

    async def _run(
        self, wanted: CallRequest, model: str | None, open_transport: OpenTransport, answered: asyncio.Future[Answered]
    ) -> None:
        """One call from its offer to its end. What fails before the answer is told through `answered`."""
        try:
            with self._calls.slot():
                peer = RtcCall(open_transport)
                try:
                    sdp = await peer.answer(wanted.offer)
                    kind: CallKind = "transcription" if isinstance(wanted.session, TranscriptionSession) else "realtime"
                    call = self._calls.answerer.open_call(peer, model=model, session=wanted.session, kind=kind)
                    with self._calls.listed(call.id, call.hang_up):
                        if not answered.cancelled():
                            answered.set_result(Answered(sdp, call.id))
                        await peer.run(
                            call,
                            channel_seconds=self._settings.channel_seconds,
                            max_seconds=self._settings.max_call_seconds,
                        )
                finally:
                    await peer.aclose()
        except Exception as error:
            if answered.done():
                logger.exception("a WebRTC call failed")
            else:
                answered.set_exception(_as_refusal(error))
        except asyncio.CancelledError:
            answered.cancel()
            raise

    def _packaged_transport(self) -> OpenTransport:
        if not rtc_installed():
            raise Refusal(
                501,
                "webrtc_not_installed",
                "This server has no WebRTC: install antiphon[local], or call over WebSocket at /v1/realtime.",
            )
        from antiphon.rtc import RtcSettings, open_transport  # noqa: PLC0415 - heavy, see load_rtc

        settings = self._settings.rtc or RtcSettings()

        def open_one(handler: CallHandler) -> CallTransport:
            return open_transport(handler, settings)

        return open_one


def _as_refusal(error: Exception) -> Exception:
    if not rtc_installed():
        return error
    from antiphon.rtc import InvalidOffer  # noqa: PLC0415 - heavy, see load_rtc

    if isinstance(error, InvalidOffer):
        return Refusal(400, "invalid_offer", f"The SDP offer cannot be answered: {error}", param="sdp")
    return error
