"""The same talk with the engine's real session, by a GA client and by a beta client: it must mean the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.protocol import decode_session
from antiphon.protocol.dialects import BetaCaller, BetaUpstream, Event, frame_from_ga, frame_to_ga
from session_rig import Rig, loud

ADD = {"type": "function", "name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}}


class BetaRig(Rig):
    """A session whose client speaks the beta. told: what that client was sent."""

    def __init__(self, **options: Any) -> None:
        self.caller = BetaCaller()
        super().__init__(**options)

    def send_raw(self, data: str | bytes) -> None:
        for frame in frame_to_ga(self.caller, data).frames:
            super().send_raw(frame)

    @property
    def told(self) -> list[Event]:
        # Read back in one go, as the client would have received them one by one.
        return [json.loads(frame) for event in self.events for frame in self._frames(event)]

    def _frames(self, event: Event) -> tuple[str | bytes, ...]:
        return frame_from_ga(self.caller, json.dumps(event)).frames


GA_SESSION = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "Be kind.",
    "tools": [ADD],
    "audio": {
        "input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad", "threshold": 0.4}},
        "output": {"voice": "sage"},
    },
}
BETA_SESSION = {
    "modalities": ["text", "audio"],
    "instructions": "Be kind.",
    "tools": [{**ADD, "strict": True}],
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "threshold": 0.4},
    "voice": "sage",
    "temperature": 0.9,
}


def talk(rig: Rig, session: Event, spoken: str, text_only: Event) -> None:
    """A voice turn, a tool turn, a typed turn answered in text, a barge-in, and a mistake."""
    rig.send("session.update", event_id="c_1", session=session)
    rig.say_turn()
    rig.recognize("hello")
    rig.answer()
    rig.send("conversation.item.create", item={"type": "message", "role": "user", "content": [_typed("Add.")]})
    rig.send("response.create")
    rig.call("add", '{"a":2}')
    rig.done()
    call_id = rig.last("response.function_call_arguments.done")["call_id"]
    rig.send(
        "conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": '{"sum":2}'}
    )
    history = {"type": "message", "role": "assistant", "content": [{"type": spoken, "text": "I will."}]}
    rig.send("conversation.item.create", item=history)
    rig.send("response.create", response=text_only)
    rig.text("Two.")
    rig.done()
    rig.say_turn()
    rig.recognize("tell me a story")
    rig.text("Once upon a time.")
    rig.speech(3000, [(0, 0.0)])
    rig.hear(loud(200))
    rig.send("response.cancel", event_id="c_2")
    rig.send("session.update", event_id="c_3", session={**session, "tool_choice": 7})


def _typed(text: str) -> Event:
    return {"type": "input_text", "text": text}


def test_a_talk_means_the_same_in_each_dialect() -> None:
    plain, beta = Rig(), BetaRig()
    talk(plain, GA_SESSION, "output_text", {"output_modalities": ["text"], "max_output_tokens": 99})
    talk(beta, BETA_SESSION, "text", {"modalities": ["text"], "max_response_output_tokens": 99, "temperature": 1})

    assert beta.events == plain.events, "the session itself saw another talk"
    told = beta.told
    assert not [event["type"] for event in told if "output_audio." in event["type"] or "output_text" in event["type"]]
    upstream = BetaUpstream()
    back = [event for one in told for event in upstream.to_ga(one).events]
    assert _without_done_ids(back) == _without_done_ids(plain.events)


def _without_done_ids(events: list[Event]) -> list[Event]:
    """Of items that are done the beta does not tell, so the way back gives those events ids of their own."""
    kept = json.loads(json.dumps(events))
    for event in kept:
        if event["type"] == "conversation.item.done":
            del event["event_id"]
    return kept


@pytest.mark.parametrize("include", [[], ["item.input_audio_transcription.logprobs"]])
def test_a_beta_transcription_client_is_served(include: list[str]) -> None:
    rig = BetaRig(config=decode_session({"type": "transcription"}))
    rig.send("transcription_session.update", session={"turn_detection": None, "include": include})
    rig.hear(loud(300))
    rig.send("input_audio_buffer.commit")
    rig.recognize("hello")
    told = [event["type"] for event in rig.told]
    assert told[:2] == ["transcription_session.created", "transcription_session.updated"]
    assert told.count("conversation.item.created") == 1
    assert told[-1] == "conversation.item.input_audio_transcription.completed"
