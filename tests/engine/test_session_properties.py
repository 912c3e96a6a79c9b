"""Whatever a peer sends and whatever the stages do, in whatever order: the session keeps its promises.

The promises are in `wire_watch.WireWatch` (about the events) and in the invariants below (about the state).
"""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.engine import SessionSettings
from antiphon.engine.effects import Generate
from antiphon.protocol import RealtimeSession, TranscriptionSession
from session_rig import Rig, loud, quiet

SETTINGS = SessionSettings(
    input_limit_ms=4_000, max_items=12, max_audio_bytes=200_000, max_content_bytes=4_000, max_session_s=600
)

TURN_DETECTIONS = st.sampled_from(
    [
        None,
        {"type": "server_vad"},
        {"type": "server_vad", "create_response": False},
        {"type": "server_vad", "interrupt_response": False},
        {"type": "server_vad", "silence_duration_ms": 200, "idle_timeout_ms": 5000},
        {"type": "semantic_vad", "eagerness": "high"},
    ]
)
TOOLS = [{"type": "function", "name": "add", "description": "Add", "parameters": {"type": "object"}}]
ITEMS = st.one_of(
    st.builds(
        lambda role, text: {
            "type": "message",
            "role": role,
            "content": [{"type": "output_text" if role == "assistant" else "input_text", "text": text}],
        },
        st.sampled_from(["user", "system", "assistant"]),
        st.text(max_size=200),
    ),
    st.just(
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,"}]}
    ),
    st.builds(
        lambda ms: {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_audio", "audio": base64.b64encode(loud(ms)).decode()}],
        },
        st.integers(1, 300),
    ),
    st.builds(
        lambda call_id: {"type": "function_call_output", "call_id": call_id, "output": "7"},
        st.sampled_from(["call_a", "call_b"]),
    ),
    st.builds(
        lambda call_id: {"type": "function_call", "call_id": call_id, "name": "add", "arguments": "{}"},
        st.sampled_from(["call_a", "call_b"]),
    ),
    st.just({"type": "mcp_approval_response", "approval_request_id": "x", "approve": True}),
)
GARBAGE = st.one_of(
    st.sampled_from(["", "{", "[]", "null", "{}", '{"type":7}', '{"type":"nonsense"}', '{"type":"session.update"}']),
    st.text(max_size=40),
    st.binary(max_size=40),
)


