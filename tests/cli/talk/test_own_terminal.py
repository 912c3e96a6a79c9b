"""Only the screen writes to the terminal, and what others had to say is not lost when it matters."""

from __future__ import annotations

import os
import sys

import pytest

from antiphon.cli.talk.terminal import own_terminal


@pytest.mark.parametrize("is_wanted", [True, False])
def test_what_libraries_write_comes_after_the_screen_or_not_at_all(
    capfd: pytest.CaptureFixture[str], is_wanted: bool
) -> None:
    with own_terminal() as others:
        os.write(2, b"ALSA lib: noise\n")
        assert sys.__stderr__ is not None
        sys.__stderr__.write("the picture\n")
        sys.__stderr__.flush()
        others.is_wanted = is_wanted
    os.write(2, b"afterwards\n")
    told = capfd.readouterr().err
    assert told == "the picture\n" + ("ALSA lib: noise\n" if is_wanted else "") + "afterwards\n"


def test_a_crash_tells_all(capfd: pytest.CaptureFixture[str]) -> None:
    def crash() -> None:
        os.write(2, b"why\n")
        raise ZeroDivisionError

    before = sys.__stderr__
    with pytest.raises(ZeroDivisionError), own_terminal():
        crash()
    assert "why" in capfd.readouterr().err
    assert sys.__stderr__ is before
