"""The agent's side of one connection: tools, handoffs, guardrails, greeting, and when the model is to go on. Pure.

Server events, reports of tools and the time go in; effects come out of `take_effects`, in order. There is no clock,
socket or task in here. The contract, after every single input: carry out all of `take_effects()`, then call
`tick(now)` at `next_timeout(now)`, if there is one. `runner` is the driver.

The parts: `tool_calls` (what runs and what is owed), `sequencer` (when a response may be asked for), `guardrails`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import UNSET

from antiphon.agent.agent import Agent, first_response, words_to_say
from antiphon.agent.effects import CheckOutput, Effect, GuardrailTripped, Send, Tell
from antiphon.agent.guardrails import OutputWatch
from antiphon.agent.sequencer import ResponseSequencer
from antiphon.agent.tool_calls import ToolCalls
from antiphon.agent.tools import CallContext
from antiphon.agent.wishes import item_key
from antiphon.protocol import (
    ConversationItemCreate,
    ErrorEvent,
    InputAudioTranscriptionDelta,
    InputText,
    Message,
    OutputAudioBufferClear,
    RateLimitsUpdated,
    RealtimeSession,
    ResponseCancel,
    ResponseContentPartAdded,
    ResponseCreate,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ResponseParams,
    ServerEvent,
    UnknownEvent,
    new_id,
)

_MOST_ITEMS = 256
_PIECES = frozenset(
    {
        ResponseOutputTextDelta,
        ResponseOutputAudioDelta,
        ResponseOutputAudioTranscriptDelta,
        ResponseFunctionCallArgumentsDelta,
        ResponseContentPartAdded,
    }
)


_NEWS_TO_NOBODY = frozenset({InputAudioTranscriptionDelta, ResponseOutputAudioDone, RateLimitsUpdated})


class Conductor:
    """Everything an agent does on one connection. Only its driver calls it, from one thread.

    agent: None for a connection whose function calls are somebody else's: then only responses are put in order.
    session: what the session was asked to be, when that is more than the agent's own. media: audio travels beside the
    events (WebRTC, and a sideband of such a call), so that the server plays it.
    """

    def __init__(
        self,
        agent: Agent | None,
        call: CallContext | None = None,
        *,
        session: RealtimeSession | None = None,
        media: bool = False,
        make_id: Callable[[str], str] = new_id,
    ) -> None:
        self._call = call or CallContext()
        self._media = media
        self._make_id = make_id
        self._runs_tools = agent is not None
        self._first = agent or Agent()
        self._sequencer = ResponseSequencer(make_id)
        self._calls = ToolCalls(self._first, self._call, session or self._first.session(self._call), make_id)
        self._watch = OutputWatch(self._first.guardrail_debounce_chars)
        self._corrections = 0
        self._items_sent: OrderedDict[str, str] = OrderedDict()
        self._closed = False
        self._effects: list[Effect] = []

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def agent(self) -> Agent:
        """Whose call it is now."""
        return self._calls.agent

    @property
    def session(self) -> RealtimeSession:
        """What the session is to be now: a handoff changes it."""
        return self._calls.session

    @property
    def sequencer(self) -> ResponseSequencer:
        return self._sequencer

    @property
    def calls(self) -> ToolCalls:
        return self._calls

    def settled(self, now: float) -> bool:
        """Nothing is being answered, and nothing is owed that would be: the model has said all that it will say."""
        return self._sequencer.idle(now) and not self._calls.owing and not self._calls.has_results

    def take_effects(self) -> list[Effect]:
        taken, self._effects = self._effects, []
        for effect in taken:
            if isinstance(effect, Send) and isinstance(effect.event, ConversationItemCreate):
                self._items_sent[str(effect.event.event_id)] = item_key(effect.event.item)
                while len(self._items_sent) > _MOST_ITEMS:
                    self._items_sent.popitem(last=False)
        return taken

    def next_timeout(self, now: float) -> float | None:
        if self._closed:
            return None
        due = [self._sequencer.next_timeout(now), self._calls.next_timeout(now)]
        return min((time for time in due if time is not None), default=None)

    # ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, now: float) -> None:
        """The session is the agent's: begin the call, if the agent begins it."""
        opening = first_response(self._first, self._call)
        if opening is not None:
            self._sequencer.ask(opening, now)
        self._settle(now)

    def receive(self, event: ServerEvent | UnknownEvent, now: float) -> None:
        """One event of the server."""
        if self._closed:
            return
        # The calls first: what they have to say goes out before the model is asked to go on.
        if self._runs_tools:
            self._calls.receive(event, now)
            self._take_calls(now)
        if isinstance(event, ErrorEvent) and event.error.event_id in self._items_sent:
            # A refused item will never be confirmed: nothing may wait for that.
            self._sequencer.confirmed(self._items_sent.pop(str(event.error.event_id)))
        self._sequencer.receive(event, now)
        if self.agent.checks:
            self._check(self._watch.receive(event))
        if isinstance(event, ResponseDone) and event.response.status in ("completed", UNSET):
            response_id = event.response.id
            if response_id is not UNSET and not self._watch.tripped(response_id):
                self._corrections = 0
        self._settle(now)

    def passes(self, event: ServerEvent | UnknownEvent, now: float) -> bool:
        """Whether nothing is to be done for this event: most are pieces of the response that is being made."""
        kind = type(event)
        if kind in _PIECES:
            # Guardrails read every piece.
            return not self.agent.guardrails and self._sequencer.goes_on(event.response_id, now)  # type: ignore[union-attr]
        return kind in _NEWS_TO_NOBODY

    def tick(self, now: float) -> None:
        if self._closed:
            return
        self._calls.tick(now)
        self._sequencer.tick(now)
        self._settle(now)

    def ask(self, params: ResponseParams | None, now: float) -> bool:
        """The app wants a response, as soon as one can be made. False when too many wait already."""
        taken = self._sequencer.ask(params, now)
        self._settle(now)
        return taken

    def sent(self, event: ResponseCreate, now: float) -> None:
        """The app itself sends a create."""
        self._sequencer.sent(event, now)

    def say(self, text: str, now: float) -> bool:
        """Have these words said now. False when somebody speaks, and then they are left out."""
        said = self._sequencer.pass_by(words_to_say(text), now)
        self._settle(now)
        return said

    def tool_done(self, call_id: str, output: str, now: float, *, failed: bool = False) -> None:
        """A tool gave its output; failed: an error for the model to read instead."""
        self._calls.tool_done(call_id, output, failed=failed)
        self._settle(now)

    def approve(self, call_id: str, now: float) -> bool:
        """Let a tool run. False when it does not wait for that (any more)."""
        found = self._calls.approve(call_id, now)
        self._settle(now)
        return found

    def reject(self, call_id: str, now: float, reason: str = "") -> bool:
        """Do not let a tool run; the model is told, with the reason. False when it does not wait for that."""
        found = self._calls.reject(call_id, reason)
        self._settle(now)
        return found

    def output_checked(self, response_id: str, guardrail: str, reason: str | None, now: float) -> None:
        """What the guardrails found. reason: None when the answer may go on."""
        if reason is None:
            self._check(self._watch.checked(response_id))
        elif self._watch.trip(response_id) and not self._closed:
            self._cut(response_id, guardrail, reason, now)
        self._settle(now)

    def disconnected(self) -> None:
        """The connection is lost. Creates that were not answered are asked for anew: those unsent are to be dropped."""
        self._sequencer.disconnected()
        self._calls.disconnected()

    def reconnected(self, now: float) -> None:
        """The connection is there again."""
        self._sequencer.reconnected(now)
        self._settle(now)

    def close(self) -> None:
        """The call is over."""
        self._calls.close()
        self._effects += self._calls.take()
        self._closed = True

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self, now: float) -> None:
        if self._closed:
            return
        self._take_calls(now)
        self._effects += self._sequencer.take()
        if self._calls.has_results and self._sequencer.idle(now):
            keys = set()
            for result in self._calls.take_results():
                self._effects.append(Send(ConversationItemCreate(event_id=self._make_id("event"), item=result)))
                keys.add(str(result.id))
            self._sequencer.go_on(keys, now)
            self._effects += self._sequencer.take()
        for call in self._calls.bridges_due(now):
            filler = self._calls.filler_of(call)
            if filler and self._sequencer.pass_by(words_to_say(filler), now):
                self._calls.bridged(call.response_id)
            self._effects += self._sequencer.take()

    def _take_calls(self, now: float) -> None:
        self._effects += self._calls.take()
        for keys in self._calls.take_finished():
            self._sequencer.go_on(keys, now)

    def _check(self, due: tuple[str, str] | None) -> None:
        if due is not None:
            self._effects.append(CheckOutput(*due, self.agent.checks))

    def _cut(self, response_id: str, guardrail: str, reason: str, now: float) -> None:
        if self._sequencer.active_response == response_id:
            self._effects.append(Send(ResponseCancel(event_id=self._make_id("event"), response_id=response_id)))
        if self._media:
            self._effects.append(Send(OutputAudioBufferClear(event_id=self._make_id("event"))))
        self._effects.append(Tell(GuardrailTripped(response_id, guardrail, reason)))
        if self._corrections >= self.agent.limits.max_corrections:
            return
        self._corrections += 1
        words = f"Your last answer was stopped, because it broke a rule ({reason}). Answer again without doing so."
        item = Message(id=self._make_id("item"), role="system", content=[InputText(text=words)])
        self._effects.append(Send(ConversationItemCreate(event_id=self._make_id("event"), item=item)))
        self._sequencer.go_on({str(item.id)}, now)
