"""The states of what is not the page itself: the locked page, /inspect, the widget on somebody's page."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Literal

import numpy as np
from playwright.async_api import expect

from antiphon.server.inspecting import CallRecord
from web.scene import NOW, Scene, State
from web.wire import (
    Event,
    answer_begins,
    answer_ends,
    cancelled,
    delta,
    heard,
    response_begins,
    said,
    sound_begins,
    sound_ends,
)

RATE = 24_000
ASKED = {
    "type": "realtime",
    "instructions": "You are the harbour's clerk. Be brief, and never make up a ferry.",
    "audio": {"output": {"voice": "marin", "speed": 2}, "input": {"turn_detection": {"type": "semantic_vad"}}},
}
APPLIED = {
    "type": "realtime",
    "id": "sess_4",
    "model": "embedded",
    "instructions": ASKED["instructions"],
    "output_modalities": ["audio"],
    "audio": {
        "output": {"voice": "marin", "speed": 1.5, "format": {"type": "audio/pcm", "rate": RATE}},
        "input": {
            "format": {"type": "audio/pcm", "rate": RATE},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
        },
    },
}


# ── the locked page ───────────────────────────────────────────────────────────────────────────────────────────────


async def locked(scene: Scene) -> None:
    await expect(scene.page.locator("#enter")).to_have_text(scene.words("Open", "Открыть"))


async def locked_refused(scene: Scene) -> None:
    await scene.page.fill("#token", "not-the-token-of-this-server")
    await scene.page.click("#enter")
    await expect(scene.page.locator("#problem")).not_to_be_empty()


# ── /inspect ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Recording:
    """A call written down as if it had been had: time passes as it is told to."""

    def __init__(self, scene: Scene, call_id: str, kind: Literal["websocket", "webrtc"], began: int) -> None:
        self.began = began
        self.now = 0.0
        self.record: CallRecord = scene.inspector.begin(kind, now=0.0, unix_now=began)
        scene.inspector.list(self.record, call_id)

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds / 1000

    def got(self, *events: Event) -> None:
        self._wire("in", *events)

    def sent(self, *events: Event) -> None:
        self._wire("out", *events)

    def _wire(self, direction: Literal["in", "out"], *events: Event) -> None:
        for event in events:
            self.record.wire(direction, json.dumps({"event_id": f"event_{self.record.count}", **event}), self.now)
            self.pass_time(1)

    def end(self) -> None:
        self.record.end(self.now, self.began + self.now)


def voice(seconds: float, pitch: int) -> bytes:
    """Something that looks like speech: a tone that swells with each syllable."""
    time = np.arange(int(RATE * seconds)) / RATE
    swell = np.abs(np.sin(2 * np.pi * 2.3 * time)) * np.abs(np.sin(np.pi * time / seconds))
    return bytes((np.sin(2 * np.pi * pitch * time) * swell * 12_000).astype("<i2"))


def record_turn(call: Recording, number: int, question: str, answer: str, *, is_cut: bool = False) -> None:
    asked, told, response = f"item_{number}a", f"item_{number}b", f"resp_{number}"
    started, stopped, *placed = heard(asked, None)
    call.got(started)
    for _ in range(14):
        call.sent({"type": "input_audio_buffer.append", "audio": b64encode(voice(0.1, 220)).decode()})
        call.pass_time(99)
    call.got(stopped, *placed)
    call.pass_time(340)
    call.got(said(asked, question), *answer_begins(response, told, asked))
    call.pass_time(480)
    for word in answer.split(" "):
        call.got(delta(response, told, f"{word} "))
    call.pass_time(160)
    call.got(sound_begins(response))
    sound = b64encode(voice(2.4, 330)).decode()
    call.got({"type": "response.output_audio.delta", "response_id": response, "item_id": told, "delta": sound})
    call.pass_time(1_300 if is_cut else 2_400)
    if is_cut:
        call.got(*cancelled(response, told, asked, answer[:14]))
    else:
        call.got(*answer_ends(response, told, asked, answer), sound_ends(response))
    call.pass_time(900)


def record_calls(scene: Scene) -> None:
    """Three: a long one with everything in it, one that failed, one that still goes on."""
    failed = Recording(scene, "rtc_1", "webrtc", NOW - 900)
    failed.got({"type": "session.created", "session": {**APPLIED, "id": "sess_1"}})
    failed.got({"type": "error", "error": {"message": "The model at 127.0.0.1:11434 does not answer."}})
    failed.end()

    call = Recording(scene, "sess_4", "websocket", NOW - 600)
    call.got({"type": "session.created", "session": {**APPLIED, "instructions": ""}})
    call.pass_time(40)
    call.sent({"type": "session.update", "session": ASKED})
    call.got({"type": "session.updated", "session": APPLIED})
    call.pass_time(1_200)
    record_turn(call, 1, "Where is the harbour?", "It is behind the Old Harbour Inn.")
    record_turn(call, 2, "And when does the next ferry leave?", "The next one leaves at ten past nine.", is_cut=True)
    item = {"id": "item_3", "type": "message", "role": "user"}
    words = {"type": "input_text", "text": "Only to the islands, please."}
    call.sent({"type": "conversation.item.create", "item": {**item, "content": [words]}}, {"type": "response.create"})
    call.pass_time(30)
    ids = {"response_id": "resp_3", "item_id": "item_4", "call_id": "call_1", "output_index": 0}
    made = {"id": "item_4", "type": "function_call", "name": "ferry_times", "call_id": "call_1", "status": "completed"}
    call.got(response_begins("resp_3"))
    call.pass_time(620)
    arguments = '{"to": "islands", "day": "Sunday"}'
    call.got(
        {"type": "response.function_call_arguments.done", **ids, "name": "ferry_times", "arguments": arguments},
        {"type": "response.done", "response": {"id": "resp_3", "status": "completed", "output": [made]}},
    )
    call.got({"type": "error", "error": {"code": "invalid_value", "message": "There is no voice named 'loud'."}})
    call.end()

    now = Recording(scene, "rtc_5", "webrtc", NOW - 20)
    now.got({"type": "session.created", "session": {**APPLIED, "id": "sess_5"}})


async def inspect_empty(scene: Scene) -> None:
    await expect(scene.page.locator("#no-calls")).to_be_visible()


async def inspect_calls(scene: Scene) -> None:
    record_calls(scene)
    await expect(scene.page.locator("#calls button")).to_have_count(3)


async def inspect_events(scene: Scene) -> None:
    await inspect_calls(scene)
    await scene.page.locator("#calls button", has_text="sess_4").click()
    await expect(scene.page.locator("#log .row[data-bad]")).to_be_visible()


async def inspect_event(scene: Scene) -> None:
    await inspect_events(scene)
    await scene.page.locator("#log .row", has_text="arguments.done").click()
    await expect(scene.page.locator("#detail")).to_be_visible()


async def inspect_nothing_found(scene: Scene) -> None:
    await inspect_events(scene)
    await scene.page.fill("#search", "nowhere to be found")
    await expect(scene.page.locator("#log-empty")).to_be_visible()


async def inspect_turns(scene: Scene) -> None:
    await inspect_events(scene)
    await scene.page.click("#tab-turns")
    await expect(scene.page.locator(".turn")).to_have_count(3)


async def inspect_session(scene: Scene) -> None:
    await inspect_events(scene)
    await scene.page.click("#tab-session")
    await expect(scene.page.locator("#session-rows tr[data-verdict=differs]")).not_to_have_count(0)


async def inspect_sound(scene: Scene) -> None:
    await inspect_turns(scene)
    await scene.page.click("#sound-load")
    await expect(scene.page.locator("#sound-player")).to_be_visible()
    await scene.until("document.querySelector('#sound-audio').duration > 0")


# ── the widget ────────────────────────────────────────────────────────────────────────────────────────────────────


async def widget(scene: Scene) -> None:
    await expect(scene.page.get_by_role("button", name=scene.words("Start", "Начать"))).to_be_visible()


async def widget_in_a_call(scene: Scene) -> None:
    await widget(scene)
    await scene.page.get_by_role("button", name=scene.words("Start", "Начать")).click()
    await expect(scene.page.get_by_role("status")).to_have_text(scene.words("listening", "слушаю"))
    answer = scene.words("About ten minutes on foot, by the south exit.", "Минут десять пешком, через южный выход.")
    question = scene.words("How far is it from the station?", "Далеко ли это от вокзала?")
    scene.call.send(*heard("u1", None), said("u1", question))
    scene.call.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", answer), sound_begins("r1"))
    await expect(scene.page.get_by_role("log")).to_contain_text(answer)
    scene.call.tone.amplitude = 0.4
    await scene.until("document.querySelector('antiphon-call').call.levels.output > 0.2")


async def widget_refused(scene: Scene) -> None:
    await widget(scene)
    scene.server.refuse_with = (429, {"message": "Slow down."})
    await scene.page.get_by_role("button", name=scene.words("Start", "Начать")).click()
    await expect(scene.page.get_by_role("alert")).to_be_visible()


STATES = (
    State("locked", locked, surface="locked", matters=True),
    State("locked-refused", locked_refused, surface="locked"),
    State("inspect-empty", inspect_empty, surface="inspect"),
    State("inspect-calls", inspect_calls, surface="inspect"),
    State("inspect-events", inspect_events, surface="inspect"),
    State("inspect-event", inspect_event, surface="inspect"),
    State("inspect-nothing-found", inspect_nothing_found, surface="inspect"),
    State("inspect-turns", inspect_turns, surface="inspect"),
    State("inspect-session", inspect_session, surface="inspect"),
    State("inspect-sound", inspect_sound, surface="inspect", fits=False),
    State("widget", widget, surface="widget", matters=True),
    State("widget-in-a-call", widget_in_a_call, surface="widget", matters=True),
    State("widget-refused", widget_refused, surface="widget"),
)
