"""A call on loudspeakers: our client, server and engine, and a room in which the microphone hears what is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("pocketsphinx", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("espeakng_loader", reason="the embedded engine is not installed: antiphon[local] has it")
pytest.importorskip("pywebrtc_audio", reason="the canceller has no wheel for this machine")

import sound_card
from antiphon.client import RealtimeClient
from antiphon.client.audio import EchoMode, Microphone, Speaker, open_devices
from antiphon.engine import build_engine
from antiphon.protocol import ConversationItemTruncated, InputAudioBufferSpeechStarted
from live_server import LiveServer, live_server
from speech_samples import say

SAMPLES_PER_MS = 24


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(build_engine()) as running:
        yield running


@pytest.mark.parametrize("echo", [EchoMode.CANCEL, EchoMode.HALF_DUPLEX, EchoMode.OFF])
async def test_on_loudspeakers_an_assistant_is_not_interrupted_by_itself_but_by_the_user(
    card: sound_card.SoundCard, server: LiveServer, echo: EchoMode
) -> None:
    # In real time, over devices: a machine that stands still for a moment spoils an attempt, not the canceller.
    is_late, failure = False, None
    for _ in range(3):
        microphone, speaker = await open_devices(sound_card.LOOP, sound_card.LOOP, echo=echo, volume=0.3)
        user = Speaker(sound_card.LOOP)  # the same air
        await user.open()
        before = microphone.xruns
        try:
            return await call_in_a_room(server, microphone, speaker, user, echo)
        except (AssertionError, TimeoutError) as error:
            is_late = is_late or microphone.xruns != before
            failure = error
        finally:
            for device in (microphone, speaker, user):
                await device.aclose()
    if is_late:
        pytest.skip("this machine is too busy for sound in real time")
    raise failure


async def call_in_a_room(
    server: LiveServer, microphone: Microphone, speaker: Speaker, user: Speaker, echo: EchoMode
) -> None:
    question, objection = await say("What can you do?"), await say("Excuse me, please stop now.")
    started: list[int] = []
    heard_ms: list[int] = []
    interrupted, cut_off = asyncio.Event(), asyncio.Event()

    def seen(event: object) -> None:
        if isinstance(event, InputAudioBufferSpeechStarted):
            started.append(event.audio_start_ms)
            if len(started) == 2:
                interrupted.set()
        elif isinstance(event, ConversationItemTruncated):
            heard_ms.append(event.audio_end_ms)
            cut_off.set()

    async with RealtimeClient(server.base_url, microphone=microphone, speaker=speaker, on_event=seen):
        user.write(question)
        user.end()
        await played(speaker, 3000, interrupted)
        if echo is EchoMode.OFF:
            assert interrupted.is_set(), "without a canceller it hears itself, so there is something to cancel"
        else:
            assert len(started) == 1, "only the question was heard"
        if echo is EchoMode.CANCEL:
            user.write(objection)
            user.end()
            async with asyncio.timeout(10):
                await cut_off.wait()
            assert abs(heard_ms[0] - speaker.played_samples / SAMPLES_PER_MS) < 300


async def played(speaker: Speaker, ms: int, or_else: asyncio.Event) -> None:
    """Wait until so much of the answer was heard, or that has happened."""
    while speaker.played_samples < ms * SAMPLES_PER_MS and not or_else.is_set():  # noqa: ASYNC110 -- what is awaited is the ear
        await asyncio.sleep(0.05)
