"""A page that is opened to be brought to one of its states: its size, theme and language, and who plays the server.

Lives here: what a state is, the servers that all states are reached against, and the moves that many of them share.
Not here: the states themselves (`states.py`), what is looked for in them, pictures.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image, ImageDraw, ImageFilter
from playwright.async_api import Browser, ConsoleMessage, Error, FilePayload, Page, Route, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from antiphon.server import ServerSettings
from antiphon.server.inspecting import Inspector
from antiphon.server.inspection_routes import inspection_routes
from antiphon.server.page import HEADERS
from antiphon.server.page import Page as PageFiles
from antiphon.server.page_texts import packaged_page
from live_server import live_app, live_server
from scripted_answerer import ScriptedAnswerer
from web.scripted_peer import ScriptedCall, ScriptedServer, scripted_server
from web.wire import Event, answer_begins, answer_ends, delta, heard, said, sound_begins, sound_ends

Surface = Literal["page", "widget", "inspect", "locked"]
Theme = Literal["light", "dark"]
Language = Literal["en", "ru"]

SIZES = {"phone": (390, 844), "phone-side": (844, 390), "tablet": (768, 1024), "desktop": (1280, 800)}
THEMES: tuple[Theme, ...] = ("light", "dark")
LANGUAGES: tuple[Language, ...] = ("en", "ru")

TOKEN = "a-token-of-this-server"
LOCALES: dict[Language, str] = {"en": "en-GB", "ru": "ru-RU"}
NOW = 1_790_000_000
"""When a page with its clock in hand was opened: unix seconds, so that dates are the same in each picture."""

WIDGET = """<!doctype html><html lang="{language}"><title>shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<script type="module" src="/antiphon.js"></script><antiphon-call></antiphon-call>"""


@dataclass(frozen=True)
class Look:
    """size: one of SIZES."""

    size: str
    theme: Theme
    language: Language


@dataclass(eq=False)
class Scene:
    """One page in one look, and who plays its server. complaints: what it said in the console and should not have."""

    page: Page
    server: ScriptedServer
    inspector: Inspector
    look: Look
    complaints: list[str] = field(default_factory=list)

    @property
    def call(self) -> ScriptedCall:
        return self.server.call

    def words(self, english: str, russian: str) -> str:
        return russian if self.look.language == "ru" else english

    async def connect(self) -> None:
        await self.page.click("#start")
        await self.line("on")

    async def line(self, state: str) -> None:
        await expect(self.page.locator("html")).to_have_attribute("data-line", state)

    async def phase(self, phase: str) -> None:
        await expect(self.page.locator("html")).to_have_attribute("data-phase", phase)

    async def microphone(self, state: str) -> None:
        await expect(self.page.locator("html")).to_have_attribute("data-mic", state)

    async def until(self, condition: str, seconds: float = 10) -> None:
        """Wait, frame by frame, for an expression in the page."""
        async with asyncio.timeout(seconds):
            await self.page.evaluate(
                f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame); }}"
            )

    async def send(self, *events: Event) -> None:
        """Send, and wait until the page has shown the last words among them."""
        self.call.send(*events)
        texts = [event.get("transcript") or event.get("delta") for event in events]
        if last := next((text for text in reversed(texts) if text), None):
            await expect(self.page.locator("#transcript")).to_contain_text(last.strip())

    async def turn(self, number: int, question: str, answer: str, *, previous: str | None = None) -> str:
        """A spoken question and its whole answer. Returns the id of the answer's item."""
        asked, told, response = f"u{number}", f"a{number}", f"r{number}"
        await self.send(
            *heard(asked, previous),
            said(asked, question),
            *answer_begins(response, told, asked),
            delta(response, told, answer),
            sound_begins(response),
            *answer_ends(response, told, asked, answer),
            sound_ends(response),
        )
        return told

    async def first_turn(self) -> str:
        return await self.turn(
            1,
            self.words("Where is the harbour?", "Где находится гавань?"),
            self.words("Behind the Old Harbour Inn.", "За старой портовой гостиницей."),
        )

    async def hear_the_tone(self) -> None:
        """The other voice sounds, for long enough to be seen along its whole arc. There the arcs stop moving."""
        self.call.tone.amplitude = 0.4
        await self.until(
            "document.querySelector('.arc-them .arc-wave').isPointInFill({ x: 207, y: 101.6 })"  # near its tip
            " && (window.requestAnimationFrame = () => 0)",
            seconds=20,
        )

    def watch_packets(self, *, each: int, lose_every: int | None = None) -> asyncio.Event:
        """Of the call's sound, on its way to the page. Returns an event that is set at each so manieth packet.

        lose_every: that one of so many never arrives.
        """
        passed = asyncio.Event()
        (sender,) = self.call.connection.getSenders()
        deliver = sender.transport._send_rtp
        count = 0

        async def pass_on(data: bytes) -> None:
            nonlocal count
            count += 1
            if count % each == 0:
                passed.set()
            if lose_every is None or count % lose_every:
                await deliver(data)

        setattr(sender.transport, "_send_rtp", pass_on)  # noqa: B010 - a method, to type checkers
        return passed

    async def hold_the_clock(self) -> None:
        """From here on time passes in the page only by `pass_time`: its timers, its dates, its latencies."""
        await self.page.clock.install(time=NOW)
        await self.page.clock.pause_at(NOW + 1)

    async def pass_time(self, milliseconds: int) -> None:
        await self.page.clock.run_for(milliseconds)

    async def deny(self, *devices: Literal["microphone", "camera"]) -> None:
        """What a person does who clicks Block."""
        target = await (await self.page.context.new_cdp_session(self.page)).send("Target.getTargetInfo")
        browser = self.page.context.browser
        assert browser is not None
        session = await browser.new_browser_cdp_session()
        for device in devices:
            await session.send(
                "Browser.setPermission",
                {
                    "permission": {"name": device},
                    "setting": "denied",
                    "origin": await self.page.evaluate("origin"),
                    "browserContextId": target["targetInfo"]["browserContextId"],
                },
            )

    async def settle(self) -> None:
        """The mouse points at nothing, and nothing is on its way from one look to another."""
        await self.page.mouse.move(0, 0)
        await self.page.evaluate(
            """() => Promise.all(document.getAnimations()
                 .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
                 .map((one) => one.finished.catch(() => {})))"""
        )


