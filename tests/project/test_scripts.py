"""The scripts: they find a Python, make `.venv` right once, wait for each other, and pass on options and exit codes.

They run for real, in a copy of the project's skeleton, with a stand-in for pip alone (no test may reach outside the
machine): it writes down how it was called, and puts an `antiphon` there that prints its arguments.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FAKE_PIP = """
import json, os, pathlib, stat, sys
__version__ = "26.0"
if __name__ == "__main__":
    venv = pathlib.Path(sys.prefix)
    with (venv.parent / "pip-calls").open("a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\\n")
    if gate := os.environ.get("TEST_GATE"):
        open(gate).read()  # a pipe: reading waits until the test lets go of the other end
    if os.environ.get("TEST_PIP_FAILS"):
        sys.exit("no index within reach")
    program = venv / "bin" / "antiphon"
    program.write_text("#!/bin/sh\\nprintf '%s|' antiphon \\"$@\\"\\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
"""


class Checkout:
    """A copy of the skeleton in a folder with a space in its name, and a `.venv` whose pip is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripts = folder / "scripts"
        shutil.copytree(ROOT / "scripts", self.scripts, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        self.make_venv()

    def make_venv(self) -> None:
        venv = self.folder / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        pip = next((venv / "lib").glob("python3*/site-packages")) / "pip"
        pip.mkdir()
        (pip / "__init__.py").write_text(FAKE_PIP)
        (pip / "__main__.py").write_text(FAKE_PIP)

    @property
    def pip_calls(self) -> list[list[str]]:
        calls = self.folder / "pip-calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    @property
    def stamp(self) -> Path:
        return self.folder / ".venv" / "antiphon-environment.json"

    def start(self, script: str, *options: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.scripts / script), *options],
            cwd=self.folder.parent,
            env=plain_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        started = self.start(script, *options, **environment)
        output, errors = started.communicate(timeout=60)
        return subprocess.CompletedProcess(started.args, started.returncode, output, errors)


def plain_environment(**more: str) -> dict[str, str]:
    """An environment in which the interpreter of the tests is the only Python that is sure to be found."""
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **more}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    return Checkout(folder)


