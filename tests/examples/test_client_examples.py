"""The client as the README and its examples show it, run as they stand against a live server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("espeakng_loader", reason="the embedded engine is not installed: antiphon[local] has it")

from antiphon.audio.wav import read_wav
from antiphon.engine import build_engine
from live_server import live_server
from speech_samples import say, silence, write_wav

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ADDRESS = "http://127.0.0.1:3000"


async def run(*arguments: str) -> str:
    """What a Python program prints. It must end by itself, and well."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, error = await program.communicate()
    assert program.returncode == 0, error.decode()
    return out.decode()


def test_the_readme_shows_the_example_as_it_is() -> None:
    _, _, code = (EXAMPLES / "hello_client.py").read_text().partition('"""\n\n')
    assert f"```python\n{code}```\n" in (ROOT / "README.md").read_text()


async def test_the_clients_of_the_examples_ask_in_writing_and_aloud(tmp_path: Path) -> None:
    question = write_wav(tmp_path / "question.wav", silence(200) + await say("what can you do"))
    answer = tmp_path / "answer.wav"
    async with live_server(build_engine()) as server:
        program = (EXAMPLES / "hello_client.py").read_text()
        assert ADDRESS in program
        written, aloud = await asyncio.gather(
            run("-c", program.replace(ADDRESS, server.base_url)),
            run(str(EXAMPLES / "ask_aloud.py"), str(question), str(answer), server.base_url),
        )
    assert len(written.split()) >= 3, "which words is the model's business"
    assert "You: what can you" in aloud
    assert "Assistant: " in aloud
    recording = read_wav(answer)
    assert len(recording.pcm) > recording.sample_rate
    assert any(recording.pcm)
