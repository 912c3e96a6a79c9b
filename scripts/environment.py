"""Makes `.venv` hold this project: `environment.py PART...`, where a part is an extra or a dependency group.

Run by scripts/serve, scripts/test and scripts/check with whatever Python they found; standard library only. A stamp in
`.venv` says what was installed from which project file, so that a start with nothing to do costs a tenth of a second.
Two starts at once wait for each other. pip is run as it is configured on the machine.
Not here: finding a Python (`_environment.sh`), finding a browser (`browser.py`).
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import debian
from commands import say, succeeds

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "antiphon-environment.json"
SUPPORTED = ((3, 11), (3, 12), (3, 13))
FIRST_PIP_WITH_GROUPS = (25, 1)


def give_up(message: str) -> NoReturn:
    """Say what is wrong and what to do about it, and end."""
    for line in message.splitlines():
        say(line)
    sys.exit(1)


def read_project() -> dict[str, Any]:
    """pyproject.toml as a dictionary."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def fingerprint(project: Mapping[str, Any]) -> str:
    """A hash of those tables of pyproject.toml that decide what gets installed; linter settings are not among them."""
    deciding = {name: project.get(name) for name in ("build-system", "project", "dependency-groups")}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def venv_version() -> tuple[int, int] | None:
    """Major and minor version of the interpreter in `.venv` as it runs now, or None where none runs."""
    # Asked of the interpreter itself: after an upgrade of the system's Python, pyvenv.cfg still tells of the old one.
    command = [str(VENV_PYTHON), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return int(answer[0]), int(answer[1])


def read_stamp() -> dict[str, Any]:
    """What the last complete installation wrote down; empty where there was none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def installed_parts(stamp: Mapping[str, Any], project_hash: str, version: tuple[int, int] | None) -> set[str]:
    """The parts that are installed and up to date: none after the project file, the folder or the Python changed."""
    same = (
        version is not None
        and stamp.get("python") == list(version)
        and stamp.get("root") == str(ROOT)
        and stamp.get("project") == project_hash
        and (VENV / "bin" / "antiphon").exists()
    )
    return set(stamp.get("parts", ())) if same else set()


def reason_to_remake(stamp: Mapping[str, Any], version: tuple[int, int] | None) -> str | None:
    """Why the `.venv` at hand cannot be built on, in words; None where it can."""
    if version is None:
        return "its Python does not run"
    if version not in SUPPORTED:
        return f"it holds Python {version[0]}.{version[1]}"
    if "root" in stamp and stamp["root"] != str(ROOT):
        return f"it was made in {stamp['root']}"  # its programs name that folder in their first line
    if os.environ.get("ANTIPHON_PYTHON") and version != sys.version_info[:2]:
        return f"it holds Python {version[0]}.{version[1]}, and ANTIPHON_PYTHON asks for another"
    return None


def make_venv() -> None:
    """Make an empty `.venv` with pip in it, from the Python that runs this."""
    say(f"making .venv with Python {sys.version_info.major}.{sys.version_info.minor} ({sys.executable})")
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)

    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    # Debian ships ensurepip, and with it the way to get pip into a venv, as a package of its own.
    if importlib.util.find_spec("ensurepip") is None and debian.can_install():
        say(f"installing the Debian package {package}")
        debian.install(package)
        importlib.invalidate_caches()

    if importlib.util.find_spec("ensurepip") is not None:
        run([sys.executable, "-m", "venv", str(VENV)], f"python -m venv failed; on Debian: apt-get install {package}")
    elif importlib.util.find_spec("pip") is not None:
        # No ensurepip, but this Python has a pip, and pip can install into another environment: a pip, for a start.
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], "python -m venv failed")
        pip_into_venv = [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON), "install", "--quiet", "pip"]
        run(pip_into_venv, f"pip could not be installed into .venv; on Debian: apt-get install {package}")
    else:
        give_up(f"this Python lacks what makes virtual environments. As root: apt-get install {package}")


def run(command: Sequence[str], advice: str) -> None:
    """Run `command` in the project's folder, in silence; where it fails, show its words and end with `advice`."""
    if not succeeds(command, folder=ROOT):
        give_up(advice)


def pip_version() -> tuple[int, int]:
    """Major and minor version of the pip in `.venv`; (0, 0) where there is none."""
    command = [str(VENV_PYTHON), "-I", "-c", "import pip; print(pip.__version__)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split(".")
    return (int(answer[0]), int(answer[1])) if len(answer) > 1 else (0, 0)


def install(project: Mapping[str, Any], parts: Sequence[str]) -> None:
    """Install the project, editable, with the extras and dependency groups in `parts`."""
    extras = [part for part in parts if part in project["project"]["optional-dependencies"]]
    groups = [part for part in parts if part in project["dependency-groups"]]
    pip = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    advice = "pip could not install this (its words are above). Is a package index within reach? See: pip config list"

    if groups and pip_version() < FIRST_PIP_WITH_GROUPS:
        say("updating pip in .venv, which is too old for dependency groups")
        run([*pip, "--upgrade", "pip"], advice)

    say(f"installing {', '.join(['the project', *parts])} (once; under a minute on an ordinary line)")
    started = time.monotonic()
    # Relative, so that no character of the folder's name can be taken for pip's own syntax.
    target = f".[{','.join(extras)}]" if extras else "."
    chosen_groups = [word for group in groups for word in ("--group", group)]
    # Wheels where there are any: nobody needs a compiler for this.
    run([*pip, "--prefer-binary", "--editable", target, *chosen_groups], advice)
    say(f"installed in {time.monotonic() - started:.0f} s")


def write_stamp(project_hash: str, version: tuple[int, int], parts: set[str]) -> None:
    """Write down what `.venv` now holds, in one step, so that an interrupted start never leaves half a stamp."""
    stamp = {"project": project_hash, "python": list(version), "root": str(ROOT), "parts": sorted(parts)}
    draft = STAMP.with_suffix(".draft")
    draft.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    draft.replace(STAMP)


@contextmanager
def alone() -> Iterator[None]:
    """One preparation at a time in this checkout; the kernel frees the lock when its holder ends, however it ends."""
    # The lock sits on pyproject.toml: it is always there, and no stale lock file can be left behind.
    with (ROOT / "pyproject.toml").open("r+b") as project_file:
        try:
            fcntl.flock(project_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is preparing .venv; waiting for it")
            fcntl.flock(project_file, fcntl.LOCK_EX)
        yield


def prepare(parts: Sequence[str]) -> None:
    """Make `.venv` hold the project with `parts`; does nothing where it already does."""
    project = read_project()
    known = {*project["project"]["optional-dependencies"], *project["dependency-groups"]}
    if unknown := [part for part in parts if part not in known]:
        give_up(f"pyproject.toml has no extra and no dependency group named {', '.join(unknown)}")
    project_hash = fingerprint(project)

    if set(parts) <= installed_parts(read_stamp(), project_hash, venv_version()):
        return
    with alone():
        stamp, version = read_stamp(), venv_version()
        if VENV.exists() and (reason := reason_to_remake(stamp, version)):
            say(f".venv is made anew: {reason}")
            version = None
        if version is None:
            make_venv()
            stamp, version = {}, venv_version()
            if version is None:
                give_up(".venv was made, but its Python does not run")
        present = installed_parts(stamp, project_hash, version)
        if not set(parts) <= present:
            install(project, parts)
            write_stamp(project_hash, version, present | set(parts))


if __name__ == "__main__":
    try:
        prepare(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
