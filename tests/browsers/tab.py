"""One tab of a browser that Playwright does not drive here: what a person does in it, and what is read of it.

All of it stands on the few things that every browser's own remote control can do (`Remote`): bidi.py has Firefox's,
webdriver.py WebKit's. Not here: what the tests look for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

SECONDS = 15.0
"""For a busy machine; nothing that a test waits for in a page takes as long."""

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Space": " "}
"""Keys as WebDriver has them (https://w3c.github.io/webdriver/#keyboard-actions); letters are themselves."""

CALL = """async (...all) => {
  try {
    return JSON.stringify({ value: await (%s)(...all.map((one) => JSON.parse(one))) });
  } catch (error) {
    return JSON.stringify({ error: String(error) });
  }
}"""

FIND = """const find = (path) => {
  const [place, text] = path.split(" :: ");
  const steps = place.split(" >>> ");
  const last = steps.pop();
  const root = steps.reduce((within, selector) => within?.querySelector(selector)?.shadowRoot, document);
  const found = [...(root?.querySelectorAll(last) ?? [])];
  return (text === undefined ? found[0] : found.find((one) => one.textContent.trim() === text)) ?? null;
};"""

# Where to press: the middle, once it stands still and nothing lies over it.
PLACE = f"""async (path, seconds) => {{
  {FIND}
  const end = performance.now() + 1000 * seconds;
  let before = "";
  for (;;) {{
    const found = find(path);
    found?.scrollIntoView({{ block: "nearest" }});
    const box = found?.getBoundingClientRect();
    const place = box && {{ x: Math.floor(box.x + box.width / 2), y: Math.floor(box.y + box.height / 2) }};
    const top = place && found.getRootNode().elementFromPoint(place.x, place.y);
    const now = JSON.stringify(place) + (top && found.contains(top) && !found.disabled ? "" : " not to be pressed");
    if (now === before && !now.endsWith("pressed")) return place;
    if (performance.now() > end) throw new Error(`${{path}}: ${{found ? now : "not there"}}`);
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }}
}}"""

UNTIL = """async (seconds) => {
  const end = performance.now() + 1000 * seconds;
  while (!(%s)) {
    if (performance.now() > end) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}"""

READ = f"""async (path, wanted, seconds) => {{
  {FIND}
  const end = performance.now() + 1000 * seconds;
  for (;;) {{
    const found = find(path);
    const text = found?.checkVisibility() ? found.textContent.trim() : null;
    if (text === wanted || performance.now() > end) return text;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }}
}}"""


class ScriptError(Exception):
    """A function that was called in the page threw this."""


class Remote(Protocol):
    """A browser's own remote control of one tab."""

    complaints: list[str]
    """Errors of the console, exceptions and breaches of the content security policy; complete after `settle`."""

    async def go(self, url: str) -> None:
        """Open an address, and wait until it has loaded."""

    async def call(self, function: str, arguments: Sequence[str]) -> str:
        """Call an async JavaScript function that takes strings, returns a string and never rejects."""

    async def perform(self, actions: list[dict[str, Any]]) -> None:
        """Mouse and keyboard, in the words of WebDriver's actions, which are BiDi's as well."""

    async def put_file(self, selector: str, path: Path) -> None:
        """What a person does with the browser's dialog for choosing a file."""

    async def resize(self, width: int, height: int) -> None:
        """Of the page, in CSS pixels."""

    async def picture(self) -> bytes:
        """PNG of what is seen."""

    async def settle(self) -> None:
        """Wait until all that the page has complained of so far is in `complaints`."""


class Tab:
    """A path names an element: a CSS selector, or several with " >>> " where a shadow root is stepped into, and after
    " :: " its text, where the first that fits is not meant.
    """

    def __init__(self, remote: Remote, browser: str) -> None:
        self._remote = remote
        self.browser = browser
        """"firefox" or "webkit"."""

    async def open(self, url: str) -> None:
        await self._remote.go(url)

    async def call(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function in the page with arguments and a result that JSON can hold. Raises ScriptError."""
        answer = json.loads(await self._remote.call(CALL % function, [json.dumps(argument) for argument in arguments]))
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer.get("value")

    async def evaluate(self, expression: str) -> Any:
        return await self.call(f"() => ({expression})")

    async def until(self, condition: str, *, seconds: float = SECONDS) -> None:
        """Wait for an expression in the page to be true."""
        try:
            await self.call(UNTIL % condition, seconds)
        except ScriptError as error:
            state = await self.evaluate("JSON.stringify(window.antiphon ?? window.told ?? null)")
            raise AssertionError(f"not in {seconds} s: {condition} ({error})\n{state}") from error

    async def reads(self, path: str, text: str, *, seconds: float = SECONDS) -> None:
        """Wait until an element is to be seen with exactly that text."""
        found = await self.call(READ, path, text, seconds)
        assert found == text, f"{path} reads {found!r}"

    async def click(self, path: str) -> None:
        try:
            place = await self.call(PLACE, path, SECONDS)
        except ScriptError as error:
            raise AssertionError(str(error)) from error
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        await self._remote.perform(
            [
                {
                    "type": "pointer",
                    "id": "mouse",
                    "parameters": {"pointerType": "mouse"},
                    "actions": [{"type": "pointerMove", **place, "origin": "viewport"}, *press],
                }
            ]
        )

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, by name (see `KEYS`) or as the characters that they write."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        await self._keyboard(strokes)

    async def hold(self, key: str) -> None:
        await self._keyboard([{"type": "keyDown", "value": KEYS.get(key, key)}])

    async def let_go(self, key: str) -> None:
        await self._keyboard([{"type": "keyUp", "value": KEYS.get(key, key)}])

    async def write(self, path: str, text: str) -> None:
        """Click into a field and type."""
        await self.click(path)
        await self.press(*text)

    async def put_file(self, selector: str, path: Path) -> None:
        await self._remote.put_file(selector, path)

    async def resize(self, width: int, height: int) -> None:
        await self._remote.resize(width, height)
        await self.until(f"innerWidth === {width} && innerHeight === {height}")

    async def picture(self) -> bytes:
        return await self._remote.picture()

    async def complaints(self) -> list[str]:
        """All that the page has complained of since the tab was opened."""
        await self._remote.settle()
        return self._remote.complaints

    async def _keyboard(self, strokes: list[dict[str, Any]]) -> None:
        await self._remote.perform([{"type": "key", "id": "keyboard", "actions": strokes}])
