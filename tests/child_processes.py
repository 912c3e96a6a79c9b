"""The processes that this one has started and that still run. A minimal Debian has no `ps`, macOS has no /proc."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def child_commands() -> list[str]:
    """Their command lines."""
    if not Path("/proc/self/stat").exists():
        command = ["ps", "-ww", "-o", "ppid=,args=", "-A"]
        rows = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.splitlines()
        return [row.split(None, 1)[1] for row in rows if row.split(None, 1)[0] == str(os.getpid())]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything; the parent is the second field after it.
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            command_line = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if parent == str(os.getpid()) and command_line:
            found.append(command_line.replace(b"\0", b" ").decode(errors="replace").strip())
    return found
