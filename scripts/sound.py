"""Sees that the sound tests find what they run on: PortAudio, and JACK's server with its dummy driver for a sound card.

Debian's packages are installed where root may do that; otherwise the tests that need them say so and are skipped. Run
by scripts/test with the Python of `.venv`; what happens is told on standard error.
"""

from __future__ import annotations

import ctypes.util
import shutil
import sys

import debian
from commands import say


def missing() -> list[str]:
    """The Debian packages of what is not on this machine."""
    packages = []
    if ctypes.util.find_library("portaudio") is None:
        packages.append("libportaudio2")
    if shutil.which("jackd") is None:
        packages.append("jackd2")
    return packages


def main() -> None:
    """Install what is missing, or say what that means. Never fails: without sound, all other tests can still run."""
    if sys.platform != "linux" or not (packages := missing()):
        return
    if debian.can_install():
        say(f"installing the Debian packages {' and '.join(packages)}, for the sound tests")
        debian.install(*packages)
    if packages := missing():
        say(f"the sound tests will be skipped; to run them on Debian: apt-get install {' '.join(packages)}")


if __name__ == "__main__":
    main()
