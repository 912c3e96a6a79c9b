"""Clients made ready for a browser: npm packages installed outside the repository, and one script made of each client.

React Native's modules become the browser's: `react-native` is react-native-web, and what only a phone has (its WebRTC
module, its camera, its audio routes) is in `harness/`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
HARNESS = HERE / "harness"
INSTALL_SECONDS = 180

PHONE_MODULES = {
    "react-native": "react-native-web",
    "react-native-webrtc": HARNESS / "react-native-webrtc.ts",
    "react-native-incall-manager": HARNESS / "react-native-incall-manager.ts",
    "expo-camera": HARNESS / "expo-camera.tsx",
    "expo-constants": HARNESS / "expo-constants.ts",
}


def installed_packages() -> Path:
    """The node_modules that `package.json` asks for, installed once for all runs; skips the test when that fails."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on this machine: the founding clients are bundled with esbuild")
    wanted = HERE / "package.json"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon-tests"
    folder = cache / f"founding-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Installed beside it and moved when whole: another run may be doing the same.
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "packages"
            made.mkdir()
            shutil.copy(wanted, made)
            _install(npm, made)
            try:
                made.rename(folder)
            except OSError:
                assert folder.is_dir()
    return folder / "node_modules"


def _install(npm: str, folder: Path) -> None:
    # No scripts of others are run, and React Native itself, which a package names as its peer, is not wanted.
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
        pytest.skip(f"npm did not install the founding clients' packages within {INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"npm could not install the founding clients' packages: {done.stderr.strip()[-300:]}")


def bundle(entry: Path, script: Path, aliases: Mapping[str, Path] | None = None) -> Path:
    """Make one browser script of `entry` and all that it imports. aliases: further modules and what stands for them."""
    packages = installed_packages()
    program = packages / ".bin" / "esbuild"
    named = [f"--alias:{module}={target}" for module, target in {**PHONE_MODULES, **(aliases or {})}.items()]
    subprocess.run(
        [
            program,
            entry,
            "--bundle",
            "--format=iife",
            "--jsx=automatic",
            "--define:process.env.NODE_ENV='production'",
            "--define:global=globalThis",
            "--log-level=error",
            f"--outfile={script}",
            *named,
        ],
        env={**os.environ, "NODE_PATH": str(packages)},
        check=True,
        timeout=60,
    )
    return script
