"""An agent against the engine's own session, with the network's delays between them, in whatever order things happen.

The server's side is the real state machine, so that what it refuses is what a server refuses. The promises: one output
for each call; never a create into a response that is known of, nor while another is unanswered; and when everything
has come to rest, every call has its output and every finished batch was answered after its last output.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from antiphon.agent import Agent, tool
from antiphon.agent.sequencer import ACKNOWLEDGE_S, DOUBT_S
from antiphon.protocol import FunctionCall, FunctionCallOutput, ResponseCreate, decode_server_event, encode
from conducting import Bench
from session_rig import Rig, loud, quiet


@tool(timeout_s=8)
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool(background=True, timeout_s=8)
async def search(query: str) -> str:
    """Search."""
    return query


@tool(needs_approval=True)
async def pay(amount: int) -> str:
    """Pay."""
    return str(amount)


AGENT = Agent(instructions="Be kind.", tools=[add, search, pay], filler_after_s=1.0, greeting="Hello.")
DETECTIONS: Any = st.sampled_from(
    [
        None,
        {"type": "server_vad"},
        {"type": "server_vad", "create_response": False},
        {"type": "server_vad", "interrupt_response": False},
    ]
)
CALLS = st.lists(
    st.sampled_from(
        [
            ("add", '{"a":1,"b":2}'),
            ("add", '{"a":"x"'),
            ("search", '{"query":"x"}'),
            ("pay", '{"amount":1}'),
            ("unknown", "{}"),
        ]
    ),
    min_size=1,
    max_size=3,
)


STEP_S = 0.25


class Duet(RuleBasedStateMachine):
    @initialize(media=st.booleans(), detection=DETECTIONS)
    def begin(self, media: bool, detection: Any) -> None:
        self.rig = Rig(media=media, check_stock=False)
        self.bench = Bench(AGENT, media=media, prefix="c")
        self.bench.now = self.rig.now
        self.up: deque[Any] = deque()
        self.down = 0
        self.passed_up = 0
        self.active: set[str] = set()
        self.asked: tuple[str, float] | None = None
        self.finished: set[str] = set()
        tools = json.loads(encode(AGENT.session()))["tools"]
        self.rig.update(tools=tools, audio={"input": {"turn_detection": detection}})
        self.deliver_down(len(self.rig.events))
        self.bench.start()
        self.collect()

    # ── the network ───────────────────────────────────────────────────────────────────────────────────────────────

    def collect(self) -> None:
        """Take what the conductor sends, and hold its promises against what it knew when it sent it."""
        for event, when in zip(self.bench.sent[self.passed_up :], self.bench.sent_at[self.passed_up :], strict=True):
            if isinstance(event, ResponseCreate):
                assert not self.active, "a create into a response that is known to be active"
                assert self.asked is None or when >= self.asked[1], "two creates unanswered"
                self.asked = (str(event.event_id), when + ACKNOWLEDGE_S)
            self.up.append(event)
        self.passed_up = len(self.bench.sent)
        assert len(self.bench.outputs) == len(set(self.bench.outputs))

    def deliver_down(self, count: int) -> None:
        for frame in self.rig.events[self.down : self.down + count]:
            self.down += 1
            if frame["type"] == "response.created":
                self.active.add(frame["response"]["id"])
                self.asked = None
            elif frame["type"] == "response.done":
                self.active.discard(frame["response"]["id"])
            elif frame["type"] == "error" and self.asked and frame["error"].get("event_id") == self.asked[0]:
                self.asked = None
            elif frame["type"] == "error" and self.asked and "event_id" not in frame["error"]:
                self.asked = (self.asked[0], min(self.asked[1], self.bench.now + DOUBT_S))
            self.bench.hear(decode_server_event(json.dumps(frame)))
            self.collect()

    def deliver_up(self, count: int) -> None:
        for _ in range(min(count, len(self.up))):
            self.rig.send_raw(encode(self.up.popleft()))

    def wait(self, seconds: float) -> None:
        until = self.rig.now + seconds
        while self.rig.now < until - 1e-9:
            step = min(STEP_S, until - self.rig.now)
            self.rig.advance(step)
            self.catch_up()

    def catch_up(self) -> None:
        self.bench.advance(max(0.0, self.rig.now - self.bench.now))
        self.collect()

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────

    @rule()
    def connection_breaks_and_comes_back(self) -> None:
        self.deliver_down(len(self.rig.events))
        self.bench.conductor.disconnected()
        self.bench.settle()
        self.collect()
        self.up = deque(event for event in self.up if not isinstance(event, ResponseCreate))
        self.active.clear()
        self.asked = None
        self.bench.conductor.reconnected(self.bench.now)
        self.bench.settle()
        self.collect()

    @rule(count=st.integers(1, 12))
    def server_is_heard(self, count: int) -> None:
        self.deliver_down(count)

    @rule(count=st.integers(1, 3))
    def client_is_heard(self, count: int) -> None:
        self.deliver_up(count)

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.wait(seconds)

    @precondition(lambda self: self.rig.to_generate)
    @rule()
    def model_answers(self) -> None:
        self.rig.answer(ms=200)

    @precondition(lambda self: self.rig.to_generate)
    @rule(calls=CALLS, ends=st.booleans())
    def model_calls(self, calls: list[tuple[str, str]], ends: bool) -> None:
        for index, (name, arguments) in enumerate(calls):
            self.rig.call(name, arguments, index=index)
        if ends:
            self.rig.done()

    @precondition(lambda self: self.rig.to_generate)
    @rule()
    def model_breaks(self) -> None:
        self.rig.fail()

    @rule(data=st.data())
    def tool_ends(self, data: st.DataObject) -> None:
        owed = [call for call in self.bench.started if call not in self.finished and call not in self.bench.cancelled]
        if owed:
            call_id = data.draw(st.sampled_from(owed))
            self.finished.add(call_id)
            self.bench.finish(call_id)
            self.collect()

    @rule(approved=st.booleans())
    def somebody_decides(self, approved: bool) -> None:
        for wanted in self.bench.approvals:
            if approved:
                self.bench.conductor.approve(wanted.call_id, self.bench.now)
            else:
                self.bench.conductor.reject(wanted.call_id, self.bench.now)
            self.bench.settle()
        self.collect()

    @rule(ms=st.sampled_from([300, 600]), stops=st.booleans())
    def caller_speaks(self, ms: int, stops: bool) -> None:
        self.rig.hear(loud(ms), step_ms=100)
        if stops:
            self.rig.hear(quiet(700), step_ms=100)
        self.catch_up()

    @precondition(lambda self: self.rig.to_recognize)
    @rule()
    def speech_is_recognised(self) -> None:
        self.rig.recognize("hello")

    @rule()
    def caller_types(self) -> None:
        self.rig.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and?"}]},
        )
        self.rig.send("response.create")

    @rule()
    def app_asks(self) -> None:
        self.bench.conductor.ask(None, self.bench.now)
        self.bench.settle()
        self.collect()

    # ── at rest ───────────────────────────────────────────────────────────────────────────────────────────────────

    def teardown(self) -> None:
        if not hasattr(self, "asked"):
            return
        self.rig.hear(quiet(1000), step_ms=100)
        for _ in range(100):
            self.somebody_decides(False)
            for call_id in set(self.bench.started) - self.finished - set(self.bench.cancelled):
                self.finished.add(call_id)
                self.bench.finish(call_id)
            self.collect()
            while self.rig.to_recognize:
                self.rig.recognize("hello")
            while self.rig.to_generate:
                self.rig.answer(ms=100)
            if self.rig.media:
                self.rig.play(len(self.rig.played_out) // 2)
            self.deliver_down(len(self.rig.events))
            self.collect()
            self.deliver_up(len(self.up))
            self.wait(0.5)
            at_rest = not self.up and self.down == len(self.rig.events) and not self.rig.to_generate
            if at_rest and self.bench.conductor.settled(self.bench.now):
                break
        else:
            raise AssertionError(
                f"no rest: {self.bench.conductor.sequencer.state}, {self.bench.conductor.calls.running}"
            )
        self.check_every_call_has_its_output()
        self.check_every_batch_was_answered()

    def check_every_call_has_its_output(self) -> None:
        items = [entry.item for entry in self.rig.session.items]
        answered = [item.call_id for item in items if isinstance(item, FunctionCallOutput)]
        called = [item.call_id for item in items if isinstance(item, FunctionCall) and item.status == "completed"]
        assert len(answered) == len(set(answered))
        runs = [entry for entry in self.rig.events if entry["type"] == "response.output_item.done"]
        whole = {
            run["item"]["call_id"]
            for run in runs
            if run["item"].get("status") == "completed" and "call_id" in run["item"]
        }
        assert set(answered) >= whole & set(called)

    def check_every_batch_was_answered(self) -> None:
        order = {}
        for place, event in enumerate(self.rig.events):
            if event["type"] == "conversation.item.added" and event["item"]["type"] == "function_call_output":
                order[event["item"]["call_id"]] = place
        began = [place for place, event in enumerate(self.rig.events) if event["type"] == "response.created"]
        for event in self.rig.events:
            if event["type"] != "response.done" or event["response"]["status"] != "completed":
                continue
            places = [order[item["call_id"]] for item in event["response"]["output"] if item.get("call_id") in order]
            assert not places or any(place > max(places) for place in began), "a batch without an answer"


TestDuet = Duet.TestCase
TestDuet.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
