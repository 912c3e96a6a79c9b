"""Prints the path of a Chromium or Chrome for the tests, or an empty line where none can be had.

In this order: the one that ANTIPHON_CHROMIUM names, one installed on the machine or earlier by Playwright, Debian's
package where root may install it, Playwright's build downloaded now. Run by scripts/test with the Python of `.venv`;
what happens is told on standard error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Python ran this isolated (-I): see environment.py.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import debian

# A name is not yet a browser (on Ubuntu it may stand in for a snap), so each that is found is asked for its version.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DOWNLOAD_LIMIT_S = 300


def say(message: str) -> None:
    """One line on standard error: standard output holds the path alone."""
    print(f"antiphon: {message}", file=sys.stderr, flush=True)


def runs(path: str) -> bool:
    """Whether the program at `path` starts and tells its version."""
    try:
        finished = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return finished.returncode == 0


def on_this_machine() -> str | None:
    """The first browser found installed, or None."""
    found = (shutil.which(name) for name in NAMES)
    for path in (*found, *MACOS_APPLICATIONS):
        if path and runs(path):
            return path
    return None


def from_playwright(*, download: bool) -> str | None:
    """Playwright's own Chromium; with `download` it is fetched first, by Playwright's installer."""
    if download:
        say("no Chromium here; asking Playwright for its own")
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True, timeout=DOWNLOAD_LIMIT_S)
        except (OSError, subprocess.SubprocessError) as error:
            say(f"Playwright could not install a browser ({type(error).__name__})")
            return None
    question = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    path = answer.stdout.strip()
    return path if path and runs(path) else None


def from_debian() -> str | None:
    """Debian's Chromium, installed now by root; None where that is not possible."""
    if not debian.can_install():
        return None
    say("no Chromium here; installing the Debian package chromium (this takes a minute or two)")
    return on_this_machine() if debian.install("chromium") else None


def find() -> str | None:
    """A browser that starts, or None; may install one (see the module's docstring)."""
    if named := os.environ.get("ANTIPHON_CHROMIUM"):
        if runs(named):
            return named
        say(f"ANTIPHON_CHROMIUM={named} does not start; looking for another browser")
    return on_this_machine() or from_playwright(download=False) or from_debian() or from_playwright(download=True)


if __name__ == "__main__":
    browser = find()
    if browser is None:
        say("no browser can be had here: the browser tests will be skipped (install chromium to run them)")
    print(browser or "")
