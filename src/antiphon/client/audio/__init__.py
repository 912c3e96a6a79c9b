"""Sound in and out of the client: microphone and loudspeaker, files, iterators, echo cancellation, push-to-talk.

A source is an async iterator of PCM, a sink takes PCM and knows how much of it was heard (`interfaces`). Devices need
the [audio] extra, which is imported only when one is opened. Nothing here knows the protocol's events, but for the
words in which `gate` and `ledger` tell what to send.
"""

from antiphon.client.audio.errors import AudioError, AudioUnavailable, DeviceError
from antiphon.client.audio.gate import Gate, GateEffect, GateState
from antiphon.client.audio.interfaces import AudioSink, AudioSource
from antiphon.client.audio.ledger import Heard, PlaybackLedger

__all__ = [
    "AudioError",
    "AudioSink",
    "AudioSource",
    "AudioUnavailable",
    "DeviceError",
    "Gate",
    "GateEffect",
    "GateState",
    "Heard",
    "PlaybackLedger",
]
