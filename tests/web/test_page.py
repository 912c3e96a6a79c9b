"""The page in a call: a real browser, a real peer connection, and a person who clicks, types, interrupts and leaves."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Page, Route, expect

from antiphon.server.linking import read_module
from antiphon.server.page_texts import packaged_page
from web.scripted_peer import ABOUT, ScriptedServer
from web.wire import (
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

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def until(page: Page, condition: str, seconds: float = 10) -> None:
    """Wait, frame by frame in the page, for an expression over `antiphon`."""
    async with asyncio.timeout(seconds):
        await page.evaluate(f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame); }}")


async def hook(page: Page, name: str) -> Any:
    return await page.evaluate(f"antiphon.{name}")


async def stop_the_clock(page: Page) -> None:
    """From here on time passes in the page only when the test says so."""
    await page.clock.install(time=0)
    await page.clock.pause_at(1_000)


async def connect(page: Page) -> None:
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def refuse_microphone(page: Page) -> None:
    """What a person does who clicks Block."""
    target = await (await page.context.new_cdp_session(page)).send("Target.getTargetInfo")
    assert page.context.browser is not None
    session = await page.context.browser.new_browser_cdp_session()
    await session.send(
        "Browser.setPermission",
        {
            "permission": {"name": "microphone"},
            "setting": "denied",
            "origin": await page.evaluate("origin"),
            "browserContextId": target["targetInfo"]["browserContextId"],
        },
    )


def photo() -> dict[str, Any]:
    out = io.BytesIO()
    Image.effect_noise((1600, 1200), 90).save(out, "PNG")
    return {"name": "desk.png", "mimeType": "image/png", "buffer": out.getvalue()}


# ── before a call ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_before_the_call_the_page_tells_what_answers_and_how_to_better_it(page: Page) -> None:
    model = page.locator("#about [data-stage=model]")
    await expect(model).to_contain_text(ABOUT["model"]["summary"])
    await model.locator("summary").click()
    await expect(model.locator("details p")).to_have_text(ABOUT["model"]["improve"])
    assert await hook(page, "state") == "idle"


async def test_a_server_that_cannot_tell_what_answers_is_told_in_words(page: Page) -> None:
    async def broken(route: Any) -> None:
        await route.fulfill(status=500, body="no")

    await page.route("**/about", broken)
    await page.reload()
    await expect(page.locator("#about .about-failed")).to_have_text("The server did not say what answers.")


# ── a call ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_sends_the_microphone_and_plays_the_other_voice(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    update = await server.call.expect("session.update")
    assert update["session"]["type"] == "realtime"
    assert update["session"]["audio"]["input"]["transcription"]["model"]
    assert await hook(page, "callId") == server.call.id
    await until(page, "antiphon.inputLevel > 0.01")  # the browser's own test beep
    server.call.tone.amplitude = 0.5
    await until(page, "antiphon.outputLevel > 0.2")
    server.call.tone.amplitude = 0.0
    await until(page, "antiphon.outputLevel < 0.001")
    assert server.call.loudest > 0.01


async def test_a_spoken_turn_is_seen_as_it_happens(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    call = server.call
    *before, added, finished = heard("u1", None)
    call.send(before[0])
    await until(page, 'antiphon.state === "heard"')
    call.send(*before[1:], added, finished)
    await until(page, 'antiphon.state === "thinking"')
    call.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is "), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    call.send(said("u1", "What is the time?"), delta("r1", "a1", "noon."))
    call.tone.amplitude = 0.3
    await until(page, "antiphon.answers.length === 1")
    call.send(*answer_ends("r1", "a1", "u1", "It is noon."), sound_ends("r1"))
    await until(page, 'antiphon.state === "listening"')
    assert await page.locator(".speech-text").all_inner_texts() == ["What is the time?", "It is noon."]
    await expect(page.locator("#announcer p").last).to_have_text("Antiphon: It is noon.")


async def test_a_second_call_stands_under_a_line_that_says_so(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "first"))
    await expect(page.locator(".speech-text")).to_have_text("first")
    await page.click("#call")
    await page.click("#call")
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator(".note")).to_have_text("The call has ended.")
    server.call.send(*heard("u1", None), said("u1", "second"))
    await expect(page.locator(".speech-text").nth(1)).to_have_text("second")
    await expect(page.locator("#transcript > li")).to_contain_text(
        ["first", "The call has ended.", "A new call. The one above is not remembered.", "second"]
    )


async def test_errors_are_told_but_those_of_taking_turns_are_not(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(
        {"type": "error", "error": {"code": "response_cancel_not_active", "message": "Cancellation failed"}},
        {"type": "error", "error": {"code": "invalid_value", "message": "That was wrong."}},
    )
    await expect(page.locator(".note")).to_have_text("The server reported an error. That was wrong.")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            {"status": "failed", "status_details": {"type": "failed", "error": {"message": "The model is away."}}},
            "The answer failed. Say it again, or type it. The model is away.",
        ),
        (
            {"status": "incomplete", "status_details": {"type": "incomplete", "reason": "max_output_tokens"}},
            "The answer was too long and stops here.",
        ),
    ],
)
async def test_an_answer_that_failed_says_so(
    page: Page, server: ScriptedServer, response: dict[str, Any], words: str
) -> None:
    await connect(page)
    server.call.send(
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "Well,"),
        {"type": "response.done", "response": {"id": "r1", **response}},
    )
    await expect(page.locator("#transcript > li").last).to_contain_text(words)


async def test_words_cut_off_by_an_interruption_are_struck(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "This was heard, this was not."),
        sound_begins("r1"),
        *cancelled("r1", "a1", None, "This was heard,"),
    )
    await expect(page.locator(".speech-text del")).to_have_text(" this was not.")
    assert await hook(page, "state") == "listening"


async def test_a_tool_call_is_one_line_that_opens(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    item = {"id": "f1", "type": "function_call", "name": "add", "call_id": "c1", "arguments": '{"a": 2, "b": 5}'}
    result = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "7"}
    placed = {"previous_item_id": None, "item": {**item, "status": "completed"}}
    server.call.send({"type": "conversation.item.added", **placed}, {"type": "conversation.item.done", **placed})
    await expect(page.locator(".tool-line")).to_have_text("add(2, 5) → working")
    server.call.send({"type": "conversation.item.added", "previous_item_id": "f1", "item": result})
    await expect(page.locator(".tool-line")).to_have_text("add(2, 5) → 7")
    await page.click(".tool summary")
    await expect(page.locator(".tool pre").first).to_be_visible()


async def test_typed_text_is_sent_shown_and_asks_for_an_answer(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.keyboard.press("/")
    await page.keyboard.type("hello <b>there</b>")
    await page.keyboard.press("Enter")
    created = await server.call.expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello <b>there</b>"}]
    await server.call.expect("response.create")
    await expect(page.locator(".speech-yours .speech-text")).to_have_text("hello <b>there</b>")
    assert await page.input_value("#text") == ""


async def test_typing_while_it_speaks_interrupts_it(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*answer_begins("r1", "a1", None), delta("r1", "a1", "Well, "), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    await page.fill("#text", "stop")
    await page.keyboard.press("Enter")
    await server.call.expect("conversation.item.create")
    kinds = server.call.kinds()
    assert kinds[-3:] == ["response.cancel", "output_audio_buffer.clear", "conversation.item.create"]
    server.call.send(*cancelled("r1", "a1", None, "Well,"))
    await server.call.expect("response.create")


async def test_escape_silences_the_answer_at_once_and_the_next_one_is_heard(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*answer_begins("r1", "a1", None), sound_begins("r1"))
    await until(page, 'antiphon.state === "speaking"')
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.querySelector('#sound').muted")
    await server.call.expect("response.cancel")
    await server.call.expect("output_audio_buffer.clear")
    server.call.send(*cancelled("r1", "a1", None, ""), response_begins("r2"), sound_begins("r2"))
    await until(page, 'antiphon.state === "speaking"')
    assert not await page.evaluate("document.querySelector('#sound').muted")


async def test_a_message_that_the_server_refuses_is_marked(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    created = await server.call.expect("conversation.item.create")
    server.call.send(
        {"type": "error", "error": {"code": "invalid_value", "message": "No.", "event_id": created["event_id"]}}
    )
    await expect(page.locator(".speech-problem")).to_have_text("Not sent. No.")


@pytest.mark.parametrize("limit", [65_536, 262_144])
async def test_a_photo_is_shown_and_travels_in_one_message(page: Page, server: ScriptedServer, limit: int) -> None:
    server.message_limit = limit
    await connect(page)
    await page.set_input_files("#photo-file", files=[photo()])
    await page.wait_for_selector("#attached:not([hidden])")
    await page.fill("#text", "What is it?")
    await page.click("#send")
    created = await server.call.expect("conversation.item.create")
    image, text = created["item"]["content"]
    assert text == {"type": "input_text", "text": "What is it?"}
    jpeg = base64.b64decode(image["image_url"].removeprefix("data:image/jpeg;base64,"))
    assert max(Image.open(io.BytesIO(jpeg)).size) <= 1024
    assert limit / 3 < server.call.longest_message < limit
    await until(page, "document.querySelector('.speech-photo').naturalWidth > 0")
    await expect(page.locator("#attached")).to_be_hidden()


async def test_a_file_that_is_no_picture_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    await page.set_input_files("#photo-file", files=[{"name": "a.png", "mimeType": "image/png", "buffer": b"no"}])
    await expect(page.locator("#notice-words")).to_contain_text("not a picture")


async def test_muting_silences_what_the_server_hears(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await until(page, "antiphon.inputLevel > 0.01")
    await page.keyboard.press("m")
    await until(page, 'antiphon.microphone === "muted"')
    await expect(page.locator("#mute")).to_have_text("unmute")
    await until(page, "antiphon.inputLevel === 0")
    await page.keyboard.down("Space")
    await until(page, 'antiphon.microphone === "on"')
    await page.keyboard.up("Space")
    await until(page, 'antiphon.microphone === "muted"')


async def test_space_after_a_click_on_mute_talks_instead_of_pressing_it_again(page: Page) -> None:
    await connect(page)
    await page.click("#mute")
    await until(page, 'antiphon.microphone === "muted"')
    await page.keyboard.down("Space")
    await until(page, 'antiphon.microphone === "on"')
    await page.keyboard.up("Space")
    await until(page, 'antiphon.microphone === "muted"')


# ── a call without a microphone ───────────────────────────────────────────────────────────────────────────────────


async def test_typing_first_calls_without_asking_for_the_microphone(page: Page, server: ScriptedServer) -> None:
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    await until(page, 'antiphon.line === "on"')
    await server.call.expect("response.create")
    assert await hook(page, "microphone") == "none"
    assert server.call.kinds()[0] == "session.update"
    # It can be turned on later, on the same connection.
    await page.click("#mute")
    await until(page, 'antiphon.microphone === "on" && antiphon.inputLevel > 0.01')
    assert len(server.calls) == 1


async def test_a_refused_microphone_is_told_and_typing_works(page: Page, server: ScriptedServer) -> None:
    await refuse_microphone(page)
    await connect(page)
    await expect(page.locator("#notice-words")).to_contain_text("Your browser blocked the microphone")
    assert await hook(page, "microphone") == "none"
    await page.fill("#text", "hello")
    await page.keyboard.press("Enter")
    await server.call.expect("response.create")
    server.call.tone.amplitude = 0.4
    await until(page, "antiphon.outputLevel > 0.1")


# ── the way to the server ─────────────────────────────────────────────────────────────────────────────────────────

CONFIGURATIONS = """() => {
  window.configurations = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) { super(configuration); window.configurations.push(configuration); }
  };
}"""


async def test_a_call_uses_the_ice_servers_that_the_server_names(page: Page, server: ScriptedServer) -> None:
    named = {"urls": ["stun:127.0.0.1:9", "turn:127.0.0.1:9"], "username": "1:a", "credential": "b"}
    server.ice_servers = [named]
    await page.evaluate(CONFIGURATIONS)
    await connect(page)
    assert await page.evaluate("configurations") == [{"iceServers": [named]}]


async def test_a_server_that_names_none_or_nonsense_is_called_directly(page: Page, server: ScriptedServer) -> None:
    async def nonsense(route: Route) -> None:
        await route.fulfill(status=200, body="no JSON")

    await page.route("**/ice-servers", nonsense)
    await page.evaluate(CONFIGURATIONS)
    await connect(page)
    assert await page.evaluate("configurations") == [{"iceServers": []}]


# ── the end of a call ─────────────────────────────────────────────────────────────────────────────────────────────

TRACKS = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}"""


