"""What opens over the screen: the keys and commands, and the choice of devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from antiphon.cli.talk.seen import Kind, SoundDevice
from antiphon.cli.talk.typed import COMMANDS, USAGE

_COLUMN = 30
KEYS = (
    ("Enter", "send what you typed"),
    ("Esc", "stop the answer"),
    ("F1", "this help"),
    ("F2", "push-to-talk: begin to talk, and end"),
    ("F3", "microphone off and on"),
    ("F4", "choose microphone and speaker"),
    ("F5", "call again, when the call has ended"),
    ("F6", "light or dark"),
    ("PgUp PgDn", "look back"),
    ("Ctrl+Q", "hang up and leave"),
)


class HelpDialog(ModalScreen[None]):
    """Keys and commands."""

    DEFAULT_CSS = """
    HelpDialog { align: center middle; background: $background 70%; }
    HelpDialog > VerticalScroll {
        width: 74; max-width: 96%; height: auto; max-height: 90%;
        background: $card; border: round $line; padding: 0 2; border-title-color: $them;
    }
    HelpDialog > VerticalScroll { scrollbar-size-vertical: 1; }
    HelpDialog Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter,q", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "help"
            yield Static(self._text())

    def _text(self) -> Text:
        text = Text(end="")
        for key, what in KEYS:
            text.append(f"{key:<{_COLUMN}}", "bold").append(f"{what}\n")
        text.append("\n")
        for name, what in COMMANDS.items():
            usage = USAGE.get(name, "")
            text.append(f"/{name} ", "bold").append(f"{usage:<{_COLUMN - 2 - len(name)}}").append(f"{what}\n")
        text.append("\nA line that should begin with a slash begins with two.")
        return text


class DeviceDialog(ModalScreen[tuple[Kind, int] | None]):
    """Microphones and speakers, of which one can be taken."""

    DEFAULT_CSS = """
    DeviceDialog { align: center middle; background: $background 70%; }
    DeviceDialog > OptionList {
        width: 70; max-width: 96%; height: auto; max-height: 80%;
        background: $card; border: round $line; border-title-color: $them; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f4", "dismiss(None)", "Close")]

    def __init__(self, inputs: Sequence[SoundDevice], outputs: Sequence[SoundDevice]) -> None:
        super().__init__()
        self._inputs = inputs
        self._outputs = outputs

    def compose(self) -> ComposeResult:
        options: list[Option | None] = []
        for title, kind, devices in (("microphones", "input", self._inputs), ("speakers", "output", self._outputs)):
            options.append(Option(Text(title if devices else f"no {title}", "dim"), disabled=True))
            options += [
                Option(f"{'●' if device.is_used else ' '} {device.name}", id=f"{kind}:{device.key}")
                for device in devices
            ]
        box = OptionList(*options)
        box.border_title = "sound"
        yield box

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        kind, _, key = (event.option.id or "").partition(":")
        self.dismiss(("input" if kind == "input" else "output", int(key)))
