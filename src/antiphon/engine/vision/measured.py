"""Vision without a model: what can be measured in a picture, in plain sentences, and no more than that."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from PIL import Image

from antiphon.engine.stages import ImageContent, StageDescription, StageOptions
from antiphon.engine.vision.lettering import find_tesseract, read_lettering
from antiphon.engine.vision.measures import Measures, measure
from antiphon.engine.vision.pictures import Picture, read_picture
from antiphon.errors import StageError

CANNOT_TELL: Final = "I cannot tell what it shows without a vision model."
_MOST_WAITING: Final = 32


def open_vision(options: StageOptions) -> MeasuredVision:
    """The factory of the `measured` provider. `extra["tesseract"]` = "off" leaves out the reading of words."""
    wanted = options.extra.get("tesseract", "on").casefold() not in ("off", "no", "false", "0")
    return MeasuredVision(tesseract=find_tesseract() if wanted else None)


class MeasuredVision:
    """Holds one worker thread (Pillow and numpy are fast, and pictures are rare), for all sessions."""

    def __init__(self, *, tesseract: str | None) -> None:
        self._tesseract = tesseract
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="antiphon-vision")
        self._waiting = 0
        self._closed = False

    def describe(self) -> StageDescription:
        reads = ", and reads printed words" if self._tesseract else ""
        improve = "Use a language model that sees, by URL; it then gets the pictures itself."
        if not self._tesseract:
            improve += " Installing tesseract lets this one read printed words."
        return StageDescription(
            name="measured" + (" + tesseract" if self._tesseract else ""),
            summary=f"tells a picture's size, light and colours{reads}; not what it shows",
            improve=improve,
        )

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Waits for nothing: what is being looked at ends by itself, within the reading's timeout."""
        self._closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def look(self, image: ImageContent) -> str:
        """Two to four sentences; the last one always says that it does not know what the picture shows."""
        if self._waiting >= _MOST_WAITING:
            raise StageError("Too many pictures are being looked at; try again in a moment.")
        try:
            work = self._worker.submit(_look, image.url, self._tesseract)
        except RuntimeError:
            raise StageError("The vision stage is closed.") from None
        self._waiting += 1
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):  # the work was given up, not the caller
                raise StageError("The vision stage is closed.") from None
            raise
        finally:
            self._waiting -= 1


def _look(url: str, tesseract: str | None) -> str:
    picture = read_picture(url)
    words = read_lettering(tesseract, _on_white(picture.image)) if tesseract else []
    return describe_picture(picture, measure(_pixels(picture.image)), words)


def describe_picture(picture: Picture, measures: Measures, words: list[str]) -> str:
    """The measurements as spoken sentences."""
    sentences = [_size(picture, measures), _light(measures)]
    if words:
        sentences.append(f"I can read: {' '.join(words)}.")
    sentences.append(CANNOT_TELL)
    return " ".join(sentence for sentence in sentences if sentence)


def _size(picture: Picture, measures: Measures) -> str:
    width, height = picture.width, picture.height
    shape = "square" if width == height else "landscape" if width > height else "portrait"
    kind = "animation, of which I see the first frame," if picture.animated else "picture"
    transparent = picture.image.mode == "RGBA" and _share_transparent(picture.image) > 0.02
    text = f"The {kind} is {width} by {height} pixels, {shape}"
    if transparent:
        text += ", partly transparent"
    colours = measures.colours
    if measures.uniform and colours:
        return f"{text}, and all {colours[0][0]}."
    if measures.colourless:
        return f"{text}, in shades of gray."
    if not colours:
        return f"{text}, of many colours."
    told = f"mostly {colours[0][0]}" if colours[0][1] >= 0.5 else colours[0][0]
    others = [name for name, _ in colours[1:]]
    if others:
        told = f"{told} with {' and '.join(others)}" if told.startswith("mostly") else _listed([told, *others])
    return f"{text}, {told}."


def _light(measures: Measures) -> str:
    if measures.uniform:
        return ""
    told: list[str] = []
    if measures.brightness < 0.25:
        told.append("quite dark")
    elif measures.brightness > 0.8:
        told.append("very bright")
    if measures.contrast < 0.2:
        told.append("low in contrast")
    if measures.sharpness < 0.03:
        told.append("rather blurred")
    light = f"It is {_listed(told)}" if told else ""
    if measures.drawn:
        return (
            f"{light}, and by its even areas rather a drawing or a screenshot than a photo."
            if light
            else ("By its even areas it is rather a drawing or a screenshot than a photo.")
        )
    return f"{light}." if light else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _share_transparent(image: Image.Image) -> float:
    return float((np.asarray(image.getchannel("A")) < 128).mean())


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def _pixels(image: Image.Image) -> np.typing.NDArray[np.float64]:
    return np.asarray(_on_white(image), dtype=np.float64) / 255.0
