"""A way to the terminal for the screen alone.

Textual writes to standard error. So do the system's sound libraries, over the picture; and while PortAudio starts,
its Python binding throws away whatever is written there, parts of the picture too.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_MOST_TOLD = 64 * 1024


@dataclass(slots=True)
class Others:
    """What others than the screen have written. is_wanted: show it when the screen is gone, for it tells of a failure;
    else it was noise."""

    is_wanted: bool = True


@contextmanager
def own_terminal() -> Iterator[Others]:
    """While the block runs, only Textual writes to the terminal."""
    others, before, real = Others(), sys.__stderr__, os.dup(2)
    with tempfile.TemporaryFile() as aside, os.fdopen(os.dup(2), "w", encoding="utf-8") as own:
        os.dup2(aside.fileno(), 2)
        setattr(sys, "__stderr__", own)  # noqa: B010 - typed as never assigned; it is where Textual looks
        try:
            yield others
        finally:
            setattr(sys, "__stderr__", before)  # noqa: B010 - as above
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            if others.is_wanted:
                os.lseek(aside.fileno(), 0, os.SEEK_SET)
                os.write(2, os.read(aside.fileno(), _MOST_TOLD))
