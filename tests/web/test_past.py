"""Past conversations: how they are kept on the device, read again, and deleted by who means it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from web.calling import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHOTO = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
OTHER = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="

CALL = """async ([name, ...given]) => (await import("/archive.js"))[name](...given)"""
# What the first version of the page wrote.
OLD = """async (conversations) => {
  const database = await new Promise((resolve) => {
    const request = indexedDB.open("antiphon", 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("conversations", { keyPath: "id" }).createIndex("startedAt", "startedAt");
    request.onsuccess = () => resolve(request.result);
  });
  const transaction = database.transaction("conversations", "readwrite");
  for (const one of conversations) transaction.objectStore("conversations").put(one);
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  database.close();
}"""
WATCH = """() => {
  window.written = [];
  window.read = [];
  const { put, get, getAll } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function (...all) {
    written.push([this.name, JSON.stringify(all[0]).length]);
    return put.apply(this, all);
  };
  for (const [name, own] of Object.entries({ get, getAll })) {
    IDBObjectStore.prototype[name] = function (...all) { read.push(this.name); return own.apply(this, all); };
  }
  const { getAll: indexGetAll, openCursor } = IDBIndex.prototype;
  for (const [name, own] of Object.entries({ getAll: indexGetAll, openCursor })) {
    IDBIndex.prototype[name] = function (...all) { read.push(this.objectStore.name); return own.apply(this, all); };
  }
}"""


def entry(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "text": text, "heard": None, "image": None, "tool": None, **more}


def conversation(number: int = 1, *entries: dict[str, Any]) -> dict[str, Any]:
    said = entries or (entry("user", f"Question {number}?"), entry("assistant", "Here is the answer."))
    return {"id": f"talk-{number}", "startedAt": number * 1000, "endedAt": number * 1000 + 500, "entries": list(said)}


async def archive(page: Page, name: str, *given: Any) -> Any:
    return await page.evaluate(CALL, [name, *given])


async def read_first(page: Page) -> None:
    await page.click("#past-open")
    await page.locator(".past-one").first.click()
    await expect(page.locator(".past-words")).to_be_visible()


# ── how they are kept ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_kept_is_read_as_it_was(page: Page) -> None:
    said = conversation(
        1,
        entry("user", "What is this?", image=PHOTO),
        entry("user", "And this?", image=OTHER),
        entry("user", "And once more", image=PHOTO),
        entry("assistant", "A lamp on a desk.", heard="A lamp", is_interrupted=True),
        entry("note", "The call has ended."),
    )
    await archive(page, "keepConversation", said)
    assert await archive(page, "pastConversation", "talk-1") == said
    assert await archive(page, "pastConversation", "another") is None


async def test_a_picture_is_written_once_however_often_the_conversation_is(page: Page) -> None:
    await page.evaluate(WATCH)
    said = [entry("user", "What is this?", image=PHOTO)]
    await archive(page, "keepConversation", conversation(1, *said))
    said.append(entry("assistant", "A lamp."))
    await archive(page, "keepConversation", conversation(1, *said))
    written = await page.evaluate("written")
    assert [name for name, _ in written] == ["pictures", "conversations", "conversations"]
    await archive(page, "keepConversation", conversation(1, *said, entry("user", "", image=OTHER)))
    assert [entry["image"] for entry in (await archive(page, "pastConversation", "talk-1"))["entries"]] == [
        PHOTO,
        None,
        OTHER,
    ]


async def test_a_picture_that_was_deleted_meanwhile_is_written_again(page: Page) -> None:
    said = conversation(1, entry("user", "What is this?", image=PHOTO))
    await archive(page, "keepConversation", said)
    await archive(page, "forgetAllConversations")
    await archive(page, "keepConversation", said)
    assert await archive(page, "pastConversation", "talk-1") == said


async def test_the_list_reads_no_conversation(page: Page) -> None:
    for number in (1, 3, 2):
        await archive(page, "keepConversation", conversation(number))
    await page.evaluate(WATCH)
    summaries = await archive(page, "pastSummaries")
    assert summaries == [
        {
            "id": f"talk-{number}",
            "startedAt": number * 1000,
            "endedAt": number * 1000 + 500,
            "first": f"Question {number}?",
        }
        for number in (3, 2, 1)
    ]
    assert await page.evaluate("read") == []


async def test_the_oldest_give_way_with_their_pictures(page: Page) -> None:
    for number in range(1, 103):
        await archive(page, "keepConversation", conversation(number, entry("user", str(number), image=PHOTO)))
    found = [summary["id"] for summary in await archive(page, "pastSummaries")]
    assert found == [f"talk-{number}" for number in range(102, 2, -1)]
    keys = """new Promise((resolve) => {
      const request = indexedDB.open("antiphon");
      request.onsuccess = () => {
        const counted = request.result.transaction("pictures").objectStore("pictures").count();
        counted.onsuccess = () => { request.result.close(); resolve(counted.result); };
      };
    })"""
    assert await page.evaluate(keys) == 100


async def test_conversations_of_an_older_page_stay_readable(page: Page) -> None:
    old = [
        conversation(1, entry("user", "", image=PHOTO), entry("user", "What is it?"), entry("assistant", "A lamp.")),
        conversation(2),
        conversation(3, entry("user", "", image=PHOTO)),
    ]
    await page.evaluate(OLD, old)
    assert [summary["first"] for summary in await archive(page, "pastSummaries")] == ["", "Question 2?", "What is it?"]
    for one in old:
        assert await archive(page, "pastConversation", one["id"]) == one
    await page.click("#past-open")
    await page.get_by_role("button", name="What is it?").click()
    await expect(page.locator(".past-words img")).to_have_attribute("src", PHOTO)


# ── how they are read ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_nobody_said_is_put_into_nobodys_mouth(page: Page) -> None:
    said = [
        entry("system", "Be brief."),
        entry("note", "A new call."),
        entry("user", "Hello"),
        entry("assistant", "Hi"),
    ]
    await archive(page, "keepConversation", conversation(1, *said))
    await read_first(page)
    assert await page.locator(".past-words .note").all_inner_texts() == ["Be brief.", "A new call."]
    assert await page.locator(".past-words .speech-name").all_inner_texts() == ["you", "Antiphon"]


async def test_an_answer_that_was_cut_off_says_so(page: Page) -> None:
    await archive(page, "keepConversation", conversation(1, entry("assistant", "It is", is_interrupted=True)))
    await read_first(page)
    await expect(page.locator(".past-words .speech-aside")).to_have_text("interrupted")


async def test_a_copied_conversation_says_so(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await archive(page, "keepConversation", conversation())
    await read_first(page)
    await page.locator("#past").get_by_role("button", name="Copy").click()
    await expect(page.locator("#past").get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("**you:** Question 1?")


async def test_a_clipboard_that_refuses_is_told(page: Page) -> None:
    refuse = 'navigator.clipboard.writeText = () => Promise.reject(new DOMException("", "NotAllowedError"))'
    await page.evaluate(f"void ({refuse})")
    await archive(page, "keepConversation", conversation())
    await read_first(page)
    await page.locator("#past").get_by_role("button", name="Copy").click()
    await expect(page.locator("#past").get_by_role("status")).to_have_text("The browser did not let this page copy.")


async def test_one_tap_deletes_nothing_and_the_second_leads_back_to_the_list(page: Page) -> None:
    for number in (1, 2):
        await archive(page, "keepConversation", conversation(number))
    await read_first(page)
    await page.get_by_role("button", name="Delete").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Delete? Yes")).to_be_focused()
    assert len(await archive(page, "pastSummaries")) == 2
    await page.keyboard.press("Enter")
    await expect(page.locator(".past-one")).to_have_count(1)
    await expect(page.locator(".past-one")).to_be_focused()
    await until(page, "document.querySelector('.past-first').textContent === 'Question 1?'")


async def test_a_conversation_that_was_deleted_elsewhere_leads_back_to_the_list(page: Page) -> None:
    await archive(page, "keepConversation", conversation())
    await page.click("#past-open")
    await expect(page.locator(".past-one")).to_be_visible()
    await archive(page, "forgetConversation", "talk-1")
    await page.locator(".past-one").click()
    await expect(page.locator("#past-box")).to_contain_text("Nothing yet")
