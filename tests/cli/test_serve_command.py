"""`antiphon serve`, the real process: starts, says so, answers, and ends as it is told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from antiphon import __version__

READY_SECONDS = 30
"""For a busy machine; how fast it is on an idle one is measured elsewhere."""


@dataclass
class Serving:
    """A running `antiphon serve`: what it has printed, and where it listens."""

    process: asyncio.subprocess.Process
    output: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        match = re.search(r"http://\S+?:\d+", self.output)
        assert match, self.output
        return match[0]

    async def read_until(self, words: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while words not in self.output:
                line = await self.process.stdout.readline()
                assert line, f"it ended early:\n{self.output}\n{await self.error_text()}"
                self.output += line.decode()

    async def error_text(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def stop(self, number: signal.Signals) -> int:
        """Send the signal and wait for the end, no longer than is promised."""
        self.process.send_signal(number)
        async with asyncio.timeout(4):
            return await self.process.wait()


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    ours = ("ANTIPHON_", "OPENAI_", "AZURE_OPENAI_", "REALTIME_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "PORT"}
    return {**kept, **(more or {})}


async def spawn(*args: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "antiphon",
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(env),
    )


async def run(*args: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command that ends by itself: exit code, output, errors."""
    process = await spawn(*args, env=env)
    async with asyncio.timeout(READY_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def serving(*args: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Serving]:
    process = await spawn("serve", "--port", "0", "--no-discovery", *args, env=env)
    running = Serving(process)
    try:
        await running.read_until("Press Ctrl+C")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_says_where_it_is_what_answers_and_how_to_make_it_better() -> None:
    async with serving() as it:
        assert "is ready" in it.output
        for words in ("Open", "Hears with", "Thinks with", "Speaks with", "To make it better", "--llm"):
            assert words in it.output
        async with httpx.AsyncClient(base_url=it.url) as http:
            assert (await http.get("/health")).json()["status"] == "ok"
            about = (await http.get("/about")).json()
            assert (await http.get("/")).status_code == 200
        assert about["recognizer"]["name"] in it.output
        assert about["voice"]["name"] in it.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_it_in_time_and_its_calls_with_it(number: signal.Signals, code: int) -> None:
    async with serving() as it:
        url = f"{it.url.replace('http', 'ws', 1)}/v1/realtime"
        async with websockets.connect(url) as call:
            assert "session.created" in await call.recv()
            assert await it.stop(number) == code
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    await call.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code in (1001, 1012)
        errors = await it.error_text()
        assert "Traceback" not in errors
        assert "did not end in time" not in errors


async def test_a_signal_during_the_start_ends_it_too() -> None:
    process = await spawn("serve", "--port", "0", "--no-discovery")
    async with asyncio.timeout(READY_SECONDS):
        while not _catches(process.pid, signal.SIGTERM):
            assert process.returncode is None
            await asyncio.sleep(0.005)  # a process tells nobody when it sets a handler
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal (Linux; elsewhere it is taken for granted)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
    except OSError:
        return True
    return bool(caught >> (number - 1) & 1)


async def test_a_port_in_use_is_one_plain_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, out, err = await run("serve", "--port", str(port))
    assert (code, out) == (1, "")
    assert err.strip() == (
        f"antiphon: Port {port} is already in use. Stop what uses it, or choose another with --port {port + 1}."
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--llm", "not-a-url"), "whole address"),
        (("--llm", "ftp://x"), "whole address"),
        (("--stt", "http://"), "whole address"),
        (("--tts", "http://h:99999"), "whole address"),
        (("--port", "70000"), "--port"),
        (("--max-calls", "0"), "--max-calls"),
        (("--max-call-minutes", "0"), "--max-call-minutes"),
        (("--log-level", "loud"), "--log-level"),
        (("--vad-model", "/nowhere/model.onnx"), "--vad-model"),
        (("--token", "short"), "16 characters"),
        (("--allow-origin", "app.example"), "--allow-origin"),
        (("--host", "192.0.2.1", "--port", "0"), "--host"),
    ],
)
async def test_a_wrong_option_is_named_without_a_traceback(args: tuple[str, ...], words: str) -> None:
    code, _, err = await run("serve", *args)
    assert code in (1, 2)
    assert words in err
    assert "Traceback" not in err


