"""`CallerTransport` on aiortc: the offering side of a peer connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from antiphon.errors import LocalProtocolError
from antiphon.rtc.ice import local_addresses
from antiphon.rtc.own_offer import OPUS_PAYLOAD_TYPE, SECTIONS, write_offer
from antiphon.rtc.peer import AiortcPeer, State
from antiphon.rtc.peer_answer import parse_answer
from antiphon.rtc.sdp import Setup
from antiphon.rtc.settings import RtcSettings
from antiphon.rtc.transport import CallHandler

DEFAULT_LABEL: Final = "oai-events"


class AiortcCaller(AiortcPeer):
    """The caller. `offer`, `accept`, then `send_*` at will until `on_closed`; `close` in any state.

    Audio is sent from the start, silence while there is no speech: a server's voice detection hears pauses only in
    what arrives. label: of the data channel. may_be_here: whether the peer may be on this
    machine, so that loopback is offered too. on_gathering: told "gathering", then "complete" or "timeout".
    """

    _has_microphone = True

    def __init__(
        self,
        handler: CallHandler,
        settings: RtcSettings | None = None,
        *,
        label: str = DEFAULT_LABEL,
        may_be_here: bool = True,
        on_state: Callable[[str], None] | None = None,
        on_gathering: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(handler, settings, on_state=on_state)
        self._label = label
        self._may_be_here = may_be_here
        self._on_gathering = on_gathering or (lambda _state: None)

    @property
    def has_channel(self) -> bool:
        """Whether the peer has taken the data channel. Known after `accept`."""
        return self._channel is not None

    async def offer(self) -> str:
        """Our SDP offer, with all our addresses. When it raises, nothing is left to close.

        Raises TransportUnavailable when no port could be bound.
        """
        if self._state is not State.NEW:
            raise LocalProtocolError(f"a transport makes one offer, once; this one is {self._state.value}")
        self._on_gathering("gathering")
        addresses = local_addresses(self._settings, (), may_be_here=self._may_be_here)
        connection = await self._gather(addresses, controlling=True)
        if self._was_closed:
            await self._abandon()
            raise LocalProtocolError("the transport was closed while it made its offer")
        self._on_gathering("timeout" if connection.gathering_timed_out else "complete")
        self._state = State.OFFERED
        return write_offer(self._local_side(Setup.ACTPASS))

    async def accept(self, answer: str) -> None:
        """Take the peer's SDP answer, and begin to connect. When it raises, nothing is left to close.

        Raises InvalidAnswer for an answer that no call can be made of.
        """
        if self._state is not State.OFFERED:
            raise LocalProtocolError(f"a transport takes an answer to its offer, once; this one is {self._state.value}")
        try:
            taken = parse_answer(answer, SECTIONS)
            setup = Setup.PASSIVE if taken.setup is Setup.ACTIVE else Setup.ACTIVE
            await self._build(taken, setup, taken_types=frozenset({OPUS_PAYLOAD_TYPE, taken.opus}), label=self._label)
        except BaseException:
            await self._abandon()
            raise
        self._start(taken)

    async def room(self) -> None:
        """Wait while the peer takes no more events. Returns too when the connection is over."""
        if self._channel is not None:
            await self._channel.room()
