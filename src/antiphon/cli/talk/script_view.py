"""The play as a widget: lines under the names of those who say them, the newest always in sight."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from antiphon.cli.talk.pictures import thumbnail
from antiphon.cli.talk.script import Line, Voice, seconds
from antiphon.cli.talk.theme import TOKENS

MOST_SHOWN = 400
"""Lines on the screen; older ones leave it, and stay in what is saved."""

_SMALL_CAPS = str.maketrans("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ")
_CARET = "▍"
_PICTURE = "▣"


def small_caps(name: str) -> str:
    """A name as a play prints it."""
    return name.lower().translate(_SMALL_CAPS)


class LineView(Static):
    """One line of the play."""

    DEFAULT_CSS = """
    LineView { width: 1fr; height: auto; max-width: 66; margin: 0 2 1 2; }
    LineView.them { margin: 0 2 1 14; }
    LineView.tool { margin: 0 2 1 14; max-width: 80; }
    LineView.note { width: 1fr; max-width: 100%; text-align: center; margin: 0 4 1 4; }
    """

    def __init__(self, line: Line, name: str, *, named: bool) -> None:
        super().__init__(classes=line.voice.value)
        self._line = line
        self._who = name
        self._whod = named

    def tell(self, line: Line, *, named: bool) -> None:
        """The line is now this one."""
        if line != self._line or named != self._whod:
            self._line, self._whod = line, named
            self.refresh(layout=True)

    def render(self) -> Text:
        tokens = TOKENS.get(self.app.theme, TOKENS["antiphon-dark"])
        line = self._line
        ink, soft = Style(color=tokens.ink), Style(color=tokens.soft)
        text = Text(end="")
        match line.voice:
            case Voice.NOTE:
                return Text(line.text, soft, justify="center", end="")
            case Voice.TOOL:
                return Text(f"⌁ {line.text}", soft, end="")
            case Voice.YOU | Voice.THEM:
                colour = tokens.you if line.voice is Voice.YOU else tokens.them
                if self._whod:
                    text.append(small_caps("you" if line.voice is Voice.YOU else self._who), Style(color=colour))
                    if line.latency_ms is not None:
                        text.append(f"  {seconds(line.latency_ms)}", soft)
                    text.append("\n")
                for image in line.images:
                    picture = thumbnail(image, paper=tokens.paper)
                    text.append_text(picture if picture is not None else Text(_PICTURE, soft))
                    text.append("\n")
                text.append(line.text, ink)
                text.append(line.unheard, soft + Style(strike=True))
                if line.is_open:
                    text.append(_CARET, Style(color=colour))
                if line.problem:
                    text.append(f"{' ' if line.text else ''}{line.problem}", Style(color=tokens.bad))
        if text.plain.endswith("\n"):
            text.right_crop(1)
        return text


class ScriptView(VerticalScroll):
    """The whole play."""

    DEFAULT_CSS = """
    ScriptView { height: 1fr; scrollbar-size-vertical: 1; padding: 1 0 0 0; }
    """
    can_focus = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self._who = name
        self._views: dict[str, LineView] = {}

    async def tell(self, lines: Sequence[Line]) -> None:
        """The play is now this. Only what has changed is drawn anew."""
        shown = lines[-MOST_SHOWN:]
        keys = [line.key for line in shown]
        for key in [key for key in self._views if key not in set(keys)]:
            await self._views.pop(key).remove()
        at_end = self.max_scroll_y - self.scroll_y <= 2
        before: Voice | None = None
        last: LineView | None = None
        for index, line in enumerate(shown):
            named = line.voice is not before
            before = before if line.voice in (Voice.TOOL, Voice.NOTE) else line.voice
            view = self._views.get(line.key)
            if view is None:
                view = self._views[line.key] = LineView(line, self._who, named=named)
                if last is None:
                    await self.mount(view, before=0 if self.children else None)
                else:
                    await self.mount(view, after=last)
            else:
                view.tell(line, named=named)
                if last is not None and index < len(self.children) and self.children[index] is not view:
                    self.move_child(view, after=last)
            last = view
        if at_end:
            self.scroll_end(animate=False)