async def test_options_come_from_the_environment() -> None:
    env = {"ANTIPHON_MAX_CALLS": "1", "ANTIPHON_ALLOW_ORIGINS": "https://app.example https://two.example"}
    async with serving(env=env) as it:
        async with httpx.AsyncClient(base_url=it.url) as http:
            response = await http.get("/about", headers={"Origin": "https://two.example"})
        assert response.headers["access-control-allow-origin"] == "https://two.example"
        url = f"{it.url.replace('http', 'ws', 1)}/v1/realtime"
        async with websockets.connect(url) as call:
            await call.recv()
            with pytest.raises(websockets.exceptions.InvalidStatus):
                async with websockets.connect(url):
                    pass


async def test_the_founding_port_variable_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, err = await run("serve", env={"PORT": str(port)})
    assert code == 1
    assert f"Port {port} is already in use" in err


async def test_beyond_loopback_a_token_is_made_and_asked_for() -> None:
    async with serving("--host", "0.0.0.0") as it:  # noqa: S104 - that is what is tested
        match = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{24,})", it.output)
        assert match, it.output
        base_url, token = f"http://127.0.0.1:{match[1]}", match[2]
        async with httpx.AsyncClient(base_url=base_url) as http:
            assert (await http.get("/")).status_code == 401
            assert (await http.get("/about")).status_code == 401
            assert (await http.get(f"/?token={token}")).status_code == 303
            assert (await http.get("/about")).status_code == 200
        await it.stop(signal.SIGTERM)


async def test_no_secret_reaches_the_log_even_at_its_loudest() -> None:
    token, key = "the-callers-own-token-1", "sk-the-callers-own-key"
    async with serving("--token", token, "--log-level", "debug") as it:
        assert token not in it.output
        async with httpx.AsyncClient(base_url=it.url) as http:
            await http.get(f"/?token={token}")
            await http.get("/about", headers={"Authorization": f"Bearer {token}"})
            await http.get(f"/nothing?api-key={key}")
        url = f"{it.url.replace('http', 'ws', 1)}/v1/realtime"
        subprotocols = ["realtime", f"openai-insecure-api-key.{token}"]
        async with websockets.connect(
            f"{url}?token={token}", subprotocols=subprotocols, additional_headers={"Cookie": f"a={key}"}
        ) as call:
            await call.recv()
        await it.stop(signal.SIGTERM)
        log = await it.error_text()
    assert "/v1/realtime" in log
    assert token not in log
    assert key not in log


async def test_a_model_server_that_does_not_answer_is_no_reason_not_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with serving("--llm", f"http://127.0.0.1:{port}/v1", "--llm-key", "sk-unseen-key-unseen") as it:
        assert f"127.0.0.1:{port}" in it.output
        assert "sk-unseen" not in it.output
        await it.stop(signal.SIGTERM)
        assert "sk-unseen" not in await it.error_text()


async def test_version_and_help_answer_without_loading_the_engine() -> None:
    code, out, _ = await run("--version")
    assert (code, out.strip()) == (0, f"antiphon, version {__version__}")
    code, out, _ = await run("serve", "--help")
    assert code == 0
    for option in ("--llm-model", "ANTIPHON_LLM_KEY", "--no-discovery", "--max-calls"):
        assert option in out
    program = (
        "import sys, antiphon.cli; print([m for m in sys.modules if m in ('numpy', 'starlette', 'antiphon.engine')])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env=clean_environment()
    )
    out_bytes, _ = await process.communicate()
    assert out_bytes.strip() == b"[]"
