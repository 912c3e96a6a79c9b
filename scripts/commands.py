"""How the scripts talk and run programs: one line for the person who waits, a program's own words only where it fails.

Standard library only. Standard output is left to the command that runs afterwards.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def say(message: str) -> None:
    """One line on standard error, at once."""
    print(f"antiphon: {message}", file=sys.stderr, flush=True)


def succeeds(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> bool:
    """Run `command` in silence and say whether it went well; where it did not, its words go to standard error."""
    finished = subprocess.run(
        command,
        cwd=folder,
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
