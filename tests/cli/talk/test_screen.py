"""The screen of a call, driven key by key: what it shows of a call's state, and what it has the call do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from textual.pilot import Pilot

from antiphon.cli.talk.app import TalkApp
from antiphon.cli.talk.arcs_view import Arcs
from antiphon.cli.talk.dialogs import DeviceDialog, HelpDialog
from antiphon.cli.talk.panel import Panel
from antiphon.cli.talk.script import Line, Voice
from antiphon.cli.talk.script_view import LineView
from antiphon.cli.talk.seen import Levels, SoundDevice, TurnTime
from antiphon.cli.talk.state import Ear, Link
from antiphon.cli.talk.theme import TOKENS
from antiphon.errors import AntiphonError
from staged_call import StagedCall

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJ"
    "RU5ErkJggg=="
)


@asynccontextmanager
async def screen(call: StagedCall, *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[TalkApp, Pilot[int]]]:
    app = TalkApp(call)
    async with app.run_test(size=size) as pilot:
        await drawn(pilot)
        yield app, pilot
        call.over.set()


async def drawn(pilot: Pilot[int]) -> None:
    """Wait until what was changed is on the screen."""
    app = pilot.app
    assert isinstance(app, TalkApp)
    await pilot.pause()
    while app.is_drawing:
        await pilot.pause(0.01)
    await pilot.pause()


def shown(app: TalkApp) -> str:
    """The screen's text, as a terminal would show it."""
    svg = app.export_screenshot()
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text[^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        rows.setdefault(float(y), []).append((float(x), text))
    lines = ("".join(text for _, text in sorted(row)) for _, row in sorted(rows.items()))
    return "\n".join(lines).replace("&#160;", " ").replace("&#x27;", "'")


async def test_before_a_word_is_said_it_says_what_to_do() -> None:
    async with screen(StagedCall()) as (app, _):
        assert "Speak. Or type." in shown(app)
        assert "listening" in shown(app)
        assert "127.0.0.1:3000" in shown(app)
    async with screen(StagedCall(ear=Ear.NONE)) as (app, _):
        assert "Type, and press Enter." in shown(app)
        assert "F2" not in shown(app).upper().splitlines()[-1]


async def test_the_play_follows_the_call() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.shown = [
            Line("1", Voice.YOU, "What is two plus five?"),
            Line("2", Voice.TOOL, "add(a=2, b=5) → 7  12 ms"),
            Line("3", Voice.THEM, "Two plus", is_open=True, latency_ms=840),
        ]
        call.on_change()
        await drawn(pilot)
        text = shown(app)
        for words in ("ʏᴏᴜ", "What is two plus five?", "⌁ add(a=2, b=5) → 7  12 ms", "ᴀɴᴛɪᴘʜᴏɴ  840 ms", "Two plus▍"):
            assert words in text
        views = {id(view) for view in app.query(LineView)}
        call.shown[2] = Line("3", Voice.THEM, "Two plus five is seven.", latency_ms=840)
        call.on_change()
        await drawn(pilot)
        assert "Two plus five is seven." in shown(app)
        assert {id(view) for view in app.query(LineView)} == views


async def test_lines_that_are_moved_or_gone_are_so_on_the_screen() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        one, two, three = (Line(str(number), Voice.YOU, f"line {number}") for number in range(3))
        call.shown = [one, two, three]
        call.on_change()
        await drawn(pilot)
        call.shown = [three, one]
        call.on_change()
        await drawn(pilot)
        text = shown(app)
        assert "line 1" not in text
        assert text.index("line 2") < text.index("line 0")


async def test_the_newest_line_stays_in_sight_unless_one_looks_back() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.shown = [Line(str(number), Voice.YOU, f"line {number}") for number in range(30)]
        call.on_change()
        await drawn(pilot)
        assert "line 29" in shown(app)
        await pilot.press("pageup")
        await drawn(pilot)
        assert "line 29" not in shown(app)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (Link.CONNECTING, "connecting"),
        (Link.RECONNECTING, "calling again"),
        (Link.ENDED, "ended"),
        (Link.ERROR, "no connection"),
    ],
)
async def test_the_state_of_the_connection_is_in_words(link: Link, words: str) -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.state.linked(link, "This is why.")
        call.on_change()
        await drawn(pilot)
        assert words in shown(app)
        assert "This is why." in shown(app)


@pytest.mark.parametrize(("ear", "words"), [(Ear.MUTED, "muted"), (Ear.READY, "F2 to talk"), (Ear.TALKING, "talk now")])
async def test_so_is_that_of_the_microphone(ear: Ear, words: str) -> None:
    async with screen(StagedCall(ear=ear)) as (app, _):
        assert words in shown(app)


async def test_whose_turn_it_is_comes_before_the_microphone() -> None:
    call = StagedCall(ear=Ear.MUTED)
    async with screen(call) as (app, pilot):
        call.state.phase = "speaking"
        call.on_change()
        await drawn(pilot)
        assert "speaking" in shown(app)


async def test_what_is_typed_goes_to_the_call_in_order() -> None:
    call = StagedCall()
    async with screen(call) as (_, pilot):
        await pilot.press(*"hello", "enter", *"/photo a.png what?", "enter", *"/mute", "enter", *"/talk", "enter")
        await drawn(pilot)
        assert call.done[1:] == [
            ("say", "hello"),
            ("show", Path("a.png"), "what?"),
            ("mute",),
            ("push_to_talk",),
        ]


async def test_keys_do_what_the_footer_says() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        footer = shown(app).splitlines()[-1]
        for words in ("F1 Help", "F2 Talk", "F3 Mute", "F4 Sound", "^Q Leave"):
            assert words in footer
        assert "Esc Stop" not in footer
        call.state.phase = "speaking"
        call.on_change()
        await drawn(pilot)
        assert "Esc Stop" in shown(app).splitlines()[-1]
        await pilot.press("f2", "f3", "escape")
        assert call.done[1:] == [("press",), ("mute",), ("interrupt",)]


