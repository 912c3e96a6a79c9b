"""The state diagrams in docs/design.md are what the transition tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from antiphon.engine.states import MACHINES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location("state_diagrams", ROOT / "scripts" / "state_diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_diagrams_are_what_the_tables_say(diagrams: ModuleType) -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert diagrams.drawn(text) == text, "run python scripts/state_diagrams.py"


def test_a_changed_table_would_be_noticed(diagrams: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    start, table = MACHINES["turn"]
    shorter = {state: dict(list(steps.items())[:1]) for state, steps in table.items()}
    monkeypatch.setitem(diagrams.MACHINES, "turn", (start, shorter))
    assert diagrams.drawn(text) != text


def test_every_state_can_be_reached() -> None:
    for name, (start, table) in MACHINES.items():
        reached = {start}
        while more := {to for state in reached for to in table[state].values()} - reached:
            reached |= more
        assert reached == set(type(start)), f"{name}: some states are never reached"