async def test_ending_the_call_releases_the_microphone_and_tells_the_server(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(TRACKS)
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "bye"))
    await until(page, "antiphon.transcript.length === 1")
    await page.click("#call")
    async with asyncio.timeout(5):
        await server.call.hung_up.wait()
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    assert await hook(page, "state") == "ended"
    await expect(page.locator(".speech-text")).to_have_text("bye")
    await expect(page.locator("#call")).to_have_text("Start again")


async def test_starting_again_makes_a_new_call_and_keeps_what_was_said(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "first"))
    await until(page, "antiphon.transcript.length === 1")
    await page.click("#call")
    await page.click("#call")
    await until(page, 'antiphon.line === "on"')
    assert len(server.calls) == 2
    server.call.send(*heard("u2", None), said("u2", "second"))
    await until(page, "antiphon.transcript.at(-1)?.text === 'second'")
    assert [entry.get("text", entry.get("key")) for entry in await hook(page, "transcript")] == [
        "first",
        "note_ended",
        "note_new_call",
        "second",
    ]


async def test_impatient_clicking_makes_one_call_at_a_time_and_leaves_none_behind(
    page: Page, server: ScriptedServer
) -> None:
    await page.evaluate(TRACKS)
    await page.evaluate(
        """() => { for (let n = 0; n < 3; n++) document.querySelector("#start").click();
                   for (let n = 0; n < 4; n++) document.querySelector("#call").click(); }"""
    )
    await until(page, 'antiphon.line === "on"')
    await page.click("#call")
    await until(page, 'antiphon.state === "ended"')
    await until(page, 'tracks.every((track) => track.readyState === "ended")')
    assert len(server.calls) == 1