@dataclass(frozen=True)
class State:
    """One state of a page.

    reach: brings an opened page there. alone: it holds the page's clock or changes what the browser allows, and so has
    a browser context of its own; allows: what that one lets the page have without asking. fits: it may be resized once
    it is reached; where not, it is reached anew in each look. matters: looked at in each size and language by the tests
    too.
    """

    name: str
    reach: Callable[[Scene], Awaitable[None]]
    surface: Surface = "page"
    alone: bool = False
    allows: tuple[str, ...] = ("microphone",)
    fits: bool = True
    matters: bool = False


@dataclass(eq=False)
class Stage:
    """Everything that states are reached against. Used by one at a time: the servers know only one page."""

    browser: Browser
    server: ScriptedServer
    locked: str
    _shared: dict[tuple[Language, float], Page] = field(default_factory=dict)

    @asynccontextmanager
    async def opened(self, state: State, look: Look, *, scale: float = 1) -> AsyncIterator[Scene]:
        """A page brought to that state. scale: device pixels for one of CSS."""
        inspector = Inspector()
        async with self._address(state.surface, inspector) as address, self._page(state, look, scale) as page:
            scene = Scene(page, self.server, inspector, look)
            with watched(scene):
                await page.goto(address)
                if state.surface == "page":
                    await expect(page.locator("#line-word")).not_to_be_empty()  # before, no key and no button is heard
                await state.reach(scene)
                await scene.settle()
                yield scene

    @asynccontextmanager
    async def _address(self, surface: Surface, inspector: Inspector) -> AsyncIterator[str]:
        if surface == "inspect":
            routes = inspection_routes(inspector, ServerSettings(inspect=True))
            async with live_app(Starlette(routes=[*routes, Mount("/", PageFiles(packaged_page()))])) as base_url:
                yield f"{base_url}/inspect/"
        else:
            yield {"page": self.server.base_url, "widget": f"{self.server.base_url}/shop", "locked": self.locked}[
                surface
            ]

    @asynccontextmanager
    async def _page(self, state: State, look: Look, scale: float) -> AsyncIterator[Page]:
        """One as if just unpacked: nothing kept, nothing chosen."""
        shared = None if state.alone else self._shared.get((look.language, scale))
        page = shared or await self._new_page(state.allows, look, scale)
        width, height = SIZES[look.size]
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=look.theme, reduced_motion="no-preference")
        try:
            yield page
        finally:
            if state.alone:
                await page.context.close()
            else:
                self._shared[look.language, scale] = page
                await forget_everything(page)
            self.server.answers.set()
            await self.server.reset()

    async def _new_page(self, allows: tuple[str, ...], look: Look, scale: float) -> Page:
        context = await self.browser.new_context(
            locale=LOCALES[look.language],
            timezone_id="Europe/Helsinki",
            device_scale_factor=scale,
            service_workers="block",
        )
        await context.grant_permissions(list(allows))

        async def shop(route: Route) -> None:
            body = WIDGET.format(language=look.language)
            await route.fulfill(body=body, content_type="text/html", headers=HEADERS)

        await context.route("**/shop", shop)
        return await context.new_page()


