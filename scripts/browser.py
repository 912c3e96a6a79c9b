"""Prints the path of a Chromium or Chrome for the tests, or an empty line where none can be had.

In this order: what the tests would find by themselves (tests/chromium.py), Debian's package where root may install it,
and Playwright's own build, downloaded now. Run by scripts/test with the Python of `.venv` and tests/ on its path; what
happens is told on standard error.
"""

from __future__ import annotations

import os
import subprocess
import sys

import debian
from chromium import find_chromium
from commands import say, succeeds

DOWNLOAD_LIMIT_S = 300


def runs(path: str) -> bool:
    """Whether the program at `path` starts and tells its version."""
    # A name is not yet a browser: on Ubuntu `chromium-browser` may be a stand-in for a snap that is not there.
    try:
        finished = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return finished.returncode == 0


def installed() -> str | None:
    """The browser that is on this machine and starts, or None."""
    path = find_chromium()
    return str(path) if path is not None and runs(str(path)) else None


def from_debian() -> str | None:
    """Debian's Chromium, installed now; None where this process may not, or where that failed."""
    if not debian.can_install():
        return None
    say("no Chromium here; installing the Debian package chromium (this takes a minute or two)")
    return installed() if debian.install("chromium") else None


def from_playwright() -> str | None:
    """Playwright's own Chromium, downloaded now by Playwright's installer; None where that failed."""
    say("no Chromium here; asking Playwright for its own")
    try:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=True,
            timeout=DOWNLOAD_LIMIT_S,
        )
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


def make_driver_run() -> None:
    """See that Playwright's driver starts, which is what drives the browser; say what to do where it does not."""
    # It is a Node.js that wants one library which a minimal Debian lacks.
    version = [sys.executable, "-m", "playwright", "--version"]
    if subprocess.run(version, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
        return
    if debian.can_install():
        say("installing the Debian package libatomic1, which Playwright's driver needs")
        debian.install("libatomic1")
    if not succeeds(version):
        say("Playwright's driver does not start, so the browser tests will fail; on Debian: apt-get install libatomic1")


def main() -> None:
    """Find a browser that starts, or install one; print its path, or an empty line and say what that means."""
    named = os.environ.get("ANTIPHON_CHROMIUM")
    if named and not runs(named):
        say(f"ANTIPHON_CHROMIUM={named} does not start; looking for another browser")
        del os.environ["ANTIPHON_CHROMIUM"]
    make_driver_run()
    browser = installed() or from_debian() or from_playwright()
    if browser is None:
        say("no browser can be had here: the browser tests will be skipped (install chromium to run them)")
    print(browser or "")


if __name__ == "__main__":
    main()