async def test_cancelling_while_it_connects_leaves_nothing_on(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(TRACKS)
    server.answers.clear()
    await page.click("#start")
    await server.asked.wait()
    assert await hook(page, "state") == "connecting"
    await page.click("#call")
    await until(page, 'antiphon.state === "ended"')
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]


async def test_leaving_the_page_hangs_up(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await page.goto("about:blank")
    async with asyncio.timeout(5):
        await server.call.hung_up.wait()


async def test_a_server_that_ends_the_call_is_told_and_start_again_works(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    await server.call.close()
    await until(page, 'antiphon.problem === "other_side_ended"')
    assert await hook(page, "state") == "ended"
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "refused"), (401, "not_allowed"), (429, "too_many"), (500, "server_error"), (503, "server_full")],
)
async def test_a_refused_call_is_told_in_words(page: Page, server: ScriptedServer, status: int, kind: str) -> None:
    await page.evaluate(TRACKS)
    server.refuse_with = (status, {"message": "Said by the server.", "type": "x", "code": "y", "param": None})
    await page.click("#start")
    await until(page, 'antiphon.state === "failed"')
    assert await hook(page, "problem") == kind
    await expect(page.locator("#notice .detail")).to_have_text("Said by the server.")
    assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    server.refuse_with = None
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def test_a_server_that_is_gone_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    await page.context.set_offline(True)
    await page.click("#start")
    await until(page, 'antiphon.problem === "server_gone"')
    await page.context.set_offline(False)
    await page.click("#start")
    await until(page, 'antiphon.line === "on"')


