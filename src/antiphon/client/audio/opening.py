"""Microphone and loudspeaker of this machine, opened as the pair that they are: with one echo control between them."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.client.audio.device_slot import DeviceChange
from antiphon.client.audio.devices import load_sounddevice
from antiphon.client.audio.echo import EchoMode, open_echo_control
from antiphon.client.audio.errors import AudioUnavailable
from antiphon.client.audio.gate import Gate, GateEffect
from antiphon.client.audio.microphone import Microphone
from antiphon.client.audio.speaker import Speaker


async def open_devices(
    microphone: int | str | None = None,
    speaker: int | str | None = None,
    *,
    echo: EchoMode = EchoMode.CANCEL,
    volume: float = 1.0,
    gate: Gate | None = None,
    on_gate: Callable[[GateEffect], None] | None = None,
    on_change: Callable[[DeviceChange], None] | None = None,
) -> tuple[Microphone, Speaker]:
    """Both devices, open; the caller closes them. microphone, speaker: index, name or a part of it, None the default.

    Raises AudioUnavailable for what is not installed (for EchoMode.CANCEL the canceller too: there is no silent way
    round it, the message names the others) and DeviceError for a device that cannot be opened.
    """
    try:
        control = open_echo_control(echo)
    except AudioUnavailable:
        load_sounddevice()  # where nothing of the extra is there, that is what is to be said first
        raise
    listening = Microphone(microphone, gate=gate, on_gate=on_gate, echo=control, on_change=on_change)
    speaking = Speaker(speaker, volume=volume, echo=control, on_change=on_change)
    try:
        # The loudspeaker first: what it plays has to be known before its echo is heard.
        await speaking.open()
        await listening.open()
    except BaseException:
        await speaking.aclose()
        await listening.aclose()
        raise
    return listening, speaking
