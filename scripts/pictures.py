"""Takes a picture of every state of the page, in every size, theme and language, or of those that the options choose.

Each becomes `<state>-<size>-<theme>-<language>.png`; contact sheets, twelve states each, show them side by side. Run by
scripts/pictures with the Python of `.venv` and tests/ on its path: the states are those of tests/web/states.py.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import async_playwright

from chromium import find_chromium, launch_arguments
from commands import say
from web.scene import LANGUAGES, SIZES, THEMES, Look, Scene, Stage, State, open_stage
from web.states import BY_NAME, STATES

ROOT = Path(__file__).resolve().parent.parent
ON_A_SHEET = 12
COLUMNS = {"phone": 6, "phone-side": 3, "tablet": 6, "desktop": 3}
THUMBNAILS = {"phone": 312, "phone-side": 624, "tablet": 312, "desktop": 640}
"""How wide a picture is on a contact sheet, in pixels."""
MARGIN = 16
CAPTION = 26


@dataclass(frozen=True)
class Wish:
    """Which pictures, where to, and how many device pixels one of CSS is."""

    states: Sequence[State]
    looks: Sequence[Look]
    into: Path
    scale: float

    def path(self, state: State, look: Look) -> Path:
        return self.into / f"{state.name}-{look.size}-{look.theme}-{look.language}.png"


def chosen(argument: str, known: Sequence[str]) -> list[str]:
    """The names in a comma-separated argument; ends the program where one is not known."""
    names = [name for name in argument.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"pictures: no {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def read_arguments(arguments: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser(prog="scripts/pictures", description="Pictures of every state of the page.")
    parser.add_argument("--states", metavar="A,B", default=",".join(BY_NAME), help="names (default: all; see --list)")
    parser.add_argument("--sizes", metavar="A,B", default=",".join(SIZES), help=f"of {', '.join(SIZES)}")
    parser.add_argument("--themes", metavar="A,B", default=",".join(THEMES), help=f"of {', '.join(THEMES)}")
    parser.add_argument("--languages", metavar="A,B", default=",".join(LANGUAGES), help=f"of {', '.join(LANGUAGES)}")
    parser.add_argument("--into", metavar="FOLDER", type=Path, default=ROOT / "build" / "pictures")
    parser.add_argument("--scale", type=float, default=1, help="device pixels for one of CSS (default: 1)")
    parser.add_argument("--list", action="store_true", help="print the names of the states, and end")
    given = parser.parse_args(arguments)
    if given.list:
        print(*BY_NAME, sep="\n")
        sys.exit(0)
    looks = product(chosen(given.languages, LANGUAGES), chosen(given.sizes, list(SIZES)), chosen(given.themes, THEMES))
    names = chosen(given.states, list(BY_NAME))
    return Wish(
        states=[state for state in STATES if state.name in names],
        looks=[Look(size, theme, language) for language, size, theme in looks],
        into=given.into,
        scale=given.scale,
    )


async def take(wish: Wish) -> list[str]:
    """Take them all. Returns the names of the states that could not be reached, with what went wrong."""
    wish.into.mkdir(parents=True, exist_ok=True)
    chromium = find_chromium()
    if chromium is None:
        sys.exit("pictures: no Chromium here (set ANTIPHON_CHROMIUM to one, or install it)")
    asking = [argument for argument in launch_arguments() if argument != "--use-fake-ui-for-media-stream"]
    failures = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=asking)
        async with open_stage(browser) as stage:
            for number, state in enumerate(wish.states, 1):
                say(f"{number}/{len(wish.states)} {state.name}")
                try:
                    await take_state(stage, wish, state)
                except Exception as error:  # noqa: BLE001 - the others are still wanted
                    failures.append(f"{state.name}: {error}")
        await browser.close()
    return failures


async def take_state(stage: Stage, wish: Wish, state: State) -> None:
    """All pictures of one state; reached once for each language where it may be resized, else once for each look."""
    alike: dict[object, list[Look]] = {}
    for look in wish.looks:
        alike.setdefault(look.language if state.fits else look, []).append(look)
    for looks in alike.values():
        async with stage.opened(state, looks[0], scale=wish.scale) as scene:
            for look in looks:
                await show(scene, look)
                await scene.page.screenshot(path=wish.path(state, look), animations="disabled")


async def show(scene: Scene, look: Look) -> None:
    """Have a page that was reached look that way."""
    width, height = SIZES[look.size]
    await scene.page.set_viewport_size({"width": width, "height": height})
    await scene.page.emulate_media(color_scheme=look.theme)
    await scene.settle()


def make_sheets(wish: Wish, look: Look) -> list[Path]:
    """Contact sheets of one look, of all pictures that are in the folder: those of an earlier run stay on them."""
    sheets = []
    for first in range(0, len(STATES), ON_A_SHEET):
        pictures = [(state.name, wish.path(state, look)) for state in STATES[first : first + ON_A_SHEET]]
        if any(picture.exists() for _, picture in pictures):
            path = wish.into / f"sheet-{look.size}-{look.theme}-{look.language}-{first // ON_A_SHEET + 1}.png"
            make_sheet(pictures, look).save(path)
            sheets.append(path)
    return sheets


def make_sheet(pictures: Sequence[tuple[str, Path]], look: Look) -> Image.Image:
    columns, width = COLUMNS[look.size], THUMBNAILS[look.size]
    height = round(width * SIZES[look.size][1] / SIZES[look.size][0])
    rows = -(-len(pictures) // columns)
    paper, ink = ("#d8d5cd", "#1b1d22") if look.theme == "light" else ("#2b2f39", "#eceae4")
    size = (MARGIN + columns * (width + MARGIN), MARGIN + rows * (height + CAPTION + MARGIN))
    sheet = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for place, (name, path) in enumerate(pictures):
        row, column = divmod(place, columns)
        x, y = MARGIN + column * (width + MARGIN), MARGIN + row * (height + CAPTION + MARGIN)
        pen.text((x, y + 4), name, fill=ink, font=font)
        if path.exists():
            with Image.open(path) as picture:
                sheet.paste(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (x, y + CAPTION))
    return sheet


def main() -> None:
    wish = read_arguments(sys.argv[1:])
    failures = asyncio.run(take(wish))
    sheets = [sheet for look in wish.looks for sheet in make_sheets(wish, look)]
    say(f"{len(sheets)} contact sheets and the pictures are in {wish.into}")
    for failure in failures:
        say(f"not reached: {failure}")
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
