"""A conductor on a bench: virtual time, server events by hand, and everything that comes out kept in order."""

from __future__ import annotations

import itertools
from typing import Any

from antiphon.agent import Agent, CallContext, Conductor, Notice
from antiphon.agent.effects import AskApproval, CancelTool, CheckOutput, Effect, Send, StartTool, Tell
from antiphon.protocol import (
    UNSET,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ErrorDetail,
    ErrorEvent,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Response,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
    StatusDetails,
    UnknownEvent,
)


def called(call_id: str, name: str, arguments: str = "{}", status: Any = "completed") -> FunctionCall:
    return FunctionCall(id=f"item_{call_id}", call_id=call_id, name=name, arguments=arguments, status=status)


class Bench:
    def __init__(
        self, agent: Agent | None, *, media: bool = False, call: CallContext | None = None, prefix: str = ""
    ) -> None:
        counter = itertools.count(1)
        self.now = 1000.0
        self.conductor = Conductor(agent, call, media=media, make_id=lambda kind: f"{kind}_{prefix}{next(counter)}")
        self.sent: list[ClientEvent] = []
        self.sent_at: list[float] = []
        self.started: dict[str, StartTool] = {}
        self.cancelled: list[str] = []
        self.approvals: list[AskApproval] = []
        self.checks: list[CheckOutput] = []
        self.notices: list[Notice] = []

    # ── driving ───────────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        while effects := self.conductor.take_effects():
            for effect in effects:
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                self.sent.append(event)
                self.sent_at.append(self.now)
            case StartTool(call_id):
                assert call_id not in self.started, "a call runs once"
                self.started[call_id] = effect
            case CancelTool(call_id):
                self.cancelled.append(call_id)
            case AskApproval():
                self.approvals.append(effect)
            case CheckOutput():
                self.checks.append(effect)
            case Tell(notice):
                self.notices.append(notice)

    def start(self) -> None:
        self.conductor.start(self.now)
        self.settle()

    def hear(self, *events: ServerEvent | UnknownEvent) -> None:
        for event in events:
            self.conductor.receive(event, self.now)
            self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, ticking when the conductor asked for it."""
        until = self.now + seconds
        for _ in range(1000):
            due = self.conductor.next_timeout(self.now)
            if due is None or due > until:
                self.now = until
                return
            assert due > self.now or self.now == until, "a tick that is due now changes nothing: this would spin"
            self.now = max(self.now, due)
            self.conductor.tick(self.now)
            self.settle()
        raise AssertionError("a thousand ticks")

    def finish(self, call_id: str, output: str = "7") -> None:
        self.conductor.tool_done(call_id, output, self.now)
        self.settle()

    # ── the server's side ─────────────────────────────────────────────────────────────────────────────────────────

    def created(self, response_id: str, conversation_id: Any = "conv_1") -> None:
        self.hear(
            ResponseCreated(response=Response(id=response_id, status="in_progress", conversation_id=conversation_id))
        )

    def item_done(self, response_id: str, item: Item) -> None:
        self.hear(ResponseOutputItemDone(response_id=response_id, output_index=0, item=item))

    def done(self, response_id: str, status: Any = "completed", output: list[Item] | None = None) -> None:
        details: Any = StatusDetails(type="cancelled", reason="turn_detected") if status == "cancelled" else UNSET
        response = Response(id=response_id, status=status, output=output or [], status_details=details)
        self.hear(ResponseDone(response=response))

    def calls(self, response_id: str, *items: FunctionCall) -> None:
        """A whole response that calls functions."""
        self.created(response_id)
        for item in items:
            self.item_done(response_id, item)
        self.done(response_id, output=list(items))

    def refuse(self, event: ClientEvent, code: str = "conversation_already_has_active_response") -> None:
        error = ErrorDetail(type="invalid_request_error", code=code, message="no", event_id=event.event_id)
        self.hear(ErrorEvent(error=error))

    def confirm(self) -> None:
        """Acknowledge every item that was sent, as servers do."""
        for event in list(self.sent):
            if isinstance(event, ConversationItemCreate):
                self.hear(ConversationItemAdded(item=event.item))

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def creates(self) -> list[ResponseCreate]:
        return [event for event in self.sent if isinstance(event, ResponseCreate)]

    @property
    def outputs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for event in self.sent:
            if isinstance(event, ConversationItemCreate) and isinstance(event.item, FunctionCallOutput):
                assert event.item.call_id not in found, "one output for a call"
                found[event.item.call_id] = event.item.output
        return found

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.sent]
