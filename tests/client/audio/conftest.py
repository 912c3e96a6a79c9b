"""The sound card of the tests in this folder: real devices for PortAudio, on a machine without any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sound_card
from antiphon.client.audio import list_devices
from antiphon.client.audio.devices import load_sounddevice


@pytest.fixture(scope="module")
def card() -> Iterator[sound_card.SoundCard]:
    """At 48 kHz, which is all that it can, as with most; with the devices `system`, `loop` and `loop2`."""
    if reason := sound_card.missing():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        with sound_card.sound_card(48_000, loops=2) as card:
            for name, value in card.environment.items():
                patch.setenv(name, value)
            list_devices(rescan=True)
            yield card
            # Before the card goes: PortAudio on JACK does not bear to end after its server.
            load_sounddevice()._terminate()
        load_sounddevice()._initialize()
