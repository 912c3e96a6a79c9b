"""The function calls of one connection: begun once, answered once, each with a time limit. Pure.

Events and reports go in with the time; effects and finished batches come out. A batch is all the calls of one response;
it is finished when that response is done and each of its calls has an output.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from msgspec import UNSET

from antiphon.agent.agent import Agent, taken_over
from antiphon.agent.effects import (
    ApprovalWanted,
    AskApproval,
    CancelTool,
    Effect,
    HandedOff,
    Outcome,
    Send,
    StartTool,
    Tell,
    ToolFinished,
    ToolStarted,
)
from antiphon.agent.fields import overlaid
from antiphon.agent.outputs import bounded, error_text
from antiphon.agent.signatures import BadArgumentsError
from antiphon.agent.tools import CallContext, Tool
from antiphon.protocol import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDeleted,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Message,
    RealtimeSession,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
    ServerEvent,
    SessionUpdate,
    UnknownEvent,
    new_id,
)

logger = logging.getLogger("antiphon.agent")

_MOST_REMEMBERED: Final = 1024
_MOST_BATCHES: Final = 64


class CallState(Enum):
    """WAITING: for approval. RUNNING: its output is owed. BACKGROUND: it was answered, and its result is owed."""

    WAITING = "waiting"
    RUNNING = "running"
    BACKGROUND = "background"


@dataclass(slots=True)
class RunningCall:
    """A call that is not over. deadline, bridge_at: on the clock of `now`; bridge_at: when a filler is due."""

    call_id: str
    item_id: str
    response_id: str
    tool: Tool
    arguments: Mapping[str, Any]
    state: CallState
    deadline: float
    bridge_at: float | None


@dataclass(slots=True)
class _Batch:
    """The calls of one response. owed: calls without an output. keys: of the outputs that were sent."""

    owed: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    done: bool = False
    cut: bool = False


class ToolCalls:
    """Which calls run, and what is owed for them. Only the conductor touches it.

    session: what the agent's session is to be; a handoff changes it.
    """

    def __init__(
        self,
        agent: Agent,
        call: CallContext,
        session: RealtimeSession,
        make_id: Callable[[str], str] = new_id,
    ) -> None:
        self.agent = agent
        self.session = session
        self._call = call
        self._make_id = make_id
        self._running: dict[str, RunningCall] = {}
        self._batches: OrderedDict[str, _Batch] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._written: dict[str, tuple[str, FunctionCall]] = {}
        self._beside: deque[str] = deque(maxlen=_MOST_BATCHES)
        self._results: list[Message] = []
        self._finished: list[set[str]] = []
        self._effects: list[Effect] = []

    # ── looking and taking ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def running(self) -> Mapping[str, RunningCall]:
        return self._running

    @property
    def owing(self) -> bool:
        """Whether an output, or the response that tells of it, is still to come."""
        return any(call.state is not CallState.BACKGROUND for call in self._running.values())

    def take(self) -> list[Effect]:
        taken, self._effects = self._effects, []
        return taken

    def take_finished(self) -> list[set[str]]:
        """Batches that were finished since: the keys of their outputs. Each of them wants the model to go on."""
        taken, self._finished = self._finished, []
        return taken

    def take_results(self) -> list[Message]:
        """What tools in the background have brought: to be put into the conversation when the call is idle."""
        taken, self._results = self._results, []
        return taken

    @property
    def has_results(self) -> bool:
        return bool(self._results)

    def next_timeout(self, now: float) -> float | None:
        due = [call.deadline for call in self._running.values()]
        due += [
            call.bridge_at for call in self._running.values() if call.bridge_at is not None and call.bridge_at > now
        ]
        return min(due, default=None)

    # ── what the server says ──────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: ServerEvent | UnknownEvent, now: float) -> None:
        match event:
            case ResponseCreated(response=response) if response.conversation_id is None:
                # What is called outside the conversation has no place in it for an output: it is the app's business.
                self._beside.append(str(response.id))
            case ResponseOutputItemDone() | ResponseFunctionCallArgumentsDone() if event.response_id in self._beside:
                pass
            case ResponseDone(response=response) if response.id in self._beside:
                self._beside.remove(str(response.id))
            case ResponseOutputItemDone(item=FunctionCall() as item):
                self._written.pop(_call_id(item), None)
                if item.status in ("completed", UNSET):
                    self._begin(item, event.response_id, now)
            case ResponseFunctionCallArgumentsDone():
                # Also sent for a call that is cut short. Whether it is to run is told by the item, or by the response.
                if event.call_id not in self._seen and len(self._written) < _MOST_BATCHES:
                    written = FunctionCall(
                        id=event.item_id, call_id=event.call_id, name=event.name, arguments=event.arguments
                    )
                    self._written[event.call_id] = event.response_id, written
            case ResponseDone(response=response):
                response_id = response.id if response.id is not UNSET else ""
                if response.status in ("completed", UNSET):
                    self._begin_untold(response, response_id, now)
                self._written = {key: kept for key, kept in self._written.items() if kept[0] != response_id}
                self._response_done(response_id, cut=response.status == "cancelled")
            case ConversationItemDeleted(item_id=item_id):
                for call in [call for call in self._running.values() if call.item_id == item_id]:
                    self._drop(call)
            case (
                ConversationItemAdded(item=FunctionCallOutput() as output)
                | ConversationItemCreated(item=FunctionCallOutput() as output)
            ):
                # Ours are no longer running when they come back. This one was answered by somebody else.
                answered = self._running.get(output.call_id)
                if answered is not None and answered.state is not CallState.BACKGROUND:
                    self._drop(answered)

    def _begin_untold(self, response: Response, response_id: str, now: float) -> None:
        """Calls of a whole response whose `output_item.done` never came: not every server sends it."""
        for item in () if response.output is UNSET else response.output:
            if isinstance(item, FunctionCall) and item.status in ("completed", UNSET):
                self._begin(item, response_id, now)
        for written_in, item in list(self._written.values()):
            if written_in == response_id:
                self._begin(item, response_id, now)

    def _begin(self, item: FunctionCall, response_id: str, now: float) -> None:
        call_id = _call_id(item)
        if not call_id or call_id in self._seen:
            return
        self._seen[call_id] = None
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        batch = self._batches.setdefault(response_id, _Batch())
        while len(self._batches) > _MOST_BATCHES:
            self._batches.popitem(last=False)
        batch.owed.add(call_id)
        name = item.name
        tools = {tool.name: tool for tool in self.agent.functions}
        if name not in tools:
            self._transfer(call_id, name, response_id)
            return
        tool = tools[name]
        try:
            arguments = tool.signature.read(item.arguments)
        except BadArgumentsError as error:
            self._output(call_id, response_id, name, Outcome.REFUSED, error_text(str(error)))
            return
        if len(self._running) >= self.agent.limits.max_parallel_tools:
            busy = error_text("Too many tools are running at once. Wait for their results.")
            self._output(call_id, response_id, name, Outcome.REFUSED, busy)
            return
        try:
            waits = tool.wants_approval(arguments)
        except Exception:
            logger.exception("tool %s: needs_approval failed", name)
            self._output(call_id, response_id, name, Outcome.FAILED, error_text("The tool cannot be used now."))
            return
        call = RunningCall(
            call_id=call_id,
            item_id=item.id if item.id is not UNSET else "",
            response_id=response_id,
            tool=tool,
            arguments=arguments,
            state=CallState.WAITING if waits else CallState.RUNNING,
            deadline=now + (self.agent.limits.approval_timeout_s if waits else tool.timeout_s),
            bridge_at=None,
        )
        self._running[call_id] = call
        if waits:
            self._effects.append(Tell(ApprovalWanted(call_id, name, arguments)))
            self._effects.append(AskApproval(call_id, tool, arguments))
        else:
            self._start(call, now)

    def _start(self, call: RunningCall, now: float) -> None:
        tool = call.tool
        call.state = CallState.RUNNING
        call.deadline = now + tool.timeout_s
        self._effects.append(Tell(ToolStarted(call.call_id, tool.name, call.arguments)))
        self._effects.append(StartTool(call.call_id, tool, call.arguments))
        if tool.background:
            call.state = CallState.BACKGROUND
            started = '{"status": "started", "note": "The result is not there yet. It will be given to you later."}'
            self._send_output(call.call_id, call.response_id, started)
        elif self.filler_of(call):
            wait = self.agent.filler_after_s if tool.filler_after_s is None else tool.filler_after_s
            call.bridge_at = now + wait

    def filler_of(self, call: RunningCall) -> str | None:
        """What bridges this call's time, None or "" for silence."""
        return self.agent.filler if call.tool.filler is None else call.tool.filler

    def _transfer(self, call_id: str, name: str, response_id: str) -> None:
        try:
            transfers = self.agent.transfers()
            after = transfers.get(name)
            session = None if after is None else taken_over(after, self._call)
        except Exception:
            # Handoffs and instructions may be functions of the app's. They fail, and the call goes on.
            logger.exception("handoff %s failed", name)
            self._output(call_id, response_id, name, Outcome.FAILED, error_text("The handover is not possible now."))
            return
        if after is None or session is None:
            known = ", ".join([*(tool.name for tool in self.agent.functions), *transfers]) or "none"
            unknown = error_text(f"There is no tool named '{name[:64]}'. The tools are: {known}.")
            self._output(call_id, response_id, name, Outcome.REFUSED, unknown)
            return
        before, self.agent = self.agent, after
        self.session = overlaid(self.session, session)
        self._effects.append(Send(SessionUpdate(event_id=self._make_id("event"), session=session)))
        self._effects.append(Tell(HandedOff(before.name, after.name)))
        self._output(call_id, response_id, name, Outcome.DONE, f'{{"status": "transferred", "to": "{name[12:]}"}}')

    def _response_done(self, response_id: str, *, cut: bool) -> None:
        batch = self._batches.get(response_id)
        if batch is None:
            return
        batch.done, batch.cut = True, cut
        if cut:
            for call in [call for call in self._running.values() if call.response_id == response_id]:
                if call.state is not CallState.BACKGROUND:
                    self._stop(call, Outcome.CANCELLED, error_text("Cancelled: the caller interrupted."))
        self._settle(response_id)

    # ── what tools and people report ──────────────────────────────────────────────────────────────────────────────

    def tool_done(self, call_id: str, output: str, *, failed: bool = False) -> None:
        """A tool gave its output, or an error in its place. Too late, it is ignored."""
        call = self._running.get(call_id)
        if call is None or call.state is CallState.WAITING:
            return
        del self._running[call_id]
        outcome = Outcome.FAILED if failed else Outcome.DONE
        if call.state is CallState.BACKGROUND:
            self._result(call, outcome, output)
        else:
            self._output(call_id, call.response_id, call.tool.name, outcome, output)

    def approve(self, call_id: str, now: float) -> bool:
        """The tool may run. False when it does not wait for that (any more)."""
        call = self._running.get(call_id)
        if call is None or call.state is not CallState.WAITING:
            return False
        self._start(call, now)
        return True

    def reject(self, call_id: str, reason: str = "") -> bool:
        """The tool may not run. False when it does not wait for that (any more)."""
        call = self._running.get(call_id)
        if call is None or call.state is not CallState.WAITING:
            return False
        del self._running[call_id]
        words = f"This call was not approved. {reason}".strip()
        self._output(call_id, call.response_id, call.tool.name, Outcome.REFUSED, error_text(words))
        return True

    def tick(self, now: float) -> None:
        for call in [call for call in self._running.values() if now >= call.deadline]:
            if call.state is CallState.WAITING:
                self.reject(call.call_id, "Nobody answered in time.")
            else:
                late = error_text(f"The tool took longer than {call.tool.timeout_s:g} seconds and was stopped.")
                self._stop(call, Outcome.TIMED_OUT, late)

    def bridges_due(self, now: float) -> list[RunningCall]:
        """Calls that take so long that a filler is due."""
        return [call for call in self._running.values() if call.bridge_at is not None and now >= call.bridge_at]

    def bridged(self, response_id: str) -> None:
        """One filler is enough for a batch."""
        for call in self._running.values():
            if call.response_id == response_id:
                call.bridge_at = None

    def disconnected(self) -> None:
        """The connection is lost. No response that was being made will be heard of again: its calls are all there."""
        self._written.clear()
        for response_id, batch in list(self._batches.items()):
            batch.done = True
            self._settle(response_id)

    def close(self) -> None:
        """The caller hung up: nothing that still runs has anybody to tell."""
        for call in list(self._running.values()):
            del self._running[call.call_id]
            self._cancel(call)
            self._effects.append(Tell(ToolFinished(call.call_id, call.tool.name, Outcome.CANCELLED, None)))
        self._results.clear()

    # ── outputs ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _stop(self, call: RunningCall, outcome: Outcome, output: str) -> None:
        del self._running[call.call_id]
        self._cancel(call)
        if call.state is CallState.BACKGROUND:
            self._result(call, outcome, output)
        else:
            self._output(call.call_id, call.response_id, call.tool.name, outcome, output)

    def _drop(self, call: RunningCall) -> None:
        """The call is no more, or was answered elsewhere: an output of ours would be refused."""
        del self._running[call.call_id]
        self._cancel(call)
        self._effects.append(Tell(ToolFinished(call.call_id, call.tool.name, Outcome.CANCELLED, None)))
        batch = self._batches.get(call.response_id)
        if batch is not None:
            batch.owed.discard(call.call_id)
        self._settle(call.response_id)

    def _cancel(self, call: RunningCall) -> None:
        if call.state is not CallState.WAITING:
            self._effects.append(CancelTool(call.call_id))

    def _output(self, call_id: str, response_id: str, name: str, outcome: Outcome, output: str) -> None:
        output = bounded(output, self.agent.limits.max_output_chars)
        self._effects.append(Tell(ToolFinished(call_id, name, outcome, output)))
        self._send_output(call_id, response_id, output)

    def _send_output(self, call_id: str, response_id: str, output: str) -> None:
        item = FunctionCallOutput(id=self._make_id("item"), call_id=call_id, output=output)
        self._effects.append(Send(ConversationItemCreate(event_id=self._make_id("event"), item=item)))
        batch = self._batches.get(response_id)
        if batch is not None:
            batch.owed.discard(call_id)
            batch.keys.add(call_id)
        self._settle(response_id)

    def _result(self, call: RunningCall, outcome: Outcome, output: str) -> None:
        output = bounded(output, self.agent.limits.max_output_chars)
        self._effects.append(Tell(ToolFinished(call.call_id, call.tool.name, outcome, output)))
        words = f"The result of {call.tool.name} (call {call.call_id}) is there. Tell the user about it: {output}"
        self._results.append(Message(id=self._make_id("item"), role="system", content=[InputText(text=words)]))

    def _settle(self, response_id: str) -> None:
        batch = self._batches.get(response_id)
        if batch is None or batch.owed or not batch.done:
            return
        del self._batches[response_id]
        # After an interruption the caller's own words are answered, and what was dropped needs no answer.
        if batch.keys and not batch.cut:
            self._finished.append(batch.keys)


def _call_id(item: FunctionCall) -> str:
    if item.call_id is not UNSET:
        return item.call_id
    return item.id if item.id is not UNSET else ""
