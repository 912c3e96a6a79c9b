"""What a person chooses about a call: kept on the device, asked of the session, told when the server does otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from web.calling import until
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IMPORT = 'const { changeOf, notFollowed, sessionOf, settingsFrom, usualSettings } = await import("/settings.js");'

KEEP = """async () => {
  const { keepConversation } = await import("/archive.js");
  await keepConversation({ id: "one", startedAt: 1, endedAt: 2, entries: [] });
}"""
COUNT = 'import("/archive.js").then(async ({ pastSummaries }) => (await pastSummaries()).length)'


async def session_of(modules: Page, **chosen: Any) -> dict[str, Any]:
    session: dict[str, Any] = await modules.evaluate(
        f"async (chosen) => {{ {IMPORT} return sessionOf(settingsFrom(chosen)); }}", chosen
    )
    return session


async def change_of(modules: Page, before: dict[str, Any], now: dict[str, Any], original: dict[str, Any]) -> Any:
    return await modules.evaluate(
        f"""async ([before, now, original]) => {{ {IMPORT}
          return changeOf(settingsFrom(now), settingsFrom(before), original); }}""",
        [before, now, original],
    )


async def test_nothing_chosen_leaves_everything_but_the_transcript_to_the_server(modules: Page) -> None:
    session = await session_of(modules)
    assert session == {
        "type": "realtime",
        "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
    }


async def test_what_is_chosen_is_asked_for_in_the_protocols_own_places(modules: Page) -> None:
    session = await session_of(
        modules, voice="sage", speed=1.25, instructions="Be brief.", turns="server_vad", silenceMs=700, language="ru"
    )
    assert session["audio"]["output"] == {"voice": "sage", "speed": 1.25}
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 700,
    }
    assert session["audio"]["input"]["transcription"]["language"] == "ru"
    assert "output_modalities" not in session


async def test_push_to_talk_is_no_turn_detection_and_text_only_is_one_modality(modules: Page) -> None:
    session = await session_of(modules, turns="push_to_talk", isTextOnly=True)
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["output_modalities"] == ["text"]


async def test_meaning_goes_with_its_eagerness(modules: Page) -> None:
    session = await session_of(modules, turns="semantic_vad", eagerness="high", threshold=0.9)
    assert session["audio"]["input"]["turn_detection"] == {"type": "semantic_vad", "eagerness": "high"}


async def test_what_is_taken_back_returns_to_what_the_server_had(modules: Page) -> None:
    original = {
        "instructions": "Sell shoes.",
        "audio": {
            "input": {"turn_detection": {"type": "semantic_vad"}},
            "output": {"voice": "marin", "speed": 1.0},
        },
    }
    chosen = {"turns": "push_to_talk", "speed": 1.5, "instructions": "Be brief.", "isTextOnly": True}
    change = await change_of(modules, chosen, {}, original)
    assert change["instructions"] == "Sell shoes."
    assert change["output_modalities"] == ["audio"]
    assert change["audio"]["output"] == {"speed": 1.0}
    assert change["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


async def test_a_voice_that_did_not_change_is_not_sent_again(modules: Page) -> None:
    """Servers refuse the whole update once the voice was heard."""
    change = await change_of(modules, {"voice": "sage"}, {"voice": "sage", "speed": 1.2}, {})
    assert change["audio"]["output"] == {"speed": 1.2}


@pytest.mark.parametrize("kept", [None, "broken", [], {"volume": "loud", "turns": "never", "speed": 99, "voice": 3}])
async def test_whatever_was_kept_is_read_without_harm(modules: Page, kept: Any) -> None:
    read = await modules.evaluate(f"async (kept) => {{ {IMPORT} return settingsFrom(kept); }}", kept)
    assert read["volume"] == 1
    assert read["turns"] is None
    assert read["voice"] is None
    assert read["speed"] in (None, 1.5)


async def test_what_the_server_did_otherwise_is_named(modules: Page) -> None:
    applied = {
        "instructions": "Sell shoes.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"turn_detection": {"type": "server_vad"}, "transcription": {}},
            "output": {"voice": "marin", "speed": 1.0},
        },
    }
    named = await modules.evaluate(
        f"""async (applied) => {{ {IMPORT} return notFollowed(settingsFrom({{
          voice: "sage", speed: 1.0, instructions: "Be brief.", turns: "push_to_talk" }}), applied); }}""",
        applied,
    )
    assert named == ["voice", "instructions", "turns"]


async def test_a_choice_is_still_there_after_the_page_was_opened_again(page: Page) -> None:
    await page.click("#settings-open")
    await page.check('input[name="turns"][value="push_to_talk"]')
    await page.select_option('select[name="voice"]', "sage")
    await page.reload()
    await page.click("#settings-open")
    await expect(page.locator('input[name="turns"][value="push_to_talk"]')).to_be_checked()
    await expect(page.locator('select[name="voice"]')).to_have_value("sage")


async def test_everything_can_be_put_back_as_it_was(page: Page) -> None:
    await page.click("#settings-open")
    await page.check('input[name="isTextOnly"]')
    await page.get_by_role("button", name="Reset all settings").click()
    await expect(page.locator('input[name="isTextOnly"]')).not_to_be_checked()
    await page.reload()
    await page.click("#settings-open")
    await expect(page.locator('input[name="isTextOnly"]')).not_to_be_checked()


async def test_the_numbers_of_a_pause_are_offered_only_where_they_count(page: Page) -> None:
    await page.click("#settings-open")
    await expect(page.locator('input[name="silenceMs"]')).to_have_count(0)
    await page.check('input[name="turns"][value="server_vad"]')
    await expect(page.locator('input[name="silenceMs"]')).to_be_visible()


async def test_the_settings_open_and_close_by_keyboard(page: Page) -> None:
    await page.keyboard.press(",")
    await expect(page.locator("#settings")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#settings")).to_be_hidden()


async def test_the_volume_is_heard_while_the_slider_moves_and_kept_when_it_rests(page: Page) -> None:
    await page.click("#settings-open")
    await expect(page.locator('select[name="microphone"] option').nth(1)).to_be_attached()  # the form is drawn again
    slider = page.locator('input[name="volume"]')
    # In one turn of the page's loop: no timer can have come between.
    heard = await slider.evaluate(
        """(slider) => {
          slider.value = "0.25";
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          return document.getElementById("sound").volume;
        }"""
    )
    assert heard == 0.25
    kept = 'JSON.parse(localStorage.getItem("antiphon.settings"))?.volume'
    assert await page.evaluate(f"{kept} ?? null") is None
    await until(page, f"{kept} === 0.25")


async def test_the_chosen_speaker_plays_the_call(page: Page, server: ScriptedServer) -> None:
    await page.click("#start")
    await expect(page.locator("#line-word")).to_have_text("connected")
    await page.click("#settings-open")
    chooser = page.locator('select[name="speaker"]')
    await expect(chooser.locator("option").nth(2)).to_be_attached()
    await chooser.select_option(index=2)
    chosen = await chooser.input_value()
    assert chosen
    await until(page, f"document.getElementById('sound').sinkId === {json.dumps(chosen)}")


async def test_past_conversations_are_deleted_only_by_who_says_yes(page: Page) -> None:
    await page.evaluate(KEEP)
    await page.click("#settings-open")
    button = page.get_by_role("button", name="Delete all past conversations")
    await button.dblclick()
    sure = page.get_by_role("button", name="Delete all of them? Yes")
    await expect(sure).to_be_focused()
    assert await page.evaluate(COUNT) == 1
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Deleted")).to_be_focused()
    assert await page.evaluate(COUNT) == 0


async def test_a_question_that_nobody_answers_is_taken_back(page: Page) -> None:
    await page.clock.install()
    await page.click("#settings-open")
    await page.get_by_role("button", name="Delete all past conversations").click()
    await expect(page.get_by_role("button", name="Delete all of them? Yes")).to_be_visible()
    await page.clock.fast_forward(6_000)
    await expect(page.get_by_role("button", name="Delete all past conversations")).to_be_visible()


async def test_a_browser_that_keeps_nothing_says_so_when_all_is_to_be_deleted(page: Page) -> None:
    await page.evaluate('void (indexedDB.open = () => { throw new DOMException("", "SecurityError"); })')
    await page.click("#settings-open")
    await page.get_by_role("button", name="Delete all past conversations").click()
    await page.get_by_role("button", name="Delete all of them? Yes").click()
    await expect(page.locator("#settings").get_by_role("status")).to_contain_text("This browser keeps nothing here")


async def test_a_slider_has_its_name_and_tells_its_value_as_it_is_shown(page: Page) -> None:
    await page.click("#settings-open")
    slider = page.get_by_role("slider", name="Volume", exact=True)
    await expect(slider).to_have_attribute("aria-valuetext", "100 %")
    await slider.press("ArrowLeft")
    await expect(slider).to_have_attribute("aria-valuetext", "95 %")
    await expect(page.locator(".field", has=slider).locator(".figures")).to_have_text("95 %")
