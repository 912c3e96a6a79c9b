"""Debian packages, installed only by root and only where apt-get exists. Whoever asks says what to do otherwise."""

from __future__ import annotations

import os
import shutil

from commands import succeeds


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
    succeeds([*apt_get, "update"], environment=environment)
    return succeeds([*apt_get, "install", "-y", "--no-install-recommends", *packages], environment=environment)
