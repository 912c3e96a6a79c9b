"""Microphone and loudspeaker on a real PortAudio: a JACK server whose devices give back what they are given."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import sound_card
from antiphon.audio import rms_dbfs
from antiphon.client.audio import (
    DeviceChange,
    DeviceError,
    EchoMode,
    Gate,
    GateEffect,
    Microphone,
    SlotState,
    Speaker,
    list_devices,
    open_devices,
)
from speech_samples import noise, say

np = pytest.importorskip("numpy")
if reason := sound_card.missing():
    pytest.skip(reason, allow_module_level=True)

RATE = 24_000


class Listening:
    """A microphone that is read all the time, and what it heard."""

    def __init__(self, microphone: Microphone) -> None:
        self.microphone = microphone
        self.heard = bytearray()
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for block in self.microphone:
            self.heard += block
            self._more.set()

    async def until(self, samples: int) -> bytes:
        while len(self.heard) < 2 * samples:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 10)
        return bytes(self.heard)

    async def more(self, ms: int) -> bytes:
        """The next so many milliseconds."""
        start = len(self.heard)
        return (await self.until(start // 2 + RATE * ms // 1000))[start:]

    async def aclose(self) -> None:
        await self.microphone.aclose()
        await self._task


@pytest.fixture
async def loop(card: sound_card.SoundCard) -> AsyncIterator[tuple[Listening, Speaker]]:
    microphone, speaker = Microphone(sound_card.LOOP), Speaker(sound_card.LOOP)
    await microphone.open()
    await speaker.open()
    listening = Listening(microphone)
    yield listening, speaker
    await listening.aclose()
    await speaker.aclose()


def audible(heard: bytes) -> int:
    """Samples from the first to the last that can be heard."""
    loud = np.flatnonzero(np.abs(np.frombuffer(bytes(heard), "<i2").astype(int)) > 50)
    return int(loud[-1] - loud[0]) if len(loud) else 0


async def undisturbed(
    attempt: Callable[[Listening, Speaker], Awaitable[None]], listening: Listening, speaker: Speaker
) -> None:
    """Sound in real time on a machine that does other things, too: what fails is tried again if a device came late."""
    for _ in range(5):
        before = listening.microphone.xruns, speaker.xruns, speaker.ran_dry
        try:
            return await attempt(listening, speaker)
        except AssertionError:
            if before == (listening.microphone.xruns, speaker.xruns, speaker.ran_dry):
                raise
    return pytest.skip("this machine is too busy for sound in real time")


def found_at(heard: bytes, sound: bytes) -> tuple[int, float]:
    """Where in `heard` the sound begins, in samples, and how like it is there: 1.0 is the same."""
    a, b = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (heard, sound))
    size = 1 << (len(a) + len(b)).bit_length()
    start = int(np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a)].argmax())
    part = a[start : start + len(b)]
    b = b[: len(part)]
    return start, float(part @ b / (np.sqrt((part @ part) * (b @ b)) + 1))


def test_the_devices_are_listed(card: sound_card.SoundCard) -> None:
    devices = {device.name: device for device in list_devices()}

    assert devices.keys() == {"system", "loop", "loop2"}
    assert devices["system"].default_input
    assert devices["system"].default_output
    assert not devices["loop"].default_input
    assert (devices["loop"].inputs, devices["loop"].sample_rate) == (2, card.rate)
    assert "JACK" in devices["loop"].host


async def test_what_is_played_is_what_is_heard(loop: tuple[Listening, Speaker]) -> None:
    speech = await say("Out, and in again.")

    async def attempt(listening: Listening, speaker: Speaker) -> None:
        before = speaker.played_samples
        assert speaker.write(speech) == len(speech) // 2
        speaker.end()
        await speaker.drained()
        assert (speaker.played_samples - before, speaker.pending_samples) == (len(speech) // 2, 0)
        await listening.more(250)
        assert found_at(bytes(listening.heard)[-2 * len(speech) :], speech)[1] > 0.99

    await undisturbed(attempt, *loop)


async def test_what_counts_as_played_is_what_has_been_heard(loop: tuple[Listening, Speaker]) -> None:
    """Interrupted in the middle: the samples that came back are those that the speaker counts, and not one more."""
    sound = noise(1500, -20)

    async def attempt(listening: Listening, speaker: Speaker) -> None:
        listening.heard.clear()
        before = speaker.played_samples
        speaker.write(sound)
        await listening.more(500)
        speaker.flush()
        await speaker.drained()
        await listening.more(200)
        played = speaker.played_samples - before
        assert 300 < played / 24 < 1000
        # The filter of a device at 48 kHz spreads both ends.
        assert abs(audible(listening.heard) - played) < 24 * 12

    await undisturbed(attempt, *loop)


async def test_the_next_answer_follows_a_flush_at_once(loop: tuple[Listening, Speaker]) -> None:
    listening, speaker = loop
    speaker.write(noise(3000, -20, seed=1))
    await listening.more(200)
    speaker.flush()
    answer = noise(300, -20, seed=2)
    speaker.write(answer)
    speaker.end()
    start = len(listening.heard) // 2
    await speaker.drained()
    await listening.more(250)
    position, likeness = found_at(bytes(listening.heard), answer)
    assert likeness > 0.7
    assert position - start < RATE // 4


async def test_volume_and_levels(loop: tuple[Listening, Speaker]) -> None:
    listening, speaker = loop
    speaker.volume = 0.1
    speaker.write(noise(600, -20))
    await listening.more(400)

    assert abs(listening.microphone.levels.rms_dbfs + 40) < 2
    assert abs(speaker.levels.rms_dbfs + 40) < 2
    assert 0.01 < listening.microphone.levels.peak < 0.1

    speaker.volume = 0.0
    await listening.more(200)
    assert listening.microphone.levels.rms_dbfs < -90
    assert speaker.pending_samples, "it plays on, unheard"


async def test_a_muted_microphone_hears_nothing_and_goes_on(loop: tuple[Listening, Speaker]) -> None:
    listening, speaker = loop
    speaker.write(noise(2000, -20))
    await listening.more(300)
    listening.microphone.gate.mute()
    await listening.more(40)
    assert rms_dbfs(await listening.more(100)) == -100
    assert listening.microphone.levels.rms_dbfs > -30, "the meter still moves"
    listening.microphone.gate.unmute()
    await listening.more(40)
    assert rms_dbfs(await listening.more(100)) > -30


async def test_a_turn_by_key_is_committed_after_its_last_block(card: sound_card.SoundCard) -> None:
    order: list[str | GateEffect] = []
    microphone = Microphone(sound_card.LOOP, gate=Gate(push_to_talk=True, commit_on_release=True), on_gate=order.append)
    await microphone.open()
    microphone.gate.press()
    while len(order) < 12:
        await asyncio.wait_for(anext(microphone), 10)
        order.append("block")
        if len(order) == 8:
            microphone.gate.release()
    reading = asyncio.create_task(anext(microphone))
    while GateEffect.COMMIT not in order:
        await asyncio.sleep(0)
        if reading.done():
            order.append("block")
            reading = asyncio.create_task(anext(microphone))
    reading.cancel()
    await microphone.aclose()

    assert order[0] is GateEffect.STARTED
    assert order[-1] is GateEffect.COMMIT
    assert set(order[1:-1]) == {"block"}


async def test_switching_the_loudspeaker_loses_next_to_nothing(loop: tuple[Listening, Speaker]) -> None:
    listening, speaker = loop
    sound = noise(1200, -20)
    speaker.write(sound)
    speaker.end()
    other = Listening(Microphone("loop2"))
    await other.more(300)

    changes: list[DeviceChange] = []
    speaker._slot._on_change = changes.append
    await speaker.switch("loop2")
    await speaker.drained()
    await other.more(200)
    await other.aclose()

    assert [(change.state, change.device.name) for change in changes] == [(SlotState.CHOSEN, "loop2")]
    assert speaker.played_samples == len(sound) // 2
    # On the one, and then on the other; together as long as the sound, but for what the first device still held.
    first, then = audible(listening.heard), audible(other.heard)
    assert min(first, then) > RATE // 10
    assert -RATE // 8 < first + then - len(sound) // 2 < RATE // 8


async def test_switching_the_microphone_does_not_interrupt_its_reader(loop: tuple[Listening, Speaker]) -> None:
    listening, speaker = loop
    await speaker.switch("loop2")
    speaker.write(noise(1500, -20))
    assert rms_dbfs(await listening.more(300)) < -90

    await listening.microphone.switch("loop2")

    await listening.more(100)
    assert rms_dbfs(await listening.more(200)) > -25
    assert listening.microphone.overruns == 0


async def test_a_device_that_is_not_there_is_refused_and_the_one_in_use_stays(loop: tuple[Listening, Speaker]) -> None:
    _, speaker = loop
    with pytest.raises(DeviceError, match="names no loudspeaker"):
        await speaker.switch("gramophone")
    assert speaker.device is not None
    assert speaker.device.name == "loop"
    with pytest.raises(DeviceError, match="names no microphone"):
        await Microphone("gramophone").open()


async def test_a_late_reader_loses_the_oldest(loop: tuple[Listening, Speaker]) -> None:
    listening, _ = loop
    microphone = Microphone("loop2")
    await microphone.open()
    await listening.more(1200)
    assert microphone.overruns > 0
    blocks = [await anext(microphone) for _ in range(5)]
    assert {len(block) for block in blocks} == {960}
    await microphone.aclose()


async def test_a_device_that_stops_is_replaced_by_the_default_one_and_told(card: sound_card.SoundCard) -> None:
    changes: asyncio.Queue[DeviceChange] = asyncio.Queue()
    microphone = Microphone(sound_card.LOOP, on_change=changes.put_nowait)
    listening = Listening(microphone)
    await listening.more(100)
    # What PortAudio does when the driver reports that the device is gone.
    microphone._slot._stream._stream.abort()

    change = await asyncio.wait_for(changes.get(), 10)
    assert (change.state, change.device.name) == (SlotState.FALLEN_BACK, "system")
    assert "'loop' is gone: the default one, 'system', is used now" in change.reason
    await listening.more(100)
    await listening.aclose()


async def test_the_echo_of_the_assistant_is_taken_out_on_the_way(card: sound_card.SoundCard) -> None:
    """Through the devices' own threads and clocks: the loop is a room with one hard wall."""
    speech = await say("There is time to learn what room this is.")
    microphone, speaker = await open_devices("loop", "loop", echo=EchoMode.CANCEL, volume=0.5)
    listening = Listening(microphone)
    attenuation = 0.0
    for _ in range(8):
        start = len(listening.heard)
        speaker.write(speech)
        speaker.end()
        await speaker.drained()
        await listening.more(100)
        attenuation = rms_dbfs(speech) - 6 - rms_dbfs(bytes(listening.heard[start:]))
        if attenuation >= 20:
            break
    assert attenuation >= 20
    await listening.aclose()
    await speaker.aclose()