async def test_an_answer_that_is_no_answer_is_told_in_words(page: Page, server: ScriptedServer) -> None:
    async def nonsense(route: Any) -> None:
        await route.fulfill(status=201, body="v=0 nonsense", content_type="application/sdp")

    await page.route("**/v1/realtime/calls", nonsense)
    await page.click("#start")
    await until(page, 'antiphon.problem === "bad_answer"')


CONNECTION_STATE = """() => {
  // A network cannot be taken away from a test's browser; what it tells the page can be said in its place.
  const made = RTCPeerConnection;
  window.RTCPeerConnection = class extends made {
    constructor(...options) { super(...options); window.peer = this; }
    get connectionState() { return window.saidState ?? super.connectionState; }
  };
  window.sayState = (state) => {
    window.saidState = state;
    window.peer.dispatchEvent(new Event("connectionstatechange"));
  };
}"""


async def test_a_line_that_comes_back_within_the_grace_keeps_the_call(page: Page, server: ScriptedServer) -> None:
    await page.evaluate(CONNECTION_STATE)
    await connect(page)
    await page.evaluate('sayState("disconnected")')
    await until(page, 'antiphon.line === "shaky"')
    await expect(page.locator("#notice-words")).to_contain_text("Holding the line")
    await page.evaluate('sayState("connected")')
    await until(page, 'antiphon.line === "on"')
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_line_that_stays_away_is_called_again_and_the_conversation_is_kept(
    page: Page, server: ScriptedServer
) -> None:
    await page.evaluate(CONNECTION_STATE)
    await connect(page)
    server.call.send(*heard("u1", None), said("u1", "Remember the harbour."))
    await expect(page.locator("#transcript")).to_contain_text("harbour")
    await stop_the_clock(page)
    await page.evaluate('sayState("disconnected")')
    await page.clock.fast_forward(4_900)
    assert await hook(page, "line") == "shaky"
    server.answers.clear()
    await page.clock.fast_forward(200)
    assert await hook(page, "problem") == "reconnecting"
    assert await hook(page, "state") == "reconnecting"
    await expect(page.locator("#mark-word")).to_have_text("calling again")
    await page.clock.resume()
    server.answers.set()
    await until(page, 'antiphon.line === "on"')
    assert await hook(page, "problem") is None
    replayed = await server.call.expect("conversation.item.create")
    assert replayed["item"]["content"][0]["text"] == "Remember the harbour."
    assert [entry["text"] for entry in await hook(page, "transcript")] == ["Remember the harbour."]


