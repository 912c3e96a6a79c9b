"""WebRTC offers in, answers out: the setup of peer calls. The media stack is loaded here, and only when it is there."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass

from antiphon.errors import AntiphonError
from antiphon.protocol import InvalidEvent, TranscriptionSession
from antiphon.server.answering import CallKind
from antiphon.server.bodies import CallRequest, in_dialect, session_refusal
from antiphon.server.calls import Calls
from antiphon.server.edge import Edge
from antiphon.server.ice_servers import rtc_settings
from antiphon.server.refusals import Refusal
from antiphon.server.rtc_call import OpenTransport, RtcCall
from antiphon.server.settings import ServerSettings

logger = logging.getLogger("antiphon.server")


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an offer, and the id of the call behind it."""

    sdp: str
    call_id: str


class Peers:
    """Opens WebRTC calls. The calls themselves live in `Calls`; what is held here is how to make a peer connection.

    open_transport: makes one; None takes `antiphon.rtc`, once `load` has been called.
    """

    def __init__(self, calls: Calls, settings: ServerSettings, open_transport: OpenTransport | None = None) -> None:
        self._calls = calls
        self._settings = settings
        self._open_transport = open_transport
        self._missing = "The server was not started."

    def load(self) -> None:
        """Load the media stack, so that the first call does not wait for it; half a second, made for a thread.

        Where it is missing (the core installation has none) the server works without WebRTC, and says why it has none.
        """
        if self._open_transport is not None:
            return
        try:
            from antiphon.rtc import load_transport, open_transport  # noqa: PLC0415 - heavy, see above

            load_transport()
        except ImportError as error:
            self._missing = f"WebRTC needs the Python package {error.name}: install antiphon with its [local] extra."
        except AntiphonError as error:
            self._missing = str(error)
        else:
            settings = self._settings
            self._open_transport = lambda handler: open_transport(handler, rtc_settings(settings, time.time()))
            return
        logger.warning("calls come over WebSocket only. %s", self._missing)

    async def answer(self, wanted: CallRequest, *, model: str | None, edge: Edge | None = None) -> Answered:
        """Answer an offer; the call then goes on in a task of its own. Raises Refusal.

        edge: what its data channel speaks; None for GA.
        """
        open_transport = self._open_transport
        if open_transport is None:
            raise Refusal(501, "webrtc_unavailable", f"{self._missing} Calls over WebSocket work: /v1/realtime.")
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._calls.own(self._run(wanted, model, edge or Edge(), open_transport, answered), "rtc-call")
        try:
            return await answered
        except asyncio.CancelledError:
            if answered.done():
                # The server went down while the call was being set up, and cancelled it, not this request.
                raise Refusal(503, "closing", "The server is going down.", headers={"Retry-After": "5"}) from None
            raise

    async def _run(
        self,
        wanted: CallRequest,
        model: str | None,
        edge: Edge,
        open_transport: OpenTransport,
        answered: asyncio.Future[Answered],
    ) -> None:
        """One call from its offer to its end. What fails before the answer is told through `answered`."""
        try:
            with self._calls.slot():
                peer = RtcCall(open_transport, edge)
                try:
                    sdp = await peer.answer(wanted.offer)
                    kind: CallKind = "transcription" if isinstance(wanted.session, TranscriptionSession) else "realtime"
                    call = self._calls.answerer.open_call(peer, model=model, session=wanted.session, kind=kind)
                    with self._calls.listed(call, call.hang_up):
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
                answered.set_exception(_as_refusal(error, edge))
        except asyncio.CancelledError:
            answered.cancel()
            raise


def _as_refusal(error: Exception, edge: Edge) -> Exception:
    """What the caller is told about a call that could not be set up; anything unexpected stays as it is."""
    if isinstance(error, InvalidEvent):
        return in_dialect(session_refusal(error), edge.dialect)
    rtc = sys.modules.get("antiphon.rtc")
    if rtc is not None and isinstance(error, rtc.InvalidOffer):
        return Refusal(400, "invalid_offer", f"The SDP offer cannot be answered: {error}", param="sdp")
    if rtc is not None and isinstance(error, rtc.TransportUnavailable):
        logger.error("a call was refused: %s", error)
        return Refusal(503, "no_connection", "The server can open no further peer connection now.")
    return error
