"""`<antiphon-call>` on somebody's page, in Firefox and WebKit, under the page's own content security policy."""

from __future__ import annotations

import pytest
import pytest_asyncio

from browsers.other_side import TRANSPORT, OtherSide
from browsers.tab import Tab
from web.scripted_peer import ScriptedServer
from web.wire import answer_begins, answer_ends, cancelled, delta, heard, said

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WATCH = """() => {
  window.widget = document.querySelector("antiphon-call");
  window.told = [];
  document.querySelector("#around").addEventListener("antiphon", ({ detail }) => void told.push(detail.type));
}"""
ITEMS = "[...widget.shadowRoot.querySelectorAll('[part~=message]')]"


def part(name: str) -> str:
    return f"antiphon-call >>> [part~={name}]"


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tab: Tab, server: ScriptedServer) -> Tab:
    await tab.open(f"{server.base_url}/shop")
    await tab.call("() => customElements.whenDefined('antiphon-call').then(() => null)")
    await tab.call(WATCH)
    return tab


async def begin(shop: Tab, server: ScriptedServer) -> OtherSide:
    await shop.click(part("start"))
    await shop.until("widget.call?.state === 'connected'")
    return OtherSide(shop, server)


async def test_it_calls_shows_what_is_said_and_hangs_up(shop: Tab, server: ScriptedServer) -> None:
    other = await begin(shop, server)
    assert await shop.evaluate("widget.call.transport") == TRANSPORT[shop.browser]
    await other.hears(0.01)
    await other.send(*heard("u1", None), said("u1", "What is the time?"))
    await shop.reads(part("status"), "thinking")
    await other.send(*answer_begins("r1", "a1", "u1"), delta("r1", "a1", "It is "))
    await other.send(*answer_ends("r1", "a1", "u1", "It is noon."))
    await shop.until(f"{ITEMS}.map((item) => item.textContent).join() === 'youWhat is the time?,assistantIt is noon.'")
    await shop.click(part("start"))
    await shop.reads(part("status"), "ended")
    assert {"connection.changed", "user.completed", "assistant.completed"} <= set(await shop.evaluate("told"))


async def test_the_other_voice_is_heard_and_what_was_cut_off_is_struck(shop: Tab, server: ScriptedServer) -> None:
    other = await begin(shop, server)
    await other.answer("This was heard, this was not.")
    await shop.reads(part("status"), "speaking")
    await shop.until("widget.call.levels.output > 0.1")
    await other.send(*cancelled("r1", "a1", None, "This was heard,"))
    await shop.reads("antiphon-call >>> del", "this was not.")


async def test_who_types_first_calls_without_a_microphone(shop: Tab, server: ScriptedServer) -> None:
    await shop.write(part("text"), "hello <b>there</b>")
    await shop.press("Enter")
    await shop.until("widget.call?.state === 'connected'")
    created = await OtherSide(shop, server).expect("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "hello <b>there</b>"}]
    await shop.until(f"{ITEMS}[0]?.textContent === 'youhello <b>there</b>'")
    assert not await shop.evaluate("widget.call.hasMicrophone")


async def test_attributes_set_the_language_and_the_look(shop: Tab) -> None:
    await shop.call(
        """() => {
          widget.setAttribute("language", "ru");
          widget.setAttribute("theme", "dark");
          const sheet = new CSSStyleSheet();
          sheet.insertRule("antiphon-call { --antiphon-them: rgb(1, 2, 3) }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    await shop.reads(part("start"), "Начать")
    look = "(name, property) => getComputedStyle(widget.shadowRoot.querySelector(name))[property]"
    assert await shop.call(look, "[part~=start]", "backgroundColor") == "rgb(1, 2, 3)"
    assert await shop.call(look, ".card", "backgroundColor") == "rgb(17, 19, 24)"
