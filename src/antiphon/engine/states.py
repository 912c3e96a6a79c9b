"""The session's state machines: their states, their triggers, and every transition there is, as data.

Two rules keep this file useful. Everything that decides whether a step is allowed lives here, and nothing here knows
why a step is taken. Each machine stores exactly one state; `Machine.fire` is its only writer. The diagrams in
`docs/design.md` are drawn from these tables, and a test holds them to it.

The machines of one session:

1. `CONNECTION`, one: may events flow at all?
2. `TURN`, one: is the caller's voice being heard?
3. `RESPONSE`, one for each response: how far is it, and how did it end?
4. `ITEM`, one for each conversation item: is it still being written?
5. `TRANSCRIPTION`, one for each item of spoken input: is its text known?
6. `PLAYOUT`, one for each response that speaks over a media channel: what of it is still to be heard?
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, TypeVar

from antiphon.errors import LocalProtocolError


class ConnectionState(enum.Enum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


class ConnectionTrigger(enum.Enum):
    OPEN = "open"
    CLOSE = "close"


class TurnState(enum.Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"


class TurnTrigger(enum.Enum):
    SPEECH_STARTED = "speech started"
    SPEECH_STOPPED = "speech stopped"
    CLEARED = "buffer cleared"


class ResponseState(enum.Enum):
    """The values of the terminal states are the protocol's own `response.status`."""

    WAITING = "waiting"
    """Created; what it answers is still being transcribed."""
    GENERATING = "generating"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class ResponseTrigger(enum.Enum):
    INPUT_READY = "input ready"
    NOTHING_SAID = "nothing said"
    MODEL_DONE = "model done"
    LIMIT_REACHED = "limit reached"
    MODEL_FAILED = "model failed"
    CANCEL = "cancel"


