"""The example with OpenAI's stock client: what the docs show is the file, and the file holds a conversation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "stock_openai_client.py"
ADDRESS_IN_EXAMPLE = "ws://127.0.0.1:3000/v1"


@pytest.fixture
def server() -> Iterator[str]:
    """The WebSocket address of `antiphon serve` with the embedded parts only, as a process of its own."""
    # No setting of the person who runs the tests may get in.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTIPHON_")}
    command = [sys.executable, "-m", "antiphon", "serve", "--port", "0", "--no-discovery"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        address = None
        for line in started.stdout:
            if found := re.search(r"http://(127\.0\.0\.1:\d+)/", line):
                address = f"ws://{found[1]}/v1"
                break
        try:
            assert address, f"the server ended with {started.poll()} before it told its address"
            yield address
        finally:
            started.terminate()


def test_the_docs_show_the_example_as_it_is() -> None:
    _, _, code = EXAMPLE.read_text().partition('"""\n\n')

    assert f"```python\n{code}```\n" in (ROOT / "docs" / "protocol-differences.md").read_text()


def test_example_is_answered_in_words(server: str) -> None:
    pytest.importorskip("openai", reason="the example needs openai's client; scripts/test installs it")
    program = EXAMPLE.read_text()
    assert ADDRESS_IN_EXAMPLE in program

    finished = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS_IN_EXAMPLE, server)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    # Which words is the model's business; that it answers in several, and streams them, is the example's.
    assert len(finished.stdout.split()) >= 3, finished.stdout
