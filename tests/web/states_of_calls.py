"""The states of a call that goes well, from the page before it to its end. Not here: troubles, panels, other pages."""

from __future__ import annotations

from playwright.async_api import expect

from web.scene import Scene, State, photo
from web.wire import Event, answer_begins, cancelled, delta, heard, response_begins, said, sound_begins


async def before(scene: Scene) -> None:
    await expect(scene.page.locator("#about [data-stage=vision]")).to_be_visible()


async def before_with_advice(scene: Scene) -> None:
    """How the parts that answer can be made better."""
    await before(scene)
    for summary in await scene.page.locator("#about summary").all():
        await summary.click()
    await expect(scene.page.locator("#about [data-stage=model] details p")).to_be_visible()


async def connecting(scene: Scene) -> None:
    scene.server.answers.clear()
    await scene.page.click("#start")
    await scene.server.asked.wait()
    await scene.phase("connecting")


async def microphone_asked(scene: Scene) -> None:
    """A browser without a window answers such a question by itself; this one waits for an answer."""
    await scene.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}); }")
    await scene.page.click("#start")
    await scene.until("antiphon.problem === 'allow_microphone'")


async def connected(scene: Scene) -> None:
    await scene.connect()
    await expect(scene.page.locator("#hint")).to_be_visible()


