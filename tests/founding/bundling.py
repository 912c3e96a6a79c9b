"""Clients made ready for a browser: npm packages installed outside the repository, and one script made of each client.

React Native's modules become the browser's: `react-native` is react-native-web, and what only a phone has (its WebRTC
module, its camera, its audio routes) is in `harness/`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from npm_packages import installed_packages

HERE = Path(__file__).resolve().parent
HARNESS = HERE / "harness"

PHONE_MODULES = {
    "react-native": "react-native-web",
    "react-native-webrtc": HARNESS / "react-native-webrtc.ts",
    "react-native-incall-manager": HARNESS / "react-native-incall-manager.ts",
    "expo-camera": HARNESS / "expo-camera.tsx",
    "expo-constants": HARNESS / "expo-constants.ts",
}


def installed() -> Path:
    """The node_modules of the founding clients; skips the test when there are none to be had."""
    return installed_packages(HERE / "package.json", "the founding clients are bundled with esbuild")


def bundle(entry: Path, script: Path, aliases: Mapping[str, Path] | None = None) -> Path:
    """Make one browser script of `entry` and all that it imports. aliases: further modules and what stands for them."""
    packages = installed()
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
