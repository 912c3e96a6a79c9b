"""The screen of a call: a thin view. What is shown comes from the call and its state; what is typed goes there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.widgets import Footer, Input, Static

from antiphon.cli.exits import INTERRUPTED, OK
from antiphon.cli.talk import typed
from antiphon.cli.talk.arcs_view import Arcs
from antiphon.cli.talk.dialogs import DeviceDialog, HelpDialog
from antiphon.cli.talk.panel import Panel
from antiphon.cli.talk.script import Line, Voice
from antiphon.cli.talk.script_view import ScriptView
from antiphon.cli.talk.seen import Call, Kind
from antiphon.cli.talk.state import Ear, Link, Status, Tone
from antiphon.cli.talk.theme import TOKENS, theme
from antiphon.errors import AntiphonError

FRAME_S = 1 / 30
"""How often the screen is drawn anew at most."""
METER_S = 1 / 12
MOST_NOTES = 50
MOST_GREETING_NOTES = 4
MOST_TYPED = 100
"""Lines that wait for the call: what is typed on top of them is refused."""

_DOTS = {Link.UP: "●", Link.CONNECTING: "◌", Link.RECONNECTING: "◌", Link.ERROR: "✕"}


class Box(Input):
    """Where one types. Enter is taken in order with the letters: a binding would come after what is typed next."""

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            line = self.value
            self.clear()
            self.post_message(self.Submitted(self, line))
            return
        await super()._on_key(event)


class TalkApp(App[int], inherit_bindings=False):
    """`antiphon talk` on a screen. Ends with the exit code."""

    CSS = """
    Screen { background: $background; color: $ink; layout: vertical; }
    #head { height: 1; padding: 0 2; margin-top: 1; }
    #brand { width: auto; }
    #status { width: 1fr; text-align: right; }
    #stage { height: 1fr; }
    #empty { height: 1fr; content-align: center middle; text-align: center; color: $soft; padding: 0 4; }
    #box { border: round $line; background: $background; background-tint: $background 0%; }
    #box { margin: 0 1; padding: 0 1; height: 3; }
    #box:focus { border: round $them; background: $background; background-tint: $background 0%; }
    Arcs { margin-top: 1; }
    Panel { display: none; }
    .-wide Panel { display: block; }
    .-low #head { margin-top: 0; }
    .-low Arcs { margin-top: 0; height: 1; }
    .-narrow LineView { margin: 0 1 1 1; }
    .-narrow LineView.them, .-narrow LineView.tool { margin: 0 1 1 5; }
    Footer { background: $background; }
    Footer { padding: 0 1; }
    FooterKey.-compact { padding: 0 2 0 0; }
    .-narrow FooterKey.-compact { padding: 0 1 0 0; }
    .-narrow Footer { padding: 0; }
    """
    TITLE = "Antiphon"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-normal"), (104, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-high")]  # noqa: RUF012 - likewise
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", key_display="F1", priority=True),
        Binding("f2", "talk", "Talk", key_display="F2", priority=True),
        Binding("f3", "mute", "Mute", key_display="F3", priority=True),
        Binding("f4", "devices", "Sound", key_display="F4", priority=True),
        Binding("f5", "call", "Call again", key_display="F5", priority=True),
        Binding("f6", "theme", "Theme", priority=True, show=False),
        Binding("escape", "interrupt", "Stop", key_display="Esc"),
        Binding("pageup", "look(-1)", show=False, priority=True),
        Binding("pagedown", "look(1)", show=False, priority=True),
        Binding("ctrl+q", "leave(0)", "Leave", key_display="^Q", priority=True),
        Binding("ctrl+c", f"leave({INTERRUPTED})", show=False, priority=True),
    ]

    def __init__(self, call: Call, *, dark: bool = True) -> None:
        super().__init__()
        for name in TOKENS:
            self.register_theme(theme(name))
        self.theme = "antiphon-dark" if dark else "antiphon-light"
        self._call = call
        self._brand = Static(Text("Antiphon", "bold"), id="brand")
        self._status = Static(id="status")
        self._arcs = Arcs(call.name)
        self._empty = Static(id="empty")
        self._script = ScriptView(call.name)
        self._panel = Panel()
        self._box = Box(placeholder="Type a message, or /help", id="box")
        self._notes: list[tuple[int, Line]] = []
        self._noted = 0
        self._drawing = False
        self._typed: asyncio.Queue[typed.Typed] = asyncio.Queue(MOST_TYPED)
        self._shown_link: Link | None = None
        self._shown_keys: tuple[bool | None, ...] = ()

    # ── the picture ───────────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        with Horizontal(id="head"):
            yield self._brand
            yield self._status
        yield self._arcs
        with Horizontal(id="stage"):
            with Vertical():
                yield self._empty
                yield self._script
            yield self._panel
        yield self._box
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._call.on_change = self._changed
        self._box.focus()
        self.set_interval(METER_S, self._meter)
        self._run_call()
        self._do_what_is_typed()
        self._changed()

    @work(exclusive=True, group="call")
    async def _run_call(self) -> None:
        await self._call.run()

    @property
    def is_drawing(self) -> bool:
        """Whether something has changed that is not on the screen yet."""
        return self._drawing or not self._typed.empty()

    def _changed(self) -> None:
        """Draw soon, however often this is called."""
        if not self._drawing and self.is_running:
            self._drawing = True
            self.set_timer(FRAME_S, self._draw)

    async def _draw(self) -> None:
        self._drawing = False
        if not self._script.is_attached:
            return  # the screen is closing
        state = self._call.state
        self._head(state.status)
        self._arcs.muted = state.ear in (Ear.MUTED, Ear.NONE, Ear.READY)
        self._arcs.alive = state.link in (Link.UP, Link.CONNECTING)
        if state.link is not self._shown_link:
            self._shown_link = state.link
            if state.trouble:
                self.note(state.trouble)
        keys = tuple(self.check_action(action, ()) for action in ("call", "talk", "interrupt"))
        if keys != self._shown_keys:
            # The footer is made anew by this: not for every word.
            self._shown_keys = keys
            self.refresh_bindings()
        while self._call.notes:
            self.note(self._call.notes.pop(0))
        said = list(self._call.lines())
        self._empty.display = not said
        self._script.display = bool(said)
        if said:
            await self._script.tell(self._with_notes(said))
        else:
            self._empty.update(self._greeting())
        self._panel.tell(self._call.facts(), self._call.turn_times())

    def _head(self, status: Status) -> None:
        tokens = TOKENS[self.theme]
        colours = {
            Tone.SOFT: tokens.soft,
            Tone.GOOD: tokens.good,
            Tone.WARN: tokens.warn,
            Tone.BAD: tokens.bad,
            Tone.YOU: tokens.you,
            Tone.THEM: tokens.them,
        }
        head = Text(no_wrap=True, justify="right", overflow="ellipsis")
        head.append(f"{_DOTS.get(self._call.state.link, '○')} {status.words}", Style(color=colours[status.tone]))
        if self.size.width >= 64:
            head.append(f"  {self._call.where}", Style(color=tokens.soft))
        self._status.update(head)

    def _greeting(self) -> Text:
        """What stands where the play will be: the latest notes, and what to do."""
        state = self._call.state
        said = [note.text for _, note in self._notes[-MOST_GREETING_NOTES:]]
        match state.link:
            case Link.CONNECTING | Link.BEFORE:
                said.append(f"Calling {self._call.where} …")
            case Link.UP if state.ear is Ear.NONE:
                said.append("Type, and press Enter.")
            case Link.UP:
                said.append("Speak. Or type.")
            case _:
                pass
        return Text("\n\n".join(said), justify="center")

    def _with_notes(self, lines: list[Line]) -> list[Line]:
        for after, note in reversed(self._notes):
            lines.insert(min(after, len(lines)), note)
        return lines

    def note(self, text: str) -> None:
        """Say something in the play that nobody said."""
        self._noted += 1
        self._notes.append((len(self._call.lines()), Line(f"note-{self._noted}", Voice.NOTE, text)))
        del self._notes[:-MOST_NOTES]
        self._changed()

    def _meter(self) -> None:
        self._arcs.put(self._call.levels())

    # ── what a person does ────────────────────────────────────────────────────────────────────────────────────────

    def on_input_submitted(self, event: Input.Submitted) -> None:
        meant = typed.read(event.value)
        if meant is None:
            return
        try:
            self._typed.put_nowait(meant)
        except asyncio.QueueFull:
            self.note("Too much is waiting to be sent.")

    @work(exclusive=True, group="typed")
    async def _do_what_is_typed(self) -> None:
        """One after the other: a picture that takes long must not be overtaken by the words after it."""
        while True:
            await self._do_typed(await self._typed.get())

    async def _do_typed(self, meant: typed.Typed) -> None:
        match meant:
            case typed.Words(text):
                await self._try(lambda: self._call.say(text))
            case typed.Photo(path, question):
                await self._try(lambda: self._call.show(path, question))
            case typed.Save(path):
                await self._try(lambda: asyncio.to_thread(self._call.save, path), done=f"Saved to {path}.")
            case typed.Devices("input" | "output" as kind, str(name)) if name:
                await self._use(kind, name)
            case typed.Devices():
                self.action_devices()
            case typed.Wrong(why):
                self.note(why)
            case typed.Do("talk"):
                self._do(self._call.toggle_push_to_talk)
            case typed.Do("quit"):
                await self.action_leave(OK)
            case typed.Do(name):
                await self.run_action(name)

    async def _try(self, act: Callable[[], Awaitable[object]], done: str = "") -> None:
        try:
            await act()
        except AntiphonError as error:
            self.note(str(error))
        except OSError as error:
            self.note(f"{error.filename or 'The file'}: {error.strerror or error}.")
        else:
            if done:
                self.note(done)

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except AntiphonError as error:
            self.note(str(error))
        self._changed()

    def action_help(self) -> None:
        if isinstance(self.screen, HelpDialog):
            self.pop_screen()
        else:
            self.push_screen(HelpDialog())

    def action_talk(self) -> None:
        self._do(self._call.press_or_release)

    def action_mute(self) -> None:
        self._do(self._call.toggle_mute)

    async def action_interrupt(self) -> None:
        await self._try(self._call.interrupt)

    def action_theme(self) -> None:
        self.theme = "antiphon-light" if self.theme == "antiphon-dark" else "antiphon-dark"
        self._changed()

    def action_call(self) -> None:
        if self._call.state.link in (Link.ENDED, Link.ERROR):
            self._run_call()

    def action_look(self, way: int) -> None:
        (self._script.scroll_page_up if way < 0 else self._script.scroll_page_down)()

    @work(exclusive=True, group="devices")
    async def action_devices(self) -> None:
        if isinstance(self.screen, DeviceDialog):
            self.pop_screen()
            return
        try:
            inputs, outputs = await self._call.devices("input"), await self._call.devices("output")
        except AntiphonError as error:
            self.note(str(error))
            return
        chosen = await self.push_screen_wait(DeviceDialog(inputs, outputs))
        if chosen is not None:
            await self._use(*chosen)

    async def _use(self, kind: Kind, choice: int | str) -> None:
        await self._try(lambda: self._call.use_device(kind, choice))

    async def action_leave(self, code: int) -> None:
        await self._call.hang_up()
        self.exit(code)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys the footer shows: those that do something now."""
        if action == "call":
            return self._call.state.link in (Link.ENDED, Link.ERROR)
        if action in ("talk", "mute"):
            return self._call.state.ear is not Ear.NONE
        if action == "interrupt":
            return self._call.state.phase in ("speaking", "thinking")
        return True
