"""The client half of a Realtime call, for every seat: the caller's, the sideband's, and a tester's in memory."""

from antiphon.client.addresses import OPENAI_URL, realtime_url
from antiphon.client.attaching import Patience
from antiphon.client.client import RealtimeClient
from antiphon.client.continuity import RolloverSettings
from antiphon.client.credentials import TokenProvider
from antiphon.client.errors import (
    AnswerTimeoutError,
    CallNotFoundError,
    ClientError,
    ClosedError,
    ConnectError,
    NoMediaPathError,
    OverflowingError,
    RefusedError,
    RejectedError,
    TokenError,
    UnauthorizedError,
)
from antiphon.client.lifecycle import ConnectionState, Fault, FaultStage, Severity, Stage
from antiphon.client.listening import CallLevels
from antiphon.client.middleware import STOP, Middleware
from antiphon.client.settings import ClientSettings
from antiphon.client.setup import Difference, differences
from antiphon.client.subscribing import Subscription
from antiphon.client.targets import Target, azure
from antiphon.client.trace import Trace, TraceError, TraceWriter, read_trace, replay
from antiphon.client.translated import TranslatedTransport
from antiphon.client.transport import MediaTransport, MemoryTransport, Transport, memory_pair
from antiphon.client.view import SessionView, text_of
from antiphon.client.waiting import Event, SlowConsumer
from antiphon.client.websocket import WebSocketTransport
from antiphon.protocol.dialects import Dialect

__all__ = [
    "OPENAI_URL",
    "STOP",
    "AnswerTimeoutError",
    "CallLevels",
    "CallNotFoundError",
    "ClientError",
    "ClientSettings",
    "ClosedError",
    "ConnectError",
    "ConnectionState",
    "Dialect",
    "Difference",
    "Event",
    "Fault",
    "FaultStage",
    "MediaTransport",
    "MemoryTransport",
    "Middleware",
    "NoMediaPathError",
    "OverflowingError",
    "Patience",
    "RealtimeClient",
    "RefusedError",
    "RejectedError",
    "RolloverSettings",
    "SessionView",
    "Severity",
    "SlowConsumer",
    "Stage",
    "Subscription",
    "Target",
    "TokenError",
    "TokenProvider",
    "Trace",
    "TraceError",
    "TraceWriter",
    "TranslatedTransport",
    "Transport",
    "UnauthorizedError",
    "WebSocketTransport",
    "azure",
    "differences",
    "memory_pair",
    "read_trace",
    "realtime_url",
    "replay",
    "text_of",
]