class Sessions(RuleBasedStateMachine):
    @initialize(
        media=st.booleans(),
        config=st.sampled_from([None, RealtimeSession(), TranscriptionSession()]),
        early=st.booleans(),
    )
    def begin(self, media: bool, config: Any, early: bool) -> None:
        self.rig = Rig(media=media, config=config, settings=SETTINGS, open_now=early, check_stock=False)
        if not early:
            self.rig.send("response.create")  # before it is open: nothing happens
            assert not self.rig.events
            self.rig.session.open(self.rig.now)
            self.rig.settle()
        self.snapshots: dict[str, str] = {}
        self.sent_samples = 0

    def pick(self, data: st.DataObject) -> Generate:
        return data.draw(st.sampled_from(self.rig.to_generate))

    def any_item(self, data: st.DataObject) -> str:
        known = [entry.id for entry in self.rig.session.items]
        return data.draw(st.sampled_from([*known, "item_unknown"]))

    # ── the peer ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(ms=st.integers(1, 900), voiced=st.booleans())
    def audio(self, ms: int, voiced: bool) -> None:
        self.rig.hear(loud(ms) if voiced else quiet(ms), step_ms=100)

    @rule()
    def whole_turn(self) -> None:
        self.rig.hear(loud(400) + quiet(900), step_ms=100)

    @rule(detection=TURN_DETECTIONS, modality=st.sampled_from(["audio", "text"]), tag=st.integers(0, 99))
    def update(self, detection: Any, modality: str, tag: int) -> None:
        self.rig.update(
            audio={"input": {"turn_detection": detection, "transcription": {"model": "x"}}},
            output_modalities=[modality],
            instructions=f"instructions {tag}",
            tools=TOOLS,
        )

    @rule(
        audio_format=st.sampled_from(["audio/pcm", "audio/pcmu", "audio/pcma"]),
        voice=st.sampled_from(["ash", "marin"]),
    )
    def update_audio(self, audio_format: str, voice: str) -> None:
        wire = {"type": audio_format, **({"rate": 24000} if audio_format == "audio/pcm" else {})}
        self.rig.update(audio={"input": {"format": wire}, "output": {"format": wire, "voice": voice}})

    @rule(kind=st.sampled_from(["input_audio_buffer.commit", "input_audio_buffer.clear", "output_audio_buffer.clear"]))
    def buffers(self, kind: str) -> None:
        self.rig.send(kind)

    @rule(item=ITEMS, data=st.data())
    def create_item(self, item: dict[str, Any], data: st.DataObject) -> None:
        after = data.draw(st.sampled_from([None, "root", self.any_item(data)]))
        self.rig.send("conversation.item.create", item=item, **({} if after is None else {"previous_item_id": after}))

    @rule(data=st.data(), verb=st.sampled_from(["retrieve", "delete"]))
    def item_verb(self, data: st.DataObject, verb: str) -> None:
        self.rig.send(f"conversation.item.{verb}", item_id=self.any_item(data))

    @rule(data=st.data(), ms=st.integers(0, 1200))
    def truncate(self, data: st.DataObject, ms: int) -> None:
        self.rig.send("conversation.item.truncate", item_id=self.any_item(data), content_index=0, audio_end_ms=ms)

    @rule(
        conversation=st.sampled_from(["auto", "none"]),
        modality=st.sampled_from(["audio", "text"]),
        empty=st.booleans(),
    )
    def create_response(self, conversation: str, modality: str, empty: bool) -> None:
        own: dict[str, Any] = {"conversation": conversation, "output_modalities": [modality]}
        if empty:
            own["input"] = []
        self.rig.send("response.create", response=own)

    @rule()
    def cancel_response(self) -> None:
        self.rig.send("response.cancel")

    @rule(garbage=GARBAGE)
    def garbage(self, garbage: str | bytes) -> None:
        before = len(self.rig.events)
        self.rig.send_raw(garbage)
        if not self.rig.session.closed:
            assert self.rig.since(before) == ["error"]

    # ── what usually happens, so that the unusual has something to interfere with ─────────────────────────────────

    @rule(text=st.text(min_size=1, max_size=20), conversation=st.sampled_from(["auto", "none"]))
    def typed_turn(self, text: str, conversation: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.rig.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.rig.send("response.create", response={"conversation": conversation})
        self.begin_answers()

    @rule(text=st.sampled_from(["hello", "add two and five", ""]))
    def spoken_turn(self, text: str) -> None:
        self.rig.hear(quiet(900) + loud(400) + quiet(900), step_ms=100)
        while self.rig.to_recognize:
            self.rig.recognize(text)
        self.begin_answers()

    def begin_answers(self) -> None:
        for wanted in list(self.rig.to_generate):
            self.rig.text("So be it, then. ", wanted)
            if wanted.request.modality == "audio":
                self.rig.speech(600, [(0, 0.0), (3, 200.0)], wanted)
            self.rig.call("add", '{"a"', 0, wanted)

    @rule()
    def answers_end(self) -> None:
        while self.rig.to_generate:
            self.rig.done()

    # ── the stages ────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.rig.to_recognize)
    @rule(text=st.sampled_from(["", "hello", "add two and five"]), data=st.data())
    def recognized(self, text: str, data: st.DataObject) -> None:
        self.rig.recognize(text, data.draw(st.sampled_from(self.rig.to_recognize)))

    @precondition(lambda self: self.rig.recognitions)
    @rule(data=st.data(), text=st.sampled_from(["add", "add two", "add two and", "at two and five"]))
    def hypothesis(self, data: st.DataObject, text: str) -> None:
        self.rig.session.hypothesis(data.draw(st.sampled_from(sorted(self.rig.recognitions))), text)
        self.rig.settle()

    @precondition(lambda self: self.rig.recognitions)
    @rule(data=st.data())
    def recognition_fails(self, data: st.DataObject) -> None:
        self.rig.fail_recognition(item_id=data.draw(st.sampled_from(sorted(self.rig.recognitions))))

    @precondition(lambda self: self.rig.to_generate)
    @rule(data=st.data(), text=st.sampled_from(["Good ", "day to you. ", "And so on"]), ms=st.integers(0, 700))
    def generates(self, data: st.DataObject, text: str, ms: int) -> None:
        wanted = self.pick(data)
        self.rig.text(text, wanted)
        if wanted.request.modality == "audio" and ms:
            self.rig.speech(ms, [(0, 0.0)], wanted)

    @precondition(lambda self: self.rig.to_generate)
    @rule(data=st.data(), index=st.integers(0, 2), arguments=st.sampled_from(["", '{"a":', "1}"]))
    def calls(self, data: st.DataObject, index: int, arguments: str) -> None:
        self.rig.call("add", arguments, index, self.pick(data))

    @precondition(lambda self: self.rig.to_generate)
    @rule(data=st.data(), finish=st.sampled_from(["stop", "length", "content_filter", "failed"]))
    def finishes(self, data: st.DataObject, finish: str) -> None:
        wanted = self.pick(data)
        if finish == "failed":
            self.rig.fail(wanted=wanted)
        else:
            self.rig.done(finish, wanted)

    @rule(response_id=st.sampled_from(["resp_unknown", "resp_1"]))
    def late_news(self, response_id: str) -> None:
        """A stage reports on something that is over: nobody listens."""
        before = len(self.rig.events)
        self.rig.session.generated_text(response_id, "too late")
        self.rig.session.generation_failed(response_id, "too late", self.rig.now)
        self.rig.session.recognition_failed("item_unknown", "too late", self.rig.now)
        self.rig.settle()
        assert len(self.rig.events) == before

    @rule(share=st.floats(0, 1))
    def plays(self, share: float) -> None:
        if self.rig.media:
            self.rig.play(int(len(self.rig.played_out) // 2 * share))

    @rule(seconds=st.floats(0.01, 8))
    def time_passes(self, seconds: float) -> None:
        self.rig.advance(seconds)

    @rule(chance=st.integers(0, 40))
    def expires(self, chance: int) -> None:
        if chance == 40:
            self.rig.advance(601.0)
            assert self.rig.session.closed

    # ── what always holds ─────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def every_byte_is_accounted_for(self) -> None:
        buffer = self.rig.session.listening.buffer
        accounts = buffer.accounts
        assert accounts.appended == accounts.committed + accounts.cleared + sum(accounts.dropped.values()) + len(buffer)

    @invariant()
    def every_buffer_is_bounded(self) -> None:
        session = self.rig.session
        assert session.listening.buffer.duration_ms <= SETTINGS.input_limit_ms
        assert session.responding.running <= SETTINGS.max_parallel_responses
        needed = session.responding.needs()
        assert len(session.items) <= SETTINGS.max_items + len(needed) + 1

    @invariant()
    def a_response_works_on_one_snapshot(self) -> None:
        """Its request is made from the configuration at the time of response.created, however late it begins."""
        session = self.rig.session
        for event in self.rig.events:
            if event["type"] == "session.updated" and event["session"]["type"] == "realtime":
                current = event["session"]["instructions"]
            elif event["type"] == "session.created":
                current = event["session"].get("instructions", "")
            elif event["type"] == "response.created":
                self.snapshots.setdefault(event["response"]["id"], current)
        for wanted in self.rig.to_generate:
            assert wanted.request.instructions == self.snapshots[wanted.response_id]
        assert session.closed or session.next_timeout() is not None

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.rig.close()
        closes = len(self.rig.closes)
        self.rig.close()
        assert len(self.rig.closes) == closes == 1, "closing twice is closing once"
        assert len(self.rig.session.listening.buffer) == 0
        self.rig.watch.at_end()
        before = len(self.rig.events)
        self.rig.send("response.create")
        self.rig.hear(loud(200))
        assert len(self.rig.events) == before, "a closed session is silent"
        self.every_byte_is_accounted_for()


Sessions.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking a failure of this machine takes minutes; the unshrunk steps are readable enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestSessions = Sessions.TestCase