async def test_a_server_that_never_confirms_the_session_does_not_hold_the_call_up(
    page: Page, server: ScriptedServer
) -> None:
    server.confirms_updates = False
    await stop_the_clock(page)
    await page.click("#start")
    async with asyncio.timeout(10):
        await server.asked.wait()
        while not server.calls or "session.update" not in server.call.kinds():
            await page.clock.run_for(20)
    assert await hook(page, "line") == "connecting"
    await page.clock.run_for(5_000)
    assert await hook(page, "line") == "on"


# ── how it looks, as far as numbers tell ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (768, 1024), (1280, 800)])
async def test_nothing_scrolls_sideways(page: Page, server: ScriptedServer, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(overflow) <= 0
    await connect(page)
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    server.call.send(*heard("u1", None), said("u1", long))
    await until(page, "antiphon.transcript[0]?.text.length > 100")
    assert await page.evaluate(overflow) <= 0
    assert (
        await page.evaluate("(list => list.scrollWidth - list.clientWidth)(document.querySelector('#transcript'))") <= 0
    )


async def test_the_transcript_follows_until_the_reader_scrolls_up(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    previous = None
    for number in range(30):
        server.call.send(*heard(f"u{number}", previous), said(f"u{number}", f"line {number}"))
        previous = f"u{number}"
    at_end = (
        "(list => list.scrollHeight - list.scrollTop - list.clientHeight < 2)(document.querySelector('#transcript'))"
    )
    await until(page, f"antiphon.transcript.length === 30 && {at_end}")
    await page.evaluate("document.querySelector('#transcript').scrollTop = 100")
    await expect(page.locator("#newest")).to_be_visible()
    server.call.send(*heard("late", previous), said("late", "late"))
    await until(page, "antiphon.transcript.length === 31")
    assert await page.evaluate("document.querySelector('#transcript').scrollTop") == 100
    await page.click("#newest")
    await until(page, at_end)


CONTRAST = """(scheme) => {
  document.documentElement.dataset.theme = scheme;
  const probe = document.body.appendChild(document.createElement("i"));
  const luminance = (token) => {
    probe.style.color = `var(${token})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const texts = ["--ink", "--soft", "--you", "--them", "--good", "--warn", "--bad"];
  const pairs = texts.flatMap((text) => ["--paper", "--card"].map((paper) => [text, paper]));
  pairs.push(["--on-fill", "--bad"], ["--paper", "--ink"]);
  return pairs.map(([text, paper]) => [`${text} on ${paper}`, ratio(luminance(text), luminance(paper))]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_paper(page: Page, scheme: str) -> None:
    measured: list[tuple[str, float]] = await page.evaluate(CONTRAST, scheme)
    assert len(measured) == 16
    assert [pair for pair in measured if pair[1] < 5] == []


async def test_every_button_has_a_name_and_can_be_reached_by_key(page: Page, server: ScriptedServer) -> None:
    await connect(page)
    names = await page.evaluate(
        """() => [...document.querySelectorAll("button")].filter((button) => button.checkVisibility())
             .map((button) => (button.getAttribute("aria-label") ?? button.textContent).trim())"""
    )
    assert len(names) >= 6
    assert all(names)
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#keys")).to_be_hidden()


async def test_the_arcs_keep_still_for_those_who_ask_for_it(browser: Browser, server: ScriptedServer) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    await page.goto(server.base_url)
    await connect(page)
    server.call.tone.amplitude = 0.5
    still = await page.evaluate("document.querySelector('.arc-them .arc-line').getAttribute('d')")
    # The level shows as the arc's length, without waves and without animation.
    await until(page, f"document.querySelector('.arc-them .arc-line').getAttribute('d') !== {still!r}")
    assert not await page.evaluate("document.querySelector('.arc-them .arc-wave').getAttribute('d')")
    assert await page.evaluate("document.getAnimations().length") == 0
    await context.close()


async def test_no_module_hides_what_another_one_takes_from_the_browser(modules: Page) -> None:
    """They stand in one file when they travel, so that a name at the top of one is there for all."""
    tops = {
        name
        for path in packaged_page().rglob("*.js")
        if path.name not in ("worklet.js", "service-worker.js")
        for name in read_module(path.name, path.read_text()).tops
    }
    # Not `in`: that finds the page's elements by their ids, too.
    places = "[globalThis, Window.prototype, EventTarget.prototype]"
    is_taken = f"{places}.some((place) => Object.hasOwn(place, name))"
    hidden = await modules.evaluate(f"(names) => names.filter((name) => {is_taken})", sorted(tops))
    assert hidden == []
