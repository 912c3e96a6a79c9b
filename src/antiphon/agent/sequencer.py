"""When a `response.create` may be sent: one at a time, never into another response, never twice for the same thing.

A pure state machine. Events and wishes go in, each with the time (`now`, seconds on any monotonic clock); creates and
refusals come out of `take`. After every input: carry out `take()`, and call `tick(now)` at `next_timeout(now)`.

States: REST, nothing is being answered. ASKED, a create was sent and not answered yet. ACTIVE, a response is being
made, ours or one that the server began (voice detection). REFUSED, the server says that a response is active which we
do not know of: wait for its end, or try again. OFFLINE, there is no connection.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import UNSET

from antiphon.agent.effects import Effect, ResponseRefused, Send, Tell
from antiphon.agent.wishes import Asked, Purpose, Wanted, item_key
from antiphon.protocol import (
    AudioInput,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorDetail,
    ErrorEvent,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RealtimeSession,
    ResponseContentPartAdded,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ResponseOutputTextDelta,
    ResponseParams,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    UnknownEvent,
    new_id,
)

ACTIVE_RESPONSE: Final = "conversation_already_has_active_response"

SPEECH_LIMIT_S: Final = 30.0
"""Longest wait for the end of the caller's speech: a server may never tell of it."""
ANSWER_GRACE_S: Final = 3.0
"""After the caller's turn, so long the server has to begin the answer that voice detection owes."""
PLAYING_LIMIT_S: Final = 120.0
ACKNOWLEDGE_S: Final = 15.0
DOUBT_S: Final = 1.0
SILENT_RESPONSE_S: Final = 60.0
"""A response that nothing was heard of for so long is taken to have ended: its `response.done` was lost."""
FIRST_RETRY_S: Final = 0.25
LAST_RETRY_S: Final = 4.0
MOST_RETRIES: Final = 30
MOST_UNANSWERED: Final = 3
MOST_WAITING: Final = 32
MOST_CLAIMED: Final = 16
MOST_KNOWN: Final = 256

_SIGNS_OF_LIFE = (
    ResponseOutputItemAdded,
    ResponseContentPartAdded,
    ResponseOutputTextDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseFunctionCallArgumentsDelta,
)


class SequencerState(Enum):
    REST = "rest"
    ASKED = "asked"
    ACTIVE = "active"
    REFUSED = "refused"
    OFFLINE = "offline"


