"""The data channel of one call: messages both ways, in order, bounded. SCTP itself is aiortc's.

aiortc's receiving side trusts its peer; the subclass here does not: a message larger than we announced, more channels
than one call needs, or a packet that breaks a rule ends the call instead of growing memory or raising in a task.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import Chunk, InitChunk, RTCSctpCapabilities, SackChunk, serialize_packet

from antiphon.rtc.settings import EventTooLarge

logger = logging.getLogger(__name__)

_MAX_CHANNELS: Final = 16
_FIRST_RTO: Final = 1.0  # RFC 9260 section 16; aiortc's 3 s are RFC 4960's, and a lost first packet costs that much
_HIGH_WATER: Final = 256 * 1024
_WINDOW_SLACK: Final = 64 * 1024  # what an honest peer may have sent before it heard that the window is closed


class GuardedSctp(RTCSctpTransport):
    """SCTP that bounds what a peer can make us hold. on_violation: called with a reason, once or more."""

    def __init__(self, dtls: RTCDtlsTransport, *, max_message: int, on_violation: Callable[[str], None]) -> None:
        super().__init__(dtls)
        # The window must hold one whole message, and what is on its way behind it.
        self._advertised_rwnd = 2 * max_message
        self._rto = _FIRST_RTO
        self._on_violation = on_violation
        self._acknowledged = asyncio.Event()

    async def drained(self) -> None:
        """Wait until the peer has acknowledged everything that was sent."""
        while self._association_state is self.State.ESTABLISHED and (
            self._data_channel_queue or self._outbound_queue or self._sent_queue
        ):
            self._acknowledged.clear()
            await self._acknowledged.wait()

    async def _send_chunk(self, chunk: Chunk) -> None:
        if not isinstance(chunk, InitChunk):
            await super()._send_chunk(chunk)
            return
        # An INIT carries no tag, ever (RFC 9260 section 8.5.1). aiortc gives it the peer's once that is known, and no
        # peer takes it then: where both first INIT ACKs are lost, no channel would open any more.
        assert self._remote_port is not None
        await self.transport._send_data(serialize_packet(self._local_port, self._remote_port, 0, chunk))

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        await super()._receive_sack_chunk(chunk)
        self._acknowledged.set()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        self._acknowledged.set()

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception as error:
            logger.debug("SCTP gave up on a packet", exc_info=error)
            self._on_violation("the peer broke the data channel's protocol")
            return
        if self._advertised_rwnd < -_WINDOW_SLACK:
            self._on_violation("the peer sent a message larger than was announced")
        elif len(self._data_channels) > _MAX_CHANNELS:
            self._on_violation("the peer opened too many data channels")


class EventChannel:
    """The data channel that carries events. Belongs to its transport.

    label: ours, which we open; None takes the first one that the peer opens, whatever its label. Messages queued before
    it opens leave in order when it does. max_queue_bytes bounds what waits in all; beyond it, on_failure is told, and
    the message is dropped. on_closed: the peer closed the channel.
    """

    def __init__(
        self,
        dtls: RTCDtlsTransport,
        *,
        peer_max_message: int,
        max_message: int,
        max_queue_bytes: int,
        on_open: Callable[[], None],
        on_message: Callable[[str | bytes], None],
        on_failure: Callable[[str], None],
        on_closed: Callable[[], None],
        label: str | None = None,
    ) -> None:
        self.max_message_size: Final[int | None] = peer_max_message or None
        self._peer_max_message = peer_max_message
        self._max_queue = max_queue_bytes
        self._on_open, self._on_message, self._on_failure, self._on_closed = on_open, on_message, on_failure, on_closed
        self._label = label
        self._early: deque[str] = deque()
        self._early_bytes = 0
        self._channel: RTCDataChannel | None = None
        self._own: RTCDataChannel | None = None
        self._closed = False
        self._emptied = asyncio.Event()
        self._sctp = GuardedSctp(dtls, max_message=max_message, on_violation=on_failure)
        self._sctp.on("datachannel", self._offered)

    @property
    def port(self) -> int:
        """Our SCTP port, for the answer."""
        return int(self._sctp.port)

    async def start(self, peer_port: int) -> None:
        """Open the association; DTLS must be connected."""
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=self._peer_max_message), peer_port)
        if self._label is not None:
            # Not before: the numbers of the channels that we open depend on the DTLS role, which start() looks at.
            own = self._own = RTCDataChannel(self._sctp, RTCDataChannelParameters(label=self._label))
            own.on("open", lambda: self._opened(own))
            own.on("close", self._peer_closed)

    def send(self, data: str) -> None:
        """Queue one text message. Raises EventTooLarge; dropped once the channel is closed."""
        if self._closed:
            return
        size = len(data) if data.isascii() else len(data.encode())
        if self._peer_max_message and size > self._peer_max_message:
            raise EventTooLarge(
                f"an event of {size} bytes is more than the peer takes on its data channel ({self._peer_max_message})"
            )
        waiting = self.waiting_bytes
        if waiting + size > self._max_queue:
            self._on_failure(f"the peer does not read its events: {waiting} bytes are waiting")
        elif self._channel is None:
            self._early.append(data)
            self._early_bytes += size
        elif self._channel.readyState == "open":
            self._channel.send(data)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of events that have not left for the peer."""
        return self._early_bytes if self._channel is None else int(self._channel.bufferedAmount)

    async def room(self) -> None:
        """Wait while so much waits for the peer that more would only make it later. Returns too when it is closed."""
        while not self._closed and self.waiting_bytes > _HIGH_WATER:
            self._emptied.clear()
            await self._emptied.wait()

    async def stop(self, *, linger: float) -> None:
        """Close the association, after at most `linger` seconds for what was sent to arrive. The rest is dropped."""
        self._closed = True
        self._emptied.set()
        self._early.clear()
        if linger:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(linger):
                    await self._sctp.drained()
        await self._sctp.stop()

    def _offered(self, channel: Any) -> None:
        if self._label is not None or self._channel is not None:
            channel.close()  # one channel carries all events; a second one would only lose them
        else:
            channel.on("close", self._peer_closed)
            self._opened(channel)

    def _opened(self, channel: RTCDataChannel) -> None:
        if self._closed:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = _HIGH_WATER
        channel.on("bufferedamountlow", self._emptied.set)
        channel.on("message", self._received)
        while self._early:
            channel.send(self._early.popleft())
        self._early_bytes = 0
        self._on_open()

    def _received(self, message: str | bytes) -> None:
        if not self._closed:
            self._on_message(message)

    def _peer_closed(self) -> None:
        if not self._closed:
            self._on_closed()
