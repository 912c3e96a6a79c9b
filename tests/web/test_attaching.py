"""How a photo comes into the message box, by its menu, pasted or dropped, and how it stays there until it is sent."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from web.calling import until
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Given as [type, base64] of each file, and words or null. Returns whether the page took the event over.
CARRY = """
const carried = ([files, words]) => {
  const data = new DataTransfer();
  for (const [type, bytes] of files) {
    data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], "a file", { type }));
  }
  if (words) data.setData("text/plain", words);
  return data;
};
"""
DRAG = f"""([kind, ...what]) => {{ {CARRY}
  const options = {{ bubbles: true, cancelable: true, dataTransfer: carried(what) }};
  return !document.getElementById("text").dispatchEvent(new DragEvent(kind, options));
}}"""
PASTE = f"""(what) => {{ {CARRY}
  const options = {{ bubbles: true, cancelable: true, clipboardData: carried(what) }};
  return !document.getElementById("text").dispatchEvent(new ClipboardEvent("paste", options));
}}"""
COPY = """async ([bytes, words]) => {
  const png = new Blob([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], { type: "image/png" });
  const text = words ? { "text/plain": new Blob([words], { type: "text/plain" }) } : {};
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png, ...text })]);
}"""
SLOW = """() => {
  const { toBlob } = HTMLCanvasElement.prototype;
  const { readAsDataURL } = FileReader.prototype;
  window.release = null;
  window.isEncoded = false;
  HTMLCanvasElement.prototype.toBlob = function (...all) { window.release = () => toBlob.apply(this, all); };
  FileReader.prototype.readAsDataURL = function (blob) {
    this.addEventListener("loadend", () => setTimeout(() => (window.isEncoded = true)));
    readAsDataURL.call(this, blob);
  };
}"""
FIRST_IS_SLOW = """() => {
  const own = window.createImageBitmap;
  window.createImageBitmap = async (...all) => {
    window.createImageBitmap = own;
    await new Promise((resolve) => (window.release = resolve));
    const made = await own(...all);
    setTimeout(() => (window.isRead = true));
    return made;
  };
}"""


def picture(colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "PNG")
    return out.getvalue()


def text_of(file: bytes) -> str:
    return base64.b64encode(file).decode()


PNG = ["image/png", text_of(picture())]
PDF = ["application/pdf", text_of(b"%PDF-1.7")]
UNREADABLE = "This file is not a picture"


def upload(colour: str = "teal") -> Any:
    return {"name": "a.png", "mimeType": "image/png", "buffer": picture(colour)}


# ── the menu ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_photo_menu_is_used_by_keyboard(page: Page) -> None:
    button, menu = page.locator("#photo"), page.get_by_role("menu")
    await expect(button).to_have_attribute("aria-haspopup", "menu")
    await expect(button).to_have_attribute("aria-expanded", "false")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(menu).to_be_visible()
    await expect(button).to_have_attribute("aria-expanded", "true")
    choose = menu.get_by_role("menuitem", name="Choose a picture")
    camera = menu.get_by_role("menuitem", name="Use the camera")
    await expect(choose).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(camera).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(choose).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(camera).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await expect(button).to_be_focused()
    await expect(button).to_have_attribute("aria-expanded", "false")


async def test_tab_leaves_the_photo_menu_for_what_follows_its_button(page: Page) -> None:
    await page.focus("#photo")
    await page.keyboard.press("Enter")
    await expect(page.locator("#photo-choose")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#photo-menu")).to_be_hidden()
    await expect(page.locator("#text")).to_be_focused()


async def test_a_second_tap_on_the_button_closes_the_menu(page: Page) -> None:
    await page.click("#photo")
    await expect(page.locator("#photo-menu")).to_be_visible()
    await page.click("#photo")
    await expect(page.locator("#photo-menu")).to_be_hidden()


async def test_a_phone_has_the_choice_too(browser: Browser, server: ScriptedServer) -> None:
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    page = await context.new_page()
    await page.goto(server.base_url)
    assert await page.evaluate('matchMedia("(pointer: coarse)").matches')
    await page.tap("#photo")
    for item in ("#photo-choose", "#photo-camera"):
        await expect(page.locator(item)).to_be_visible()
        box = await page.locator(item).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    async with page.expect_file_chooser():
        await page.tap("#photo-choose")
    await expect(page.locator("#photo-menu")).to_be_hidden()
    await context.close()


async def test_without_a_camera_to_ask_for_the_button_chooses_a_picture(page: Page) -> None:
    await page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    async with page.expect_file_chooser():
        await page.click("#photo")


# ── pasted ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_picture_is_pasted(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.evaluate(COPY, [text_of(picture()), ""])
    await page.focus("#text")
    await page.keyboard.press("ControlOrMeta+v")
    await expect(page.locator("#attached")).to_be_visible()


async def test_words_that_bring_a_picture_of_themselves_are_pasted_as_words(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.evaluate(COPY, [text_of(picture()), "from a letter"])
    await page.focus("#text")
    await page.keyboard.press("ControlOrMeta+v")
    await expect(page.locator("#text")).to_have_value("from a letter")
    await expect(page.locator("#attached")).to_be_hidden()


async def test_a_pasted_file_that_is_no_picture_is_told(page: Page) -> None:
    assert await page.evaluate(PASTE, [[PDF], None])
    await expect(page.locator("#notice-words")).to_contain_text(UNREADABLE)


async def test_of_two_pictures_the_later_one_stays_however_long_the_first_takes(page: Page) -> None:
    await page.evaluate(FIRST_IS_SLOW)
    await page.evaluate(PASTE, [[["image/png", text_of(picture("red"))]], None])
    await until(page, "window.release !== undefined")
    await page.evaluate(PASTE, [[["image/png", text_of(picture("blue"))]], None])
    await expect(page.locator("#attached")).to_be_visible()
    await page.evaluate("release()")
    await until(page, "window.isRead")
    shown = "document.getElementById('attached-picture').getContext('2d').getImageData(5, 5, 1, 1).data"
    assert await page.evaluate(f"[...{shown}]") == [0, 0, 255, 255]


# ── dropped ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_picture_is_dropped_and_the_page_shows_where_it_goes(page: Page) -> None:
    composer = page.locator("#composer")
    assert await page.evaluate(DRAG, ["dragover", [PNG], None])
    await expect(composer).to_have_css("outline-style", "solid")
    assert await page.evaluate(DRAG, ["drop", [PNG], None])
    await expect(page.locator("#attached")).to_be_visible()
    await expect(composer).to_have_css("outline-style", "none")


async def test_a_file_that_leaves_the_window_again_leaves_no_trace(page: Page) -> None:
    await page.evaluate(DRAG, ["dragover", [PNG], None])
    await expect(page.locator("#composer")).to_have_css("outline-style", "solid")
    await page.evaluate(DRAG, ["dragleave", [PNG], None])
    await expect(page.locator("#composer")).to_have_css("outline-style", "none")


@pytest.mark.parametrize("kind", ["dragover", "drop"])
async def test_dropped_words_are_left_to_the_browser(page: Page, kind: str) -> None:
    assert not await page.evaluate(DRAG, [kind, [], "some words"])
    await expect(page.locator("#composer")).to_have_css("outline-style", "none")


async def test_a_dropped_file_that_is_no_picture_is_told(page: Page) -> None:
    assert await page.evaluate(DRAG, ["drop", [PDF], None])
    await expect(page.locator("#notice-words")).to_contain_text(UNREADABLE)


# ── kept until it is sent ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_photo_stays_when_the_call_ends_while_it_is_made_small(page: Page, server: ScriptedServer) -> None:
    await page.click("#start")
    await expect(page.locator("#line-word")).to_have_text("connected")
    await page.set_input_files("#photo-file", files=[upload()])
    await expect(page.locator("#attached")).to_be_visible()
    await page.evaluate(SLOW)
    await page.fill("#text", "What is it?")
    await page.click("#send")
    await until(page, "release !== null")
    await page.click("#call")
    await expect(page.locator("#line-word")).to_have_text("offline")
    await page.evaluate("release()")
    await until(page, "isEncoded")
    await expect(page.locator("#attached")).to_be_visible()
    await expect(page.locator("#text")).to_have_value("What is it?")


async def test_encoding_keeps_the_photo_and_takes_the_one_that_replaced_it(page: Page) -> None:
    """The page's own box, held a second time: `encode` leaves it as it is, `clear` empties it."""
    await page.evaluate(
        """async () => {
          const { Attachment } = await import("/attachment.js");
          window.box = new Attachment({ onChange: () => {}, onProblem: (key) => (window.problem = key) });
        }"""
    )
    await page.evaluate(SLOW)
    take = "async (bytes) => box.take(new Blob([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))]))"
    await page.evaluate(take, text_of(picture("red")))
    await page.evaluate("void box.encode(200_000).then((url) => (window.url = url))")
    await until(page, "release !== null")
    await page.evaluate(take, text_of(picture("blue")))
    await page.evaluate("{ const first = release; window.release = null; first(); }")
    await until(page, "window.url !== undefined || release !== null")
    await page.evaluate("release?.()")
    await until(page, "window.url !== undefined")
    url = await page.evaluate("url")
    red, _, blue = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).getpixel((20, 20))  # type: ignore[misc]
    assert blue > 200 > red
    assert await page.evaluate("box.isEmpty") is False
    await page.evaluate("box.clear()")
    assert await page.evaluate("box.isEmpty") is True
    assert await page.evaluate("window.problem") is None
