"""A sound card without a sound card: a JACK server with its dummy driver, and devices that PortAudio sees on it.

`system` is what every JACK has: it hears silence and plays to nobody. `loop` (jack_thru) gives back as microphone what
is played to it as loudspeaker. Both run in real time. PortAudio's ALSA `null` device does not: it asks for a third of a
million blocks a second.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAMS = ("jackd", "jack_lsp", "jack_thru")

LOOP = "loop"
SYSTEM = "system"


def missing() -> str | None:
    """Why there can be no sound card here, for a skip; None where there can."""
    if importlib.util.find_spec("sounddevice") is None:
        return "sounddevice is not installed: antiphon[audio] has it"
    if ctypes.util.find_library("portaudio") is None:
        return "PortAudio is not installed (Debian: libportaudio2)"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(absent)} not installed (Debian: jackd2)" if absent else None


@contextmanager
def sound_card(rate: int = 48_000, *, loops: int = 1) -> Iterator[SoundCard]:
    """A card at that rate with so many `loop` devices (loop, loop2, …), for as long as the block lasts."""
    card = SoundCard(rate)
    try:
        card.start()
        for number in range(loops):
            card.add_loop(LOOP if number == 0 else f"{LOOP}{number + 1}")
        yield card
    finally:
        card.unplug()


class SoundCard:
    """One JACK server, under a name that none of the other runs on this machine uses, and its clients."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.environment: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        period = self.rate // 50
        # -r: no real-time priority, which a container may not give.
        driver = ["-r", "-d", "dummy", "-r", str(self.rate), "-p", str(period), "-C", "1", "-P", "1"]
        # JACK keeps a list of eight servers and takes a dead one's place only under the same name: so a few fixed ones.
        for number in range(4):
            name = f"antiphon-tests-{number}"
            self.environment = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
            if self._ports() is not None:
                continue
            server = self._run(["jackd", "-n", name, *driver])
            if self._appears("system:playback_1", server):
                return
            self.unplug()
        raise RuntimeError("no JACK server starts here")

    def add_loop(self, name: str) -> None:
        """One more device that gives back what it is given."""
        if not self._appears(f"{name}:output_1", self._run(["jack_thru", name])):
            raise RuntimeError("jack_thru does not start here")

    def unplug(self) -> None:
        """The card goes away, as when its cable is pulled."""
        if not self._processes:
            return
        # In this order, for a JACK server that loses a client in another way takes seconds to end.
        for process in reversed(self._processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._processes.append(process)
        return process

    def _appears(self, port: str, process: subprocess.Popen[bytes]) -> bool:
        """Waits until JACK has that port; False where the process ends instead, or does not make it in ten seconds."""
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            if port in (self._ports() or ()):
                return True
            time.sleep(0.02)  # JACK tells nobody that it is ready
        return False

    def _ports(self) -> list[str] | None:
        """The ports of the server of that name; None while there is none."""
        listed = subprocess.run(["jack_lsp"], check=False, capture_output=True, text=True, env=self._environment())
        return None if listed.returncode else listed.stdout.split()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}