class ResponseSequencer:
    """Decides when to ask for a response. One for each connection; only the conductor touches it."""

    def __init__(self, make_id: Callable[[str], str] = new_id) -> None:
        self._make_id = make_id
        self._state = SequencerState.REST
        self._queue: deque[Wanted] = deque()
        self._asked: Asked | None = None
        self._claimed: OrderedDict[str, Wanted] = OrderedDict()
        self._own = False
        self._tells_beginnings = False
        self._confirms = False
        self._known: deque[str] = deque(maxlen=MOST_KNOWN)
        self._active: str | None = None
        self._heard_at = 0.0
        self._retry_at = 0.0
        self._held_until: float | None = None
        self._playing_until: float | None = None
        self._server_answers = True
        self._beside: deque[str] = deque(maxlen=64)
        self._ended: deque[str] = deque(maxlen=16)
        self._effects: list[Effect] = []

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> SequencerState:
        return self._state

    @property
    def active_response(self) -> str | None:
        return self._active

    @property
    def waiting(self) -> int:
        """How many wishes have not been sent."""
        return len(self._queue)

    def idle(self, now: float) -> bool:
        """Nobody speaks, nothing is being answered, nothing waits."""
        playing = self._playing_until is not None and now < self._playing_until
        return self._state is SequencerState.REST and not self._queue and not self._held(now) and not playing

    def next_timeout(self, now: float) -> float | None:
        """When `tick` is due; None when only an event can change anything."""
        due: list[float] = []
        if self._state is SequencerState.ASKED and self._asked is not None:
            due.append(self._asked.deadline)
        elif self._state is SequencerState.REFUSED:
            due.append(self._retry_at)
        elif self._state is SequencerState.ACTIVE:
            due.append(self._heard_at + SILENT_RESPONSE_S)
        due += [limit for limit in (self._held_until, self._playing_until) if limit is not None and limit > now]
        return min(due, default=None)

    def take(self) -> list[Effect]:
        taken, self._effects = self._effects, []
        return taken

    # ── wishes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def go_on(self, unseen: set[str], now: float) -> None:
        """The model is to answer what was just put into the conversation. unseen: the keys of those items."""
        # An output that came long before the last one of its batch has been confirmed already.
        unseen = unseen.difference(self._known)
        waiting = next((wanted for wanted in self._queue if wanted.purpose is Purpose.CONTINUE), None)
        if waiting is None:
            self._queue.append(Wanted(Purpose.CONTINUE, unseen=unseen))
        else:
            waiting.unseen |= unseen
            waiting.seen_by = None
        self.tick(now)

    def ask(self, params: ResponseParams | None, now: float) -> bool:
        """The app wants a response. False when too many wait already.

        One beside the conversation (`conversation: "none"`) waits for nothing: servers make those in parallel.
        """
        if params is not None and params.conversation == "none":
            self._effects.append(Send(ResponseCreate(event_id=self._make_id("event"), response=params)))
            return True
        if len(self._queue) >= MOST_WAITING:
            return False
        self._queue.append(Wanted(Purpose.ASKED, params))
        self.tick(now)
        return True

    def pass_by(self, params: ResponseParams, now: float) -> bool:
        """A filler: made if it can be made at once, else not at all. Returns which."""
        self.tick(now)
        if not self.idle(now):
            return False
        self._send(Wanted(Purpose.PASSING, params), now)
        return True

    def sent(self, event: ResponseCreate, now: float) -> None:
        """The app sends a create past this machine, which then only watches what becomes of it."""
        beside = isinstance(event.response, ResponseParams) and event.response.conversation == "none"
        if self._state is SequencerState.REST and not beside and event.event_id is not UNSET:
            self._asked = Asked(event.event_id, Wanted(Purpose.RAW), now + ACKNOWLEDGE_S)
            self._state = SequencerState.ASKED

    def disconnected(self) -> None:
        """The connection is lost, and with it every create that was not answered: what was asked for waits again."""
        if self._asked is not None:
            self._requeue(self._asked.wanted)
        self._asked = self._active = None
        self._claimed.clear()
        self._held_until = self._playing_until = None
        self._state = SequencerState.OFFLINE

    def reconnected(self, now: float) -> None:
        """The connection is there again. What happened meanwhile is not known."""
        self._state = SequencerState.REST
        self.tick(now)

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        if self._state is SequencerState.ASKED and self._asked is not None and now >= self._asked.deadline:
            if self._asked.doubt is not None:
                self._refused(self._asked, self._asked.doubt, now)
            else:
                self._unanswered(self._asked.wanted)
        elif self._state is SequencerState.REFUSED and now >= self._retry_at:
            self._state = SequencerState.REST
        elif self._state is SequencerState.ACTIVE and now >= self._heard_at + SILENT_RESPONSE_S:
            self._end(self._active)
        self._pump(now)

    def _pump(self, now: float) -> None:
        if self._state is not SequencerState.REST:
            return
        held = self._held(now)
        for wanted in self._queue:
            if held and wanted.purpose is not Purpose.ASKED:
                continue
            self._queue.remove(wanted)
            self._send(wanted, now)
            return

    def _send(self, wanted: Wanted, now: float) -> None:
        if wanted.continues:
            waiting = next((other for other in self._queue if other.purpose is Purpose.CONTINUE), None)
            if waiting is not None:
                # It stands in front of what we send now, so that this answer knows it.
                self._queue.remove(waiting)
                if wanted.absorbed is None:
                    wanted.absorbed = waiting
                else:
                    wanted.absorbed.unseen |= waiting.unseen
        event_id = self._make_id("event")
        self._asked = Asked(event_id, wanted, now + ACKNOWLEDGE_S)
        self._state = SequencerState.ASKED
        params = UNSET if wanted.params is None else wanted.params
        self._effects.append(Send(ResponseCreate(event_id=event_id, response=params)))

    def _held(self, now: float) -> bool:
        return self._held_until is not None and now < self._held_until

    # ── what the server says ──────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: ServerEvent | UnknownEvent, now: float) -> None:
        match event:
            case (
                SessionCreated(session=RealtimeSession() as session)
                | SessionUpdated(session=RealtimeSession() as session)
            ):
                self._server_answers = _server_answers(session)
            case InputAudioBufferSpeechStarted():
                self._held_until = now + SPEECH_LIMIT_S
            case InputAudioBufferSpeechStopped() | InputAudioBufferTimeoutTriggered():
                self._turn_over(now)
            case InputAudioBufferCommitted() if self._held_until is not None:
                self._turn_over(now)
            case InputAudioBufferCleared():
                self._held_until = None
            case OutputAudioBufferStarted():
                self._playing_until = now + PLAYING_LIMIT_S
            case OutputAudioBufferStopped() | OutputAudioBufferCleared():
                self._playing_until = None
            case (
                ConversationItemAdded(item=item) | ConversationItemDone(item=item) | ConversationItemCreated(item=item)
            ):
                self._confirms = True
                self.confirmed(item_key(item))
            case ResponseCreated(response=response):
                response_id = response.id if response.id is not UNSET else ""
                if response.conversation_id is None:
                    self._beside.append(response_id)
                else:
                    self._tells_beginnings = True
                    self._begin(response_id, now, claim=True)
            case ResponseDone(response=response):
                self._done(response.id if response.id is not UNSET else "")
            case ErrorEvent(error=error):
                self._error(error, now)
            case _ if isinstance(event, _SIGNS_OF_LIFE):
                self._alive(event.response_id, now)
        self.tick(now)

    def goes_on(self, response_id: str, now: float) -> bool:
        """One more piece of a response came. True when it is the one that is being made: nothing else changes then."""
        if self._state is SequencerState.ACTIVE and response_id == self._active:
            self._heard_at = now
            return True
        return False

    def _turn_over(self, now: float) -> None:
        self._held_until = now + ANSWER_GRACE_S if self._server_answers else None

    def confirmed(self, key: str) -> None:
        """The server has taken this item, or refused it: either way nothing more will be heard of it."""
        self._known.append(key)
        asked = () if self._asked is None else (self._asked.wanted,)
        for wanted in (*self._queue, *asked, *self._claimed.values()):
            wanted.unseen.discard(key)
            if wanted.absorbed is not None:
                wanted.absorbed.unseen.discard(key)

    def _alive(self, response_id: str, now: float) -> None:
        if response_id in self._beside or response_id in self._ended:
            return
        if response_id == self._active:
            self._heard_at = now
        elif self._state is not SequencerState.ACTIVE:
            # Its `response.created` was before our time (a sideband that came late), or this server sends none.
            self._begin(response_id, now, claim=not self._tells_beginnings)

    def _begin(self, response_id: str, now: float, *, claim: bool) -> None:
        if response_id == self._active:
            return
        asked = None
        if claim and not self._cannot_be_ours():
            asked, self._asked = self._asked, None
        self._own = asked is not None
        self._active, self._heard_at = response_id, now
        self._state = SequencerState.ACTIVE
        self._held_until = None
        if asked is not None:
            # It is taken for the one that was asked for. If it is not, a refusal follows, perhaps much later.
            self._claimed[asked.event_id] = asked.wanted
            while len(self._claimed) > MOST_CLAIMED:
                self._claimed.popitem(last=False)
            if not asked.wanted.unseen:
                asked.wanted.seen_by = response_id
        for wanted in self._queue:
            if wanted.purpose is Purpose.CONTINUE and not wanted.unseen:
                wanted.seen_by = response_id
        if asked is None:
            self._drop_seen()

    def _cannot_be_ours(self) -> bool:
        """Our items stand before our create. A response that begins before they are confirmed is somebody else's."""
        return self._confirms and self._asked is not None and self._asked.wanted.awaits_confirmation

    def _drop_seen(self) -> None:
        """The active response is the server's own, and knows of these items: nothing more has to be asked for."""
        self._queue = deque(
            wanted
            for wanted in self._queue
            if wanted.purpose is not Purpose.CONTINUE or wanted.seen_by is None or wanted.seen_by != self._active
        )

    def _done(self, response_id: str) -> None:
        if response_id in self._beside:
            self._beside.remove(response_id)
            return
        self._ended.append(response_id)
        if self._state is SequencerState.REFUSED or (
            self._state is SequencerState.ACTIVE and response_id in (self._active, "")
        ):
            self._end(response_id)

    def _end(self, response_id: str | None) -> None:
        if response_id:
            self._ended.append(response_id)
        self._active = None
        self._state = SequencerState.REST if self._asked is None else SequencerState.ASKED

    # ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _error(self, error: ErrorDetail, now: float) -> None:
        named = error.event_id if error.event_id not in (UNSET, None) else None
        if self._asked is not None and named == self._asked.event_id:
            self._refused(self._asked, error, now)
        elif self._asked is not None and named is None and error.code == ACTIVE_RESPONSE:
            # Ours, from a server that names no events, or the other peer's, which named none. If it is ours, then no
            # response follows.
            self._asked.doubt = error
            self._asked.deadline = min(self._asked.deadline, now + DOUBT_S)
        elif named is not None and named in self._claimed:
            # The response that began meanwhile was not the one that was asked for.
            newest = named == next(reversed(self._claimed))
            wanted = self._claimed.pop(named)
            if error.code != ACTIVE_RESPONSE:
                self._give_up(wanted, error)
            elif wanted.purpose is not Purpose.CONTINUE or wanted.seen_by is None:
                self._try_again(wanted, error)
            if newest and self._own:
                self._own = False
                self._drop_seen()

    def _refused(self, asked: Asked, error: ErrorDetail, now: float) -> None:
        self._asked = None
        if self._state is SequencerState.ASKED:
            self._state = SequencerState.REST
            if error.code == ACTIVE_RESPONSE:
                self._state = SequencerState.REFUSED
                self._retry_at = now + min(LAST_RETRY_S, FIRST_RETRY_S * 2**asked.wanted.refusals)
        if error.code == ACTIVE_RESPONSE:
            self._try_again(asked.wanted, error)
        else:
            self._give_up(asked.wanted, error)

    def _try_again(self, wanted: Wanted, error: ErrorDetail) -> None:
        wanted.refusals += 1
        if wanted.refusals > MOST_RETRIES:
            self._give_up(wanted, error)
        else:
            self._requeue(wanted)

    def _unanswered(self, wanted: Wanted) -> None:
        self._asked = None
        self._state = SequencerState.REST
        wanted.unanswered += 1
        if wanted.unanswered >= MOST_UNANSWERED:
            self._give_up(wanted, None)
        else:
            self._requeue(wanted)

    def _give_up(self, wanted: Wanted, error: ErrorDetail | None) -> None:
        if wanted.absorbed is not None:
            self._queue.appendleft(wanted.absorbed)
        if wanted.purpose in (Purpose.CONTINUE, Purpose.ASKED):
            self._effects.append(Tell(ResponseRefused(error)))

    def _requeue(self, wanted: Wanted) -> None:
        if wanted.purpose in (Purpose.PASSING, Purpose.RAW):
            return
        later = next((other for other in self._queue if other.purpose is Purpose.CONTINUE), None)
        if wanted.purpose is Purpose.CONTINUE and later is not None:
            # Two of them are one, and the later one has to be known too.
            self._queue.remove(later)
            wanted.unseen |= later.unseen
            wanted.seen_by = later.seen_by if wanted.seen_by == later.seen_by else None
        self._queue.appendleft(wanted)


def _server_answers(session: RealtimeSession) -> bool:
    """Whether the server makes a response by itself when the caller has spoken."""
    heard = session.audio.input if session.audio is not UNSET else UNSET
    detection = heard.turn_detection if isinstance(heard, AudioInput) else UNSET
    if detection is None:
        return False
    return detection is UNSET or detection.create_response is not False
