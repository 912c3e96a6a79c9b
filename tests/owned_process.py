"""A program that runs for as long as a block does, for asynchronous tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE = 20.0
"""Seconds for a program to end by itself."""


@asynccontextmanager
async def owned_process(
    program: Path, *options: str, env: Mapping[str, str] | None = None, keeps: tuple[int, ...] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a program, and end it with the block. env: on top of this process's own.

    keeps: file descriptors that it inherits. What it writes is dropped.
    """
    process = await asyncio.create_subprocess_exec(
        program,
        *options,
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=keeps,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
