"""Debian packages, installed only by root and only where apt-get exists. Whoever asks says what to do otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def can_install() -> bool:
    """Whether this process may install Debian packages: it is root, and there is an apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> bool:
    """Install `packages` with apt-get, its own configuration untouched. Returns whether that worked."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt-get may be running (unattended upgrades on a fresh machine): wait for its lock instead of failing.
    apt_get = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    for command in ([*apt_get, "update"], [*apt_get, "install", "-y", "--no-install-recommends", *packages]):
        # Progress goes to standard error: a caller may be reading standard output.
        finished = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        # A failed update is no reason to stop: the lists at hand may do.
        if finished.returncode != 0 and "install" in command:
            return False
    return True
