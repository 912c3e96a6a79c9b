"""Schemathesis, from the published description alone, finds nothing on the HTTP routes of a running server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from antiphon.engine import build_engine
from live_server import live_server

PROGRAM = Path(sys.executable).parent / "schemathesis"
FUZZ = Path(__file__).parent / "openapi_fuzz"


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    async with live_server(build_engine()) as server:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            f"--config-file={FUZZ / 'schemathesis.toml'}",
            "run",
            f"{server.base_url}/openapi.json",
            "--max-examples=15",
            "--seed=1",
            cwd=tmp_path,  # it leaves a folder of its own behind
            env={**os.environ, "SCHEMATHESIS_HOOKS": "sdp_body", "PYTHONPATH": str(FUZZ), "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(100):
            output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()[-6000:]
        assert b"Tested: 2" in output, "it tested the routes"
        await server.calls.idle()
