"""Where a Chromium is on this machine, and how the tests start one. Nothing of what the tests do with it.

Tests that need it are marked `browser` and call `require_chromium()`, which skips and says so when there is none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
_MAC_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_PLAYWRIGHT_PATTERNS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/Chromium.app/Contents/MacOS/Chromium",
    "chromium-*/chrome-mac*/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
)


def find_chromium() -> Path | None:
    """The Chromium (or Chrome) to test with, or None.

    Looked for in this order: the environment's ANTIPHON_CHROMIUM, the PATH, the usual places of macOS, and what
    `playwright install chromium` has left behind.
    """
    return next((path for path in _candidates() if path.is_file() and os.access(path, os.X_OK)), None)


def require_chromium() -> Path:
    """The Chromium to test with; skips the test that calls it when the machine has none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium or Chrome on this machine (set ANTIPHON_CHROMIUM to one, or install it)")
    return path


def launch_arguments(*, microphone: Path | None = None, loop: bool = False) -> list[str]:
    """Command-line switches for a browser that may use a microphone and play sound without being asked.

    microphone: a WAV file that plays as the microphone from the moment it is opened; None is Chromium's own beep.
    loop: start that file again when it ends, instead of falling silent.
    """
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-dev-shm-usage",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to start as root with its sandbox
    if microphone is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={microphone}{'' if loop else '%noloop'}")
    return arguments


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("ANTIPHON_CHROMIUM"):
        yield Path(named)
    for name in _NAMES:
        if found := shutil.which(name):
            yield Path(found)
    yield from map(Path, _MAC_APPLICATIONS)
    browsers = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    roots = [Path(browsers)] if browsers else []
    roots += [Path.home() / ".cache" / "ms-playwright", Path.home() / "Library" / "Caches" / "ms-playwright"]
    for root in roots:
        for pattern in _PLAYWRIGHT_PATTERNS:
            yield from sorted(root.glob(pattern), reverse=True)
