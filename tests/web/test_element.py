"""`<antiphon-call>` on somebody's page, under a strict content security policy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Route, expect

from antiphon.server.page import HEADERS
from web.calling import until
from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends, cancelled, delta, heard, said, sound_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DOCUMENT = """<!doctype html><html lang="en"><title>shop</title>
<script type="module" src="/antiphon.js"></script>
<h1>My shop</h1><div id="around"><antiphon-call></antiphon-call></div>"""


@pytest_asyncio.fixture(loop_scope="session")
async def shop(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page with the widget on it; whatever it complains of in the console fails the test."""
    context = await browser.new_context(viewport={"width": 420, "height": 800})
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def complain(message: ConsoleMessage) -> None:
        # The browser itself logs each refused request; that is what such a test asks for.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", complain)

    async def document(route: Route) -> None:
        await route.fulfill(body=DOCUMENT, content_type="text/html", headers=HEADERS)

    await page.route("**/shop", document)
    await page.goto(f"{server.base_url}/shop")
    await page.evaluate(
        """() => {
          window.widget = document.querySelector("antiphon-call");
          window.events = [];
          document.querySelector("#around").addEventListener("antiphon", ({ detail }) => void events.push(detail.type));
          return customElements.whenDefined("antiphon-call").then(() => {});
        }"""
    )
    yield page
    await context.close()
    assert complaints == []


async def begin(page: Page) -> None:
    await page.get_by_role("button", name="Start").click()
    await until(page, "widget.call?.state === 'connected'")


async def test_the_widget_calls_shows_what_is_said_and_hangs_up(shop: Page, server: ScriptedServer) -> None:
    await begin(shop)
    await expect(shop.get_by_role("status")).to_have_text("listening")
    server.call.send(*heard("u1", None), said("u1", "What is the time?"))
    await expect(shop.get_by_role("status")).to_have_text("thinking")
    server.call.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is "), sound_begins("r1"))
    await expect(shop.get_by_role("status")).to_have_text("speaking")
    server.call.send(*answer_ends("r1", "a1", "u1", "It is noon."))
    items = shop.get_by_role("log").get_by_role("listitem")
    await expect(items).to_have_text(["youWhat is the time?", "assistantIt is noon."])
    await shop.get_by_role("button", name="End call").click()
    await server.call.hung_up.wait()
    await expect(shop.get_by_role("status")).to_have_text("ended")
    assert {"connection.changed", "user.completed", "assistant.completed"} <= set(await shop.evaluate("events"))


async def test_what_was_not_heard_is_struck(shop: Page, server: ScriptedServer) -> None:
    await begin(shop)
    server.call.send(
        *answer_begins("r1", "a1", None),
        delta("r1", "a1", "This was heard, this was not."),
        sound_begins("r1"),
        *cancelled("r1", "a1", None, "This was heard,"),
    )
    await expect(shop.locator("antiphon-call del")).to_have_text(" this was not.")


async def test_who_types_first_calls_without_a_microphone(shop: Page, server: ScriptedServer) -> None:
    await shop.get_by_label("Type a message").fill("hello <b>there</b>")
    await shop.keyboard.press("Enter")
    await expect(shop.get_by_role("listitem")).to_have_text("youhello <b>there</b>")
    await until(shop, "widget.call.state === 'connected'")
    created = await server.call.expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello <b>there</b>"}]
    assert not await shop.evaluate("widget.call.hasMicrophone")
    await shop.get_by_role("button", name="Unmute").click()
    await until(shop, "widget.call.hasMicrophone")
    await shop.get_by_role("button", name="Mute").click()
    assert await shop.evaluate("widget.call.isMuted")