class ItemState(enum.Enum):
    """The values are the protocol's own `item.status`."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"


class ItemTrigger(enum.Enum):
    FINISH = "finish"
    CUT = "cut"


class TranscriptionState(enum.Enum):
    LISTENING = "listening"
    """The turn goes on; audio is still handed over."""
    FINISHING = "finishing"
    """The turn is over; the recognizer owes its final text."""
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"


class TranscriptionTrigger(enum.Enum):
    TURN_OVER = "turn over"
    TEXT = "text"
    ERROR = "error"
    ABANDON = "abandon"


class PlayoutState(enum.Enum):
    QUEUED = "queued"
    """Nothing of it has been handed to the media channel yet, or another response is still heard before it."""
    PLAYING = "playing"
    DRAINING = "draining"
    """The response has ended; the rest of its audio is still to be heard."""
    STOPPED = "stopped"
    CLEARED = "cleared"


class PlayoutTrigger(enum.Enum):
    AUDIO = "audio"
    RESPONSE_ENDED = "response ended"
    DRAINED = "drained"
    CLEAR = "clear"


State = TypeVar("State", bound=enum.Enum)
Trigger = TypeVar("Trigger", bound=enum.Enum)
Table = Mapping[State, Mapping[Trigger, State]]

CONNECTION: Table[ConnectionState, ConnectionTrigger] = {
    ConnectionState.NEW: {
        ConnectionTrigger.OPEN: ConnectionState.OPEN,
        ConnectionTrigger.CLOSE: ConnectionState.CLOSED,
    },
    ConnectionState.OPEN: {ConnectionTrigger.CLOSE: ConnectionState.CLOSED},
    # Closing twice is closing once.
    ConnectionState.CLOSED: {ConnectionTrigger.CLOSE: ConnectionState.CLOSED},
}

TURN: Table[TurnState, TurnTrigger] = {
    TurnState.QUIET: {
        TurnTrigger.SPEECH_STARTED: TurnState.SPEAKING,
        TurnTrigger.CLEARED: TurnState.QUIET,
    },
    TurnState.SPEAKING: {
        TurnTrigger.SPEECH_STOPPED: TurnState.QUIET,
        TurnTrigger.CLEARED: TurnState.QUIET,
    },
}

RESPONSE: Table[ResponseState, ResponseTrigger] = {
    ResponseState.WAITING: {
        ResponseTrigger.INPUT_READY: ResponseState.GENERATING,
        ResponseTrigger.NOTHING_SAID: ResponseState.COMPLETED,
        ResponseTrigger.CANCEL: ResponseState.CANCELLED,
    },
    ResponseState.GENERATING: {
        ResponseTrigger.MODEL_DONE: ResponseState.COMPLETED,
        ResponseTrigger.LIMIT_REACHED: ResponseState.INCOMPLETE,
        ResponseTrigger.MODEL_FAILED: ResponseState.FAILED,
        ResponseTrigger.CANCEL: ResponseState.CANCELLED,
    },
    ResponseState.COMPLETED: {},
    ResponseState.CANCELLED: {},
    ResponseState.INCOMPLETE: {},
    ResponseState.FAILED: {},
}

ITEM: Table[ItemState, ItemTrigger] = {
    ItemState.IN_PROGRESS: {
        ItemTrigger.FINISH: ItemState.COMPLETED,
        ItemTrigger.CUT: ItemState.INCOMPLETE,
    },
    # Speech that was complete is cut afterwards when its end was not heard.
    ItemState.COMPLETED: {ItemTrigger.CUT: ItemState.INCOMPLETE},
    ItemState.INCOMPLETE: {ItemTrigger.CUT: ItemState.INCOMPLETE},
}

TRANSCRIPTION: Table[TranscriptionState, TranscriptionTrigger] = {
    TranscriptionState.LISTENING: {
        TranscriptionTrigger.TURN_OVER: TranscriptionState.FINISHING,
        TranscriptionTrigger.ERROR: TranscriptionState.FAILED,
        TranscriptionTrigger.ABANDON: TranscriptionState.ABANDONED,
    },
    TranscriptionState.FINISHING: {
        TranscriptionTrigger.TEXT: TranscriptionState.DONE,
        TranscriptionTrigger.ERROR: TranscriptionState.FAILED,
        TranscriptionTrigger.ABANDON: TranscriptionState.ABANDONED,
    },
    TranscriptionState.DONE: {},
    # A recognizer that fails in mid-turn is told of only once the turn's item exists.
    TranscriptionState.FAILED: {TranscriptionTrigger.TURN_OVER: TranscriptionState.FAILED},
    TranscriptionState.ABANDONED: {},
}

PLAYOUT: Table[PlayoutState, PlayoutTrigger] = {
    PlayoutState.QUEUED: {
        PlayoutTrigger.AUDIO: PlayoutState.PLAYING,
        PlayoutTrigger.CLEAR: PlayoutState.CLEARED,
    },
    PlayoutState.PLAYING: {
        PlayoutTrigger.AUDIO: PlayoutState.PLAYING,
        PlayoutTrigger.RESPONSE_ENDED: PlayoutState.DRAINING,
        PlayoutTrigger.CLEAR: PlayoutState.CLEARED,
    },
    PlayoutState.DRAINING: {
        PlayoutTrigger.DRAINED: PlayoutState.STOPPED,
        PlayoutTrigger.CLEAR: PlayoutState.CLEARED,
    },
    PlayoutState.STOPPED: {},
    PlayoutState.CLEARED: {},
}

MACHINES: Mapping[str, tuple[enum.Enum, Table[enum.Enum, enum.Enum]]] = {
    "connection": (ConnectionState.NEW, CONNECTION),  # type: ignore[dict-item]
    "turn": (TurnState.QUIET, TURN),  # type: ignore[dict-item]
    "response": (ResponseState.WAITING, RESPONSE),  # type: ignore[dict-item]
    "item": (ItemState.IN_PROGRESS, ITEM),  # type: ignore[dict-item]
    "transcription": (TranscriptionState.LISTENING, TRANSCRIPTION),  # type: ignore[dict-item]
    "playout": (PlayoutState.QUEUED, PLAYOUT),  # type: ignore[dict-item]
}
"""Each machine's name, first state and table, for the diagrams and for the tests that walk them."""


class Machine(Generic[State, Trigger]):
    """One machine's state. Only `fire` writes it."""

    __slots__ = ("_table", "name", "state")

    def __init__(self, name: str, table: Table[State, Trigger], state: State) -> None:
        self.name = name
        self.state = state
        self._table = table

    def __repr__(self) -> str:
        return f"<{self.name}: {self.state.value}>"

    def fire(self, trigger: Trigger) -> State:
        """Take the step. Raises LocalProtocolError when the table has none for it, and stays where it is."""
        following = self._table[self.state].get(trigger)
        if following is None:
            raise LocalProtocolError(f"{self.name}: {trigger.value!r} is not allowed while {self.state.value!r}")
        self.state = following
        return following

    def allows(self, trigger: Trigger) -> bool:
        return trigger in self._table[self.state]

    @property
    def final(self) -> bool:
        """Whether no step leads out of the state."""
        return not self._table[self.state]
