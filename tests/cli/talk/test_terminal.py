"""`antiphon talk` in a real terminal (tmux), against a real server with the embedded engine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon_process import antiphon, clean_environment
from antiphon_server import antiphon_server
from sound_card import LOOP, SYSTEM, missing, sound_card

SECONDS = 30.0
"""For a busy machine; on an idle one each wait is under two."""


@dataclass(frozen=True)
class Terminal:
    """A tmux server of its own, with one pane."""

    socket: Path

    def tmux(self, *args: str) -> str:
        command = ["tmux", "-S", str(self.socket), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "main")

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "main", *keys)

    def wait_for(self, words: str) -> str:
        """The screen, once these words are on it."""
        assert self.shows(words, SECONDS), f"never saw {words!r} in:\n{self.screen()}"
        return self.screen()

    def shows(self, words: str, seconds: float) -> bool:
        """Whether these words come onto the screen in time. A terminal tells nobody when it has drawn."""
        until = time.monotonic() + seconds
        while words not in self.screen():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    it = Terminal(tmp_path / "tmux")
    yield it
    subprocess.run(["tmux", "-S", str(it.socket), "kill-server"], check=False, capture_output=True, timeout=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with antiphon_server(folder=tmp_path_factory.mktemp("server")) as url:
        yield url


def start(
    terminal: Terminal,
    folder: Path,
    *args: str,
    size: tuple[int, int] = (80, 24),
    env: Mapping[str, str] | None = None,
) -> None:
    """Run `antiphon` in the pane; its exit code is shown when it ends."""
    program = f"{sys.executable} -m antiphon {' '.join(args)}; echo ended with $?; exec cat"
    environment = clean_environment(
        {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **(env or {})}
    )
    command = ["tmux", "-f", "/dev/null", "-S", str(terminal.socket), "new-session", "-d", "-s", "main"]
    command += ["-x", str(size[0]), "-y", str(size[1]), "-c", str(folder), program]
    subprocess.run(command, check=True, env=environment, timeout=10)


def test_a_typed_call_from_the_first_word_to_hanging_up(server: str, terminal: Terminal, tmp_path: Path) -> None:
    start(terminal, tmp_path, "talk", server, "--no-sound")
    screen = terminal.wait_for("connected, type to talk")
    assert "Type, and press Enter." in screen
    terminal.keys("hello", "Enter")
    screen = terminal.wait_for("built-in model")
    for words in ("ʏᴏᴜ", "hello", "ᴀɴᴛɪᴘʜᴏɴ", " ms"):
        assert words in screen
    terminal.keys("/save talk.md", "Enter")
    terminal.wait_for("Saved to talk.md.")
    assert "hello" in (tmp_path / "talk.md").read_text()
    terminal.keys("C-q")
    terminal.wait_for("ended with 0")


def test_a_server_that_is_missing_and_one_that_goes_away_and_comes_back(terminal: Terminal, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    start(terminal, tmp_path, "talk", f"http://127.0.0.1:{port}", "--no-sound", size=(100, 30))
    screen = terminal.wait_for("no connection")
    assert "Start one with `antiphon serve`." in screen
    with antiphon_server(folder=tmp_path, port=port):
        terminal.keys("F5")
        terminal.wait_for("connected, type to talk")
        terminal.keys("hello", "Enter")
        terminal.wait_for("built-in model")
    screen = terminal.wait_for("calling again")
    assert "Calling again, your conversation is kept." in screen
    with antiphon_server(folder=tmp_path, port=port):
        screen = terminal.wait_for("connected, type to talk")
        assert "built-in model" in screen
        terminal.keys("C-c")
        terminal.wait_for("ended with 130")


async def test_without_a_sound_device_it_says_so_in_one_sentence(
    server: str, terminal: Terminal, tmp_path: Path
) -> None:
    listed = await antiphon("devices", "--json", folder=tmp_path)
    if listed.code == 0 and json.loads(listed.out):
        pytest.skip("this machine has a sound device")
    start(terminal, tmp_path, "talk", server, size=(120, 30))
    terminal.wait_for("There is no sound here, so this call is typed:")
    terminal.wait_for("connected, type to talk")


async def test_what_is_said_into_the_microphone_is_heard_and_answered(
    server: str, terminal: Terminal, tmp_path: Path
) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with sound_card() as card:
        listed = await antiphon("devices", env=card.environment, folder=tmp_path)
        assert listed.out.count(LOOP) == 2
        start(terminal, tmp_path, "talk", server, "--input", LOOP, "--output", SYSTEM, env=card.environment)
        terminal.wait_for("listening")
        for _ in range(3):  # the embedded recognizer may not have understood a word
            spoken = await antiphon("say", "Hello there.", "--output", LOOP, env=card.environment, folder=tmp_path)
            assert spoken.code == 0, spoken.err
            if terminal.shows("ᴀɴᴛɪᴘʜᴏɴ", 8):
                break
        assert "ʏᴏᴜ" in terminal.wait_for("ᴀɴᴛɪᴘʜᴏɴ")
        terminal.wait_for("⎞⎞⎞")
        terminal.keys("F3")
        terminal.keys("Escape")
        terminal.wait_for("muted")
        terminal.keys("C-q")
        terminal.wait_for("ended with 0")
