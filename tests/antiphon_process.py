"""The `antiphon` command as a real process, in an environment without this machine's own settings."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 40.0
"""For a busy machine; a command that takes so long is broken."""

_OURS = ("ANTIPHON_", "OPENAI_", "AZURE_OPENAI_", "REALTIME_", "_ANTIPHON")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS) and name.lower() not in _PROXIES and name != "PORT"
    }
    return {**kept, "NO_COLOR": "1", **(more or {})}


async def antiphon(
    *args: str, env: Mapping[str, str] | None = None, stdin: str | bytes = b"", folder: Path | None = None
) -> Ended:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "antiphon",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(env),
        cwd=folder,
    )
    try:
        async with asyncio.timeout(SECONDS):
            given = stdin.encode() if isinstance(stdin, str) else stdin
            out, err = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