async def forget_everything(page: Page) -> None:
    """Leave the page, and with it what it kept on the device."""
    origin = await page.evaluate("origin")
    await page.goto("about:blank")
    session = await page.context.new_cdp_session(page)
    await session.send(
        "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage,indexeddb,cookies"}
    )
    await session.detach()


@contextmanager
def watched(scene: Scene) -> Iterator[None]:
    """Note what the page complains of meanwhile."""

    def complain(message: ConsoleMessage) -> None:
        # The browser itself logs each refused request; that is what some states are made of.
        if message.type == "error" and "Failed to load resource" not in message.text:
            scene.complaints.append(message.text)

    def fail(error: Error) -> None:
        scene.complaints.append(str(error))

    scene.page.on("console", complain)
    scene.page.on("pageerror", fail)
    try:
        yield
    finally:
        scene.page.remove_listener("console", complain)
        scene.page.remove_listener("pageerror", fail)


@asynccontextmanager
async def open_stage(browser: Browser) -> AsyncIterator[Stage]:
    """Start the servers. browser: one whose pages have to ask for their devices (see `ASKING`)."""
    async with (
        scripted_server() as server,
        live_server(ScriptedAnswerer(), ServerSettings(access_token=TOKEN)) as locked,
    ):
        yield Stage(browser, server, locked.base_url)


def photo() -> FilePayload:
    """A lamp over a desk, so far as one can draw it with a few shapes."""
    image = Image.new("RGB", (1200, 900), "#3d4a52")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 620, 1200, 900), fill="#8a5f3c")
    pen.polygon([(520, 200), (700, 200), (820, 380), (400, 380)], fill="#d9a441")
    pen.rectangle((600, 380, 620, 620), fill="#20262a")
    pen.ellipse((510, 600, 710, 660), fill="#20262a")
    pen.polygon([(400, 380), (820, 380), (1000, 700), (220, 700)], fill="#b08a4e")
    pen.rectangle((880, 540, 1050, 620), fill="#6d2f2f")
    pen.rectangle((900, 470, 1030, 540), fill="#2f5d6d")
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(6)).save(out, "PNG")
    return {"name": "desk.png", "mimeType": "image/png", "buffer": out.getvalue()}
