"""The module for web developers: a call opened, used and ended by `RealtimeCall`, against a scripted server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from antiphon.client.trace import read_trace, replay
from web.calling import connected, kinds_told, make_call, told, until
from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends, delta, heard, response_begins, said, sound_begins, sound_ends

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_connects_tells_its_states_and_hangs_up(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    assert await caller.evaluate("[call.state, call.transport, call.id]") == ["connected", "webrtc", server.call.id]
    await caller.evaluate("call.disconnect()")
    await server.call.hung_up.wait()
    states = await caller.evaluate("told.filter((e) => e.type === 'connection.changed').map((e) => e.state)")
    assert states == ["connecting", "connected", "disconnected"]


async def test_connect_twice_is_one_call_and_disconnect_twice_one_end(caller: Page, server: ScriptedServer) -> None:
    await make_call(caller)
    await caller.evaluate("Promise.all([call.connect(), call.connect()])")
    await caller.evaluate("call.connect()")
    assert len(server.calls) == 1
    await caller.evaluate("(call.disconnect(), call.disconnect())")
    assert (await kinds_told(caller)).count("connection.changed") == 3


async def test_a_call_given_up_while_it_connects_leaves_nothing_behind(caller: Page, server: ScriptedServer) -> None:
    server.answers.clear()
    await make_call(caller, microphone=True)
    await caller.evaluate("window.outcome = call.connect().then(() => 'connected', (error) => error.problem.kind), 0")
    await server.asked.wait()
    await caller.evaluate("call.disconnect()")
    assert await caller.evaluate("outcome") == "aborted"
    server.answers.set()
    await until(caller, "!call.hasMicrophone")
    assert await caller.evaluate("call.state") == "disconnected"
    # And it may be called again.
    await caller.evaluate("call.connect()")
    assert await caller.evaluate("call.state") == "connected"


async def test_a_refusal_is_told_with_its_reason(caller: Page, server: ScriptedServer) -> None:
    server.refuse_with = (429, {"message": "Too many calls."})
    await make_call(caller)
    problem = await caller.evaluate("call.connect().catch((error) => error.problem)")
    assert problem == {"kind": "too_many", "status": 429, "detail": "Too many calls."}
    assert await caller.evaluate("[call.state, call.problem.kind]") == ["error", "too_many"]


async def test_handlers_hear_families_and_may_consume(caller: Page) -> None:
    result = await caller.evaluate(
        """async () => {
          const { Handlers, CONSUME } = await import("/antiphon.js");
          const handlers = new Handlers();
          const heard = [];
          handlers.on("user.*", (event) => void heard.push(["family", event.type]));
          const off = handlers.on("user.completed", (event) => { heard.push(["one", event.type]); return CONSUME; });
          handlers.on("*", (event) => void heard.push(["all", event.type]));
          handlers.tell({ type: "user.completed" });
          handlers.tell({ type: "user.delta" });
          off();
          off();
          handlers.tell({ type: "user.completed" });
          handlers.tell({ type: "server.user.completed" });
          return heard;
        }"""
    )
    assert result == [
        ["family", "user.completed"],
        ["one", "user.completed"],
        ["family", "user.delta"],
        ["all", "user.delta"],
        ["family", "user.completed"],
        ["all", "user.completed"],
    ]


# ── saying ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_text_is_sent_and_an_answer_asked_for(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    item_id = await caller.evaluate("call.sendText('hello')")
    created = await server.call.expect("conversation.item.create")
    assert created["item"]["id"] == item_id
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello"}]
    await server.call.expect("response.create")


async def test_a_message_that_is_refused_is_told(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    item_id = await caller.evaluate("call.sendText('hello')")
    created = await server.call.expect("conversation.item.create")
    server.call.send({"type": "error", "error": {"message": "No.", "event_id": created["event_id"]}})
    unsent = await told(caller, "message.unsent")
    assert unsent["item_id"] == item_id
    assert unsent["problem"] == {"kind": "refused", "detail": "No."}


async def test_interrupting_cancels_what_is_made_and_silences_at_once(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await caller.evaluate("call.interrupt()")
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"))
    await until(caller, "call.interrupt()")
    assert await caller.evaluate("call.sound.muted")
    await server.call.expect("output_audio_buffer.clear")
    assert server.call.kinds()[-2:] == ["response.cancel", "output_audio_buffer.clear"]


async def test_a_response_with_parameters_waits_for_the_one_that_is_made(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    server.call.send(response_begins("r1"))
    await until(caller, "call.trace.events.some((e) => e.event.type === 'response.created')")
    await caller.evaluate("call.respond({ instructions: 'Be brief.' })")
    assert "response.create" not in server.call.kinds()
    server.call.send(*answer_ends("r1", "a1", None, "Yes."))
    asked = await server.call.expect("response.create")
    assert asked["response"] == {"instructions": "Be brief."}


async def test_saying_something_without_a_call_is_an_error_in_words(caller: Page) -> None:
    await make_call(caller)
    assert await caller.evaluate("(() => { try { call.sendText('hi'); } catch (e) { return e.problem.kind; } })()") == (
        "not_connected"
    )


# ── session, middleware, tools ────────────────────────────────────────────────────────────────────────────────────


async def test_updating_the_session_waits_and_tells_what_was_not_done(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    result = await caller.evaluate(
        """call.updateSession({
          instructions: "Be kind.",
          audio: { input: { turn_detection: { silence_duration_ms: 900 } } },
        })"""
    )
    assert result["session"]["instructions"] == "Be kind."
    path = "audio.input.turn_detection.silence_duration_ms"
    assert result["differences"] == [{"path": path, "asked": 900, "applied": 500}]


async def test_a_session_update_that_is_refused_is_an_error(caller: Page, server: ScriptedServer) -> None:
    server.confirms_updates = False
    await connected(caller, session=None)
    await caller.evaluate(
        "window.outcome = call.updateSession({ voice: 'x' }).then(() => 'done', (e) => e.problem.detail), 0"
    )
    update = await server.call.expect("session.update")
    server.call.send({"type": "error", "error": {"message": "Unknown.", "event_id": update["event_id"]}})
    assert await caller.evaluate("outcome") == "Unknown."


async def test_middleware_changes_and_drops_in_both_directions(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await caller.evaluate(
        """() => {
        call.use({
          incoming: (event) => (event.type === "response.created" ? null : undefined),
          outgoing: (event) => {
            if (event.type === "response.create") return null;
            return event.item ? { ...event, event_id: "mine" } : event;
          },
        });
        call.on("server.*", (event) => void told.push(event)); }"""
    )
    await caller.evaluate("call.sendText('hello')")
    created = await server.call.expect("conversation.item.create")
    assert created["event_id"] == "mine"
    server.call.send(response_begins("r1"), {"type": "input_audio_buffer.cleared"})
    await told(caller, "server.input_audio_buffer.cleared")
    assert "server.response.created" not in await kinds_told(caller)
    assert "response.create" not in server.call.kinds()


def function_call(call_id: str, name: str, arguments: str) -> list[dict[str, Any]]:
    item = {"id": f"f_{call_id}", "type": "function_call", "name": name, "call_id": call_id, "arguments": arguments}
    done = {"type": "response.output_item.done", "response_id": "r1", "output_index": 0}
    return [
        {"type": "conversation.item.added", "previous_item_id": None, "item": {**item, "status": "in_progress"}},
        {**done, "item": {**item, "status": "completed"}},
        {"type": "conversation.item.done", "previous_item_id": None, "item": {**item, "status": "completed"}},
    ]


async def test_tools_of_the_page_run_and_the_model_goes_on_once(caller: Page, server: ScriptedServer) -> None:
    await make_call(caller)
    await caller.evaluate(
        """() => {
          const parameters = { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } };
          call.addTool({ name: "add", description: "Adds.", parameters, run: ({ a, b }) => ({ sum: a + b }) });
          call.addTool({ name: "fail", description: "Fails.", run: async () => { throw new Error("no luck"); } });
          call.addTool({ name: "ask", description: "By hand." });
          return call.connect();
        }"""
    )
    update = await server.call.expect("session.update")
    assert [tool["name"] for tool in update["session"]["tools"]] == ["add", "fail", "ask"]
    server.call.send(
        response_begins("r1"),
        *function_call("c1", "add", '{"a": 2, "b": 5}'),
        *function_call("c2", "fail", "{}"),
        *function_call("c3", "ask", "{}"),
        *function_call("c4", "of_somebody_else", "{}"),
    )
    outputs = [(await server.call.expect("conversation.item.create", nth=nth))["item"] for nth in (1, 2)]
    assert {item["call_id"]: item["output"] for item in outputs} == {"c1": '{"sum":7}', "c2": '{"error":"no luck"}'}
    server.call.send({"type": "response.done", "response": {"id": "r1", "status": "completed", "output": []}})
    await until(caller, "call.trace.events.some((e) => e.event.type === 'response.done')")
    assert "response.create" not in server.call.kinds()
    await caller.evaluate("call.sendToolOutput('c3', 'by hand')")
    by_hand = await server.call.expect("conversation.item.create", nth=3)
    assert by_hand["item"]["output"] == "by hand"
    await server.call.expect("response.create")
    assert server.call.kinds().count("response.create") == 1


async def test_tools_that_the_server_set_up_are_not_lost_by_adding_more(caller: Page, server: ScriptedServer) -> None:
    server.session = {"tools": [{"type": "function", "name": "lookup", "description": "The server's."}]}
    await make_call(caller)
    await caller.evaluate("() => { call.addTool({ name: 'add', description: 'Adds.' }); return call.connect(); }")
    update = await server.call.expect("session.update")
    assert [tool["name"] for tool in update["session"]["tools"]] == ["lookup", "add"]


# ── devices ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_microphone_is_chosen_muted_and_given_back(caller: Page, server: ScriptedServer) -> None:
    await connected(caller, microphone=True)
    changed = await told(caller, "microphone.changed")
    assert changed["is_on"] and changed["problem"] is None
    await until(caller, "call.levels.input > 0.01")
    devices = await caller.evaluate("call.devices()")
    assert len(devices["microphones"]) > 1
    other = devices["microphones"][-1]["device_id"]
    await caller.evaluate("(id) => call.openMicrophone(id)", other)
    assert await caller.evaluate("call.microphoneId") == other
    await until(caller, "call.levels.input > 0.01")
    await caller.evaluate("call.setMuted(true)")
    assert await caller.evaluate("call.levels.input") == 0
    await caller.evaluate("call.closeMicrophone()")
    assert not await caller.evaluate("call.hasMicrophone")


async def test_the_other_voice_is_played_at_a_volume_on_a_device(caller: Page, server: ScriptedServer) -> None:
    await connected(caller, microphone=True)  # speakers have names only then
    await told(caller, "microphone.changed")
    server.call.tone.amplitude = 0.5
    await until(caller, "call.levels.output > 0.2")
    await caller.evaluate("(call.volume = 0.25, call.setOutputMuted(true))")
    assert await caller.evaluate("[call.sound.volume, call.sound.muted, call.sound.paused]") == [0.25, True, False]
    speakers = (await caller.evaluate("call.devices()"))["speakers"]
    await caller.evaluate("(id) => call.chooseSpeaker(id)", speakers[-1]["device_id"])
    assert await caller.evaluate("call.speakerId") == speakers[-1]["device_id"]
    kind = await caller.evaluate("call.chooseSpeaker('no such thing').catch((error) => error.problem.kind)")
    assert kind == "speaker_unknown"


async def test_push_to_talk_makes_a_turn_of_what_is_said_while_the_key_is_down(
    caller: Page, server: ScriptedServer
) -> None:
    await connected(caller, microphone=True)
    await told(caller, "microphone.changed")
    await caller.evaluate("call.setPushToTalk(true)")
    update = await server.call.expect("session.update", nth=2)
    assert update["session"]["audio"]["input"]["turn_detection"] is None
    assert await caller.evaluate("call.isMuted")
    await caller.evaluate("call.talk(true)")
    await server.call.expect("input_audio_buffer.clear")
    assert not await caller.evaluate("call.isMuted")
    await caller.evaluate("new Promise((resolve) => setTimeout(resolve, 200)).then(() => call.talk(false))")
    await server.call.expect("response.create")
    assert server.call.kinds()[-3:] == ["input_audio_buffer.clear", "input_audio_buffer.commit", "response.create"]
    assert await caller.evaluate("call.isMuted")
    await caller.evaluate("call.setPushToTalk(false)")
    update = await server.call.expect("session.update", nth=3)
    assert update["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_text_mode_gives_the_microphone_back_and_asks_for_writing(caller: Page, server: ScriptedServer) -> None:
    await connected(caller, microphone=True)
    await told(caller, "microphone.changed")
    await caller.evaluate("call.setMode('text')")
    update = await server.call.expect("session.update", nth=2)
    assert update["session"]["output_modalities"] == ["text"]
    assert not await caller.evaluate("call.hasMicrophone")
    await caller.evaluate("call.setMode('voice')")
    update = await server.call.expect("session.update", nth=3)
    assert update["session"]["output_modalities"] == ["audio"]
    assert await caller.evaluate("call.hasMicrophone")


async def test_the_line_is_measured(caller: Page, server: ScriptedServer) -> None:
    await connected(caller, microphone=True)
    await until(caller, "call.samples.length >= 2", seconds=15)
    stats = await caller.evaluate("call.samples.at(-1)")
    assert stats["round_trip_ms"] is not None
    assert stats["bitrate_in"] > 1_000
    assert stats["local_candidate"] in ("host", "prflx")


async def test_a_trace_can_be_taken_away_and_is_read_by_python(
    caller: Page, server: ScriptedServer, tmp_path: Path
) -> None:
    await connected(caller)
    picture = "data:image/jpeg;base64," + "A" * 400
    await caller.evaluate("(image) => call.sendText('What is it? My key is ek_0123456789', { image })", picture)
    call = server.call
    created = await call.expect("conversation.item.create")
    call.send({"type": "conversation.item.added", "previous_item_id": None, "item": created["item"]})
    call.send(*answer_begins("r1", "a1", created["item"]["id"]), *answer_ends("r1", "a1", None, "A lamp."))
    call.send(*heard("u2", "a1"), said("u2", "Thanks."))
    await until(caller, "call.chat.messages.length === 3")
    shown = await caller.evaluate(
        "call.chat.messages.map(({ id, role, text, status, seq }) => [id, role, text, status, seq])"
    )
    await caller.evaluate("call.disconnect()")

    file = tmp_path / "page.jsonl"
    file.write_text(await caller.evaluate("String(call.trace)"))
    assert "AAAA" not in file.read_text()
    assert "ek_0123456789" not in file.read_text()
    trace = read_trace(file)
    assert (trace.header.transport, trace.header.target) == ("webrtc", f"{server.base_url}/v1/realtime/calls")
    assert [entry.elided for entry in trace.entries if entry.elided] == [{"item.content.0.image_url": 300}] * 2
    replayed = replay(trace).chat.messages
    shown[0][2] = shown[0][2].replace("ek_0123456789", "…")
    assert [[one.id, one.role, one.text, one.status, one.seq] for one in replayed] == shown


async def test_a_turn_is_in_the_chat_its_steps_are_timed_and_its_tokens_counted(
    caller: Page, server: ScriptedServer
) -> None:
    await connected(caller)
    call = server.call
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
    call.send(*heard("u1", None), said("u1", "What is the time?"))
    await until(caller, "call.activity.phase === 'thinking'")
    call.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is noon."), sound_begins("r1"))
    call.tone.amplitude = 0.3
    await until(caller, "call.turns.last.heard_at !== null")
    *ends, done = answer_ends("r1", "a1", "u1", "It is noon.")
    call.send(*ends, {**done, "response": {**done["response"], "usage": usage}}, sound_ends("r1"))
    await until(caller, "call.activity.phase === 'listening'")
    messages = await caller.evaluate("call.chat.messages.map(({ role, text, status }) => [role, text, status])")
    assert messages == [["user", "What is the time?", "done"], ["assistant", "It is noon.", "done"]]
    phases = await caller.evaluate("told.filter((e) => e.type === 'activity.changed').map((e) => e.phase)")
    assert phases == ["hearing", "thinking", "speaking", "listening"]
    assert await caller.evaluate("[call.usage.total.text_in, call.usage.total.text_out]") == [20, 10]
    assert await caller.evaluate("call.turns.last.heard_at > call.turns.last.started_at")


async def test_a_message_that_a_handler_consumes_is_not_in_the_chat(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await caller.evaluate(
        "() => { call.on('user.completed', ({ transcript }) => transcript === 'hush' && 'consume'); }"
    )
    server.call.send(*heard("u1", None), said("u1", "hush"), *heard("u2", "u1"), said("u2", "hello"))
    await until(caller, "call.chat.messages.length > 0")
    assert await caller.evaluate("call.chat.messages.map((message) => message.text)") == ["hello"]
