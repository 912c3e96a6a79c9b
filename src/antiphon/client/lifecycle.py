"""Where a client stands, what it has got done, and what went wrong: the words for it, and who is told.

`ConnectionState` has one writer, `Lifecycle`. Stages and faults are those of the founding client library, under Python
names; a transport that has no such thing (a WebSocket gathers no ICE candidates) never reports it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from antiphon.errors import RemoteProtocolError
from antiphon.protocol import ErrorDetail

logger = logging.getLogger("antiphon.client")


class ConnectionState(Enum):
    """Where a client stands. ERROR: a critical fault ended the call or kept it from opening; it may connect again."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"


class Stage(Enum):
    """One thing done on the way of a call. Behind each: what is told with it."""

    HANG_UP_STARTED = "hang_up_started"
    HANG_UP_DONE = "hang_up_done"
    PEER_CONNECTION_CREATING = "peer_connection_creating"
    PEER_CONNECTION_CREATED = "peer_connection_created"
    """The transport; also for a WebSocket, which is the connection to the peer there."""
    CONNECTION_STATE_CHANGED = "connection_state_changed"
    """The peer connection's own state, a str."""
    MICROPHONE_OPENED = "microphone_opened"
    """The source."""
    LOCAL_STREAM_SET = "local_stream_set"
    """The source."""
    LOCAL_TRACK_ADDED = "local_track_added"
    """The source."""
    LOCAL_TRACK_REMOVED = "local_track_removed"
    """The source."""
    REMOTE_STREAM_SET = "remote_stream_set"
    """The sink, or None when nobody plays."""
    DATA_CHANNEL_OPEN = "data_channel_open"
    """Events can be sent."""
    DATA_CHANNEL_MESSAGE = "data_channel_message"
    """The server event."""
    DATA_CHANNEL_CLOSED = "data_channel_closed"
    ICE_GATHERING_COMPLETE = "ice_gathering_complete"
    ICE_GATHERING_TIMEOUT = "ice_gathering_timeout"
    ICE_GATHERING_STATE_CHANGED = "ice_gathering_state_changed"
    """The state, a str."""
    MICROPHONE_PERMISSION_GRANTED = "microphone_permission_granted"
    MICROPHONE_PERMISSION_DENIED = "microphone_permission_denied"
    """The error."""
    TRANSCEIVER_SET = "transceiver_set"
    """Audio can go both ways, whether there is a microphone yet or not."""


class FaultStage(Enum):
    """At what something went wrong."""

    HANG_UP = "hang_up"
    ICE_GATHERING = "ice_gathering"
    PEER_CONNECTION = "peer_connection"
    MICROPHONE_PERMISSION = "microphone_permission"
    REMOTE_STREAM = "remote_stream"
    LOCAL_STREAM = "local_stream"
    DATA_CHANNEL = "data_channel"
    MICROPHONE = "microphone"
    TRANSCEIVER = "transceiver"
    INIT_PEER_CONNECTION = "init_peer_connection"
    CREATE_OFFER = "create_offer"
    SET_LOCAL_DESCRIPTION = "set_local_description"
    SET_REMOTE_DESCRIPTION = "set_remote_description"
    FETCH_TOKEN = "fetch_token"  # noqa: S105 - the name of a stage
    API = "api"


class Severity(Enum):
    """CRITICAL: there is no call. WARNING: something the app may want to act on. INFO: something to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something went wrong. recoverable: the call can go on, or be opened again. timestamp: seconds since 1970."""

    stage: FaultStage
    error: Exception
    severity: Severity
    recoverable: bool
    timestamp: float = field(default_factory=time.time)
    context: Mapping[str, object] = field(default_factory=dict)


_ORDINARY = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})
"""Part of taking turns: the machinery knows what to do about them."""
_FATAL = frozenset(
    {"insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"}
)


def fault_of(error: ErrorDetail) -> Fault:
    """An error that the server tells of, as a fault. The call goes on, unless the server ends it next."""
    severity = Severity.INFO if error.code in _ORDINARY else Severity.WARNING
    context = {"code": error.code, "param": error.param, "event_id": error.event_id}
    says = RemoteProtocolError(f"the server says: {error.message}")
    return Fault(FaultStage.API, says, severity, error.code not in _FATAL, context=context)


StageListener = Callable[[Stage, object], None]
FaultListener = Callable[[Fault], None]
StateListener = Callable[[ConnectionState], None]

_LEVELS = {Severity.CRITICAL: logging.ERROR, Severity.WARNING: logging.WARNING, Severity.INFO: logging.INFO}


class Lifecycle:
    """The state of one client, and those who are told of it. Only the client and its transports write to it.

    Listeners are plain functions, called at once; one that raises is logged and disturbs nobody else.
    """

    def __init__(self) -> None:
        self.state = ConnectionState.IDLE
        self._on_state: list[StateListener] = []
        self._on_fault: list[FaultListener] = []
        self._on_any_stage: list[StageListener] = []
        self._on_stage: dict[Stage, list[Callable[[object], None]]] = {}

    def enter(self, state: ConnectionState) -> None:
        """The one place where the state changes."""
        if state is self.state:
            return
        self.state = state
        for listener in tuple(self._on_state):
            _tell(listener, state)

    def done(self, stage: Stage, data: object = None) -> None:
        """A stage is done. Who asked for just this one is told first, then who asked for all."""
        for one in tuple(self._on_stage.get(stage, ())):
            _tell(one, data)
        for any_ in tuple(self._on_any_stage):
            _tell(any_, stage, data)

    def listens_to(self, stage: Stage) -> bool:
        """Whether anybody wants to know: reports of every event are not even made for nobody."""
        return bool(self._on_any_stage or self._on_stage.get(stage))

    def fault(self, fault: Fault) -> None:
        """Something went wrong. A critical fault puts the client into the state of error."""
        logger.log(_LEVELS[fault.severity], "%s: %s", fault.stage.value, fault.error)
        if fault.severity is Severity.CRITICAL:
            self.enter(ConnectionState.ERROR)
        for listener in tuple(self._on_fault):
            _tell(listener, fault)

    # ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────

    def on_state(self, listener: StateListener) -> Callable[[], None]:
        """Be told of every change of state. Returns what ends it."""
        return _added(self._on_state, listener)

    def on_fault(self, listener: FaultListener) -> Callable[[], None]:
        """Be told of everything that goes wrong. Returns what ends it."""
        return _added(self._on_fault, listener)

    def on_any_stage(self, listener: StageListener) -> Callable[[], None]:
        """Be told of every stage. Returns what ends it."""
        return _added(self._on_any_stage, listener)

    def on_stage(self, stage: Stage, listener: Callable[[object], None]) -> Callable[[], None]:
        """Be told of one stage. Returns what ends it."""
        return _added(self._on_stage.setdefault(stage, []), listener)


def _added(listeners: list[Callable[..., None]], listener: Callable[..., None]) -> Callable[[], None]:
    listeners.append(listener)

    def off() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return off


def _tell(listener: Callable[..., None], *what: object) -> None:
    try:
        listener(*what)
    except Exception:
        logger.exception("a listener failed")
