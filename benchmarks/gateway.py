"""What the gateway adds beside a direct call, in one run: call setup, tool round trip, CPU per call.

    python benchmarks/gateway.py [--setups 100] [--tools 50] [--calls 500] [--seconds 8]

The hosted service is the tests' strict stand-in, in this process. The gateway is a process of its own, with an agent of
one tool. "Direct" is the same request, or the same function call answered over a bare WebSocket, without it. Direct and
gateway take turns, so that both meet the same moments of a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from antiphon.agent import Agent, tool  # noqa: E402
from antiphon.server import ServerSettings, bind, create_app, listening  # noqa: E402
from antiphon.server.gateway import GatewayAnswerer  # noqa: E402
from antiphon.upstream import OpenAIUpstream  # noqa: E402
from fakes.hosted import KEY, OFFER, Browser, HostedCall, HostedFake, hosted_fake  # noqa: E402

MODEL = {"type": "realtime", "model": "gpt-realtime-2.1"}
EVENTS_PER_SECOND = 5
"""Events that each call's sideband hears, such as transcript deltas at a brisk pace."""


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


class StampedBrowser(Browser):
    """Notes when each event reached the caller."""

    def __init__(self) -> None:
        super().__init__()
        self.stamps: list[float] = []

    def send_event(self, data: str) -> None:
        self.stamps.append(time.perf_counter())
        super().send_event(data)

    def round_trip_ms(self) -> float:
        """From the finished function call to its output in the conversation."""
        called = outcome = 0.0
        for stamp, event in zip(self.stamps, self.events, strict=True):
            item = event.get("item", {})
            if event["type"] == "response.output_item.done" and item["type"] == "function_call":
                called = stamp
            elif event["type"] == "conversation.item.added" and item["type"] == "function_call_output":
                outcome = stamp
        return (outcome - called) * 1000


# ── the gateway's process ─────────────────────────────────────────────────────────────────────────────────────────


async def serve_gateway(port: int, fake_url: str) -> None:
    agent = Agent(instructions="You add.", tools=[add])
    upstream = OpenAIUpstream(KEY, base_url=fake_url)
    app = create_app(GatewayAnswerer(upstream, agent), ServerSettings(max_calls=2000))
    async with listening(app, bind("127.0.0.1", port)):
        await asyncio.Event().wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


# ── what is measured ──────────────────────────────────────────────────────────────────────────────────────────────


async def open_direct(http: httpx.AsyncClient) -> None:
    parts = {
        "sdp": (None, OFFER, "application/sdp"),
        "session": (None, json.dumps(MODEL), "application/json"),
    }
    answer = await http.post("/realtime/calls", files=parts, headers={"Authorization": f"Bearer {KEY}"})
    answer.raise_for_status()


async def open_through(http: httpx.AsyncClient) -> None:
    (await http.post("/session", content=OFFER, headers={"Content-Type": "application/sdp"})).raise_for_status()


async def setups(fake: HostedFake, direct: httpx.AsyncClient, through: httpx.AsyncClient, count: int) -> None:
    times: dict[str, list[float]] = {"direct": [], "gateway": []}
    for turn in range(count + 5):
        for name, http, open_call in (("direct", direct, open_direct), ("gateway", through, open_through)):
            fake.attached.clear()
            began = time.perf_counter()
            await open_call(http)
            if turn >= 5:  # the first ones warm connections and code up
                times[name].append((time.perf_counter() - began) * 1000)
            if name == "gateway":
                await fake.attached.wait()
            await hang_up(fake.last)
    report("call setup", times)


async def hang_up(hosted: HostedCall) -> None:
    hosted.call.hang_up("measured")
    await hosted.running


async def answer_barely(fake: HostedFake, call_id: str, seated: asyncio.Event) -> None:
    """The least that a sideband can do: a socket, JSON, an output for each call."""
    url = fake.base_url.replace("http", "ws", 1) + f"/realtime?call_id={call_id}"
    async with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}, compression=None) as sideband:
        tools = [{"type": "function", "name": add.name, "description": add.description, "parameters": PARAMETERS}]
        await sideband.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "tools": tools}}))
        async for message in sideband:
            event = json.loads(message)
            if event["type"] == "session.updated":
                seated.set()
            item = event.get("item", {})
            if event["type"] == "response.output_item.done" and item["type"] == "function_call":
                arguments = json.loads(item["arguments"])
                output = {"type": "function_call_output", "call_id": item["call_id"]}
                output["output"] = json.dumps(arguments["a"] + arguments["b"])
                await sideband.send(json.dumps({"type": "conversation.item.create", "item": output}))


PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
    "required": ["a", "b"],
}


