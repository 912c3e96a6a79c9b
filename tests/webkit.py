"""Where WebKitGTK's driver and its small browser are on this machine, and how the tests start them on a screen that
nobody sees. Not here: how it is driven (browsers/webdriver.py).

Tests that need it are marked `browser` and call `require_webkit()`, which skips and says so when there is none.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from owned_process import owned_process

SECONDS = 60.0
"""For a first start on a busy machine; one on a quiet machine takes a second."""


@dataclass(frozen=True)
class WebKitPrograms:
    """driver: WebKitWebDriver, which knows its browser. screen: Xvfb."""

    driver: Path
    screen: Path


def find_webkit() -> WebKitPrograms | None:
    """WebKitGTK's driver (with its browser) and a screen for it, or None where one of them is missing."""
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    return WebKitPrograms(Path(driver), Path(screen)) if driver and screen else None


def require_webkit() -> WebKitPrograms:
    """What is needed to test in WebKit; skips the test that calls it when the machine lacks some of it."""
    programs = find_webkit()
    if programs is None:
        pytest.skip("no WebKitGTK that can be driven on this machine (Debian: webkit2gtk-driver and xvfb)")
    return programs


@asynccontextmanager
async def running_webkit(programs: WebKitPrograms) -> AsyncIterator[str]:
    """A driver on a screen of its own, while the block runs; yields its address. Its browser starts with a session."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-webkit-", ignore_cleanup_errors=True))
        )
        display = await stack.enter_async_context(_screen(programs.screen))
        port = _free_port()
        environment = {
            "DISPLAY": display,
            "GDK_BACKEND": "x11",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "NO_AT_BRIDGE": "1",
            **{f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CACHE", "CONFIG", "DATA")},
        }
        await stack.enter_async_context(owned_process(programs.driver, f"--port={port}", env=environment))
        address = f"http://127.0.0.1:{port}"
        await _answers(address)
        yield address


@asynccontextmanager
async def _screen(program: Path) -> AsyncIterator[str]:
    read, write = os.pipe()
    try:
        options = ["-displayfd", str(write), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
        async with owned_process(program, *options, keeps=(write,)):
            os.close(write)
            write = -1
            async with asyncio.timeout(SECONDS):
                number = await asyncio.to_thread(os.read, read, 16)
            assert number, "Xvfb ended before there was a screen"
            yield f":{number.decode().strip()}"
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(address: str) -> None:
    async with asyncio.timeout(SECONDS), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(f"{address}/status")
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # nothing tells when it listens
            else:
                return
