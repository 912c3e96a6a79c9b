"""Sees that the tests of the page find Firefox and WebKitGTK, beside the Chromium that browser.py finds.

Debian's packages are installed where root may do that; otherwise the tests that need them say so and are skipped. Run
by scripts/test with the Python of `.venv`; what happens is told on standard error.
"""

from __future__ import annotations

import os
import shutil
import sys

import debian
from commands import say


def missing_for_firefox() -> list[str]:
    """The Debian packages of what is not on this machine: Firefox, and a PulseAudio for its sound."""
    packages = []
    if not any(map(shutil.which, (os.environ.get("ANTIPHON_FIREFOX") or "firefox-esr", "firefox-esr", "firefox"))):
        packages.append("firefox-esr")
    if shutil.which("pulseaudio") is None:
        packages.append("pulseaudio")
    return packages


def missing_for_webkit() -> list[str]:
    """The Debian packages of what is not on this machine: WebKitGTK with its driver, and a screen that nobody sees."""
    programs = {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}
    return [package for program, package in programs.items() if shutil.which(program) is None]


def main() -> None:
    """Install what is missing, or say what that means. Never fails: in Chromium all can still be tested."""
    if sys.platform != "linux":
        return
    # One after the other: where the one cannot be had (Ubuntu has no firefox-esr), the other may.
    for browser, missing in (("Firefox", missing_for_firefox), ("WebKit", missing_for_webkit)):
        if (packages := missing()) and debian.can_install():
            say(f"installing the Debian packages {' and '.join(packages)}, for the tests in {browser}")
            debian.install(*packages)
        if packages := missing():
            say(f"the tests in {browser} will be skipped; to run them on Debian: apt-get install {' '.join(packages)}")


if __name__ == "__main__":
    main()