async def test_half_duplex_hears_nothing_of_it_at_all(card: sound_card.SoundCard) -> None:
    microphone, speaker = await open_devices("loop", "loop", echo=EchoMode.HALF_DUPLEX)
    listening = Listening(microphone)
    speaker.write(noise(500, -20))
    speaker.end()
    await speaker.drained()
    await listening.more(300)
    assert rms_dbfs(bytes(listening.heard)) == -100
    await listening.aclose()
    await speaker.aclose()


async def test_the_first_write_opens_the_loudspeaker_and_none_is_told_as_silence(card: sound_card.SoundCard) -> None:
    changes: asyncio.Queue[DeviceChange] = asyncio.Queue()
    speaker = Speaker("gramophone", on_change=changes.put_nowait)
    speaker.write(noise(100, -20))
    speaker.end()
    change = await asyncio.wait_for(changes.get(), 10)
    assert (change.state, change.device) == (SlotState.SILENT, None)
    await asyncio.wait_for(speaker.drained(), 10)
    assert speaker.played_samples == 2400, "what is heard by nobody still takes its time"
    await speaker.aclose()


def test_a_card_that_is_unplugged_leaves_silence_and_a_call_that_goes_on() -> None:
    """In a process of its own, which ends the hard way: PortAudio on JACK does not bear to end after its server."""
    program = textwrap.dedent(
        """
        import asyncio, os, sys
        import sound_card
        from antiphon.client.audio import DeviceChange, Microphone, SlotState, Speaker

        async def main(card):
            changes = asyncio.Queue()
            microphone = Microphone("loop", on_change=changes.put_nowait)
            speaker = Speaker("loop", on_change=changes.put_nowait)
            await microphone.open()
            await speaker.open()
            await anext(microphone)
            speaker.write(bytes(48_000))
            card.unplug()
            told = [await asyncio.wait_for(changes.get(), 20) for _ in range(2)]
            for _ in range(5):
                assert await asyncio.wait_for(anext(microphone), 5) is not None
            await asyncio.wait_for(speaker.drained(), 10)
            print(sorted((change.direction.value, change.state.value) for change in told), speaker.played_samples)

        with sound_card.sound_card(24_000) as card:
            os.environ.update(card.environment)
            asyncio.run(asyncio.wait_for(main(card), 50))
            sys.stdout.flush()
            os._exit(0)
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert finished.stdout.strip() == "[('input', 'silent'), ('output', 'silent')] 24000", finished.stderr
