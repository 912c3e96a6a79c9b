"""The page around a call, in Firefox and WebKit: words, languages, layout, and what is opened and kept in it."""

from __future__ import annotations

import pytest

from browsers.other_side import begin
from browsers.running import Browsers, open_page
from browsers.tab import Tab
from web.scripted_peer import ABOUT, ScriptedServer
from web.wire import answer_begins, answer_ends, delta, heard, said

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
OVERFLOW = """Math.max(document.documentElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll("#transcript, .foot, .top")].map((part) => part.scrollWidth - part.clientWidth))"""
COMPLAIN = """() => {
  console.error("of its own");
  setTimeout(() => {
    window.isThrown = true;
    throw new Error("thrown");
  });
  const script = document.createElement("script");
  script.textContent = "window.isForbidden = true";
  document.head.append(script);
}"""


async def talk(page: Tab, server: ScriptedServer) -> None:
    await page.resize(1280, 800)
    other = await begin(page, server)
    await other.send(
        *heard("u1", None),
        said("u1", "Where is the harbour?"),
        *answer_begins("r1", "a1", "u1"),
        delta("r1", "a1", "The harbour is behind the Old Harbour Inn."),
        *answer_ends("r1", "a1", "u1", "The harbour is behind the Old Harbour Inn."),
    )
    await page.until(
        "antiphon.transcript[1]?.status === 'done' && document.querySelectorAll('.speech-text').length === 2"
    )


async def test_the_page_opens_and_says_what_answers(page: Tab) -> None:
    assert await page.evaluate("document.title") == "Antiphon"
    await page.reads("#start", "Start")
    await page.reads(".lede", "Press start and speak. Or type.")
    await page.resize(1280, 800)
    await page.until(
        f"document.querySelector('#about [data-stage=model]')?.textContent.includes({ABOUT['model']['summary']!r})"
    )
    assert await page.evaluate("antiphon.state") == "idle"


@pytest.mark.parametrize("browser", ["firefox", "webkit"])
async def test_what_a_page_complains_of_reaches_the_test(
    browsers: Browsers, server: ScriptedServer, browser: str
) -> None:
    async with browsers.tab(browser) as tab:
        await open_page(tab, server.base_url)
        await tab.call(COMPLAIN)
        await tab.until("window.isThrown")
        told = "\n".join(await tab.complaints()).lower()
        assert not await tab.evaluate("'isForbidden' in window")
    for complaint in ("of its own", "thrown", "content security policy"):
        assert complaint in told


async def test_the_page_speaks_russian_and_goes_on_doing_so(page: Tab, server: ScriptedServer) -> None:
    await page.click("#language")
    await page.reads("#start", "Начать")
    assert await page.evaluate("document.documentElement.lang") == "ru"
    await open_page(page, server.base_url)
    await page.reads("#start", "Начать")
    await begin(page, server)
    await page.reads("#line-word", "на связи")


async def test_a_russian_firefox_gets_a_russian_page(browsers: Browsers, server: ScriptedServer) -> None:
    async with browsers.tab("firefox", language="ru-RU") as page:
        await open_page(page, server.base_url)
        await page.reads("#start", "Начать")
        assert await page.evaluate("document.documentElement.lang") == "ru"
        assert await page.complaints() == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
async def test_nothing_scrolls_sideways(page: Tab, server: ScriptedServer, width: int, height: int) -> None:
    await page.resize(width, height)
    assert await page.evaluate(OVERFLOW) <= 0
    other = await begin(page, server)
    await other.send(*heard("u1", None), said("u1", LONG))
    await page.until(f"document.querySelector('.speech-text')?.innerText.length >= {len(LONG)}")
    assert await page.evaluate(OVERFLOW) <= 0


async def test_settings_open_by_key_and_are_kept(page: Tab, server: ScriptedServer) -> None:
    await page.press(",")
    await page.click('#settings input[name="turns"][value="push_to_talk"]')
    await page.press("Escape")
    await page.until("!document.querySelector('#settings').open")
    await open_page(page, server.base_url)
    await page.click("#settings-open")
    await page.until("document.querySelector('#settings').open")
    await page.until("""document.querySelector('#settings input[name="turns"][value="push_to_talk"]')?.checked""")
    await page.click("#settings .sheet-head button")
    other = await begin(page, server)
    assert (await other.expect("session.update"))["session"]["audio"]["input"]["turn_detection"] is None
    await page.reads("#hold", "Hold to talk")


async def test_words_are_found_in_the_conversation(page: Tab, server: ScriptedServer) -> None:
    await talk(page, server)
    await page.press("f")
    await page.until("document.activeElement.id === 'find'")
    await page.press(*"HARBOUR")
    await page.reads("#find-count", "3/3")
    await page.press("Enter")
    await page.reads("#find-count", "2/3")
    assert await page.evaluate("CSS.highlights.get('found').size + CSS.highlights.get('found-now').size") == 3


async def test_a_past_conversation_can_be_read_and_forgotten(page: Tab, server: ScriptedServer) -> None:
    await talk(page, server)
    await page.click("#call")
    await page.until("antiphon.state === 'ended'")
    await page.click("#past-open")
    await page.until("document.querySelector('#past-box').textContent.includes('Where is the harbour?')")
    await open_page(page, server.base_url)
    await page.click("#past-open")
    await page.click("#past-box button")
    await page.until("document.querySelector('#past-box').textContent.includes('behind the Old Harbour Inn')")
    await page.click("#past-box button :: Delete")
    await page.click("#past-box button :: Delete? Yes")
    await page.until("document.querySelector('#past-box').textContent.includes('Nothing yet')")


async def test_the_page_is_kept_for_when_there_is_no_server(page: Tab) -> None:
    await page.call("() => navigator.serviceWorker.ready.then(() => null)")
    await page.until("navigator.serviceWorker.controller?.state === 'activated'")
