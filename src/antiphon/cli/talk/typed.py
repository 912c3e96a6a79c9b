"""What a person types into the box: words to send, or a command that begins with a slash. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Words:
    """Something to say."""

    text: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture to show, and a question to it, "" for none."""

    path: Path
    question: str


@dataclass(frozen=True, slots=True)
class Save:
    """Keep the conversation in a file: Markdown, or JSON where the file is called so."""

    path: Path


@dataclass(frozen=True, slots=True)
class Do:
    """A command without a word behind it: one of `COMMANDS`."""

    name: str


@dataclass(frozen=True, slots=True)
class Devices:
    """Choose devices. kind: "input", "output", or "" to be asked; name: of the device, "" to be asked."""

    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """It cannot be done: why, in one sentence."""

    why: str


Typed = Words | Photo | Save | Do | Devices | Wrong

COMMANDS = {
    "help": "show the keys and these commands",
    "photo": "show a picture (PNG or JPEG)",
    "save": "keep it all, as .md or .json",
    "mute": "the microphone off, and on again",
    "talk": "push-to-talk: on, and off again",
    "interrupt": "stop the answer",
    "devices": "choose microphone and speaker",
    "theme": "light or dark",
    "quit": "hang up and leave",
}
USAGE = {"photo": "PATH [QUESTION]", "save": "FILE", "devices": "[input|output NAME]"}
_SAME = {
    "image": "photo",
    "picture": "photo",
    "stop": "interrupt",
    "exit": "quit",
    "q": "quit",
    "?": "help",
    "h": "help",
}


def read(line: str) -> Typed | None:
    """What a line means; None for an empty one. A line that begins with two slashes is words with one."""
    text = line.strip()
    if not text:
        return None
    if text.startswith("//"):
        return Words(text[1:])
    if not text.startswith("/"):
        return Words(text)
    word, _, rest = text[1:].partition(" ")
    name, rest = _SAME.get(word.lower(), word.lower()), rest.strip()
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f" Did you mean /{near[0]}?" if near else " /help shows what there is."
        return Wrong(f"There is no command /{word}.{hint}")
    match name:
        case "photo":
            return _photo(rest)
        case "save":
            path, more = _path(rest)
            return Save(path) if path is not None and not more else Wrong("Write it as /save FILE.")
        case "devices":
            return _devices(rest)
    return Do(name)


def _photo(rest: str) -> Typed:
    path, question = _path(rest)
    if path is None:
        return Wrong("Write it as /photo PATH, with a question behind it if you like.")
    return Photo(path, question)


def _path(text: str) -> tuple[Path | None, str]:
    """The path at the begin of a text, in quotation marks if it has blanks in it, and what comes after."""
    if text[:1] in ('"', "'"):
        path, closed, rest = text[1:].partition(text[0])
        return (Path(path).expanduser(), rest.strip()) if closed and path else (None, "")
    path, _, rest = re.sub(r"\\(.)", lambda match: "\0" if match[1] == " " else match[0], text).partition(" ")
    return (Path(path.replace("\0", " ")).expanduser(), rest.strip()) if path else (None, "")


def _devices(rest: str) -> Typed:
    kind, _, name = rest.partition(" ")
    kinds = {"input": "input", "microphone": "input", "output": "output", "speaker": "output", "": ""}
    if kind.lower() not in kinds:
        return Wrong("Write it as /devices, /devices input NAME or /devices output NAME.")
    return Devices(kinds[kind.lower()], name.strip())