async def one_tool(hosted: HostedCall) -> float:
    browser = hosted.browser
    assert isinstance(browser, StampedBrowser)
    content = [{"type": "input_text", "text": "add two and five"}]
    item = {"type": "message", "role": "user", "content": content}
    hosted.from_browser({"type": "conversation.item.create", "item": item})
    hosted.from_browser({"type": "response.create", "response": {"tool_choice": "required"}})
    await browser.until(lambda: any(is_output(event) for event in browser.events))
    return browser.round_trip_ms()


def is_output(event: dict[str, Any]) -> bool:
    return event["type"] == "conversation.item.added" and event["item"]["type"] == "function_call_output"


async def tools(fake: HostedFake, direct: httpx.AsyncClient, through: httpx.AsyncClient, count: int) -> None:
    times: dict[str, list[float]] = {"direct": [], "gateway": []}
    for turn in range(count + 3):
        await open_direct(direct)
        hosted = fake.last
        seated = asyncio.Event()
        bare = asyncio.create_task(answer_barely(fake, hosted.id, seated))
        await seated.wait()
        taken = await one_tool(hosted)
        await hang_up(hosted)
        await asyncio.gather(bare, return_exceptions=True)
        if turn >= 3:
            times["direct"].append(taken)

        fake.attached.clear()
        await open_through(through)
        await fake.attached.wait()
        hosted = fake.last
        await asyncio.sleep(0.05)  # the seat has nothing to say: it is given the time to sit down
        taken = await one_tool(hosted)
        await hang_up(hosted)
        if turn >= 3:
            times["gateway"].append(taken)
    report("tool round trip", times)


async def many_calls(fake: HostedFake, through: httpx.AsyncClient, pid: int, count: int, seconds: float) -> None:
    before = cpu_seconds(pid)
    for begin in range(0, count, 20):
        await asyncio.gather(*(open_through(through) for _ in range(min(20, count - begin))))
    opening = cpu_seconds(pid) - before
    running = [hosted for hosted in fake.calls.values() if not hosted.call.session.closed]
    async with asyncio.timeout(60):
        while any(not hosted.sockets for hosted in running):  # noqa: ASYNC110 - it is only waited for here
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    before, began = cpu_seconds(pid), time.perf_counter()
    rounds = int(seconds * EVENTS_PER_SECOND)
    for turn in range(rounds):
        for position, hosted in enumerate(running):
            # Each makes the service say something to both its peers.
            hosted.from_browser({"type": "conversation.item.retrieve", "item_id": f"item_{turn}"})
            if position % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, began + (turn + 1) / EVENTS_PER_SECOND - time.perf_counter()))
    elapsed = time.perf_counter() - began
    share = (cpu_seconds(pid) - before) / elapsed
    attached = sum(1 for hosted in running if hosted.sockets)
    memory = resident_mb(pid)
    print(
        f"\n{attached} calls with their sidebands, {rounds / elapsed:.1f} events/s each: {share:.2f} of one core, "
        f"{memory:.0f} MB; opening one took {opening / count * 1000:.1f} ms of CPU. "
        f"At 0.7 of a core that is {0.7 * attached / share:.0f} calls."
    )
    await asyncio.gather(*(hang_up(hosted) for hosted in running))


def report(what: str, times: dict[str, list[float]]) -> None:
    direct, gateway = (statistics.median(times[name]) for name in ("direct", "gateway"))
    added = [with_it - without for with_it, without in zip(times["gateway"], times["direct"], strict=True)]
    added.sort()
    print(
        f"| {what} | {direct:.2f} ms | {gateway:.2f} ms | **{statistics.median(added):.2f} ms** "
        f"| {added[int(len(added) * 0.95)]:.2f} ms | {gateway / direct:.2f} |",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setups", type=int, default=100)
    parser.add_argument("--tools", type=int, default=50)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "URL"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 16_384), hard), hard))
    if wanted.serve:
        await serve_gateway(int(wanted.serve[0]), wanted.serve[1])
        return
    import fakes.hosted

    fakes.hosted.Browser = StampedBrowser  # type: ignore[misc]
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    print("| | direct | through the gateway | added, median | added, p95 | ratio |\n|---|---|---|---|---|---|")
    async with hosted_fake() as fake:
        port = free_port()
        command = [sys.executable, __file__, "--serve", str(port), fake.base_url]
        gateway = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - before anything is timed
        try:
            async with (
                httpx.AsyncClient(base_url=fake.base_url, timeout=30) as direct,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as through,
            ):
                for _ in range(200):
                    try:
                        if (await through.get("/health")).json()["status"] == "ok":
                            break
                    except (httpx.HTTPError, ValueError):
                        pass
                    await asyncio.sleep(0.05)
                await setups(fake, direct, through, wanted.setups)
                await tools(fake, direct, through, wanted.tools)
                await many_calls(fake, through, gateway.pid, wanted.calls, wanted.seconds)
        finally:
            gateway.terminate()
            gateway.wait(10)


if __name__ == "__main__":
    asyncio.run(main())
