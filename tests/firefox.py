"""Where a Firefox is on this machine, and how the tests start one. Not here: how it is driven (browsers/bidi.py).

Tests that need it are marked `browser` and call `require_firefox()`, which skips and says so when there is none.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from owned_process import owned_process

SECONDS = 60.0
"""For a first start on a busy machine; one on a quiet machine takes half a second."""

_NAMES = ("firefox-esr", "firefox")
_MAC_APPLICATION = "/Applications/Firefox.app/Contents/MacOS/firefox"

PREFERENCES: dict[str, str | int | bool] = {
    # A microphone that hums, without a question; and sound without a tap, as Chromium has it in these tests.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    # Nothing may go out of this machine.
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,none",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,none",
    # The browser's own pages would only take time.
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "startup.homepage_welcome_url": "",
    "datareporting.policy.firstRunURL": "",
}


@dataclass(frozen=True)
class FirefoxPrograms:
    """sound: PulseAudio, on Linux. Without a sound card, Firefox lets no AudioContext run (Chromium pretends one)."""

    browser: Path
    sound: Path | None


def find_firefox() -> FirefoxPrograms | None:
    """What the tests in Firefox need, or None where some of it is missing.

    The browser is looked for in this order: the environment's ANTIPHON_FIREFOX, the PATH, the usual place of macOS.
    """
    named = os.environ.get("ANTIPHON_FIREFOX")
    found = [named, *map(shutil.which, _NAMES), _MAC_APPLICATION]
    browser = next((Path(path) for path in found if path and os.access(path, os.X_OK)), None)
    sound = shutil.which("pulseaudio")
    if browser is None or (sound is None and sys.platform == "linux"):
        return None
    return FirefoxPrograms(browser, Path(sound) if sound and sys.platform == "linux" else None)


def require_firefox() -> FirefoxPrograms:
    """What the tests in Firefox need; skips the test that calls it when the machine lacks some of it."""
    programs = find_firefox()
    if programs is None:
        pytest.skip("no Firefox, or no PulseAudio for it, on this machine (Debian: firefox-esr and pulseaudio)")
    return programs


@asynccontextmanager
async def running_firefox(programs: FirefoxPrograms) -> AsyncIterator[str]:
    """A Firefox without a window and with a profile of its own, while the block runs; yields its BiDi address."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="antiphon-firefox-", ignore_cleanup_errors=True)
        )
        _write_preferences(Path(folder))
        env = {"HOME": folder}
        if programs.sound is not None:
            env["PULSE_SERVER"] = await stack.enter_async_context(_unheard_sound(programs.sound, Path(folder)))
        options = ["--headless", "--no-remote", "--profile", folder, "--remote-debugging-port=0"]
        process = await stack.enter_async_context(owned_process(programs.browser, *options, env=env))
        told = Path(folder, "WebDriverBiDiServer.json")
        async with asyncio.timeout(SECONDS):
            while (address := _told_address(told)) is None:
                assert process.returncode is None, "Firefox ended before it could be driven"
                await asyncio.sleep(0.02)  # a file tells nobody that it is there
        yield address


@asynccontextmanager
async def _unheard_sound(program: Path, folder: Path) -> AsyncIterator[str]:
    """A PulseAudio whose only loudspeaker plays to nobody, in real time; yields its address."""
    address = f"unix:{folder}/sound"
    modules = ["module-null-sink rate=48000", f"module-native-protocol-unix auth-anonymous=1 socket={folder}/sound"]
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", *(f"--load={module}" for module in modules)]
    async with owned_process(program, *options, env={"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}) as process:
        async with asyncio.timeout(SECONDS):
            while not await _answers(f"{folder}/sound"):
                assert process.returncode is None, "PulseAudio does not start here"
                await asyncio.sleep(0.02)  # it tells nobody that it is ready
        yield address


async def _answers(socket: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True


def _write_preferences(folder: Path) -> None:
    lines = [f"user_pref({_js(name)}, {_js(value)});\n" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("".join(lines))


def _js(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


def _told_address(file: Path) -> str | None:
    """What Firefox writes into its profile once it listens; None before."""
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return f"ws://{told['ws_host']}:{told['ws_port']}"
