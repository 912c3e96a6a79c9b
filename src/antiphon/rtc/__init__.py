"""One peer connection: SDP, ICE, the data channel, audio both ways. Nothing of what is said in it.

`transport` is the interface that the rest of the house knows; `open_transport` makes one. The pure parts (`offer`,
`answer`, `rtp`, `jitter`, `playout`) decide; `aiortc_transport` and the modules that it uses do. Only this room knows
aiortc, and only when a transport is opened.
"""

from antiphon.rtc.offer import InvalidOffer
from antiphon.rtc.opening import load_transport, open_transport
from antiphon.rtc.playout import PlayoutFull
from antiphon.rtc.settings import EventTooLarge, IceServer, RtcSettings, TransportUnavailable
from antiphon.rtc.transport import CallHandler, CallTransport

__all__ = [
    "CallHandler",
    "CallTransport",
    "EventTooLarge",
    "IceServer",
    "InvalidOffer",
    "PlayoutFull",
    "RtcSettings",
    "TransportUnavailable",
    "load_transport",
    "open_transport",
]
