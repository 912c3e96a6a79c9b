"""The sound devices of this machine, as PortAudio lists them, and which of them a choice means.

Opening one is `device_stream`'s. sounddevice is imported when a list is asked for, not when this module is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from antiphon.client.audio.errors import AudioUnavailable, DeviceError


class Direction(Enum):
    """Which way the sound goes, as PortAudio and people call it."""

    INPUT = "input"
    OUTPUT = "output"

    @property
    def noun(self) -> str:
        return "microphone" if self is Direction.INPUT else "loudspeaker"


@dataclass(frozen=True, slots=True)
class Device:
    """One device. index: PortAudio's, true until it looks for devices anew. inputs, outputs: channels.

    host: which of the system's sound interfaces lists it ("ALSA", "Core Audio"); the same device may be listed by two.
    sample_rate: its own, Hz.
    """

    index: int
    name: str
    host: str
    inputs: int
    outputs: int
    sample_rate: int
    default_input: bool
    default_output: bool

    def channels(self, direction: Direction) -> int:
        return self.inputs if direction is Direction.INPUT else self.outputs

    def is_default(self, direction: Direction) -> bool:
        return self.default_input if direction is Direction.INPUT else self.default_output


_PORTAUDIO: Final = threading.RLock()
_ANSWERS_WITHIN_S: Final = 5.0


@contextmanager
def portaudio_alone() -> Iterator[None]:
    """PortAudio may not list and open in two threads at once. Raises DeviceError where another never comes back."""
    if not _PORTAUDIO.acquire(timeout=_ANSWERS_WITHIN_S):
        raise DeviceError("The sound system of this machine does not answer.")
    try:
        yield
    finally:
        _PORTAUDIO.release()


def load_sounddevice() -> Any:
    """The module sounddevice, with PortAudio started. Raises AudioUnavailable, saying what is to be installed."""
    with portaudio_alone():
        try:
            import sounddevice  # noqa: PLC0415 -- only those who open a device need it
        except ImportError as error:
            raise AudioUnavailable(
                f"Microphone and loudspeaker need the Python package {error.name}: "
                "install antiphon with its [audio] extra."
            ) from error
        except OSError as error:
            raise AudioUnavailable(
                "Microphone and loudspeaker need the library PortAudio, which is not on this machine. "
                "On Debian or Ubuntu: apt-get install libportaudio2; on Fedora: dnf install portaudio."
            ) from error
        return sounddevice


class OpenStreams:
    """How many streams of this process are open, or were left behind: while there is one, PortAudio cannot restart."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def opened(self) -> None:
        with self._lock:
            self.count += 1

    def closed(self) -> None:
        with self._lock:
            self.count -= 1


OPEN_STREAMS: Final = OpenStreams()


def list_devices(*, rescan: bool = False) -> list[Device]:
    """The devices of this machine. May take a moment: not for the event loop. Raises AudioUnavailable.

    rescan: look for what was plugged in since. PortAudio only looks when it starts, so that this is done only while
    none of its streams is open; otherwise the list is the one from before.
    """
    sounddevice = load_sounddevice()
    with portaudio_alone():
        if rescan and not OPEN_STREAMS.count:
            # Not in its documentation, but the way that its author names for this.
            sounddevice._terminate()
            sounddevice._initialize()
        hosts = [host["name"] for host in sounddevice.query_hostapis()]
        default_input, default_output = sounddevice.default.device
        found = list(sounddevice.query_devices())
    return [
        Device(
            index=index,
            name=str(entry["name"]),
            host=hosts[entry["hostapi"]],
            inputs=entry["max_input_channels"],
            outputs=entry["max_output_channels"],
            sample_rate=round(entry["default_samplerate"]),
            default_input=index == default_input,
            default_output=index == default_output,
        )
        for index, entry in enumerate(found)
    ]


def choose(devices: Sequence[Device], choice: int | str | None, direction: Direction) -> Device:
    """The device that is meant: None is the default one, a number its index, a name the whole of it or a part.

    Raises DeviceError, with the names there are.
    """
    able = [device for device in devices if device.channels(direction)]
    noun = direction.noun
    if choice is None:
        found = [device for device in able if device.is_default(direction)] or able[:1]
        if not found:
            raise DeviceError(f"This machine has no {noun}.")
        return found[0]
    if isinstance(choice, int) or choice.isdecimal():
        found = [device for device in able if device.index == int(choice)]
    else:
        wanted = choice.casefold()
        found = [device for device in able if device.name.casefold() == wanted]
        found = found or [device for device in able if wanted in device.name.casefold()]
    # One device may be listed by several of the system's interfaces: PortAudio's order says which is preferred.
    names = {device.name for device in found}
    if len(names) == 1:
        return found[0]
    listed = "; ".join(f"{device.index}: {device.name} ({device.host})" for device in able) or "none"
    problem = f"fits {len(names)} of them" if names else "is none of them"
    raise DeviceError(f"{choice!r} names no {noun}: it {problem}. There are: {listed}.")
