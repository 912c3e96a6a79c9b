"""The code of the founding clients, read where the folder of seeds is. Nothing of it is kept here.

A seed is a page of text with fenced code blocks. A block is found by what stands in it or by the file that its heading
names, so that a seed may grow around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"

_HEADING_OR_BLOCK = re.compile(r"^(?:#{1,6} +(?P<heading>[^\n]+)|```(?P<language>\w*)\n(?P<code>.*?)^```)", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. heading: the text of the heading above it."""

    heading: str
    language: str
    code: str


def blocks_of_seed(number: str) -> list[Block]:
    """All code blocks of the seed of that number ("004"), in order; skips the test when it is not on this machine."""
    found = sorted(SEEDS.glob(f"{number}_*.txt"))
    if not found:
        pytest.skip(f"no seed {number} on this machine: its code is read from the folder {SEEDS.name} beside the repo")
    blocks: list[Block] = []
    heading = ""
    for match in _HEADING_OR_BLOCK.finditer(found[0].read_text(encoding="utf-8")):
        if match["heading"] is not None:
            heading = match["heading"].strip()
        else:
            blocks.append(Block(heading, match["language"], match["code"]))
    return blocks


def block_with(blocks: list[Block], words: str) -> Block:
    """The first block in which the words stand."""
    return next(block for block in blocks if words in block.code)


def write_files(blocks: list[Block], folder: Path) -> list[Path]:
    """Write each block whose heading is a file's path (`/src/App.tsx`) to that path below `folder`, as it stands."""
    written = []
    for block in blocks:
        named = re.fullmatch(r"`/?(?P<path>[\w./-]+\.\w+)`", block.heading)
        if named:
            path = folder / named["path"]
            assert path.resolve().is_relative_to(folder.resolve())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
            written.append(path)
    return written
