"""The page's words: each one in each language, and each one that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from antiphon.server.page_texts import packaged_page
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WEB: Path = packaged_page()
HTML = (WEB / "index.html").read_text()
OF_ITS_OWN = "antiphon-call.js"  # the widget brings its few words along
SCRIPTS = {file.name: file.read_text() for file in sorted(WEB.glob("*.js")) if file.name != OF_ITS_OWN}


async def all_words(page: Page, language: str = "en") -> dict[str, str]:
    """The words with which the page opens, then those of calls and sheets."""
    files = f'[import("/words-{language}.js"), import("/words-more-{language}.js")]'
    words: dict[str, str] = await page.evaluate(
        f"async () => Object.assign({{}}, ...(await Promise.all({files})).map(({{ WORDS }}) => WORDS))"
    )
    return words


async def test_every_word_is_there_in_every_language_in_the_same_order(page: Page) -> None:
    english, russian = await all_words(page), await all_words(page, "ru")
    assert list(english) == list(russian)
    assert all(text.strip() for text in (*english.values(), *russian.values()))


async def test_a_language_that_cannot_be_fetched_is_not_spoken(page: Page) -> None:
    await page.route("**/words-ru.js", lambda route: route.abort())
    await page.click("#language")
    await expect(page.locator("#notice-words")).to_contain_text("The server does not answer.")
    assert await page.inner_text("#start") == "Start"


async def test_every_word_that_the_page_names_exists(page: Page) -> None:
    words = await all_words(page)
    named = set(re.findall(r'data-(?:word|label|placeholder)="(\w+)"', HTML))
    for script in SCRIPTS.values():
        named |= set(re.findall(r'word\("(\w+)"\)', script))
        named |= set(re.findall(r'(?:kind|key): "(\w+)"', script)) - {
            "message",
            "tool",
            "hidden",
            "note",
            "spoken",
            "typed",
            "added",
        }
        named |= set(re.findall(r'PhotoError\("(\w+)"\)', script))
        named |= set(re.findall(r'return "((?:microphone|phase|server)_\w+)"', script))
    assert len(named) > 60
    assert named - set(words) == set()


async def test_every_id_that_a_script_looks_up_is_in_the_page() -> None:
    for name, script in SCRIPTS.items():
        for wanted in re.findall(r'byId\("([\w-]+)"\)', script):
            assert f'id="{wanted}"' in HTML, f"{name}: #{wanted}"


async def test_a_russian_browser_gets_a_russian_page_and_may_change_it(
    browser: Browser, server: ScriptedServer
) -> None:
    context = await browser.new_context(locale="ru-RU")
    page = await context.new_page()
    await page.goto(server.base_url)
    start = page.locator("#start")
    await expect(start).to_have_text("Начать")
    assert await page.get_attribute("html", "lang") == "ru"
    await page.click("#language")
    await expect(start).to_have_text("Start")
    await page.reload()
    await expect(start).to_have_text("Start")
    await context.close()
