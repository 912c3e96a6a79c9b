"""A conversation as Markdown says who said what, and shows every word as it was, whatever it is made of."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WRITE = """async (entries) => {
  const { speakIn, speakMore } = await import("/words.js");
  await speakIn("en");
  await speakMore?.(); // where there are more words than those that the page opens with
  return (await import("/written.js")).toMarkdown(entries);
}"""

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "**bold**, _it_, `code`, ~~gone~~, [a](http://b.example), &lt;b&gt;",
    "one\n- two\n# three\n\n    four\n1. five\n---\n===\n| a | b |\n|---|---|",
    "> quoted\n```\nfenced\n```\n<!-- hidden -->",
    "a backslash \\ and \\*one\\* at the end \\",
    "*",
    "~ and ~",
]


def entry(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "text": text, "heard": None, "image": None, "tool": None, **more}


def tool(output: str | None, given: str = '{"day": "Sunday"}') -> dict[str, Any]:
    return entry("assistant", "", tool={"name": "times", "arguments": given, "output": output})


async def markdown(modules: Page, *entries: dict[str, Any]) -> str:
    written: str = await modules.evaluate(WRITE, list(entries))
    return written


def rendered(text: str) -> str:
    renderer = pytest.importorskip("markdown_it", reason="comes with textual, for the terminal")
    shown: str = renderer.MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    return shown


def words_of(shown: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", shown)).split())


def tags_of(shown: str) -> set[str]:
    return set(re.findall(r"<(\w+)", shown))


async def test_ordinary_sentences_stay_as_they_were_said(modules: Page) -> None:
    said = "Well, 5 * 3 = 15 (about 20 %); it's snake_case, a < b & c > d, ~5 minutes. Да: «так», №1!"
    assert await markdown(modules, entry("user", said)) == f"**you:** {said}\n"


async def test_what_nobody_said_is_a_line_of_its_own(modules: Page) -> None:
    assert await markdown(
        modules, entry("system", "Be brief."), entry("user", "Hello"), entry("note", "The call has ended.")
    ) == ("*Be brief.*\n\n**you:** Hello\n\n*The call has ended.*\n")


async def test_an_interrupted_answer_says_so_and_strikes_what_was_not_heard(modules: Page) -> None:
    assert await markdown(
        modules,
        entry("assistant", "A lamp on a desk.", heard="A lamp", is_interrupted=True),
        entry("assistant", "It is", is_interrupted=True),
    ) == ("**Antiphon:** A lamp ~~on a desk.~~ *(interrupted)*\n\n**Antiphon:** It is *(interrupted)*\n")


async def test_an_entry_of_an_older_page_is_written_as_well(modules: Page) -> None:
    assert await markdown(modules, entry("user", "Look", image="data:image/png;base64,")) == (
        "**you:** *[Your photo]* Look\n"
    )


@pytest.mark.parametrize("role", ["user", "system", "unheard"])
@pytest.mark.parametrize("said", HOSTILE)
async def test_whatever_is_said_is_shown_as_it_was_said(modules: Page, said: str, role: str) -> None:
    if role == "unheard":
        written = await markdown(modules, entry("assistant", f"Yes. {said}", heard="Yes."))
    else:
        written = await markdown(modules, entry(role, said))
    assert "<img" not in written
    shown = rendered(written)
    assert words_of(shown).removeprefix("you: ").removeprefix("Antiphon: Yes. ") == " ".join(said.split())
    assert tags_of(shown) <= {"p", "strong", "br", {"user": "p", "system": "em", "unheard": "s"}[role]}


async def test_a_tool_is_a_quotation_with_its_call_and_its_result(modules: Page) -> None:
    assert await markdown(modules, tool("09:10"), tool(None)) == (
        '> `times({"day": "Sunday"})` → `09:10`\n\n> `times({"day": "Sunday"})`\n'
    )
    assert await markdown(modules, tool("", "{\n  1\n}")) == '> `times({ 1 })` → `""`\n'


@pytest.mark.parametrize("output", ["a `b` and ``c``", "`", "```\n<img src=x>\n````", "one\n\ntwo\r\nthree", "</pre>"])
async def test_a_tools_result_stays_inside_its_code(modules: Page, output: str) -> None:
    shown = rendered(await markdown(modules, tool(output), entry("user", "Thank you")))
    assert tags_of(shown) <= {"blockquote", "p", "pre", "code", "strong"}
    *_, shown_output = re.findall(r"<code>(.*?)</code>", shown, re.DOTALL)
    assert words_of(shown_output) == " ".join(output.split())
    assert words_of(shown).endswith("you: Thank you")
