"""The states in which something is wrong: the line, the microphone, the sound, the server, what was sent.

What a network, a device or a server does is done here; where a test cannot (a line that goes quiet, a machine without a
microphone), the browser's own word for it is said in its place.
"""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from web.scene import Scene, State
from web.states_of_calls import asked
from web.visiting import SAY_STATE
from web.wire import answer_begins, delta

ONLY_RELAYS = """() => {
  const made = RTCPeerConnection;
  window.RTCPeerConnection = class extends made {
    constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); }
  };
}"""
NO_MICROPHONE = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError"); };
}"""
SILENT_MICROPHONE = """() => {
  const silence = new AudioContext().createMediaStreamDestination().stream;
  navigator.mediaDevices.getUserMedia = async () => silence;
}"""
NO_SOUND_YET = """() => {
  HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException("", "NotAllowedError"));
}"""


async def problem(scene: Scene, key: str) -> None:
    await scene.until(f"antiphon.problem === '{key}'")
    await expect(scene.page.locator("#notice")).to_be_visible()


# ── the line ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def unsteady(scene: Scene) -> None:
    await scene.page.evaluate(SAY_STATE)
    await scene.connect()
    await scene.first_turn()
    await scene.hold_the_clock()  # or the grace passes
    await scene.page.evaluate("sayState('disconnected')")
    await scene.line("shaky")
    await problem(scene, "shaky")


async def poor_line(scene: Scene) -> None:
    """Every third packet of the answer's sound gets lost."""
    await scene.page.clock.install()
    await scene.connect()
    await scene.first_turn()
    passed = scene.watch_packets(each=50, lose_every=3)
    for _ in range(2):
        passed.clear()
        await passed.wait()
        await scene.page.clock.fast_forward(2_100)
    await problem(scene, "link_poor_lossPercent")


async def reconnecting(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    scene.server.is_healthy = False
    scene.server.answers.clear()
    await scene.call.connection.close()
    await scene.phase("reconnecting")
    await problem(scene, "reconnecting")


async def fallen_back(scene: Scene) -> None:
    await scene.page.evaluate(ONLY_RELAYS)
    await scene.page.clock.install()
    await scene.page.click("#start")
    async with asyncio.timeout(10):
        while not scene.server.sockets:
            await scene.pass_time(200)
    await scene.line("on")
    await problem(scene, "fallen_back")


# ── microphone, camera, sound ─────────────────────────────────────────────────────────────────────────────────────


async def microphone_refused(scene: Scene) -> None:
    await scene.deny("microphone")
    await scene.connect()
    await problem(scene, "microphone_refused")


async def microphone_missing(scene: Scene) -> None:
    await scene.page.evaluate(NO_MICROPHONE)
    await scene.connect()
    await problem(scene, "microphone_missing")


async def microphone_silent(scene: Scene) -> None:
    await scene.page.evaluate(SILENT_MICROPHONE)
    await scene.page.clock.install()
    await scene.connect()
    await scene.page.clock.fast_forward(5_100)
    await problem(scene, "microphone_silent")


async def camera_refused(scene: Scene) -> None:
    await scene.deny("camera")
    await scene.connect()
    await scene.page.click("#photo")
    await scene.page.click("#photo-camera")
    await problem(scene, "camera_refused")


async def sound_blocked(scene: Scene) -> None:
    await scene.page.evaluate(NO_SOUND_YET)
    await scene.connect()
    await problem(scene, "sound_blocked")


# ── the server ────────────────────────────────────────────────────────────────────────────────────────────────────


async def server_gone(scene: Scene) -> None:
    await scene.page.context.set_offline(True)
    await scene.page.click("#start")
    await scene.phase("failed")
    await problem(scene, "server_gone")
    await scene.page.context.set_offline(False)


async def refused(scene: Scene, status: int, message: str, code: str, key: str) -> None:
    scene.server.refuse_with = (status, {"message": message, "type": "x", "code": code, "param": None})
    await scene.page.click("#start")
    await scene.phase("failed")
    await problem(scene, key)


async def too_many_calls(scene: Scene) -> None:
    message = "This address has begun 30 calls in a minute, and no more are taken from it for 41 s."
    await refused(scene, 429, message, "rate_limit_exceeded", "too_many")


async def all_lines_taken(scene: Scene) -> None:
    await refused(scene, 503, "All 64 places for calls are taken.", "too_many_calls", "server_full")


async def not_allowed(scene: Scene) -> None:
    await refused(scene, 401, "This server asks for an access token.", "invalid_api_key", "not_allowed")


async def failed_after_a_call(scene: Scene) -> None:
    """The second call is refused; the words of the first are still there."""
    await scene.connect()
    await scene.first_turn()
    await scene.page.click("#call")
    await scene.phase("ended")
    scene.server.refuse_with = (503, {"message": "All 64 places for calls are taken.", "code": "too_many_calls"})
    await scene.page.click("#call")
    await problem(scene, "server_full")


async def hung_up(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.call.close()
    await problem(scene, "other_side_ended")


async def error_of_the_api(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    message = "Invalid value: 'loud'. Supported values are: 'alloy', 'marin', 'sage' (session.audio.output.voice)."
    scene.call.send({"type": "error", "error": {"code": "invalid_value", "message": message}})
    await expect(scene.page.locator(".note")).to_contain_text("session.audio.output.voice")


async def answer_failed(scene: Scene) -> None:
    await asked(scene)
    words = scene.words("About ten minutes", "Минут десять")
    await scene.send(*answer_begins("r2", "a2", "u2"), delta("r2", "a2", words))
    details = {"type": "failed", "error": {"message": "The model at 127.0.0.1:11434 is away."}}
    scene.call.send({"type": "response.done", "response": {"id": "r2", "status": "failed", "status_details": details}})
    await expect(scene.page.locator(".speech-problem")).to_be_visible()


async def message_refused(scene: Scene) -> None:
    await scene.connect()
    await scene.page.fill("#text", scene.words("Hello there", "Здравствуйте"))
    await scene.page.keyboard.press("Enter")
    created = await scene.call.expect("conversation.item.create")
    error = {"code": "invalid_value", "message": "Too long.", "event_id": created["event_id"]}
    scene.call.send({"type": "error", "error": error})
    await expect(scene.page.locator(".speech-problem")).to_be_visible()


STATES = (
    State("unsteady", unsteady, alone=True, matters=True),
    State("poor-line", poor_line, alone=True),
    State("reconnecting", reconnecting, matters=True),
    State("fallen-back", fallen_back, alone=True, matters=True),
    State("microphone-refused", microphone_refused, alone=True, allows=(), matters=True),
    State("microphone-missing", microphone_missing),
    State("microphone-silent", microphone_silent, alone=True),
    State("camera-refused", camera_refused, alone=True),
    State("sound-blocked", sound_blocked, matters=True),
    State("server-gone", server_gone, alone=True, matters=True),
    State("too-many-calls", too_many_calls),
    State("all-lines-taken", all_lines_taken),
    State("not-allowed", not_allowed),
    State("failed-after-a-call", failed_after_a_call),
    State("hung-up", hung_up),
    State("api-error", error_of_the_api),
    State("answer-failed", answer_failed),
    State("message-refused", message_refused),
)
