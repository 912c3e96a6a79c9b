"""One peer connection: SDP, ICE, the data channel, audio both ways. Nothing of what is said in it.

`transport` is the interface that the rest of the house knows; `open_transport` answers a call, `open_caller` makes one.
The pure parts (`sdp`, `offer`, `answer`, `own_offer`, `peer_answer`, `rtp`, `jitter`, `playout`, `life`, `stats`)
decide; `peer` and the modules that it uses do. Only this room knows aiortc, and only when a transport is opened.
"""

from antiphon.rtc.offer import InvalidOffer
from antiphon.rtc.opening import load_transport, open_caller, open_transport
from antiphon.rtc.peer_answer import InvalidAnswer
from antiphon.rtc.playout import PlayoutFull
from antiphon.rtc.settings import EventTooLarge, IceServer, RtcSettings, TransportUnavailable
from antiphon.rtc.stats import ConnectionStats
from antiphon.rtc.transport import CallerTransport, CallHandler, CallTransport, Ending

__all__ = [
    "CallHandler",
    "CallTransport",
    "CallerTransport",
    "ConnectionStats",
    "Ending",
    "EventTooLarge",
    "IceServer",
    "InvalidAnswer",
    "InvalidOffer",
    "PlayoutFull",
    "RtcSettings",
    "TransportUnavailable",
    "load_transport",
    "open_caller",
    "open_transport",
]
