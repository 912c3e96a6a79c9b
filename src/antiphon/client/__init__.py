"""The client half of a Realtime call, for every seat: the caller's, the sideband's, and a tester's in memory."""

from antiphon.client.addresses import OPENAI_URL, realtime_url
from antiphon.client.attaching import Patience
from antiphon.client.client import RealtimeClient
from antiphon.client.errors import (
    AnswerTimeoutError,
    CallNotFoundError,
    ClientError,
    ClosedError,
    ConnectError,
    OverflowingError,
    RefusedError,
    RejectedError,
    UnauthorizedError,
)
from antiphon.client.settings import ClientSettings
from antiphon.client.setup import Difference, differences
from antiphon.client.transport import MemoryTransport, Transport, memory_pair
from antiphon.client.view import SessionView, text_of
from antiphon.client.waiting import Event, SlowConsumer
from antiphon.client.websocket import WebSocketTransport

__all__ = [
    "OPENAI_URL",
    "AnswerTimeoutError",
    "CallNotFoundError",
    "ClientError",
    "ClientSettings",
    "ClosedError",
    "ConnectError",
    "Difference",
    "Event",
    "MemoryTransport",
    "OverflowingError",
    "Patience",
    "RealtimeClient",
    "RefusedError",
    "RejectedError",
    "SessionView",
    "SlowConsumer",
    "Transport",
    "UnauthorizedError",
    "WebSocketTransport",
    "differences",
    "memory_pair",
    "realtime_url",
    "text_of",
]
