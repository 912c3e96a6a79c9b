"""The floor plan: which room may import which, and that no file grows past what one can read in a sitting."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))
MOST_LINES = 450


def test_import_contracts_hold() -> None:
    if importlib.util.find_spec("importlinter") is None:
        pytest.skip("import-linter is not installed (scripts/check installs and runs it)")
    program = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout


def test_every_room_stands_on_a_floor() -> None:
    rooms = {path.parent.name for path in (ROOT / "src" / "antiphon").glob("*/__init__.py")}
    plan = (ROOT / "pyproject.toml").read_text()

    assert [room for room in sorted(rooms) if f"antiphon.{room}" not in plan.partition("layers = [")[2]] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_module_opens_with_what_lives_here(module: Path) -> None:
    assert module.read_text().startswith(('"""', "#!")), "no docstring"


def test_no_module_has_outgrown_a_sitting() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