async def listening(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.phase("listening")
    await scene.until("antiphon.inputLevel > 0.01")  # the browser's own test beep


async def being_heard(scene: Scene) -> None:
    await scene.connect()
    previous = await scene.first_turn()
    started, *_ = heard("u2", previous)
    await scene.send(started, partly_said("u2", scene.words("And how far is it from", "А далеко ли это от")))
    await scene.phase("heard")
    await scene.until("antiphon.inputLevel > 0.01")


def partly_said(item_id: str, text: str) -> Event:
    kind = "conversation.item.input_audio_transcription.delta"
    return {"type": kind, "item_id": item_id, "content_index": 0, "delta": text}


async def asked(scene: Scene) -> None:
    """The caller has said a second thing, and nothing is answered yet."""
    await scene.connect()
    previous = await scene.first_turn()
    words = scene.words("And how far is it from the station?", "А далеко ли это от вокзала?")
    await scene.send(*heard("u2", previous), said("u2", words))


async def thinking(scene: Scene) -> None:
    await asked(scene)
    scene.call.send(response_begins("r2"))
    await scene.phase("thinking")


async def speaking(scene: Scene) -> None:
    await asked(scene)
    words = scene.words(
        "About ten minutes on foot: leave by the south exit, follow the tram line and",
        "Минут десять пешком: выйдите через южный выход, идите вдоль трамвайной линии и",
    )
    await scene.send(*answer_begins("r2", "a2", "u2"), delta("r2", "a2", words), sound_begins("r2"))
    await scene.phase("speaking")
    await scene.hear_the_tone()


async def conversation(scene: Scene) -> None:
    """More than fits: long answers, a list, code, an address, a word without an end."""
    await scene.connect()
    words = scene.words
    last = await scene.first_turn()
    last = await scene.turn(
        2,
        words("Which ferries leave from there on a Sunday?", "Какие паромы ходят оттуда в воскресенье?"),
        words(
            "Three of them:\n• 09:10 to the islands, stopping at Long Pier and Seal Point\n• 13:45 to the fort, only in"
            " good weather\n• 18:30 across the bay and back, with music\n\nTickets are at the kiosk, or at"
            " https://ferries.example/tickets/sunday?from=old-harbour&passengers=2&return=same-day",
            "Три:\n• 09:10 на острова, с остановками у Длинного пирса и на Тюленьем мысу\n• 13:45 к форту, только в"
            " хорошую погоду\n• 18:30 через залив и обратно, с музыкой\n\nБилеты в киоске или на"
            " https://ferries.example/tickets/sunday?from=old-harbour&passengers=2&return=same-day",
        ),
        previous=last,
    )
    last = await scene.turn(
        3,
        words("Write that as a small program, please.", "Запиши это маленькой программой, пожалуйста."),
        'for time, place in [("09:10", "islands"), ("13:45", "fort")]:\n    print(f"{time} → {place}")',
        previous=last,
    )
    await scene.turn(
        4,
        words("And what is the longest word that you know?", "А какое самое длинное слово ты знаешь?"),
        words(
            "Perhaps Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, which is German"
            " for a society of junior officials of a steamship company's electrical works.",
            "Пожалуй, Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, или, если"
            " по-русски, превысокомногорассмотрительствующий.",
        ),
        previous=last,
    )


async def scrolled_up(scene: Scene) -> None:
    await conversation(scene)
    await scene.page.locator("#transcript").evaluate("(list) => list.scrollTo(0, 60)")
    await expect(scene.page.locator("#newest")).to_be_visible()


async def interrupted(scene: Scene) -> None:
    await asked(scene)
    kept = scene.words("About ten minutes on foot: leave by the south", "Минут десять пешком: выйдите через южный")
    rest = scene.words(" exit, follow the tram line and turn left.", " выход, идите вдоль трамвайной линии и налево.")
    await scene.send(
        *answer_begins("r2", "a2", "u2"),
        delta("r2", "a2", kept + rest),
        sound_begins("r2"),
        *cancelled("r2", "a2", "u2", kept),
    )
    await expect(scene.page.locator(".speech-text del")).to_have_text(rest)


async def muted(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.page.click("#mute")
    await scene.microphone("muted")


async def choose_turns(scene: Scene, kind: str) -> None:
    await scene.page.click("#settings-open")
    await scene.page.check(f'input[name="turns"][value="{kind}"]')


async def push_to_talk(scene: Scene) -> None:
    await choose_turns(scene, "push_to_talk")
    await scene.page.keyboard.press("Escape")
    await scene.connect()
    await expect(scene.page.locator("#hold")).to_be_enabled()
    await scene.first_turn()


async def push_to_talk_held(scene: Scene) -> None:
    await push_to_talk(scene)
    await scene.page.hover("#hold")
    await scene.page.mouse.down()
    await scene.microphone("on")


async def sound_off(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.page.click("#sound-switch")
    await scene.until("document.getElementById('sound').muted")


async def text_only(scene: Scene) -> None:
    """Who types first is not asked for a microphone."""
    words = scene.words("Good morning! Which way to the harbour?", "Доброе утро! Как пройти к гавани?")
    await scene.page.fill("#text", words)
    await scene.page.keyboard.press("Enter")
    await scene.line("on")
    created = await scene.call.expect("conversation.item.create")
    await scene.call.expect("response.create")
    answer = scene.words("Down the hill, then left.", "Вниз по холму, потом налево.")
    await scene.send(*answer_begins("r1", "a1", created["item"]["id"]), delta("r1", "a1", answer))
    scene.call.send({"type": "response.done", "response": {"id": "r1", "status": "completed"}})
    await scene.microphone("none")
    await scene.phase("listening")


async def typing(scene: Scene) -> None:
    """Several lines in the message box, in a call."""
    await scene.connect()
    await scene.first_turn()
    line = scene.words("And please tell me, what does the ferry cost?", "И скажите, пожалуйста, сколько стоит паром?")
    await scene.page.fill("#text", "\n".join([line] * 3))


def tool_call(arguments: str) -> Event:
    item = {"id": "t1", "type": "function_call", "name": "ferry_times", "call_id": "c1", "arguments": arguments}
    return {"previous_item_id": "u2", "item": {**item, "status": "completed"}}


async def tool_running(scene: Scene) -> None:
    await asked(scene)
    placed = tool_call('{"from": "Old Harbour", "day": "Sunday", "passengers": 2}')
    scene.call.send(response_begins("r2"), {"type": "conversation.item.added", **placed})
    scene.call.send({"type": "conversation.item.done", **placed})
    await expect(scene.page.locator(".tool-line")).to_contain_text("ferry_times")


def tool_output(output: str) -> Event:
    item = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": output}
    return {"type": "conversation.item.added", "previous_item_id": "t1", "item": item}


async def tool_done(scene: Scene) -> None:
    await tool_running(scene)
    response = {"id": "r2", "status": "completed", "output": []}
    output = '{"ferries": [{"leaves": "09:10", "to": "islands"}, {"leaves": "13:45", "to": "fort"}], "weather": "good"}'
    scene.call.send({"type": "response.done", "response": response}, tool_output(output))
    await expect(scene.page.locator(".tool-time")).to_be_visible()
    words = scene.words("The next one leaves at ten past nine.", "Ближайший отходит в девять десять.")
    await scene.send(*answer_begins("r3", "a3", "o1"), delta("r3", "a3", words), sound_begins("r3"))
    await scene.phase("speaking")


async def tool_opened(scene: Scene) -> None:
    await tool_done(scene)
    await scene.page.click(".tool summary")
    await expect(scene.page.locator(".tool pre").last).to_be_visible()


async def tool_failed(scene: Scene) -> None:
    await tool_running(scene)
    output = '{"error": "The timetable did not answer within 10 s."}'
    response = {"id": "r2", "status": "completed", "output": []}
    scene.call.send({"type": "response.done", "response": response}, tool_output(output))
    await expect(scene.page.locator(".tool-time")).to_be_visible()


async def photo_attached(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.page.set_input_files("#photo-file", files=[photo()])
    await expect(scene.page.locator("#attached")).to_be_visible()


async def photo_sent(scene: Scene) -> None:
    await photo_attached(scene)
    await scene.page.fill("#text", scene.words("What is in this picture?", "Что на этой картинке?"))
    await scene.page.click("#send")
    created = await scene.call.expect("conversation.item.create")
    words = scene.words("A desk lamp beside two books.", "Настольная лампа и две книги.")
    await scene.send(*answer_begins("r2", "a2", created["item"]["id"]), delta("r2", "a2", words), sound_begins("r2"))
    await scene.until("document.querySelector('.speech-photo').naturalWidth > 0")


async def photo_menu(scene: Scene) -> None:
    await scene.connect()
    await scene.page.click("#photo")
    await expect(scene.page.locator("#photo-menu")).to_be_visible()


async def camera(scene: Scene) -> None:
    await photo_menu(scene)
    await scene.page.click("#photo-camera")
    await expect(scene.page.locator("#camera")).to_be_visible()
    await scene.until("document.getElementById('camera-picture').videoWidth > 0")


async def ended(scene: Scene) -> None:
    await scene.connect()
    await scene.first_turn()
    await scene.page.click("#call")
    await scene.phase("ended")


async def started_again(scene: Scene) -> None:
    await ended(scene)
    await scene.page.click("#call")
    await scene.line("on")
    await scene.turn(
        2,
        scene.words("Hello again. Where was the harbour?", "Это снова я. Где же гавань?"),
        scene.words("Which harbour do you mean?", "Какую гавань вы имеете в виду?"),
    )


STATES = (
    State("before", before, matters=True),
    State("before-advice", before_with_advice),
    State("connecting", connecting, matters=True),
    State("microphone-asked", microphone_asked),
    State("connected", connected, matters=True),
    State("listening", listening, matters=True),
    State("heard", being_heard, matters=True),
    State("thinking", thinking, matters=True),
    State("speaking", speaking, matters=True),
    State("conversation", conversation, matters=True),
    State("scrolled-up", scrolled_up),
    State("interrupted", interrupted, matters=True),
    State("muted", muted, matters=True),
    State("push-to-talk", push_to_talk, matters=True),
    State("push-to-talk-held", push_to_talk_held, alone=True, fits=False),
    State("sound-off", sound_off),
    State("text-only", text_only, matters=True),
    State("typing", typing),
    State("tool-running", tool_running, matters=True),
    State("tool-done", tool_done),
    State("tool-opened", tool_opened),
    State("tool-failed", tool_failed),
    State("photo-attached", photo_attached, matters=True),
    State("photo-sent", photo_sent, matters=True),
    State("photo-menu", photo_menu, fits=False),
    State("camera", camera, alone=True, allows=("microphone", "camera")),
    State("ended", ended, matters=True),
    State("started-again", started_again),
)
