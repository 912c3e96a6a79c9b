"""Debian packages, installed only by root and only where apt-get exists. Whoever asks says what to do otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence


def can_install() -> bool:
    """Whether this process may install Debian packages: it is root, and there is an apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> bool:
    """Install `packages` with apt-get, its own configuration untouched; its words are shown only where it fails.

    Returns whether that worked.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt-get may be running (unattended upgrades on a fresh machine): wait for its lock instead of failing.
    apt_get = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"]
    # A failed update is no reason to stop: the lists at hand may do.
    run([*apt_get, "update"], environment)
    return run([*apt_get, "install", "-y", "--no-install-recommends", *packages], environment)


def run(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run `command` quietly; where it fails, pass on what it said to standard error and return False."""
    finished = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if finished.returncode != 0:
        sys.stderr.buffer.write(finished.stdout)
        sys.stderr.flush()
    return finished.returncode == 0
