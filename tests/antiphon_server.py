"""`antiphon serve` as a real process, for tests that are plain functions or share one server over a module."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from antiphon_process import clean_environment

READY_SECONDS = 60.0


@contextmanager
def antiphon_server(*args: str, folder: Path, port: int = 0) -> Iterator[str]:
    """A server with the embedded engine while the block runs; yields its base URL. folder: where it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "antiphon", "serve", "--port", str(port), "--no-discovery", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        cwd=folder,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(READY_SECONDS, process.kill)
    watchdog.start()
    try:
        url, told = "", ""
        for line in process.stdout:
            told += line
            if match := re.search(r"http://127\.0\.0\.1:\d+", line):
                url = url or match[0]
            if "Press Ctrl+C" in line:
                break
        watchdog.cancel()
        assert url, told
        yield url
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
