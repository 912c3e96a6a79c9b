"""npm packages that tests need, installed outside the repository, once for all runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_SECONDS = 180


def installed_packages(wanted: Path, why: str) -> Path:
    """The node_modules that the package.json `wanted` asks for, installed once; skips the test when that fails.

    why: what they are for, as a sentence without its dot, for the test that is skipped.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"no node and npm on this machine: {why}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon-tests"
    folder = cache / f"{wanted.parent.name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Installed beside it and moved when whole: another run may be doing the same.
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "packages"
            made.mkdir()
            shutil.copy(wanted, made)
            _install(npm, made, why)
            try:
                made.rename(folder)
            except OSError:
                assert folder.is_dir()
    return folder / "node_modules"


def _install(npm: str, folder: Path, why: str) -> None:
    # No scripts of others are run, and what a package names as its peer is not wanted.
    options = ["--no-package-lock", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            [npm, "install", *options, "--fetch-retries=0"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install its packages within {INSTALL_SECONDS} s: {why}")
    if done.returncode != 0:
        pytest.skip(f"npm could not install its packages: {why}: {done.stderr.strip()[-300:]}")
