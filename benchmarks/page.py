"""How the page holds up in Chromium: the time from the tap to "connected", the memory of a long call, and scrolling.

    python benchmarks/page.py [connect] [memory] [scroll] [--calls 20] [--minutes 30] [--messages 1000]

connect: against the embedded engine in this process, over loopback, the microphone allowed before.
memory: a scripted server sends what a call of that length sends, six turns a minute, as fast as the page takes it,
while the page's clock is moved on; the JavaScript heap after a garbage collection, and the DOM's nodes.
scroll: the time between frames while a transcript of so many messages is scrolled from its end to its beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from antiphon.engine import build_engine
from chromium import find_chromium, launch_arguments
from live_server import live_server
from web.scripted_peer import ScriptedCall, ScriptedServer, scripted_server
from web.wire import Event, answer_begins, answer_ends, delta, heard, said, sound_begins, sound_ends

TURNS_PER_MINUTE = 6
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sees", "the", "old", "harbour"]
MB = 1024 * 1024

TAP = """async () => {
  const began = performance.now();
  document.querySelector("#start").click();
  while (antiphon.line !== "on") await new Promise((go) => setTimeout(go, 1));
  return performance.now() - began;
}"""

TAKEN = """async (id) => {
  const isIt = (entry) => entry.id === id && entry.status === "done";
  while (!antiphon.transcript.some(isIt)) await new Promise((go) => setTimeout(go, 20));
}"""

SCROLL = """async (seconds) => {
  const box = [...document.querySelectorAll("*")].find((one) => one.contains(document.querySelector("#transcript"))
    && one.scrollHeight > one.clientHeight + 200 && /auto|scroll/.test(getComputedStyle(one).overflowY))
    ?? document.scrollingElement;
  const from = box.scrollHeight - box.clientHeight, gaps = [];
  const frame = () => new Promise(requestAnimationFrame);
  let last = await frame();
  const began = last;
  while (last - began < seconds * 1000) {
    box.scrollTop = from * (1 - (last - began) / (seconds * 1000));
    const now = await frame();
    gaps.push(now - last);
    last = now;
  }
  return [from, gaps];
}"""


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = find_chromium()
    if path is None:
        raise SystemExit("no Chromium or Chrome on this machine (set ANTIPHON_CHROMIUM to one)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=launch_arguments())
        yield browser
        await browser.close()


async def open_page(browser: Browser, url: str, *, clock: bool = False) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    if clock:
        await page.clock.install()
    await page.goto(url)
    await page.locator("#start").wait_for()
    return page


# ── connect ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def connect(browser: Browser, calls: int) -> None:
    took = []
    async with live_server(build_engine()) as server:
        for _ in range(calls):
            page = await open_page(browser, server.base_url)
            took.append(await page.evaluate(TAP))
            await page.context.close()
            await server.calls.idle()
    print(
        f"connect: {calls} calls, from the tap to connected: median {statistics.median(took):.0f} ms,"
        f" 90 % {quantile(took, 0.9):.0f} ms, slowest {max(took):.0f} ms, first {took[0]:.0f} ms"
    )


# ── memory and scrolling ────────────────────────────────────────────────────────────────────────────────────────


def turn(number: int, deltas: int = 20) -> list[Event]:
    """One turn: a question of nine words and an answer of twenty, in so many pieces."""
    user, item, response = f"u{number}", f"a{number}", f"r{number}"
    before = f"a{number - 1}" if number else None
    question = " ".join(WORDS[(number + i) % len(WORDS)] for i in range(9))
    words = [f"{WORDS[(number * 3 + i) % len(WORDS)]} " for i in range(20)]
    return [
        *heard(user, before),
        said(user, question),
        *answer_begins(response, item, user),
        sound_begins(response),
        *[delta(response, item, "".join(words[at::deltas])) for at in range(deltas)],
        *answer_ends(response, item, user, "".join(words)),
        sound_ends(response),
    ]


async def connected(browser: Browser, server: ScriptedServer, *, clock: bool) -> tuple[Page, ScriptedCall]:
    page = await open_page(browser, server.base_url, clock=clock)
    await page.click("#start")
    await page.evaluate("async () => { while (antiphon.line !== 'on') await new Promise((go) => setTimeout(go, 5)); }")
    return page, server.call


async def tell(page: Page, call: ScriptedCall, numbers: range, deltas: int = 20) -> None:
    """Send these turns, and wait until the page has them."""
    for number in numbers:
        call.send(*turn(number, deltas))
        # A data channel has a limit to what waits in it.
        if number % 20 == 19 or number == numbers[-1]:
            await page.evaluate(TAKEN, f"r{number}")


async def heap(page: Page) -> tuple[float, int]:
    """Megabytes of JavaScript, and nodes of the DOM, after everything that can go has gone."""
    session = await page.context.new_cdp_session(page)
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
    used = (await session.send("Runtime.getHeapUsage"))["usedSize"] / MB
    nodes = (await session.send("Memory.getDOMCounters"))["nodes"]
    await session.detach()
    return used, nodes


async def memory(browser: Browser, minutes: int) -> None:
    async with scripted_server() as server:
        page, call = await connected(browser, server, clock=True)
        print(f"memory: a call of {minutes} minutes, {TURNS_PER_MINUTE} turns a minute")
        for minute in range(minutes + 1):
            if minute % 5 == 0:
                used, nodes = await heap(page)
                print(f"  minute {minute:3}: {used:6.2f} MB of JavaScript, {nodes} nodes")
            if minute < minutes:
                await tell(page, call, range(minute * TURNS_PER_MINUTE, (minute + 1) * TURNS_PER_MINUTE))
                for _ in range(30):
                    await page.clock.fast_forward(2_000)
        await page.context.close()


async def scroll(browser: Browser, messages: int) -> None:
    async with scripted_server() as server:
        page, call = await connected(browser, server, clock=False)
        await tell(page, call, range(messages // 2), deltas=1)
        height, gaps = await page.evaluate(SCROLL, 5)
        late = sum(gap > 34 for gap in gaps) / len(gaps)
        print(
            f"scroll: {messages} messages, {height:.0f} px in 5 s: {len(gaps)} frames,"
            f" median {statistics.median(gaps):.1f} ms, 99 % {quantile(gaps, 0.99):.1f} ms,"
            f" longest {max(gaps):.1f} ms, {late:.1%} later than 34 ms"
        )
        await page.context.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["connect", "memory", "scroll", []])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--messages", type=int, default=1000)
    options = parser.parse_args()
    wanted = options.what or ["connect", "memory", "scroll"]
    async with chromium() as browser:
        if "connect" in wanted:
            await connect(browser, options.calls)
        if "memory" in wanted:
            await memory(browser, options.minutes)
        if "scroll" in wanted:
            await scroll(browser, options.messages)


if __name__ == "__main__":
    asyncio.run(main())
