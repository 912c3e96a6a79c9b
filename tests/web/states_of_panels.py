"""The states of what lies beside and over the call: the side panel, the search, settings, past conversations, keys."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from web.scene import NOW, Scene, State
from web.states_of_calls import choose_turns, conversation
from web.wire import answer_begins, answer_ends, delta, heard, said, sound_begins, sound_ends

SAMPLES = 20
KEEP = """async (conversations) => {
  const { keepConversation } = await import("/archive.js");
  for (const one of conversations) await keepConversation(one);
}"""
PRICED = {"model": "gpt-realtime-2.1", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
USAGE = {
    "input_token_details": {"text_tokens": 310, "audio_tokens": 190, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 60, "audio_tokens": 240},
}


async def open_side(scene: Scene) -> None:
    if await scene.page.locator("#details").is_visible():
        await scene.page.click("#details")
    await expect(scene.page.locator("#side")).to_be_visible()


# ── the side panel ────────────────────────────────────────────────────────────────────────────────────────────────


async def side_panel(scene: Scene) -> None:
    """Four answers with their parts, a line that was watched for a while, and what it cost."""
    scene.server.session = PRICED
    await scene.page.clock.install()
    await scene.connect()
    await scene.call.expect("session.update")
    scene.call.tone.amplitude = 0.3
    await scene.until("antiphon.outputLevel > 0.1")
    previous: str | None = None
    for number, pauses in enumerate([(420, 380, 150), (310, 900, 210), (350, 240, 120), (280, 420, 190)], 1):
        previous = await answered_after(scene, number, pauses, previous)
    await open_side(scene)
    passed = scene.watch_packets(each=6)
    for _ in range(SAMPLES):
        passed.clear()
        await passed.wait()
        await scene.page.clock.fast_forward(2_000)
    await expect(scene.page.locator("#cost")).to_contain_text("$")
    await expect(scene.page.locator("#turns .fall")).not_to_have_count(0)


async def answered_after(scene: Scene, number: int, pauses: tuple[int, int, int], previous: str | None) -> str:
    """A turn whose parts took so many milliseconds: until the words, the first thought, the first sound."""
    asked, told, response = f"u{number}", f"a{number}", f"r{number}"
    words, thought, voice = pauses
    question = scene.words(f"Question {number}: which ferry?", f"Вопрос {number}: какой паром?")
    answer = scene.words(f"Answer {number}: the next one.", f"Ответ {number}: ближайший.")
    scene.call.send(*heard(asked, previous))
    await scene.until("antiphon.state === 'thinking'")
    await scene.pass_time(words)
    recognized = {**said(asked, question), "usage": None}  # or the price would be unknown
    await scene.send(recognized, *answer_begins(response, told, asked))
    await scene.pass_time(thought)
    await scene.send(delta(response, told, answer))
    await scene.pass_time(voice)
    scene.call.send(sound_begins(response))
    await scene.until(f"antiphon.answers.length === {number}")
    *ends, done = answer_ends(response, told, asked, answer)
    scene.call.send(*ends, {**done, "response": {**done["response"], "usage": USAGE}}, sound_ends(response))
    await scene.until("antiphon.state === 'listening'")
    return told


async def side_panel_at_first(scene: Scene) -> None:
    """Opened in a call in which nothing was said yet."""
    await scene.connect()
    await open_side(scene)


async def search(scene: Scene) -> None:
    await conversation(scene)
    await scene.page.locator("body").press("f")
    await scene.page.keyboard.type(scene.words("the", "на"))
    await scene.until("/^[0-9]+\\/[1-9]/.test(document.getElementById('find-count').textContent)")


async def search_in_vain(scene: Scene) -> None:
    await conversation(scene)
    await scene.page.locator("body").press("f")
    await scene.page.keyboard.type("zzz")
    await expect(scene.page.locator("#find-count")).not_to_be_empty()


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def settings(scene: Scene) -> None:
    await scene.page.click("#settings-open")
    await expect(scene.page.locator("#settings")).to_be_visible()
    await expect(scene.page.locator('select[name="microphone"] option').nth(1)).to_be_attached()


async def settings_end(scene: Scene) -> None:
    await settings(scene)
    await scene.page.locator("#settings-form").evaluate("(form) => form.scrollTo(0, form.scrollHeight)")


async def settings_by_pauses(scene: Scene) -> None:
    await turns_chosen(scene, "server_vad")


async def settings_by_meaning(scene: Scene) -> None:
    await turns_chosen(scene, "semantic_vad")


async def settings_by_hand(scene: Scene) -> None:
    await turns_chosen(scene, "push_to_talk")


async def turns_chosen(scene: Scene, kind: str) -> None:
    await settings(scene)
    choice = scene.page.locator(f'input[name="turns"][value="{kind}"]')
    await choice.check()
    await expect(choice).to_be_checked()
    await scene.page.locator("#settings-form").evaluate("(form, top) => form.scrollTo(0, top)", 560)


async def settings_not_followed(scene: Scene) -> None:
    """Chosen in a call; this server's turns are its own business."""
    await scene.connect()
    await choose_turns(scene, "semantic_vad")
    warning = scene.page.locator(".choice .field-warning")
    await expect(warning).to_be_visible()
    await warning.scroll_into_view_if_needed()


