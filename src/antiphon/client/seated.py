"""What all methods of a client stand on: its seat, and the call that goes on there."""

from __future__ import annotations

from antiphon.client.ongoing import OngoingCall
from antiphon.client.seat import ClientSeat
from antiphon.client.settings import ClientSettings
from antiphon.errors import LocalProtocolError


class Seated:
    """A client in its seat: what all of its methods stand on."""

    _seat: ClientSeat
    _settings: ClientSettings

    @property
    def _started(self) -> bool:
        return self._seat.call is not None and self._seat.call.is_open

    @property
    def _latest(self) -> OngoingCall:
        if self._seat.call is None or not self._seat.call.is_open:
            raise LocalProtocolError("The call is not open: use `async with`, or `connect`.")
        return self._seat.call

    @property
    def _running(self) -> OngoingCall:
        call = self._latest
        if call.connection.closed is not None:
            raise call.connection.closed
        return call
