"""The rooms' public names, and the entry points by which a server finds their providers."""

from __future__ import annotations

from importlib.metadata import entry_points

import antiphon.engine.llm
import antiphon.engine.vision
from antiphon.engine.stages import StageOptions


def test_the_public_names_are_these() -> None:
    assert antiphon.engine.llm.__all__ == [
        "FoundServer",
        "Place",
        "find_local_server",
        "open_embedded_model",
        "open_openai_compatible_model",
    ]
    assert antiphon.engine.vision.__all__ == ["open_measured_vision"]


async def test_every_entry_point_opens_a_stage_that_describes_itself() -> None:
    options = StageOptions(url="http://127.0.0.1:9/v1", model="m")
    providers = {
        (group, point.name): point.load()(options)
        for group in ("antiphon.llm", "antiphon.vision")
        for point in entry_points(group=group)
        if point.value.startswith("antiphon.")
    }
    assert set(providers) == {("antiphon.llm", "embedded"), ("antiphon.llm", "openai"), ("antiphon.vision", "measured")}
    for stage in providers.values():
        assert stage.describe().summary
        await stage.aclose()
        await stage.aclose()
