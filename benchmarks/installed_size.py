"""What Antiphon weighs on disk: fresh virtual environments, wheels only, one for each set of extras; prints a table.

Run: python benchmarks/installed_size.py [PYTHON ...]   (each a Python 3.11 to 3.13; by default the one that runs this)

Counted are the bytes of all files in site-packages, compiled `.pyc` included, without pip itself. Installing with
`--only-binary=:all:` is a part of the measurement: it fails where anything would need a compiler. The limits are the
project's promise: the program ends with an error where one is exceeded, or where torch was installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Extras and the most they may weigh, in megabytes (10^6 bytes).
LIMITS_MB: dict[str, float] = {"": 40, "local": 350, "rtc": 260, "audio": 120, "talk": 140, "local,fast-vad": 450}


def build_wheel(folder: Path) -> Path:
    """Build the project's wheel into `folder` and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("antiphon-*.whl"))


def distribution_sizes(site_packages: Path) -> dict[str, int]:
    """Bytes below each entry of site-packages, pip left out."""
    sizes: dict[str, int] = {}
    for entry in site_packages.iterdir():
        if entry.name == "pip" or entry.name.startswith(("pip-", "setuptools", "pkg_resources", "_distutils_hack")):
            continue
        files = entry.rglob("*") if entry.is_dir() else [entry]
        sizes[entry.name] = sum(file.lstat().st_size for file in files if file.is_file())
    return sizes


def measure(python: str, wheel: Path, extras: str) -> tuple[dict[str, int], float]:
    """Install `wheel[extras]` into a fresh environment of `python`; returns sizes by entry, and the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="antiphon-size-") as folder:
        venv = Path(folder) / "venv"
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        target = f"{wheel}[{extras}]" if extras else str(wheel)
        started = time.monotonic()
        pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--only-binary=:all:", target], check=True)
        seconds = time.monotonic() - started
        return distribution_sizes(next((venv / "lib").glob("python3*/site-packages"))), seconds


def main(pythons: list[str]) -> int:
    """Measure each set of extras on each Python; returns the exit status."""
    within = True
    with tempfile.TemporaryDirectory(prefix="antiphon-wheel-") as folder:
        wheel = build_wheel(Path(folder))
        print(f"wheel: {wheel.name}, {wheel.stat().st_size / 1000:.0f} kB")
        for python in pythons:
            version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
            for extras, limit_mb in LIMITS_MB.items():
                sizes, seconds = measure(python, wheel, extras)
                total_mb = sum(sizes.values()) / 1e6
                heaviest = sorted(sizes.items(), key=lambda pair: -pair[1])[:8]
                name = f"antiphon[{extras}]" if extras else "antiphon"
                fits = total_mb <= limit_mb and "torch" not in sizes
                within = within and fits
                verdict = "within" if fits else "OVER"
                print(
                    f"{version}  {name:<26} {total_mb:6.1f} MB  ({verdict} {limit_mb} MB)  installed in {seconds:.0f} s"
                )
                print("    " + ", ".join(f"{entry} {size / 1e6:.1f}" for entry, size in heaviest))
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [sys.executable]))
