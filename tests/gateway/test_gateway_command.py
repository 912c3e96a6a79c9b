"""`antiphon serve` with an agent and with a hosted upstream: the real process, told by its environment alone."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from antiphon.client import RealtimeClient, text_of
from fakes.hosted import ANSWER, KEY, OFFER, hosted_fake

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tools_agent.py"
OURS = ("ANTIPHON_", "OPENAI_", "AZURE_OPENAI_", "REALTIME_")


@asynccontextmanager
async def serving(folder: Path, *args: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A running `antiphon serve` in `folder`: its URL, and everything it prints, errors too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS) and name != "PORT"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon", "serve", "--port", "0", "--no-discovery", "--log-level", "debug", *args),
        cwd=folder,
        env=kept,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed: list[str] = []
    ready = asyncio.Event()

    async def read() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            printed.append(line.decode())
            if "Press Ctrl+C" in printed[-1]:
                ready.set()
        ready.set()

    reading = asyncio.create_task(read())
    try:
        async with asyncio.timeout(30):
            await ready.wait()
        address = re.search(r"http://\S+?:\d+", "".join(printed))
        assert address, "".join(printed)
        yield address[0], printed
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


async def test_an_agent_named_on_the_command_line_sits_beside_the_engines_calls(tmp_path: Path) -> None:
    async with serving(tmp_path, f"{EXAMPLE}:agent") as (url, printed):
        assert "The agent 'tools'" in "".join(printed)
        assert "delayed_add" in "".join(printed)
        async with asyncio.timeout(30), RealtimeClient(url) as caller:
            await caller.send_text("add two and five slowly")
            await caller.response(timeout_s=30)
            answer = text_of(await caller.response(timeout_s=30))
            assert "7" in answer or "seven" in answer


async def test_the_same_app_on_a_hosted_upstream_by_its_env_file(tmp_path: Path) -> None:
    async with hosted_fake() as fake:
        (tmp_path / ".env").write_text(f"OPENAI_API_KEY='{KEY}'\nOPENAI_BASE_URL={fake.base_url}\n")
        async with serving(tmp_path, f"{EXAMPLE}:agent") as (url, printed):
            assert "Calls go to upstream 'url', for OPENAI_BASE_URL is set." in "".join(printed)
            async with httpx.AsyncClient(base_url=url) as http:
                response = await http.post("/session", content=OFFER)
                assert (response.status_code, response.text) == (201, ANSWER)
                async with asyncio.timeout(20):
                    await fake.attached.wait()
                assert [one["name"] for one in fake.last.session["tools"]] == ["delayed_add", "echo_upper"]
                content = [{"type": "input_text", "text": "add two and five slowly"}]
                item = {"type": "message", "role": "user", "content": content}
                fake.last.from_browser({"type": "conversation.item.create", "item": item})
                fake.last.from_browser({"type": "response.create"})
                done = await fake.last.browser.seen("response.output_audio_transcript.done")
                assert "7" in done["transcript"] or "seven" in done["transcript"]
                assert KEY not in (await http.get("/about")).text
        assert fake.last.hung_up.is_set(), "a stopped server leaves no call behind"
        assert KEY not in "".join(printed)
