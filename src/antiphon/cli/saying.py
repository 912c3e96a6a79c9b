"""Words made into sound, and the sound heard or kept: what `antiphon say` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click

from antiphon.audio import PCM_RATE
from antiphon.audio.wav import wav_bytes
from antiphon.cli.targets import Target, client_of, explained
from antiphon.client import ClosedError, ConnectError
from antiphon.client.audio import AudioError, Speaker
from antiphon.errors import AntiphonError, ConfigurationError
from antiphon.protocol import AudioConfig, AudioOutput, RealtimeSession

SPOKEN_S = 300.0

# ── who says it ───────────────────────────────────────────────────────────────────────────────────────────────────────


def speak(text: str, voice: str, speed: float, *, whom: Target | None, save: str | None, device: str | None) -> None:
    """Say it. whom: a server whose voice it is; None for the embedded one. save: a file, instead of aloud.

    Raises AntiphonError.
    """
    if save is not None and Path(save).suffix.lower() != ".wav":
        raise ConfigurationError(f"--save writes WAV: call the file {Path(save).stem or 'speech'}.wav.")
    spoken = _embedded(text, voice, speed) if whom is None else _served(whom, text, voice, speed)
    if save is None:
        asyncio.run(_aloud(spoken, device))
    else:
        _save(asyncio.run(_all(spoken)), Path(save))


def list_voices() -> list[str]:
    """Names of the voices on this machine."""
    return asyncio.run(_voices())


async def _embedded(text: str, voice: str, speed: float) -> AsyncIterator[bytes]:
    try:
        from antiphon.engine.stages import StageOptions  # noqa: PLC0415 - heavy, and an extra
        from antiphon.engine.tts.espeak import open_synthesizer  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"The embedded voice needs the package {error.name}: pip install 'antiphon[local]'."
        ) from None
    synthesizer = open_synthesizer(StageOptions())
    try:
        async for chunk in synthesizer.speak(text, voice=voice, speed=speed):
            yield chunk.pcm
    finally:
        await synthesizer.aclose()


async def _voices() -> list[str]:
    from antiphon.engine.stages import StageOptions  # noqa: PLC0415 - an extra
    from antiphon.engine.tts.espeak import open_synthesizer  # noqa: PLC0415

    synthesizer = open_synthesizer(StageOptions())
    try:
        await synthesizer.start()
        return list(synthesizer.voices)
    finally:
        await synthesizer.aclose()


async def _served(target: Target, text: str, voice: str, speed: float) -> AsyncIterator[bytes]:
    """A server's voice: a call in which nobody but it speaks."""
    session = RealtimeSession(audio=AudioConfig(output=AudioOutput(voice=voice, speed=speed)))
    blocks: asyncio.Queue[bytes | None] = asyncio.Queue()
    failed: list[str] = []
    client = client_of(target, transport="websocket", session=session)
    client.on_audio(blocks.put_nowait)

    def ended(event: object) -> None:
        if getattr(event, "status", "completed") != "completed":
            failed.append(str(getattr(event, "error", None) or getattr(event, "status", "")))
        blocks.put_nowait(None)

    client.on("assistant.completed", ended)
    try:
        async with client:
            client.say(text)
            async with asyncio.timeout(SPOKEN_S):
                while (block := await blocks.get()) is not None:
                    yield block
    except (ConnectError, ClosedError) as error:
        raise ConfigurationError(explained(error, target)) from None
    if failed:
        raise AntiphonError(f"{target.shown} could not say it: {failed[0]}.")


# ── where it goes ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _all(spoken: AsyncIterator[bytes]) -> bytes:
    return b"".join([block async for block in spoken])


def _save(pcm: bytes, path: Path) -> None:
    try:
        path.write_bytes(wav_bytes(pcm, PCM_RATE))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None
    click.echo(f"{path}: {len(pcm) / 2 / PCM_RATE:.1f} s.", err=True)


async def _aloud(spoken: AsyncIterator[bytes], device: str | None) -> None:
    speaker = await _speaker(device)
    try:
        async for block in spoken:
            left = block[speaker.write(block) * 2 :]
            while left:
                # The speaker's buffer is bounded: what it has no room for yet, waits here.
                await asyncio.sleep(0.1)
                left = left[speaker.write(left) * 2 :]
        speaker.end()
        await speaker.drained()
    finally:
        await speaker.aclose()


async def _speaker(device: str | None) -> Speaker:
    speaker = Speaker(device)
    try:
        await speaker.open()
    except AudioError as error:
        await speaker.aclose()
        raise ConfigurationError(
            f"It cannot be said aloud here: {error} Into a file it can: --save words.wav"
        ) from None
    return speaker
