"""`antiphon talk | head`: whoever reads the output leaves before it is over."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from antiphon_process import clean_environment
from fakes.hosted import KEY, hosted_fake


async def test_it_ends_at_once_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    async with asyncio.timeout(40), hosted_fake() as fake:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "antiphon", "talk", "openai", "--text"),
            stdin=asyncio.subprocess.PIPE,
            stdout=write,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": fake.base_url}),
            cwd=tmp_path,
        )
        os.close(write)
        _, err = await process.communicate(b"hello\nhello again\n")
    assert (process.returncode, err.decode().count("\n")) == (0, 1), err.decode()
