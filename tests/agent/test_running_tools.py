"""The runner: real tasks and threads, user code that breaks, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon.agent import (
    Agent,
    ApprovalWanted,
    CallContext,
    GuardrailTripped,
    Notice,
    ToolContext,
    ToolError,
    ToolFinished,
    ToolRunner,
    tool,
)
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    FunctionCallOutput,
    Response,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemDone,
    ResponseOutputTextDone,
)
from conducting import called


class Desk:
    """A runner whose events are kept, and a way to wait for them."""

    def __init__(self) -> None:
        self.runner: ToolRunner
        self.sent: list[ClientEvent] = []
        self.notices: list[Notice] = []
        self._changed = asyncio.Event()

    def send(self, event: ClientEvent) -> None:
        self.sent.append(event)
        self._changed.set()

    def tell(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def call(self, name: str, arguments: str = "{}", call_id: str = "call_1") -> None:
        item = called(call_id, name, arguments)
        self.runner.receive(ResponseCreated(response=Response(id=f"r_{call_id}", conversation_id="c")))
        self.runner.receive(ResponseOutputItemDone(response_id=f"r_{call_id}", output_index=0, item=item))
        self.runner.receive(ResponseDone(response=Response(id=f"r_{call_id}", status="completed", output=[item])))

    async def output(self, call_id: str = "call_1") -> str:
        await self.until(lambda: call_id in self.outputs)
        return self.outputs[call_id]

    @property
    def outputs(self) -> dict[str, str]:
        items = [event.item for event in self.sent if isinstance(event, ConversationItemCreate)]
        return {item.call_id: item.output for item in items if isinstance(item, FunctionCallOutput)}

    @property
    def creates(self) -> list[ResponseCreate]:
        return [event for event in self.sent if isinstance(event, ResponseCreate)]


@asynccontextmanager
async def at_work(agent: Agent, **more: Any) -> AsyncIterator[Desk]:
    desk = Desk()
    desk.runner = ToolRunner(agent, desk.send, on_notice=desk.tell, **more)
    try:
        yield desk
    finally:
        await desk.runner.aclose()
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left


async def test_an_async_tool_runs_on_the_loop_and_its_value_becomes_json() -> None:
    @tool
    async def add(a: int, b: int) -> dict[str, int]:
        """Add."""
        return {"sum": a + b}

    async with at_work(Agent(tools=[add])) as desk:
        desk.call("add", '{"a": 2, "b": 5}')
        assert await desk.output() == '{"sum":7}'
        await desk.until(lambda: desk.creates)


async def test_a_plain_function_runs_in_a_thread_and_holds_nothing_up() -> None:
    going, done = threading.Event(), threading.Event()

    @tool
    def slow(context: ToolContext) -> str:
        """Wait."""
        going.set()
        assert done.wait(10)
        return f"{context.user} {threading.current_thread() is threading.main_thread()}"

    async with at_work(Agent(tools=[slow]), call=CallContext(user="Ada")) as desk:
        desk.call("slow")
        await asyncio.to_thread(going.wait, 10)
        done.set()
        assert await desk.output() == "Ada False"


async def test_tools_share_a_state_of_the_apps_own() -> None:
    @tool
    async def remember(context: ToolContext, word: str) -> int:
        """Remember."""
        context.state.append(word)
        return len(context.state)

    words: list[str] = []
    async with at_work(Agent(tools=[remember]), call=CallContext(state=words)) as desk:
        desk.call("remember", '{"word": "x"}', "call_1")
        desk.call("remember", '{"word": "y"}', "call_2")
        assert {await desk.output("call_1"), await desk.output("call_2")} == {"1", "2"}
    assert words == ["x", "y"]


async def test_an_exception_is_the_logs_to_tell_and_not_the_models(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    async def leaky() -> None:
        """Fail."""
        raise RuntimeError("password=hunter2")

    async with at_work(Agent(tools=[leaky])) as desk:
        desk.call("leaky")
        assert await desk.output() == '{"error": "The tool failed."}'
        await desk.until(lambda: desk.creates)
    assert "hunter2" in caplog.text


async def test_a_tool_error_is_the_models_to_read() -> None:
    @tool
    def booked() -> None:
        """Fail."""
        raise ToolError("That table is taken.")

    async with at_work(Agent(tools=[booked])) as desk:
        desk.call("booked")
        assert json.loads(await desk.output()) == {"error": "That table is taken."}


async def test_a_value_without_a_json_form_is_a_failure() -> None:
    @tool
    async def odd() -> object:
        """Return what no JSON is."""
        return object()

    async with at_work(Agent(tools=[odd])) as desk:
        desk.call("odd")
        assert json.loads(await desk.output()) == {"error": "The tool failed."}


async def test_a_tool_that_takes_too_long_is_really_cancelled() -> None:
    ended = asyncio.Event()

    @tool(timeout_s=0.05)
    async def endless() -> None:
        """Never end."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with at_work(Agent(tools=[endless])) as desk:
        desk.call("endless")
        assert "longer than 0.05 seconds" in await desk.output()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_hanging_up_cancels_tools_and_waits_for_them() -> None:
    ended: list[str] = []
    began = asyncio.Event()

    @tool
    async def tidy() -> None:
        """Clean up when cancelled."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidied")

    async with at_work(Agent(tools=[tidy])) as desk:
        desk.call("tidy")
        await began.wait()
    assert ended == ["tidied"]
    assert not desk.outputs


async def test_settled_waits_for_tools_and_for_what_the_model_says_of_them() -> None:
    @tool
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    async with at_work(Agent(tools=[add])) as desk:
        desk.call("add", '{"a": 2, "b": 5}')
        waiting = asyncio.create_task(desk.runner.settled())
        await desk.until(lambda: desk.creates)
        assert not waiting.done()
        desk.runner.receive(ResponseCreated(response=Response(id="r_2", conversation_id="c")))
        desk.runner.receive(ResponseDone(response=Response(id="r_2", status="completed", output=[])))
        async with asyncio.timeout(10):
            await waiting


async def test_settled_ends_when_the_call_does() -> None:
    async with at_work(Agent()) as desk:
        desk.runner.ask()
        waiting = asyncio.create_task(desk.runner.settled())
        await asyncio.sleep(0)
        assert not waiting.done()
        await desk.runner.aclose()
        async with asyncio.timeout(10):
            await waiting


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("verdict", [True, False])
async def test_an_approver_decides(plain: bool, verdict: bool) -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []

    @tool(needs_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    def decide(name: str, arguments: Mapping[str, Any]) -> bool:
        asked.append((name, arguments))
        return verdict

    async def decide_later(name: str, arguments: Mapping[str, Any]) -> bool:
        return decide(name, arguments)

    async with at_work(Agent(tools=[pay]), approve=decide if plain else decide_later) as desk:
        desk.call("pay", '{"amount": 9}')
        output = await desk.output()
    assert asked == [("pay", {"amount": 9})]
    assert output == ("paid 9" if verdict else '{"error": "This call was not approved."}')


async def test_an_approver_that_breaks_approves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    @tool(needs_approval=True)
    async def pay() -> str:
        """Pay."""
        return "paid"

    def broken(_name: str, _arguments: Mapping[str, Any]) -> bool:
        raise RuntimeError("no")

    async with at_work(Agent(tools=[pay]), approve=broken) as desk:
        desk.call("pay")
        assert "not approved" in await desk.output()
    assert "the approval of tool pay failed" in caplog.text


async def test_without_an_approver_the_app_decides_by_itself() -> None:
    @tool(needs_approval=True)
    async def pay() -> str:
        """Pay."""
        return "paid"

    async with at_work(Agent(tools=[pay])) as desk:
        desk.call("pay")
        await desk.until(lambda: any(isinstance(notice, ApprovalWanted) for notice in desk.notices))
        assert desk.runner.approve("call_1")
        assert await desk.output() == "paid"


async def test_guardrails_run_beside_the_call_and_cut_what_is_bad() -> None:
    async def prices(text: str) -> str | None:
        return "names a price" if "$" in text else None

    def broken(_text: str) -> bool:
        raise RuntimeError("no")

    async with at_work(Agent(guardrails=[broken, prices])) as desk:
        desk.runner.receive(ResponseCreated(response=Response(id="r_1", conversation_id="c")))
        desk.runner.receive(
            ResponseOutputTextDone(response_id="r_1", item_id="i", output_index=0, content_index=0, text="It is $5.")
        )
        await desk.until(lambda: GuardrailTripped("r_1", "prices", "names a price") in desk.notices)
        assert [event.type for event in desk.sent] == ["response.cancel", "conversation.item.create"]


async def test_words_from_a_tool_are_said_when_nobody_speaks_and_from_any_thread() -> None:
    began, quiet, said = threading.Event(), threading.Event(), threading.Event()

    @tool(background=True)
    def search(context: ToolContext) -> str:
        """Search."""
        context.say("Not now: an answer is on its way.")
        began.set()
        assert quiet.wait(10)
        context.say("Still looking.")
        assert said.wait(10)
        return "found"

    def words() -> list[Any]:
        return [create.response.instructions for create in desk.creates if create.response]

    async with at_work(Agent(tools=[search], filler=None)) as desk:
        desk.call("search")
        assert await asyncio.to_thread(began.wait, 10)
        desk.runner.receive(ResponseCreated(response=Response(id="r_2", conversation_id="c")))
        desk.runner.receive(ResponseDone(response=Response(id="r_2", status="completed", output=[])))
        quiet.set()
        await desk.until(words)
        assert words() == ["Say exactly: “Still looking.” and nothing else."]
        said.set()
        await desk.until(lambda: any(isinstance(notice, ToolFinished) for notice in desk.notices))


async def test_a_listener_that_breaks_does_not_break_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_notice: Notice) -> None:
        raise RuntimeError("listener")

    @tool
    async def ping() -> str:
        """Ping."""
        return "pong"

    desk = Desk()
    desk.runner = ToolRunner(Agent(tools=[ping]), desk.send, on_notice=broken)
    desk.call("ping")
    assert await desk.output() == "pong"
    await desk.runner.aclose()
    assert caplog.record_tuples[0][:2] == ("antiphon.agent", logging.ERROR)
