"""What becomes of function calls: each begun once, answered once, in time, and in words that a model can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from antiphon.agent import (
    Agent,
    ApprovalWanted,
    CallContext,
    CallLimits,
    GuardrailTripped,
    HandedOff,
    Outcome,
    ToolFinished,
    tool,
    words_to_say,
)
from antiphon.protocol import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDeleted,
    FunctionCallOutput,
    InputText,
    Message,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCancel,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    SessionUpdate,
)
from conducting import Bench, called


@tool(timeout_s=5)
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool(background=True, timeout_s=60)
async def search(query: str) -> str:
    """Search."""
    return query


@tool(needs_approval=True)
async def pay(amount: int) -> str:
    """Pay."""
    return str(amount)


def dear(arguments: Mapping[str, Any]) -> bool:
    return bool(arguments["amount"] > 100)


@tool(needs_approval=dear)
async def tip(amount: int) -> str:
    """Tip."""
    return str(amount)


AGENT = Agent(tools=[add, search, pay, tip], filler=None, limits=CallLimits(max_parallel_tools=3, max_output_chars=100))
ADD = '{"a": 2, "b": 5}'


@pytest.fixture
def bench() -> Bench:
    return Bench(AGENT)


def outcomes(bench: Bench) -> dict[str, Outcome]:
    return {notice.call_id: notice.outcome for notice in bench.notices if isinstance(notice, ToolFinished)}


def error_of(bench: Bench, call_id: str) -> str:
    return str(json.loads(bench.outputs[call_id])["error"])


# ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_parallel_calls_run_side_by_side(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD), called("call_2", "add", '{"a": 1, "b": 1}'))

    assert {call_id: start.arguments for call_id, start in bench.started.items()} == {
        "call_1": {"a": 2, "b": 5},
        "call_2": {"a": 1, "b": 1},
    }


def test_a_call_that_is_told_of_three_times_runs_once(bench: Bench) -> None:
    item = called("call_1", "add", ADD)
    bench.created("resp_1")
    bench.hear(
        ResponseFunctionCallArgumentsDone(
            response_id="resp_1", item_id="item_call_1", output_index=0, call_id="call_1", name="add", arguments=ADD
        )
    )
    assert not bench.started
    bench.item_done("resp_1", item)
    bench.item_done("resp_1", item)
    bench.finish("call_1")
    bench.done("resp_1", output=[item])
    bench.item_done("resp_1", item)

    assert list(bench.started) == list(bench.outputs) == ["call_1"]
    assert len(bench.creates) == 1


@pytest.mark.parametrize("listed", [True, False])
def test_a_server_that_does_not_end_items_is_understood(bench: Bench, listed: bool) -> None:
    bench.created("resp_1")
    bench.hear(
        ResponseFunctionCallArgumentsDone(
            response_id="resp_1", item_id="item_call_1", output_index=0, call_id="call_1", name="add", arguments=ADD
        )
    )
    bench.done("resp_1", output=[called("call_1", "add", ADD)] if listed else [])
    bench.finish("call_1")

    assert list(bench.started) == ["call_1"]
    assert len(bench.creates) == 1


@pytest.mark.parametrize("status", ["cancelled", "incomplete", "failed"])
def test_arguments_that_were_cut_short_are_not_run(bench: Bench, status: str) -> None:
    bench.created("resp_1")
    bench.hear(
        ResponseFunctionCallArgumentsDone(
            response_id="resp_1", item_id="item_call_1", output_index=0, call_id="call_1", name="add", arguments='{"a"'
        )
    )
    bench.item_done("resp_1", called("call_1", "add", '{"a"', status="incomplete"))
    bench.done("resp_1", status, output=[called("call_1", "add", '{"a"', status="incomplete")])
    bench.calls("resp_2")

    assert not bench.started
    assert not bench.sent


def test_calls_beside_the_conversation_are_left_to_the_app(bench: Bench) -> None:
    bench.created("resp_side", conversation_id=None)
    bench.item_done("resp_side", called("call_1", "add", ADD))
    bench.done("resp_side", output=[called("call_1", "add", ADD)])

    assert not bench.started


def test_without_an_agent_function_calls_are_the_apps() -> None:
    bench = Bench(None)
    bench.calls("resp_1", called("call_1", "add", ADD))

    assert not bench.started
    assert not bench.sent


# ── what a model can do wrong ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("add", "{", "not valid JSON"),
        ("add", '{"a": 1}', "Missing required argument `b`"),
        ("add", '{"a": "x", "b": 1}', "Argument 'a'"),
        ("subtract", ADD, "There is no tool named 'subtract'. The tools are: add, search, pay, tip."),
    ],
)
def test_what_cannot_run_is_answered_so_that_the_model_can_do_better(
    bench: Bench, name: str, arguments: str, complaint: str
) -> None:
    bench.calls("resp_1", called("call_1", name, arguments))

    assert complaint in error_of(bench, "call_1")
    assert outcomes(bench) == {"call_1": Outcome.REFUSED}
    assert len(bench.creates) == 1
    assert not bench.started


def test_more_tools_at_once_than_allowed_are_refused(bench: Bench) -> None:
    bench.calls("resp_1", *(called(f"call_{n}", "add", ADD) for n in range(4)))

    assert len(bench.started) == 3
    assert "Too many tools" in error_of(bench, "call_3")


# ── how tools end ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tool_that_takes_too_long_is_stopped_and_said(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.advance(4.9)
    assert not bench.cancelled
    bench.advance(0.2)

    assert bench.cancelled == ["call_1"]
    assert "longer than 5 seconds" in error_of(bench, "call_1")
    assert len(bench.creates) == 1
    bench.finish("call_1", "too late")
    assert outcomes(bench) == {"call_1": Outcome.TIMED_OUT}


def test_a_long_output_is_cut_and_the_cut_is_said(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.finish("call_1", "x" * 1000)

    assert len(bench.outputs["call_1"]) == 100
    assert bench.outputs["call_1"].endswith("… [cut here: 1000 characters in all]")


def test_an_interrupted_response_takes_its_tools_with_it(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.done("resp_1", "cancelled")
    bench.advance(60)

    assert bench.cancelled == ["call_1"]
    assert "interrupted" in error_of(bench, "call_1")
    assert not bench.creates, "what the caller says next is what is answered"


def test_a_deleted_call_is_stopped_and_owes_nothing(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD), called("call_2", "add", ADD))
    bench.hear(ConversationItemDeleted(item_id="item_call_1"))
    bench.finish("call_2")

    assert bench.cancelled == ["call_1"]
    assert list(bench.outputs) == ["call_2"]
    assert len(bench.creates) == 1


def test_a_call_that_somebody_else_answered_is_not_answered_again(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.hear(ConversationItemAdded(item=FunctionCallOutput(call_id="call_1", output="7")))
    bench.advance(60)

    assert bench.cancelled == ["call_1"]
    assert not bench.sent


def test_hanging_up_stops_everything(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "add", ADD), called("call_2", "pay", '{"amount": 1}'))
    bench.calls("resp_2", called("call_3", "search", '{"query": "x"}'))
    sent = len(bench.sent)
    bench.conductor.close()
    bench.settle()
    bench.finish("call_1")
    bench.advance(1000)

    assert bench.cancelled == ["call_1", "call_3"]
    assert len(bench.sent) == sent
    assert bench.conductor.next_timeout(bench.now) is None


# ── approval ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tool_that_needs_approval_runs_when_it_is_given(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "pay", '{"amount": 9}'))
    assert not bench.started
    assert ApprovalWanted("call_1", "pay", {"amount": 9}) in bench.notices
    assert bench.conductor.approve("call_1", bench.now)
    bench.settle()
    assert not bench.conductor.approve("call_1", bench.now)
    bench.finish("call_1", "paid")

    assert bench.outputs == {"call_1": "paid"}
    assert len(bench.creates) == 1


def test_a_refusal_is_told_to_the_model_with_its_reason(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "pay", '{"amount": 9}'))
    assert bench.conductor.reject("call_1", bench.now, "Too dear.")
    bench.settle()

    assert error_of(bench, "call_1") == "This call was not approved. Too dear."
    assert not bench.started
    assert len(bench.creates) == 1


def test_an_approval_that_nobody_gives_ends(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "pay", '{"amount": 9}'))
    bench.advance(121)

    assert "Nobody answered in time" in error_of(bench, "call_1")
    assert not bench.started


def test_whether_approval_is_needed_may_depend_on_the_arguments(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "tip", '{"amount": 9}'), called("call_2", "tip", '{"amount": 900}'))

    assert list(bench.started) == ["call_1"]
    assert [wanted.call_id for wanted in bench.approvals] == ["call_2"]


def test_a_rule_for_approval_that_breaks_lets_nothing_run() -> None:
    @tool(needs_approval=lambda arguments: bool(arguments["nothing"]))
    async def risky() -> None:
        """Risk."""

    bench = Bench(Agent(tools=[risky]))
    bench.calls("resp_1", called("call_1", "risky"))

    assert not bench.started
    assert error_of(bench, "call_1") == "The tool cannot be used now."


# ── background ───────────────────────────────────────────────────────────────────────────────────────────────────────


def result_items(bench: Bench) -> list[str]:
    texts = []
    for event in bench.sent:
        if isinstance(event, ConversationItemCreate) and isinstance(event.item, Message):
            assert isinstance(event.item.content[0], InputText)
            texts.append(event.item.content[0].text)
    return texts


def test_a_tool_in_the_background_holds_up_nothing_and_delivers_when_nobody_speaks() -> None:
    bench = Bench(AGENT, media=True)
    bench.calls("resp_1", called("call_1", "search", '{"query": "x"}'))
    assert json.loads(bench.outputs["call_1"])["status"] == "started"
    assert len(bench.creates) == 1
    bench.created("resp_2")
    bench.hear(OutputAudioBufferStarted(response_id="resp_2"))
    bench.finish("call_1", "found it")
    bench.done("resp_2")
    assert not result_items(bench), "the assistant is still heard"
    bench.hear(OutputAudioBufferStopped(response_id="resp_2"))

    (text,) = result_items(bench)
    assert "search" in text
    assert "found it" in text
    assert bench.kinds[-2:] == ["conversation.item.create", "response.create"]


def test_results_that_come_together_are_told_together(bench: Bench) -> None:
    bench.calls("resp_1", called("call_1", "search", '{"query": "x"}'), called("call_2", "search", '{"query": "y"}'))
    bench.created("resp_2")
    bench.finish("call_1", "one")
    bench.finish("call_2", "two")
    bench.done("resp_2")

    assert len(result_items(bench)) == 2
    assert len(bench.creates) == 2


def test_an_interruption_does_not_stop_what_works_in_the_background(bench: Bench) -> None:
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "search", '{"query": "x"}'))
    bench.done("resp_1", "cancelled")

    assert not bench.cancelled


# ── fillers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def fillers(bench: Bench) -> list[Any]:
    return [create.response.instructions for create in bench.creates if create.response]


def test_a_slow_tool_is_bridged_once() -> None:
    bench = Bench(Agent(tools=[add], filler="One moment.", filler_after_s=2))
    bench.calls("resp_1", called("call_1", "add", ADD), called("call_2", "add", ADD))
    bench.advance(1.9)
    assert not bench.creates
    bench.advance(0.2)
    assert fillers(bench) == [words_to_say("One moment.").instructions]
    bench.created("resp_2")
    bench.finish("call_1")
    bench.finish("call_2")
    assert len(bench.creates) == 1, "the filler is still spoken"
    bench.done("resp_2")
    bench.advance(10)

    assert len(bench.creates) == 2
    assert len(fillers(bench)) == 1


def test_a_filler_that_finds_no_moment_is_left_out() -> None:
    bench = Bench(Agent(tools=[add], filler_after_s=1))
    bench.created("resp_1")
    bench.item_done("resp_1", called("call_1", "add", ADD))
    bench.advance(2)
    bench.finish("call_1")
    bench.done("resp_1")

    assert fillers(bench) == []
    assert len(bench.creates) == 1


def test_a_filler_that_is_refused_is_not_tried_again() -> None:
    bench = Bench(Agent(tools=[add], filler_after_s=1))
    bench.calls("resp_1", called("call_1", "add", ADD))
    bench.advance(1.1)
    bench.refuse(bench.creates[0])
    bench.finish("call_1")
    bench.done("resp_other")

    assert [bool(create.response) for create in bench.creates] == [True, False]


def test_a_tools_own_filler_goes_before_the_agents() -> None:
    quiet = tool(name="quiet", filler="")(add.function)
    chatty = tool(name="chatty", filler="Adding.", filler_after_s=0.5)(add.function)
    bench = Bench(Agent(tools=[quiet, chatty], filler_after_s=1))
    bench.calls("resp_1", called("call_1", "quiet", ADD))
    bench.advance(3)
    assert fillers(bench) == []
    bench.calls("resp_2", called("call_2", "chatty", ADD))
    bench.advance(0.6)

    assert fillers(bench) == [words_to_say("Adding.").instructions]


# ── greeting and handoffs ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_agent_greets_once_the_session_stands() -> None:
    bench = Bench(Agent(greeting="Welcome."))
    bench.start()

    assert fillers(bench) == [words_to_say("Welcome.").instructions]
    assert bench.creates[0].response == words_to_say("Welcome.")


def test_a_handoff_changes_instructions_and_tools_and_then_goes_on() -> None:
    billing = Agent(name="Billing", instructions=lambda call: f"Bill {call.user}.", tools=[pay], voice="cedar")
    front = Agent(name="Front", instructions="Ask.", tools=[add], handoffs=[billing])
    bench = Bench(front, call=CallContext(user="Ada"))
    bench.calls("resp_1", called("call_1", "transfer_to_billing"), called("call_2", "add", ADD))
    bench.finish("call_2")

    assert bench.kinds == [
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
        "response.create",
    ]
    update = bench.sent[0]
    assert isinstance(update, SessionUpdate)
    assert update.session.instructions == "Bill Ada."  # type: ignore[union-attr]
    assert [known.name for known in update.session.tools] == ["pay"]  # type: ignore[union-attr]
    assert not update.session.audio  # type: ignore[union-attr]
    assert bench.conductor.agent is billing
    assert bench.conductor.session == update.session
    assert HandedOff("Front", "Billing") in bench.notices
    bench.created("resp_2")
    bench.done("resp_2")
    bench.calls("resp_3", called("call_3", "add", ADD))
    assert "There is no tool named 'add'" in error_of(bench, "call_3")


def test_a_handoff_that_breaks_leaves_the_call_where_it_is() -> None:
    def broken(_call: CallContext) -> str:
        raise RuntimeError("secret")

    front = Agent(name="Front", handoffs=[Agent(name="Back", instructions=broken)])
    bench = Bench(front)
    bench.calls("resp_1", called("call_1", "transfer_to_back"))

    assert error_of(bench, "call_1") == "The handover is not possible now."
    assert bench.conductor.agent is front
    assert "session.update" not in bench.kinds


# ── guardrails ───────────────────────────────────────────────────────────────────────────────────────────────────────


def no_prices(text: str) -> bool:
    return "$" in text


def says(response_id: str, delta: str) -> ResponseOutputAudioTranscriptDelta:
    return ResponseOutputAudioTranscriptDelta(
        response_id=response_id, item_id="item_a", output_index=0, content_index=0, delta=delta
    )


def said(response_id: str, transcript: str) -> ResponseOutputAudioTranscriptDone:
    return ResponseOutputAudioTranscriptDone(
        response_id=response_id, item_id="item_a", output_index=0, content_index=0, transcript=transcript
    )


def guarded(*, media: bool = False) -> Bench:
    return Bench(Agent(guardrails=[no_prices], guardrail_debounce_chars=10), media=media)


def test_an_answer_is_checked_as_it_grows_and_at_its_end() -> None:
    bench = guarded()
    bench.created("resp_1")
    for word in ("It is ", "very ", "dear ", "you ", "know"):
        bench.hear(says("resp_1", word))
        if bench.checks and len(bench.checks) == 1:
            bench.conductor.output_checked("resp_1", "", None, bench.now)
            bench.settle()
    bench.hear(said("resp_1", "It is very dear you know"))
    bench.conductor.output_checked("resp_1", "", None, bench.now)
    bench.settle()

    assert [check.text for check in bench.checks] == ["It is very ", "It is very dear you know"]


def test_a_bad_answer_is_cut_and_given_anew() -> None:
    bench = guarded(media=True)
    bench.created("resp_1")
    bench.hear(says("resp_1", "It costs $5"))
    bench.conductor.output_checked("resp_1", "no_prices", "names a price", bench.now)
    bench.settle()

    assert bench.kinds == ["response.cancel", "output_audio_buffer.clear", "conversation.item.create"]
    cancel = bench.sent[0]
    assert isinstance(cancel, ResponseCancel)
    assert cancel.response_id == "resp_1"
    assert "names a price" in result_items(bench)[0]
    assert GuardrailTripped("resp_1", "no_prices", "names a price") in bench.notices
    bench.done("resp_1", "cancelled")
    assert len(bench.creates) == 1


def test_an_answer_is_cut_once_and_corrections_are_bounded() -> None:
    bench = guarded()
    for number in range(1, 6):
        response_id = f"resp_{number}"
        bench.created(response_id)
        bench.hear(says(response_id, "It costs $5"))
        for _ in range(2):
            bench.conductor.output_checked(response_id, "no_prices", "names a price", bench.now)
            bench.settle()
        bench.done(response_id, "cancelled")

    assert bench.kinds.count("response.cancel") == 5
    assert len(bench.creates) == 2


def test_a_verdict_that_comes_after_the_end_cancels_nothing_but_what_is_played() -> None:
    bench = guarded(media=True)
    bench.created("resp_1")
    bench.hear(said("resp_1", "It costs $5"))
    bench.done("resp_1")
    bench.conductor.output_checked("resp_1", "no_prices", "names a price", bench.now)
    bench.settle()

    assert bench.kinds == ["output_audio_buffer.clear", "conversation.item.create", "response.create"]
