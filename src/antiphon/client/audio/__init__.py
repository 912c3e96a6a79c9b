"""Sound in and out of the client: microphone and loudspeaker, files, iterators, echo cancellation, push-to-talk.

A source is an async iterator of PCM, a sink takes PCM and knows how much of it was heard (`interfaces`). Devices need
the [audio] extra, which is imported only when one is opened. Nothing here knows the protocol's events, but for the
words in which `gate` and `ledger` tell what to send.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antiphon.client.audio.device_slot import DeviceChange, SlotState
    from antiphon.client.audio.devices import Device, Direction, list_devices
    from antiphon.client.audio.echo import EchoCanceller, EchoControl, EchoMode, HalfDuplex, open_echo_control
    from antiphon.client.audio.errors import AudioError, AudioUnavailable, DeviceError
    from antiphon.client.audio.gate import Gate, GateEffect, GateState
    from antiphon.client.audio.interfaces import AudioSink, AudioSource
    from antiphon.client.audio.ledger import Heard, PlaybackLedger
    from antiphon.client.audio.meter import Levels, measure
    from antiphon.client.audio.microphone import Microphone
    from antiphon.client.audio.opening import open_devices
    from antiphon.client.audio.sinks import NullSink, Tee, WavSink
    from antiphon.client.audio.sources import IterSource, WavSource
    from antiphon.client.audio.speaker import Speaker
    from antiphon.client.audio.wav_files import read_speech

_HOMES = {
    "device_slot": ("DeviceChange", "SlotState"),
    "devices": ("Device", "Direction", "list_devices"),
    "echo": ("EchoCanceller", "EchoControl", "EchoMode", "HalfDuplex", "open_echo_control"),
    "errors": ("AudioError", "AudioUnavailable", "DeviceError"),
    "gate": ("Gate", "GateEffect", "GateState"),
    "interfaces": ("AudioSink", "AudioSource"),
    "ledger": ("Heard", "PlaybackLedger"),
    "meter": ("Levels", "measure"),
    "microphone": ("Microphone",),
    "opening": ("open_devices",),
    "sinks": ("NullSink", "Tee", "WavSink"),
    "sources": ("IterSource", "WavSource"),
    "speaker": ("Speaker",),
    "wav_files": ("read_speech",),
}

__all__ = [
    "AudioError",
    "AudioSink",
    "AudioSource",
    "AudioUnavailable",
    "Device",
    "DeviceChange",
    "DeviceError",
    "Direction",
    "EchoCanceller",
    "EchoControl",
    "EchoMode",
    "Gate",
    "GateEffect",
    "GateState",
    "HalfDuplex",
    "Heard",
    "IterSource",
    "Levels",
    "Microphone",
    "NullSink",
    "PlaybackLedger",
    "SlotState",
    "Speaker",
    "Tee",
    "WavSink",
    "WavSource",
    "list_devices",
    "measure",
    "open_devices",
    "open_echo_control",
    "read_speech",
]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for (PEP 562): a client without a device should start without what devices need.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
