"""Runs an agent's tools beside a call: the driver of `conductor` on asyncio, the same one in every seat.

Whoever reads the events of the call passes them in and never waits for a tool: each tool, guardrail and question for
approval is a task of its own, and all of them have ended when `aclose` returns. Plain functions run in threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from antiphon.agent.agent import Agent
from antiphon.agent.conductor import Conductor
from antiphon.agent.effects import AskApproval, CancelTool, CheckOutput, Effect, Notice, Send, StartTool, Tell
from antiphon.agent.outputs import error_text, output_text
from antiphon.agent.tools import CallContext, Tool, ToolContext, ToolError, awaited
from antiphon.protocol import ClientEvent, RealtimeSession, ResponseCreate, ResponseParams, ServerEvent, UnknownEvent

logger = logging.getLogger("antiphon.agent")

Approver = Callable[[str, Mapping[str, Any]], bool | Awaitable[bool]]
"""Decides whether a tool may run: is given its name and arguments. Plain functions run in a thread."""


class ToolRunner:
    """An agent at work on one connection. Its methods are called on the event loop and return at once.

    agent: None for a connection whose function calls are somebody else's: then only responses are put in order.
    send: takes the events for the server; it must not block and must not raise. call: what tools and instructions see
    of the call. session: what the session was asked to be, when that is more than the agent's own. media: audio travels
    beside the events (WebRTC). on_notice: is told what happens. approve: decides about tools that need it; without it
    `approve` and `reject` of this object do, after an `ApprovalWanted`.
    """

    def __init__(
        self,
        agent: Agent | None,
        send: Callable[[ClientEvent], None],
        *,
        call: CallContext | None = None,
        session: RealtimeSession | None = None,
        media: bool = False,
        on_notice: Callable[[Notice], None] | None = None,
        approve: Approver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._call = call or CallContext()
        self._on_notice = on_notice
        self._approver = approve
        self._clock = clock
        self._conductor = Conductor(agent, self._call, session=session, media=media)
        self._loop = asyncio.get_running_loop()
        self._tools: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._threads: ThreadPoolExecutor | None = None
        self._settled = asyncio.Event()
        self._closed = False

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def agent(self) -> Agent:
        """Whose call it is now: a handoff changes it."""
        return self._conductor.agent

    @property
    def session(self) -> RealtimeSession:
        """What the session is to be now: a handoff changes it."""
        return self._conductor.session

    @property
    def running(self) -> int:
        """How many tools run or wait for approval."""
        return len(self._conductor.calls.running)

    @property
    def is_settled(self) -> bool:
        """Whether the model has said all that it will say without being asked anew."""
        return self._closed or self._conductor.settled(self._clock())

    @property
    def waiting(self) -> int:
        """How many responses are wanted and were not asked for yet."""
        return self._conductor.sequencer.waiting

    @property
    def answering(self) -> bool:
        """Whether a response of the conversation is being made."""
        return self._conductor.sequencer.active_response is not None

    @property
    def calls(self) -> set[str]:
        """The function calls that are not answered yet."""
        return set(self._conductor.calls.running)

    async def settled(self) -> None:
        """Wait until the model has said all that it will say without being asked anew: no tool, no answer is owed."""
        while not self._closed and not self._conductor.settled(self._clock()):
            self._settled.clear()
            await self._settled.wait()

    # ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """The session is set up: greet, if the agent greets."""
        self._conductor.start(self._clock())
        self._carry_out()

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        """One event of the server."""
        now = self._clock()
        if not self._conductor.passes(event, now):
            self._conductor.receive(event, now)
            self._carry_out()

    def ask(self, params: ResponseParams | None = None) -> bool:
        """Ask for a response, as soon as one can be made. False when too many wait already."""
        taken = self._conductor.ask(params, self._clock())
        self._carry_out()
        return taken

    def sent(self, event: ResponseCreate) -> None:
        """The app itself sends this create."""
        self._conductor.sent(event, self._clock())

    def approve(self, call_id: str) -> bool:
        """Let a tool run. False when it does not wait for that (any more)."""
        found = self._conductor.approve(call_id, self._clock())
        self._carry_out()
        return found

    def reject(self, call_id: str, reason: str = "") -> bool:
        """Do not let a tool run; the model reads the reason. False when it does not wait for that (any more)."""
        found = self._conductor.reject(call_id, self._clock(), reason)
        self._carry_out()
        return found

    def disconnected(self) -> None:
        """The connection is lost. Creates that were not answered are asked for anew: those unsent are to be dropped."""
        self._conductor.disconnected()
        self._carry_out()

    def reconnected(self) -> None:
        """The connection is there again."""
        self._conductor.reconnected(self._clock())
        self._carry_out()

    async def aclose(self) -> None:
        """The call is over: stop everything, and wait until it has stopped.

        A plain function cannot be stopped: its thread ends when the function does, and nobody waits for it.
        """
        if not self._closed:
            self._conductor.close()
            self._carry_out()
            self._closed = True
            self._settled.set()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self) -> None:
        if self._closed:
            return
        while effects := self._conductor.take_effects():
            for effect in effects:
                self._do(effect)
        now = self._clock()
        self._set_timer(self._conductor.next_timeout(now), now)
        if self._conductor.settled(now):
            self._settled.set()

    def _set_timer(self, due: float | None, now: float) -> None:
        # A timer that is set for earlier stays: ticking too early changes nothing, and each delta of an answer moves
        # the time that is due.
        if self._timer is not None and due is not None and self._timer_due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer_due = due
            self._timer = self._loop.call_later(max(0.0, due - now), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._conductor.tick(self._clock())
        self._carry_out()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                self._send(event)
            case StartTool(call_id, tool, arguments):
                task = self._spawn(self._run_tool(call_id, tool, arguments), f"tool-{tool.name}")
                self._tools[call_id] = task
                task.add_done_callback(lambda _task: self._tools.pop(call_id, None))
            case CancelTool(call_id):
                if (running := self._tools.pop(call_id, None)) is not None:
                    running.cancel()
            case AskApproval(call_id, tool, arguments):
                if self._approver is not None:
                    self._spawn(self._ask_approval(self._approver, call_id, tool, arguments), f"approve-{tool.name}")
            case CheckOutput():
                self._spawn(self._check_output(effect), "guardrails")
            case Tell(notice):
                if self._on_notice is not None:
                    try:
                        self._on_notice(notice)
                    except Exception:
                        logger.exception("on_notice failed on %s", type(notice).__name__)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ── user code ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run_tool(self, call_id: str, tool: Tool, arguments: Mapping[str, Any]) -> None:
        context = ToolContext(self._call, call_id, tool.name, self._say_from_anywhere)
        failed = False
        try:
            if tool.is_async:
                value = await tool.call(context, arguments)
            else:
                value = await awaited(await self._in_thread(tool.call, context, arguments))
            output = output_text(value, self.agent.limits.max_output_chars)
        except ToolError as error:
            output, failed = error_text(str(error)), True
        except Exception:
            # The traceback is for the developer's log. The model is told nothing that could be a secret.
            logger.exception("tool %s failed", tool.name)
            output, failed = error_text("The tool failed."), True
        self._conductor.tool_done(call_id, output, self._clock(), failed=failed)
        self._carry_out()

    async def _ask_approval(self, approver: Approver, call_id: str, tool: Tool, arguments: Mapping[str, Any]) -> None:
        try:
            approved = await self._ask(approver, tool.name, arguments)
        except Exception:
            logger.exception("the approval of tool %s failed", tool.name)
            approved = False
        if approved:
            self.approve(call_id)
        else:
            self.reject(call_id)

    async def _check_output(self, effect: CheckOutput) -> None:
        tripped, reason = "", None
        for guardrail in effect.guardrails:
            try:
                verdict = await self._ask(guardrail.check, effect.text)
            except Exception:
                # A broken guardrail says nothing about the answer; to cut every answer for it would end the call.
                logger.exception("guardrail %s failed", guardrail.name)
                continue
            if verdict:
                tripped = guardrail.name
                reason = verdict if isinstance(verdict, str) else guardrail.name
                break
        self._conductor.output_checked(effect.response_id, tripped, reason, self._clock())
        self._carry_out()

    async def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if asyncio.iscoroutinefunction(function) or asyncio.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 - an object with an async __call__
            return await function(*arguments)
        return await awaited(await self._in_thread(function, *arguments))

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._threads is None:
            # Threads of our own: one that hangs must not take those that the rest of the process shares.
            most = self.agent.limits.max_parallel_tools
            self._threads = ThreadPoolExecutor(max_workers=most, thread_name_prefix="antiphon-tool")
        context = contextvars.copy_context()
        return await self._loop.run_in_executor(self._threads, lambda: context.run(function, *arguments))

    def _say_from_anywhere(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._say, text)

    def _say(self, text: str) -> None:
        if not self._closed:
            self._conductor.say(text, self._clock())
            self._carry_out()
