"""Sees that the terminal's tests find tmux, in which they run the program as a person does.

Debian's package is installed where root may do that; otherwise those tests say so and are skipped. Run by scripts/test
with the Python of `.venv`; what happens is told on standard error.
"""

from __future__ import annotations

import shutil

import debian
from commands import say


def main() -> None:
    """Install tmux where it is missing, or say what that means. Never fails."""
    if shutil.which("tmux") is not None:
        return
    if debian.can_install():
        say("installing the Debian package tmux, for the terminal's tests")
        debian.install("tmux")
    if shutil.which("tmux") is None:
        say("the tests in a terminal will be skipped; to run them, install tmux (Debian: apt-get install tmux)")


if __name__ == "__main__":
    main()
