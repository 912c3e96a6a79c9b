"""The types that the page's files tell in their comments are true: TypeScript reads them, strictly."""

from __future__ import annotations

import subprocess
from pathlib import Path

from npm_packages import installed_packages

HERE = Path(__file__).resolve().parent


def test_the_pages_types_hold() -> None:
    packages = installed_packages(HERE / "package.json", "the page's types are checked by tsc")
    done = subprocess.run(
        [packages / ".bin" / "tsc", "--project", HERE / "tsconfig.json", "--pretty", "false"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
