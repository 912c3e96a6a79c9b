"""`<antiphon-call>` on somebody's page, under a strict content security policy."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
