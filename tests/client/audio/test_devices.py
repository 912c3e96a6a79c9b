"""Which device a choice means, and what is said where something is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from antiphon.client.audio import AudioUnavailable, Device, DeviceError, Direction
from antiphon.client.audio.devices import choose, list_devices


def device(
    index: int, name: str, inputs: int = 1, outputs: int = 1, *, host: str = "ALSA", default: bool = False
) -> Device:
    return Device(index, name, host, inputs, outputs, 48_000, default and inputs > 0, default and outputs > 0)


DEVICES = [
    device(0, "HDA Intel: ALC257 Analog"),
    device(1, "Jabra Evolve2 65: USB", default=True),
    device(2, "HDMI 0", inputs=0, outputs=8),
    device(3, "HDMI 1", inputs=0, outputs=8),
    device(4, "Jabra Evolve2 65: USB", host="JACK"),
]


@pytest.mark.parametrize(
    ("choice", "direction", "index"),
    [
        (None, Direction.INPUT, 1),
        (0, Direction.INPUT, 0),
        ("2", Direction.OUTPUT, 2),
        ("hdmi 1", Direction.OUTPUT, 3),
        ("alc257", Direction.INPUT, 0),
        ("jabra", Direction.OUTPUT, 1),
    ],
)
def test_a_device_is_chosen_by_number_name_or_a_part_of_it(
    choice: int | str | None, direction: Direction, index: int
) -> None:
    assert choose(DEVICES, choice, direction).index == index


def test_without_a_default_the_first_that_can_is_used() -> None:
    assert choose(DEVICES[2:], None, Direction.INPUT).index == 4


@pytest.mark.parametrize(
    ("choice", "direction", "words"),
    [
        ("hdmi", Direction.OUTPUT, "names no loudspeaker: it fits 2 of them. There are: 0: HDA"),
        ("hdmi 0", Direction.INPUT, "names no microphone: it is none of them"),
        (2, Direction.INPUT, "2 names no microphone"),
        (99, Direction.OUTPUT, "99 names no loudspeaker"),
        ("", Direction.INPUT, "fits 2 of them"),
    ],
)
def test_a_choice_that_means_none_or_several_is_refused_with_the_names(
    choice: int | str, direction: Direction, words: str
) -> None:
    with pytest.raises(DeviceError, match=words):
        choose(DEVICES, choice, direction)


def test_a_machine_without_devices_says_so() -> None:
    with pytest.raises(DeviceError, match="has no microphone"):
        choose([], None, Direction.INPUT)


def test_a_missing_package_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AudioUnavailable, match=r"sounddevice: install antiphon with its \[audio\] extra"):
        list_devices()


def test_a_missing_portaudio_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoLibrary:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoLibrary(), *sys.meta_path])
    with pytest.raises(AudioUnavailable, match="apt-get install libportaudio2"):
        list_devices()


def test_every_public_name_is_there_without_the_extra() -> None:
    program = (
        "import sys\n"
        "for name in ('sounddevice', 'numpy', 'soxr', 'pywebrtc_audio'): sys.modules[name] = None\n"
        "import antiphon.client.audio as audio\n"
        "print([name for name in audio.__all__ if not hasattr(audio, name)], dir(audio) == audio.__all__)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "[] True"


def test_devices_without_the_extra_say_first_what_they_are_made_of() -> None:
    program = (
        "import asyncio, sys\n"
        "for name in ('sounddevice', 'numpy', 'soxr', 'pywebrtc_audio'): sys.modules[name] = None\n"
        "from antiphon.client.audio import AudioUnavailable, open_devices\n"
        "try: asyncio.run(open_devices())\n"
        "except AudioUnavailable as error: print(error)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.startswith("Microphone and loudspeaker need the Python package sounddevice: install antiphon")


def test_a_client_without_a_device_loads_nothing_that_devices_need() -> None:
    program = (
        "import sys, antiphon.client; print([n for n in sys.modules if 'device' in n or n.endswith('audio.echo')])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "[]"