async def test_attributes_set_the_voice_the_language_and_the_look(shop: Page, server: ScriptedServer) -> None:
    await shop.evaluate(
        """() => {
          widget.setAttribute("language", "ru");
          widget.setAttribute("voice", "marin");
          widget.setAttribute("text-only", "");
          widget.setAttribute("theme", "dark");
          const sheet = new CSSStyleSheet();
          sheet.insertRule("antiphon-call { --antiphon-them: rgb(1, 2, 3) }");
          sheet.insertRule("antiphon-call::part(status) { opacity: 0.5 }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    button = shop.get_by_role("button", name="Начать")
    await expect(button).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(shop.locator("antiphon-call .card")).to_have_css("background-color", "rgb(17, 19, 24)")
    await expect(shop.locator("antiphon-call .status")).to_have_css("opacity", "0.5")
    await button.click()
    await until(shop, "widget.call.state === 'connected'")
    update = await server.call.expect("session.update")
    assert update["session"]["output_modalities"] == ["text"]
    assert update["session"]["audio"]["output"] == {"voice": "marin"}
    assert update["session"]["audio"]["input"]["transcription"]["model"]


async def test_a_call_that_cannot_be_made_is_told_in_words(shop: Page, server: ScriptedServer) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, json={"error": {"message": "Slow down."}})

    await shop.route("**/v1/realtime/calls", refuse)
    await shop.evaluate("widget.start()")
    await expect(shop.get_by_role("alert")).to_contain_text("Too many calls")


async def test_a_token_is_fetched_and_shown_at_the_door(shop: Page, server: ScriptedServer) -> None:
    keys: list[str | None] = []

    async def key(route: Route) -> None:
        await route.fulfill(json={"value": "ek_secret", "expires_at": 0})

    async def look(route: Route) -> None:
        keys.append(route.request.headers.get("authorization"))
        await route.continue_()

    await shop.route("**/my-token", key)
    await shop.route("**/v1/realtime/calls", look)
    await shop.evaluate("widget.setAttribute('token-url', '/my-token')")
    await begin(shop)
    assert keys == ["Bearer ek_secret"]


async def test_taking_the_widget_away_hangs_up_and_moving_it_does_not(shop: Page, server: ScriptedServer) -> None:
    await begin(shop)
    await shop.evaluate("document.body.prepend(widget), 0")
    assert await shop.evaluate("widget.call.state") == "connected"
    await shop.evaluate("widget.remove(), 0")
    await server.call.hung_up.wait()


async def test_messages_of_the_app_itself_are_the_apps_to_draw(shop: Page, server: ScriptedServer) -> None:
    await begin(shop)
    await shop.evaluate("widget.call.chat.add([{ kind: 'offer', payload: 3 }, { text: 'Held.', role: 'system' }]), 0")
    server.call.send(*heard("u1", None), said("u1", "Hello"))
    await expect(shop.get_by_role("listitem")).to_have_text(["Held.", "youHello"])


@pytest.mark.parametrize("stop", ["Escape", "the button", "Enter"])
async def test_an_answer_is_stopped_by_esc_and_by_the_button_that_sends(
    shop: Page, server: ScriptedServer, stop: str
) -> None:
    await begin(shop)
    button = shop.locator("antiphon-call .send")
    await expect(button).to_have_accessible_name("Send")
    server.call.send(*answer_begins("r1", "a1", None), delta("r1", "a1", "Once upon a time"), sound_begins("r1"))
    await expect(button).to_have_accessible_name("Stop the answer")
    await shop.get_by_label("Type a message").fill("wait")
    await expect(button).to_have_accessible_name("Send")
    await shop.get_by_label("Type a message").fill("")
    await expect(button).to_have_text("■")
    await (button.click() if stop == "the button" else shop.keyboard.press(stop))
    await server.call.expect("response.cancel")
    assert await shop.evaluate("widget.call.sound.muted")


async def test_the_button_of_the_microphone_says_what_it_does_and_nothing_else(
    shop: Page, server: ScriptedServer
) -> None:
    await begin(shop)
    await expect(shop.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    assert await shop.locator("antiphon-call .mute").get_attribute("aria-pressed") is None


KINDS = ["connection_lost", "no_path", "session_expired", "server_error", "server_slow", "server_gone", "no_token"]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_each_trouble_has_a_sentence_of_its_own_that_says_what_to_do(shop: Page, language: str) -> None:
    told = await shop.evaluate(
        """async ([language, kinds]) => {
          widget.setAttribute("language", language);
          const notice = widget.shadowRoot.querySelector(".notice");
          const told = [];
          for (const kind of [...kinds, "bad_answer"]) {
            const token = () => Promise.reject(new Error());
            widget.options = { microphone: false, token };
            await widget.start();
            widget.call.conversation.handlers.tell({ type: "connection.changed", state: "error", problem: { kind } });
            await new Promise((resolve) => setTimeout(resolve));
            while (notice.hidden) await new Promise(requestAnimationFrame);
            told.push(notice.textContent);
          }
          return told;
        }""",
        [language, KINDS],
    )
    assert len(set(told)) == len(KINDS) + 1
    do = {"en": "[Pp]ress Start|Reload", "ru": "[Нн]ажмите|Обновите"}[language]
    assert [words for words in told if not re.search(do, words)] == []


async def test_a_notice_goes_when_what_it_tells_of_is_mended(shop: Page, server: ScriptedServer) -> None:
    await begin(shop)
    notice = shop.get_by_role("alert")
    tell = "(event) => void widget.call.conversation.handlers.tell(event)"
    await shop.get_by_label("Type a message").evaluate("(field) => (field.value = 'x'.repeat(300000))")
    await shop.get_by_label("Type a message").press("Enter")
    await expect(notice).to_have_text("The message is too long. Make it shorter.")
    await shop.get_by_label("Type a message").fill("short")
    await shop.keyboard.press("Enter")
    await expect(notice).to_be_hidden()
    for trouble, words, mended in (
        ({"type": "speaker.blocked", "is_blocked": True}, "Click or tap", {"type": "speaker.blocked"}),
        ({"type": "connection.expiring"}, "ends soon", {"type": "connection.renewed"}),
        ({"type": "connection.fallback"}, "another way", {"type": "assistant.completed"}),
        (
            {"type": "microphone.changed", "problem": {"kind": "microphone_gone"}},
            "gone",
            {"type": "microphone.changed"},
        ),
    ):
        await shop.evaluate(tell, trouble)
        await expect(notice).to_contain_text(words)
        await shop.evaluate(tell, {"type": "connection.changed", "state": "connected"})
        await shop.evaluate(tell, {"type": "connection.steady"})
        await expect(notice).to_contain_text(words)
        await shop.evaluate(tell, mended)
        await expect(notice).to_be_hidden()


async def test_russian_is_fetched_by_those_who_speak_it(shop: Page) -> None:
    asked: list[str] = []
    shop.on("request", lambda request: asked.append(request.url))
    await shop.reload()
    await expect(shop.get_by_role("button", name="Start")).to_be_visible()
    assert not any("element-words" in url for url in asked)
    await shop.evaluate("document.querySelector('antiphon-call').setAttribute('language', 'ru')")
    await expect(shop.get_by_role("button", name="Начать")).to_be_visible()
    assert any("element-words-ru" in url for url in asked)


async def test_without_its_russian_words_it_speaks_english(shop: Page) -> None:
    await shop.route("**/element-words-ru.js", lambda route: route.abort())
    await shop.evaluate("widget.setAttribute('language', 'ru')")
    await expect(shop.get_by_role("button", name="Start")).to_be_visible()


async def test_both_languages_have_the_same_words(shop: Page) -> None:
    russian = await shop.evaluate("import('/element-words-ru.js').then(({ RUSSIAN }) => Object.keys(RUSSIAN))")
    source = (files("antiphon") / "web" / "antiphon-call.js").read_text("utf-8")
    english = source.partition("const ENGLISH = {")[2].partition("\n};")[0]
    assert re.findall(r"^  (\w+): ", english, re.MULTILINE) == russian
