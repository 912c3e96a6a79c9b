"""Reads printed words in a picture with the `tesseract` program, where it is installed. The only subprocess here."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from typing import Final

from PIL import Image

TIMEOUT: Final = 6.0
"""Seconds for one picture; a caller is waiting."""
_LEAST_CONFIDENCE: Final = 60.0  # photos without any lettering give words below this
_LEAST_LETTERS: Final = 3
_MOST_WORDS: Final = 24


def find_tesseract() -> str | None:
    """The program's path, or None when it is not installed."""
    return shutil.which("tesseract")


def read_lettering(program: str, image: Image.Image, *, timeout: float = TIMEOUT) -> list[str]:
    """The words that were read with some certainty, in reading order; [] on failure or when it takes too long.

    Blocking, for a worker thread. One tesseract thread only: more would starve the calls beside it.
    """
    buffer = io.BytesIO()
    image.convert("L").save(buffer, "PNG", compress_level=1)
    try:
        finished = subprocess.run(
            [program, "stdin", "stdout", "--psm", "11", "tsv"],
            input=buffer.getvalue(),
            capture_output=True,
            timeout=timeout,
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return words_from_tsv(finished.stdout.decode("utf-8", "replace"))


def words_from_tsv(table: str) -> list[str]:
    """The certain words of tesseract's TSV output: confidence of 60 or more, three letters or more."""
    lines = table.splitlines()
    header = lines[0].split("\t") if lines else []
    if "conf" not in header or "text" not in header:
        return []
    confidence, text = header.index("conf"), header.index("text")
    words: list[str] = []
    for line in lines[1:]:
        cells = line.split("\t")
        if len(cells) <= max(confidence, text):
            continue
        word = cells[text].strip().strip("|_~“”\"'‘’.,:;")
        try:
            certain = float(cells[confidence]) >= _LEAST_CONFIDENCE
        except ValueError:
            continue
        letters = sum(character.isalnum() for character in word)
        if certain and letters >= _LEAST_LETTERS and letters >= 0.7 * len(word):
            words.append(word)
    return words[:_MOST_WORDS]