# ── past conversations ────────────────────────────────────────────────────────────────────────────────────────────


def kept_conversations(scene: Scene) -> list[dict[str, Any]]:
    """Four, as the page would have kept them."""
    began = NOW * 1000
    words = scene.words
    firsts = [
        words("Where is the harbour?", "Где находится гавань?"),
        words(
            "Read me the whole timetable of the ferries, with every stop on the way, and the prices for two people",
            "Прочитай мне всё расписание паромов со всеми остановками по пути и с ценами на двух человек",
        ),
        words("Good morning", "Доброе утро"),
        words("What is two and five?", "Сколько будет два и пять?"),
    ]
    answer = words("Behind the Old Harbour Inn, ten minutes from here.", "За старой гостиницей, в десяти минутах.")
    tool = {"name": "ferry_times", "arguments": '{"day": "Sunday"}', "output": "09:10, 13:45, 18:30"}
    common = {"heard": None, "image": None, "tool": None}
    entries = [
        {**common, "role": "assistant", "text": "", "tool": tool},
        {**common, "role": "assistant", "text": answer},
        {**common, "role": "user", "text": words("Thank you, that is enough.", "Спасибо, достаточно.")},
        {**common, "role": "assistant", "text": answer, "heard": answer[:24]},
    ]
    return [
        {
            "id": f"kept-{number}",
            "startedAt": began - number * 93_000_000,
            "endedAt": began - number * 93_000_000 + 61_000 * (number + 1),
            "entries": [{**common, "role": "user", "text": first}, *entries],
        }
        for number, first in enumerate(firsts)
    ]


async def past(scene: Scene) -> None:
    await scene.page.evaluate(KEEP, kept_conversations(scene))
    await scene.page.click("#past-open")
    await expect(scene.page.locator(".past-one")).to_have_count(4)


async def past_opened(scene: Scene) -> None:
    await past(scene)
    await scene.page.locator(".past-one").first.click()
    await expect(scene.page.locator(".past-words")).to_be_visible()


async def past_empty(scene: Scene) -> None:
    await scene.page.click("#past-open")
    await expect(scene.page.locator(".past-none")).to_be_visible()


async def keys(scene: Scene) -> None:
    await scene.page.keyboard.press("?")
    await expect(scene.page.locator("#keys")).to_be_visible()


STATES = (
    State("side-panel", side_panel, alone=True, matters=True),
    State("side-panel-at-first", side_panel_at_first),
    State("search", search, fits=False),
    State("search-in-vain", search_in_vain, fits=False),
    State("settings", settings, matters=True),
    State("settings-end", settings_end, fits=False),
    State("settings-by-pauses", settings_by_pauses, fits=False),
    State("settings-by-meaning", settings_by_meaning, fits=False),
    State("settings-by-hand", settings_by_hand, fits=False),
    State("settings-not-followed", settings_not_followed, fits=False),
    State("past", past, matters=True),
    State("past-opened", past_opened),
    State("past-empty", past_empty),
    State("keys", keys),
)
