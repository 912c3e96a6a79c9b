"""The browsers of a test session, empty tabs in them, and the page opened in one. Not here: how they are driven."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from browsers.bidi import Firefox, driven_firefox, firefox_tab
from browsers.tab import Tab
from browsers.webdriver import webkit_tab
from firefox import require_firefox, running_firefox
from webkit import require_webkit, running_webkit


class Browsers:
    """Starts each browser with the first test that wants it; `require_…` skips that test where there is none."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._firefox: Firefox | None = None
        self._webkit: str | None = None

    async def firefox(self) -> Firefox:
        if self._firefox is None:
            address = await self._stack.enter_async_context(running_firefox(require_firefox()))
            self._firefox = await self._stack.enter_async_context(driven_firefox(address))
        return self._firefox

    async def webkit(self) -> str:
        """The address of its driver."""
        if self._webkit is None:
            self._webkit = await self._stack.enter_async_context(running_webkit(require_webkit()))
        return self._webkit

    @asynccontextmanager
    async def tab(self, browser: str, *, language: str = "en-GB") -> AsyncIterator[Tab]:
        """An empty tab, as large as a phone, that shares nothing with others. language: Firefox's alone."""
        if browser == "firefox":
            opened = firefox_tab(await self.firefox(), language=language)
        else:
            opened = webkit_tab(await self.webkit())
        async with opened as tab:
            await tab.resize(390, 844)
            yield tab


async def open_page(tab: Tab, url: str) -> None:
    """Open the page, and wait until it listens to a person; how it comes to that is its own business."""
    await tab.open(url)
    await tab.until("window.antiphon")
