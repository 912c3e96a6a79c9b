"""The microphone and the speaker of a call, as far as this machine has them; what is missing is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon.cli.talk.state import Ear
from antiphon.client.audio import (
    AudioError,
    DeviceChange,
    EchoMode,
    Gate,
    GateEffect,
    GateState,
    Microphone,
    Speaker,
)
from antiphon.client.audio.echo import open_echo_control

_EARS = {
    GateState.OPEN: Ear.OPEN,
    GateState.MUTED: Ear.MUTED,
    GateState.LOCKED: Ear.MUTED,
    GateState.WAITING: Ear.READY,
    GateState.HELD: Ear.TALKING,
    GateState.ENDING: Ear.TALKING,
}


@dataclass(slots=True)
class Sound:
    """What a call is heard and spoken with. missing: sentences about what there is not."""

    microphone: Microphone | None = None
    speaker: Speaker | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def ear(self) -> Ear:
        """What becomes of what is said into the microphone."""
        return Ear.NONE if self.microphone is None else _EARS[self.microphone.gate.state]


@dataclass(frozen=True, slots=True)
class SoundWish:
    """Which devices are wanted: a number, a name or a part of it; None for the default. on: whether any is."""

    input: int | str | None = None
    output: int | str | None = None
    push_to_talk: bool = False
    on: bool = True


async def open_sound(
    wish: SoundWish,
    *,
    on_gate: Callable[[GateEffect], None],
    on_change: Callable[[DeviceChange], None],
) -> Sound:
    """Open what there is. Never raises for a device that is missing: `Sound.missing` says so."""
    if not wish.on:
        return Sound()
    sound = Sound()
    try:
        echo = open_echo_control(EchoMode.CANCEL)
    except AudioError as error:
        echo = None
        sound.missing.append(f"Without echo cancellation ({error}) headphones are better.")
    microphone = Microphone(
        wish.input, gate=Gate(push_to_talk=wish.push_to_talk), on_gate=on_gate, echo=echo, on_change=on_change
    )
    speaker = Speaker(wish.output, echo=echo, on_change=on_change)
    # The speaker first: what it plays has to be known before its echo is heard.
    spoken = await _opened(speaker)
    heard = await _opened(microphone)
    if heard is None:
        sound.microphone = microphone
    if spoken is None:
        sound.speaker = speaker
    if heard is not None and spoken is not None:
        sound.missing = [f"There is no sound here, so this call is typed: {heard}"]
    elif heard is not None:
        sound.missing.append(f"There is no microphone, so your side is typed: {heard}")
    elif spoken is not None:
        sound.missing.append(f"There is no speaker, so the answers are only read: {spoken}")
    return sound


async def _opened(device: Microphone | Speaker) -> str | None:
    """Open it. Returns why that cannot be; None when it is open."""
    try:
        await device.open()
    except AudioError as error:
        await device.aclose()
        return str(error)
    return None