def write_program(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_first_start_installs_and_passes_the_options_on(checkout: Checkout) -> None:
    started = checkout.run("serve", "--port", "0", "two words")

    assert started.stdout == "antiphon|serve|--port|0|two words|"
    (call,) = checkout.pip_calls
    assert call[-3:] == ["--prefer-binary", "--editable", ".[local]"]
    # pip goes where the machine's own configuration sends it.
    assert not [word for word in call if "index" in word or "://" in word]


def test_talking_takes_the_terminals_extra_too(checkout: Checkout) -> None:
    started = checkout.run("talk", "openai")

    assert started.stdout == "antiphon|talk|openai|"
    assert checkout.pip_calls[0][-1] == ".[local,talk]"


def test_second_start_installs_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.run("serve")
    second = checkout.run("serve", "again")

    assert (second.stdout, second.stderr) == ("antiphon|serve|again|", "")
    assert len(checkout.pip_calls) == 1


def test_changed_requirement_is_installed_and_changed_linter_setting_is_not(checkout: Checkout) -> None:
    project = checkout.folder / "pyproject.toml"
    checkout.run("serve")

    project.write_text(project.read_text().replace("line-length = 120", "line-length = 100"))
    checkout.run("serve")
    assert len(checkout.pip_calls) == 1

    project.write_text(project.read_text().replace("click>=8.1", "click>=8.2"))
    checkout.run("serve")
    assert len(checkout.pip_calls) == 2


def test_each_script_adds_what_it_needs(checkout: Checkout) -> None:
    checkout.run("serve")
    subprocess.run(
        [sys.executable, "-E", "-s", "scripts/environment.py", "local", "fast-vad", "test"],
        cwd=checkout.folder,
        env=plain_environment(),
        check=True,
    )
    assert checkout.pip_calls[1][-4:] == ["--editable", ".[local,fast-vad]", "--group", "test"]

    checkout.run("serve")
    assert len(checkout.pip_calls) == 2, "what serve needs is there already"


def test_failed_installation_is_told_and_tried_again(checkout: Checkout) -> None:
    failed = checkout.run("serve", TEST_PIP_FAILS="yes")

    assert failed.returncode == 1
    assert "no index within reach" in failed.stderr
    assert "pip could not install this" in failed.stderr
    assert not checkout.stamp.exists()

    assert checkout.run("serve").stdout == "antiphon|serve|"


def test_two_starts_at_once_install_once(checkout: Checkout) -> None:
    gate = checkout.folder / "gate"
    os.mkfifo(gate)
    first = checkout.start("serve", "first", TEST_GATE=str(gate))
    with gate.open("w"):  # opens as soon as the first one's pip runs, and holds it there
        second = checkout.start("serve", "second")
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()

    assert first.communicate(timeout=60)[0] == "antiphon|serve|first|"
    assert second.communicate(timeout=60)[0] == "antiphon|serve|second|"
    assert len(checkout.pip_calls) == 1


@pytest.mark.parametrize("damage", ["moved", "interpreter gone"])
def test_environment_that_cannot_work_is_made_anew(checkout: Checkout, damage: str, tmp_path: Path) -> None:
    checkout.run("serve")
    if damage == "moved":
        checkout.folder = checkout.folder.rename(tmp_path / "elsewhere")
        checkout.scripts = checkout.folder / "scripts"
    else:
        for name in (checkout.folder / ".venv" / "bin").glob("python*"):
            name.unlink()

    # The new environment has the real pip, which is told to reach for nothing: it fails, and that is how far this goes.
    again = checkout.run("serve", PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="")

    assert ".venv is made anew: it" in again.stderr
    assert "making .venv with Python" in again.stderr
    assert "pip could not" in again.stderr
    assert not checkout.stamp.exists()


def test_unknown_part_is_named(checkout: Checkout) -> None:
    finished = subprocess.run(
        [sys.executable, "scripts/environment.py", "local", "nonsense"],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 1
    assert "no dependency group named nonsense" in finished.stderr


def folder_of_tools(folder: Path, names: Sequence[str] = ("sh", "dirname", "readlink")) -> Path:
    """A folder for PATH with these tools of the machine and nothing else."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def test_names_that_only_stand_in_for_a_python_are_passed_over(checkout: Checkout, tmp_path: Path) -> None:
    tools = folder_of_tools(tmp_path / "tools")
    write_program(tools / "python3", "#!/bin/sh\necho 'python3: no such version installed' >&2\nexit 127\n")
    write_program(tools / "python3.13", "#!/bin/sh\nexit 1\n")
    (tools / f"python3.{sys.version_info.minor}").unlink(missing_ok=True)
    (tools / f"python3.{sys.version_info.minor}").symlink_to(sys.executable)

    assert checkout.run("serve", PATH=str(tools)).stdout == "antiphon|serve|"


def test_made_environment_serves_when_no_other_python_is_left(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("serve")

    assert checkout.run("serve", "on", PATH=str(folder_of_tools(tmp_path / "tools"))).stdout == "antiphon|serve|on|"


def test_missing_python_is_told_with_what_to_do(checkout: Checkout, tmp_path: Path) -> None:
    shutil.rmtree(checkout.folder / ".venv")
    started = checkout.run("serve", PATH=str(folder_of_tools(tmp_path / "tools")))

    assert started.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in started.stderr
    assert "apt-get install python3" in started.stderr


def test_wrong_python_by_name_is_refused(checkout: Checkout) -> None:
    started = checkout.run("serve", ANTIPHON_PYTHON="/bin/false")

    assert started.returncode == 1
    assert "ANTIPHON_PYTHON=/bin/false is not a Python" in started.stderr


def test_script_works_through_a_link_from_elsewhere(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "voice"
    link.symlink_to(checkout.scripts / "serve")
    finished = subprocess.run(
        [str(link), "linked"], cwd="/", env=plain_environment(), capture_output=True, text=True, check=False, timeout=60
    )

    assert finished.stdout == "antiphon|serve|linked|"


@pytest.mark.parametrize(
    ("check", "test", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)], ids=["both", "check", "test", "none"]
)
def test_ci_runs_both_and_fails_if_either_did(tmp_path: Path, check: int, test: int, expected: int) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    write_program(tmp_path / "scripts" / "check", f"#!/bin/sh\necho checked\nexit {check}\n")
    write_program(tmp_path / "scripts" / "test", f"#!/bin/sh\necho \"tested $CI\"; echo '3 passed'\nexit {test}\n")

    finished = subprocess.run(
        [str(tmp_path / ".ci" / "run")], cwd="/", capture_output=True, text=True, check=False, env=plain_environment()
    )

    assert finished.returncode == expected
    assert finished.stdout.splitlines()[:3] == ["checked", "tested true", "3 passed"]
    assert finished.stdout.splitlines()[-1] == (
        f"ci: checks {'FAILED' if check else 'passed'}, tests {'FAILED' if test else 'passed'}"
    )


@pytest.mark.parametrize("failing", ["ruff", "mypy", "lint-imports"])
def test_check_runs_everything_and_names_what_failed(checkout: Checkout, failing: str) -> None:
    checkout.run("serve")
    stamp = json.loads(checkout.stamp.read_text())
    checkout.stamp.write_text(json.dumps({**stamp, "parts": ["local", "check"]}))
    for tool in ("ruff", "mypy", "lint-imports"):
        program = checkout.folder / ".venv" / "bin" / tool
        write_program(program, f'#!/bin/sh\necho ran {tool} "$@"\nexit {int(tool == failing)}\n')

    finished = checkout.run("check")

    assert finished.returncode == 1
    ran = [line for line in finished.stdout.splitlines() if line.startswith("ran")]
    assert ran == ["ran ruff check", "ran ruff format --check", "ran mypy", "ran lint-imports"]
    assert f"[{failing}" in finished.stdout.splitlines()[-1]
