"""A call that goes on: lost lines, servers that went away, sessions at their cap, networks without WebRTC."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

from web.calling import connected, kinds_told, make_call, told, until
from web.scripted_peer import ScriptedServer, ScriptedSocket
from web.wire import answer_begins, answer_ends, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SPOKEN = [*heard("u1", None), said("u1", "What is the time?")]
TURN = [*SPOKEN, *answer_begins("r1", "a1", "u1"), *answer_ends("r1", "a1", "u1", "It is noon.")]
FAKE_STATE = """(state) => {
  Object.defineProperty(RTCPeerConnection.prototype, "connectionState", { configurable: true, get: () => state });
  peers.at(-1).dispatchEvent(new Event("connectionstatechange"));
}"""
REMEMBER_PEERS = """() => {
  window.Native ??= RTCPeerConnection;
  window.nativeState ??= Object.getOwnPropertyDescriptor(Native.prototype, "connectionState");
  Object.defineProperty(Native.prototype, "connectionState", nativeState);
  window.peers = [];
  window.RTCPeerConnection = class extends Native { constructor(settings) { super(settings); peers.push(this); } };
}"""
NO_WAY = """() => {
  window.Native ??= RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); }
  };
}"""
SEEN_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
HAVE_WAY = "() => { if (window.Native) window.RTCPeerConnection = Native; }"


async def replayed(server: ScriptedServer, count: int) -> list[dict[str, Any]]:
    """What the newest call was told again."""
    return [(await server.call.expect("conversation.item.create", nth=n + 1))["item"] for n in range(count)]


async def items_seen(caller: Page, server: ScriptedServer, events: list[dict[str, Any]]) -> None:
    server.call.send(*events)
    await until(caller, f"call.trace.events.filter((e) => e.dir === 'in').length >= {len(events)}")


# ── a line that is lost ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lost_call_is_called_again_and_told_what_was_said(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await items_seen(caller, server, TURN)
    await until(caller, "call.conversation.record.items().length === 2")
    server.is_healthy = False
    await server.call.connection.close()
    renewed = await told(caller, "connection.renewed")
    assert renewed["reason"] == "lost"
    assert len(server.calls) == 2
    question, answer, note = await replayed(server, 3)
    assert question == {
        "id": "u1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "What is the time?"}],
    }
    assert answer["content"] == [{"type": "output_text", "text": "It is noon."}]
    assert note["role"] == "system"
    assert "response.create" not in server.call.kinds()  # it was answered
    # The new session says that it has them, and goes on: nothing is in the chat twice.
    for item, before in ((question, None), (answer, "u1"), (note, "a1")):
        server.call.send({"type": "conversation.item.added", "previous_item_id": before, "item": item})
    server.call.send(*heard("u2", note["id"]), said("u2", "And now?"))
    await until(caller, "call.chat.messages.length > 2")
    texts = await caller.evaluate("call.chat.messages.map((message) => message.text)")
    assert texts == ["What is the time?", "It is noon.", "And now?"]
    states = await caller.evaluate("told.filter((e) => e.type === 'connection.changed').map((e) => e.state)")
    assert states == ["connecting", "connected", "reconnecting", "connected"]


async def test_what_has_no_answer_yet_is_asked_again(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await items_seen(caller, server, SPOKEN)
    server.is_healthy = False
    await server.call.connection.close()
    await told(caller, "connection.renewed")
    await server.call.expect("response.create")


async def test_an_answer_that_was_cut_off_is_asked_for_again(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    begun = [*SPOKEN, *answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is noon and"), sound_begins("r1")]
    await items_seen(caller, server, begun)
    await until(caller, "call.activity.phase === 'speaking'")
    server.is_healthy = False
    await server.call.connection.close()
    await told(caller, "connection.renewed")
    await server.call.expect("response.create")
    message = await caller.evaluate("call.chat.messages.at(-1)")
    assert (message["text"], message["status"], message["is_interrupted"]) == ("It is noon and", "cancelled", True)


async def test_what_is_typed_meanwhile_is_said_exactly_once(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    server.is_healthy = False
    server.answers.clear()
    await caller.evaluate("call.sendText('before')")  # never confirmed by the server
    await server.call.expect("conversation.item.create")
    await server.call.connection.close()
    await until(caller, "call.state === 'reconnecting'")
    await caller.evaluate("call.sendText('meanwhile')")
    server.answers.set()
    await told(caller, "connection.renewed")
    await server.call.expect("response.create")
    created = [event for event in server.call.received if event["type"] == "conversation.item.create"]
    assert [event["item"]["content"][0]["text"] for event in created] == ["before", "meanwhile"]
    assert server.call.kinds().count("response.create") == 1


async def test_a_server_that_hangs_up_is_not_called_again(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await server.call.connection.close()
    await until(caller, "call.state === 'disconnected'")
    assert await caller.evaluate("call.problem.kind") == "other_side_ended"
    assert len(server.calls) == 1


async def test_a_server_that_stays_away_is_given_up_with_a_reason(caller: Page, server: ScriptedServer) -> None:
    await connected(caller, timing={"give_up_ms": 300})
    server.is_healthy = False
    server.refuse_with = (503, {"message": "Full."})
    await server.call.connection.close()
    await until(caller, "call.state === 'error'")
    assert await caller.evaluate("call.problem") == {"kind": "server_full", "status": 503, "detail": "Full."}


async def test_a_short_trouble_passes_and_a_long_one_is_a_new_call(caller: Page, server: ScriptedServer) -> None:
    await caller.evaluate(REMEMBER_PEERS)
    await connected(caller)
    await caller.evaluate(FAKE_STATE, "disconnected")
    await told(caller, "connection.unsteady")
    await caller.evaluate(FAKE_STATE, "connected")
    await told(caller, "connection.steady")
    assert len(server.calls) == 1
    await caller.evaluate(FAKE_STATE, "disconnected")
    await told(caller, "connection.unsteady", nth=2)
    await caller.evaluate("Object.defineProperty(Native.prototype, 'connectionState', nativeState), 0")
    await told(caller, "connection.renewed")
    assert len(server.calls) == 2
    await caller.evaluate(HAVE_WAY)


@pytest.mark.parametrize("event", ["window.dispatchEvent(new Event('online'))", SEEN_AGAIN], ids=["online", "seen"])
async def test_a_network_that_is_back_and_a_page_that_is_seen_again_do_not_wait_for_the_next_attempt(
    caller: Page, server: ScriptedServer, event: str
) -> None:
    await connected(caller, timing={"retry_ms": 60_000, "longest_retry_ms": 60_000})
    server.is_healthy = False
    server.refuse_with = (503, {"message": "Not yet."})
    server.asked.clear()
    await server.call.connection.close()
    await server.asked.wait()
    await caller.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")
    server.refuse_with = None
    await caller.evaluate(f"{event}, 0")
    await told(caller, "connection.renewed")


async def test_leaving_while_it_calls_again_ends_it(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    server.is_healthy = False
    server.answers.clear()
    server.asked.clear()
    await server.call.connection.close()
    await server.asked.wait()
    await caller.evaluate("call.disconnect()")
    server.answers.set()
    assert await caller.evaluate("call.state") == "disconnected"
    await until(caller, "call.transport === null")
    assert "connection.renewed" not in await kinds_told(caller)


# ── before the session's cap ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_session_gives_way_to_the_next_at_a_quiet_moment(caller: Page, server: ScriptedServer) -> None:
    server.session = {"expires_at": int(time.time()) + 3}
    await make_call(caller, microphone=True, timing={"force_ms": 0, "seek_ms": 2_500})
    await caller.evaluate("call.connect()")
    first = server.call
    first.send(*answer_begins("r1", "a1", None))  # somebody is speaking when the time comes
    await until(
        caller, "call.conversation.record && call.trace.events.some((e) => e.event.type === 'response.created')"
    )
    server.session = {}
    await caller.evaluate("new Promise((resolve) => setTimeout(resolve, 900))")
    assert len(server.calls) == 1
    first.send(*answer_ends("r1", "a1", None, "Hello."))
    renewed = await told(caller, "connection.renewed")
    assert renewed["reason"] == "rollover"
    answer, _note = await replayed(server, 2)
    assert answer["id"] == "a1"
    await first.hung_up.wait()
    assert await caller.evaluate("call.id") == server.call.id != first.id
    states = await caller.evaluate("told.filter((e) => e.type === 'connection.changed').map((e) => e.state)")
    assert "reconnecting" not in states
    before = server.call.loudest
    await until(caller, "call.levels.input > 0.01")
    assert server.call.loudest >= before


@pytest.mark.parametrize(
    ("left", "window"),
    [
        (3_600_000, {"seek": 3_420_000, "force": 3_580_000}),
        (10_000, {"seek": 5_000, "force": 7_500}),
        (0, None),
        (-5, None),
        (1e12, None),
    ],
)
async def test_a_sessions_cap_decides_when_the_next_is_made(caller: Page, left: float, window: Any) -> None:
    plan = """async (left) => {
      const { rolloverWindow, USUAL_TIMING } = await import("/continuity.js");
      return rolloverWindow(left, USUAL_TIMING);
    }"""
    assert await caller.evaluate(plan, left) == window


async def test_pauses_between_attempts_grow_up_to_a_bound_and_spread(caller: Page) -> None:
    pauses = await caller.evaluate(
        """async () => {
          const { retryPause, USUAL_TIMING } = await import("/continuity.js");
          return [0, 1, 2, 3, 20].map((attempt) => [0, 1].map((chance) => retryPause(attempt, USUAL_TIMING, chance)));
        }"""
    )
    assert pauses == [[0, 0], [375, 625], [750, 1250], [1500, 2500], [7500, 12500]]


# ── sound over the WebSocket ──────────────────────────────────────────────────────────────────────────────────────


async def fallen_back(caller: Page, server: ScriptedServer) -> ScriptedSocket:
    await caller.evaluate(NO_WAY)
    try:
        await connected(caller, microphone=True, timing={"path_ms": 400})
    finally:
        await caller.evaluate(HAVE_WAY)
    return server.sockets[-1]


def tone(seconds: float) -> str:
    samples = np.sin(2 * np.pi * 440 * np.arange(int(24_000 * seconds)) / 24_000) * 16_000
    return base64.b64encode(samples.astype("<i2").tobytes()).decode()


def audio_delta(seconds: float) -> dict[str, Any]:
    ids = {"response_id": "r1", "item_id": "a1", "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio.delta", **ids, "delta": tone(seconds)}


AUDIO_DONE = {
    "type": "response.output_audio.done",
    "response_id": "r1",
    "item_id": "a1",
    "output_index": 0,
    "content_index": 0,
}


async def test_where_webrtc_finds_no_way_the_sound_travels_inside_events(caller: Page, server: ScriptedServer) -> None:
    socket = await fallen_back(caller, server)
    fallback = await told(caller, "connection.fallback")
    assert fallback["problem"]["kind"] == "no_path"
    assert await caller.evaluate("call.transport") == "websocket"
    await socket.until(lambda: len(socket.blocks) >= 40)  # the browser's own test beep comes once a second
    heard_pcm = np.frombuffer(b"".join(socket.blocks), "<i2").astype(float) / 32768
    assert len(socket.blocks[0]) == 2 * 960
    assert np.abs(heard_pcm).max() > 0.05
    await caller.evaluate("call.on('server.output_audio_buffer.*', (e) => void told.push(e)), 0")
    await socket.send(*answer_begins("r1", "a1", None), audio_delta(0.4), AUDIO_DONE)
    await told(caller, "server.output_audio_buffer.started")
    await until(caller, "call.levels.output > 0.2")
    await told(caller, "server.output_audio_buffer.stopped")
    stats = await caller.evaluate("call.stats()")
    assert stats["round_trip_ms"] is None
    await caller.evaluate("call.disconnect()")
    await socket.over.wait()


async def test_talking_over_it_silences_it_here_and_tells_how_much_was_heard(
    caller: Page, server: ScriptedServer
) -> None:
    socket = await fallen_back(caller, server)
    await caller.evaluate("call.on('server.output_audio_buffer.*', (e) => void told.push(e)), 0")
    await socket.send(*answer_begins("r1", "a1", None), *[audio_delta(1)] * 5)
    await told(caller, "server.output_audio_buffer.started")
    await until(caller, "call.levels.output > 0.2")
    await caller.evaluate("new Promise((resolve) => setTimeout(resolve, 400))")
    await socket.send({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u1"})
    truncate = await socket.expect("conversation.item.truncate")
    assert (truncate["item_id"], truncate["content_index"]) == ("a1", 0)
    assert 200 < truncate["audio_end_ms"] < 4000
    await told(caller, "server.output_audio_buffer.cleared")
    await socket.send(audio_delta(1))  # still on its way when it was cut off
    await until(caller, "call.levels.output < 0.001")


async def test_interrupting_by_hand_does_not_ask_for_what_a_websocket_has_not(
    caller: Page, server: ScriptedServer
) -> None:
    socket = await fallen_back(caller, server)
    await caller.evaluate("call.on('server.output_audio_buffer.*', (e) => void told.push(e)), 0")
    await socket.send(*answer_begins("r1", "a1", None), *[audio_delta(1)] * 3)
    await told(caller, "server.output_audio_buffer.started")
    await until(caller, "call.levels.output > 0.2")
    await caller.evaluate("new Promise((resolve) => setTimeout(resolve, 400))")
    assert await caller.evaluate("call.interrupt()")
    await socket.expect("conversation.item.truncate")
    kinds = [event["type"] for event in socket.received]
    assert "response.cancel" in kinds and "output_audio_buffer.clear" not in kinds


# ── sound and microphone ──────────────────────────────────────────────────────────────────────────────────────────


async def test_sound_that_the_browser_keeps_back_comes_with_the_next_tap(caller: Page, server: ScriptedServer) -> None:
    await caller.evaluate(
        """() => {
          window.nativePlay = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException("", "NotAllowedError"));
        }"""
    )
    await connected(caller)
    assert (await told(caller, "speaker.blocked"))["is_blocked"]
    await caller.evaluate("HTMLMediaElement.prototype.play = nativePlay, 0")
    await caller.mouse.click(5, 5)
    assert not (await told(caller, "speaker.blocked", nth=2))["is_blocked"]


async def test_a_microphone_that_is_refused_leaves_a_call_to_type_in(caller: Page, server: ScriptedServer) -> None:
    await caller.evaluate(
        """() => {
          window.nativeGet = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
        }"""
    )
    await connected(caller, microphone=True)
    changed = await told(caller, "microphone.changed")
    assert (changed["is_on"], changed["problem"]) == (False, {"kind": "microphone_refused"})
    await caller.evaluate("call.sendText('hello')")
    await server.call.expect("response.create")
    await caller.evaluate("navigator.mediaDevices.getUserMedia = nativeGet, 0")
    await caller.evaluate("call.openMicrophone()")
    await until(caller, "call.levels.input > 0.01")


async def test_a_microphone_that_is_unplugged_is_told(caller: Page, server: ScriptedServer) -> None:
    await caller.evaluate(
        """async () => {
          window.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
          const { RealtimeCall } = await import("/antiphon.js");
          window.told = [];
          window.call = new RealtimeCall({ url: location.origin, microphone: stream });
          call.on("*", (event) => void told.push(event));
          await call.connect();
        }"""
    )
    await told(caller, "microphone.changed")
    await caller.evaluate("stream.getAudioTracks()[0].dispatchEvent(new Event('ended')), 0")
    changed = await told(caller, "microphone.changed", nth=2)
    assert (changed["is_on"], changed["problem"]) == (False, {"kind": "microphone_gone"})
    assert await caller.evaluate("call.state") == "connected"