async def test_what_cannot_be_done_is_said_in_the_play() -> None:
    call = StagedCall()
    call.refuses = AntiphonError("There is no microphone in this call. Type instead.")
    async with screen(call) as (app, pilot):
        await pilot.press("f3", *"/foto", "enter")
        await drawn(pilot)
        assert "There is no microphone in this call." in shown(app)
        assert "Did you mean /photo?" in shown(app)


async def test_notes_of_the_call_are_said_once() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.notes.append("The headset is gone.")
        call.on_change()
        await drawn(pilot)
        call.on_change()
        await drawn(pilot)
        assert shown(app).count("The headset is gone.") == 1


async def test_the_help_opens_and_closes() -> None:
    async with screen(StagedCall()) as (app, pilot):
        await pilot.press("f1")
        await drawn(pilot)
        assert isinstance(app.screen, HelpDialog)
        assert "push-to-talk" in shown(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpDialog)
        await pilot.press(*"/help", "enter")
        await drawn(pilot)
        assert isinstance(app.screen, HelpDialog)


async def test_devices_are_chosen_from_a_list_or_by_name() -> None:
    call = StagedCall()
    call.listed = {
        "input": [SoundDevice(0, "Built-in", True), SoundDevice(3, "USB Headset", False)],
        "output": [SoundDevice(1, "Speakers", True)],
    }
    async with screen(call) as (app, pilot):
        await pilot.press("f4")
        await drawn(pilot)
        assert isinstance(app.screen, DeviceDialog)
        assert "● Built-in" in shown(app)
        await pilot.press("down", "enter")
        await drawn(pilot)
        await pilot.press(*"/devices output spea", "enter")
        await drawn(pilot)
        assert call.done[1:] == [("use", "input", 3), ("use", "output", "spea")]


async def test_an_ended_call_can_be_made_again() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        assert "Call again" not in shown(app)
        await pilot.press("f5")
        assert call.done == [("run",)]
        call.over.set()
        call.state.linked(Link.ENDED, "The call has ended.")
        call.on_change()
        await drawn(pilot)
        assert "Call again" in shown(app)
        call.over.clear()
        await pilot.press("f5")
        await drawn(pilot)
        assert call.done == [("run",), ("run",)]


async def test_what_is_cut_off_is_struck_and_what_failed_says_why() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.shown = [
            Line("1", Voice.THEM, "Two plus", " five is seven."),
            Line("2", Voice.THEM, "", problem="Overloaded."),
        ]
        call.on_change()
        await drawn(pilot)
        assert "line-through" in app.export_screenshot()
        assert "Overloaded." in shown(app)


async def test_a_picture_is_seen() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        call.shown = [Line("1", Voice.YOU, "What is it?", images=(PIXEL, "data:image/png;base64,broken"))]
        call.on_change()
        await drawn(pilot)
        assert "▀▀▀▀" in shown(app)
        assert "▣" in shown(app)


async def test_both_voices_are_drawn_as_loud_as_they_are() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        assert (shown(app).count("⎛"), shown(app).count("⎞")) == (1, 1)
        call.loud = Levels(-100.0, -10.0)
        async with asyncio.timeout(10):
            while shown(app).count("⎞") < 4:  # it runs outward, a bracket with each look at the meters
                await pilot.pause(0.02)
        assert shown(app).count("⎛") == 1


@pytest.mark.parametrize(("size", "panel", "rows"), [((120, 40), True, 3), ((80, 24), False, 3), ((50, 20), False, 1)])
async def test_it_fits_every_terminal(size: tuple[int, int], panel: bool, rows: int) -> None:
    call = StagedCall()
    call.known, call.times = [("over", "WebRTC, 42 ms"), ("cost", "$0.012")], [TurnTime(612), TurnTime(1720)]
    async with screen(call, size=size) as (app, pilot):
        call.shown = [Line("1", Voice.THEM, "word " * 60)]
        call.on_change()
        await drawn(pilot)
        assert app.query_one(Panel).display is panel
        assert app.query_one(Arcs).size.height == rows
        assert all(len(line.rstrip()) <= size[0] for line in shown(app).splitlines())
        if panel:
            for words in ("WebRTC, 42 ms", "$0.012", "612 ms", "1.7 s"):
                assert words in shown(app)


async def test_leaving_hangs_up() -> None:
    call = StagedCall()
    async with screen(call) as (app, pilot):
        await pilot.press("ctrl+q")
        assert call.done[-1] == ("hang_up",)
    assert app.return_value == 0
    call = StagedCall()
    async with screen(call) as (app, pilot):
        await pilot.press("ctrl+c")
    assert app.return_value == 130


async def test_light_and_dark_are_the_pages_own_colours() -> None:
    async with screen(StagedCall()) as (app, pilot):
        assert TOKENS["antiphon-dark"].paper.lower() in app.export_screenshot().lower()
        await pilot.press("f6")
        await drawn(pilot)
        assert TOKENS["antiphon-light"].paper.lower() in app.export_screenshot().lower()


def test_the_themes_have_the_tokens_of_the_page() -> None:
    css = (files("antiphon") / "web" / "tokens.css").read_text("utf-8")
    found = re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", css)
    page = {name: (light.upper(), dark.upper()) for name, light, dark in found}
    for name in ("paper", "card", "ink", "soft", "line", "you", "them", "good", "warn", "bad"):
        ours = tuple(getattr(TOKENS[theme], name) for theme in ("antiphon-light", "antiphon-dark"))
        assert ours == page[name]
