"""What a line in the box means."""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.cli.talk.typed import COMMANDS, Devices, Do, Photo, Save, Typed, Words, Wrong, read


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello there", Words("hello there")),
        ("  hello  ", Words("hello")),
        ("//etc is a folder", Words("/etc is a folder")),
        ("/photo lamp.png", Photo(Path("lamp.png"), "")),
        ("/photo lamp.png What's in it?", Photo(Path("lamp.png"), "What's in it?")),
        ('/photo "my lamp.png" and now?', Photo(Path("my lamp.png"), "and now?")),
        ("/photo my\\ lamp.png and now?", Photo(Path("my lamp.png"), "and now?")),
        ("/image a.jpg", Photo(Path("a.jpg"), "")),
        ("/save talk.md", Save(Path("talk.md"))),
        ("/mute", Do("mute")),
        ("/Q", Do("quit")),
        ("/devices", Devices()),
        ("/devices input USB Headset", Devices("input", "USB Headset")),
        ("/devices speaker 3", Devices("output", "3")),
    ],
)
def test_lines(line: str, meant: Typed) -> None:
    assert read(line) == meant


@pytest.mark.parametrize("line", ["", "   "])
def test_nothing_is_nothing(line: str) -> None:
    assert read(line) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/foto a.png", "Did you mean /photo?"),
        ("/xyzzy", "/help shows"),
        ("/photo", "/photo PATH"),
        ('/photo "open', "/photo PATH"),
        ("/save", "/save FILE"),
        ("/save two files", "/save FILE"),
        ("/devices both", "/devices input NAME"),
    ],
)
def test_what_is_wrong_is_said(line: str, words: str) -> None:
    meant = read(line)
    assert isinstance(meant, Wrong)
    assert words in meant.why


def test_every_command_of_the_help_is_known() -> None:
    for name in COMMANDS:
        assert not (isinstance(meant := read(f"/{name} x"), Wrong) and "no command" in meant.why)
