"""`CallTransport` on aiortc: the answering side of a peer connection."""

from __future__ import annotations

from antiphon.errors import LocalProtocolError
from antiphon.rtc.answer import chosen_setup, write_answer
from antiphon.rtc.ice import local_addresses
from antiphon.rtc.offer import parse_offer
from antiphon.rtc.peer import AiortcPeer, State


class AiortcTransport(AiortcPeer):
    """The answerer. `answer` once, then `send_*` at will until `on_closed`.

    When `answer` raises, nothing is left to close.
    """

    _cancelled = "the server is stopping"

    async def answer(self, offer: str) -> str:
        """Take the peer's SDP offer, return the answer, and begin to connect.

        Raises InvalidOffer for an offer that cannot be answered, TransportUnavailable when no port could be bound.
        """
        if self._state is not State.NEW:
            raise LocalProtocolError(f"a transport answers one offer, once; this one is {self._state.value}")
        taken = parse_offer(offer)
        connection = await self._gather(local_addresses(self._settings, taken.candidates), controlling=False)
        try:
            if self._was_closed:
                raise LocalProtocolError("the transport was closed while it answered")
            connection.ice_controlling = taken.ice_lite
            setup = chosen_setup(taken)
            await self._build(taken, setup, taken_types=frozenset({taken.opus}))
            text = write_answer(taken, self._local_side(setup))
        except BaseException:
            await self._abandon()
            raise
        self._start(taken)
        return text
