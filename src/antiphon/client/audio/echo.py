"""Keeping the loudspeaker out of the microphone: by cancelling the echo, or by listening only while nothing plays.

Both are told what is played and given what was captured, each in pieces of 10 ms, from the devices' own threads.
Neither knows a device or a clock. WebRTC's canceller comes with the [audio] extra; half duplex needs nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum
from typing import Any, Final, Protocol

from antiphon.audio import PCM_RATE, rms_dbfs
from antiphon.client.audio.errors import AudioUnavailable

PIECE_MS: Final = 10
PIECE_SAMPLES: Final = PCM_RATE * PIECE_MS // 1000
PIECE_BYTES: Final = 2 * PIECE_SAMPLES

_MOST_WAITING: Final = 50
_LEAST_KEPT: Final = 1
_LOOKED_AT: Final = 100
_SILENCE: Final = bytes(PIECE_BYTES)
_SUPPRESSOR_SAMPLES: Final = 160
_SUPPRESSOR_BYTES: Final = 2 * _SUPPRESSOR_SAMPLES

NOISE_SUPPRESSION_DB: Final = (6, 12, 18, 21)


class EchoMode(Enum):
    """CANCEL: the echo is taken out, and one can interrupt by voice. HALF_DUPLEX: the microphone is silent while the
    other side is audible. OFF: for headphones."""

    CANCEL = "cancel"
    HALF_DUPLEX = "half-duplex"
    OFF = "off"


class EchoControl(Protocol):
    """What stands between microphone and loudspeaker."""

    def latency(self, *, capture_ms: float | None = None, playout_ms: float | None = None) -> None:
        """What a device tells of itself: from the air to `process`, or from `played` to the air."""
        ...

    def played(self, pcm: bytes) -> None:
        """The next 10 ms that are handed to the loudspeaker, silence too."""
        ...

    def process(self, pcm: bytes) -> bytes:
        """The next 10 ms that were captured, without the echo."""
        ...


class _Latencies:
    """What the two devices have told. Before they do, 50 ms each: about what laptops have."""

    def __init__(self) -> None:
        self._capture_ms = self._playout_ms = 50.0

    @property
    def total_ms(self) -> float:
        return self._capture_ms + self._playout_ms

    def learn(self, capture_ms: float | None, playout_ms: float | None) -> None:
        self._capture_ms = self._capture_ms if capture_ms is None else max(0.0, capture_ms)
        self._playout_ms = self._playout_ms if playout_ms is None else max(0.0, playout_ms)


class EchoCanceller:
    """WebRTC's AEC3, high-pass filter and noise suppressor, as in Chrome. One for a pair of devices.

    noise_suppression_db: 0, 6, 12, 18 (as Chrome) or 21. Raises AudioUnavailable where the library is missing.
    `process` belongs to one thread, `played` may be called from another.
    """

    def __init__(self, *, noise_suppression_db: int = 18) -> None:
        self._numpy, library = _libraries()
        self._canceller = library.AudioProcessor(sample_rate=PCM_RATE, echo_cancellation=True)
        # Measured: beside the canceller the library's suppressor takes 6 dB whatever is asked, and so does it in two or
        # three bands. In one band it does what it says; that is its mode for 16 kHz, and the rate matters little to it.
        self._suppressor: Any = None
        if noise_suppression_db:
            level = NOISE_SUPPRESSION_DB.index(noise_suppression_db)
            self._suppressor = library.NoiseSuppressor(sample_rate=16_000, level=level)
        self._to_suppress = bytearray()
        self._suppressed = bytearray(2 * (PIECE_SAMPLES - _SUPPRESSOR_SAMPLES))
        self._latencies = _Latencies()
        self._lock = threading.Lock()
        # The library wants a played piece together with each captured one. They come from two threads, some at a time
        # and not evenly, so some have to wait here: as few as can be, or the echo would come before its own sound.
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._fewest = _MOST_WAITING
        self._looked = _LOOKED_AT - 1  # at the first captured piece, what was played before it is too much
        self.realigned = 0
        """How often a played piece came too late for its captured one, or was dropped, so that the delay changed."""

    @property
    def delay_ms(self) -> float:
        """From `played` until the echo comes to `process`: a hint, the canceller finds the true delay by itself."""
        return self._latencies.total_ms

    def latency(self, *, capture_ms: float | None = None, playout_ms: float | None = None) -> None:
        self._latencies.learn(capture_ms, playout_ms)

    def played(self, pcm: bytes) -> None:
        """10 ms for the loudspeaker, 24 kHz. Half a second of them is kept while nothing is captured, the newest."""
        with self._lock:
            self._waiting.append(pcm)

    def process(self, pcm: bytes) -> bytes:
        """10 ms of the microphone, 24 kHz; returns as many, about 15 ms older, without echo and with less noise."""
        with self._lock:
            far = self._next_far()
        self._canceller.stream_delay_ms = min(500, round(self.delay_ms))
        near = self._numpy.frombuffer(pcm, dtype="<i2")
        clean = self._canceller.process(near, self._numpy.frombuffer(far, dtype="<i2"))
        clean = bytes(clean.astype("<i2", copy=False).tobytes())
        return clean if self._suppressor is None else self._suppress(clean)

    def _suppress(self, pcm: bytes) -> bytes:
        """The suppressor takes 160 samples at a time, of 240; so 80 are always behind."""
        self._to_suppress += pcm
        whole = len(self._to_suppress) // _SUPPRESSOR_BYTES * _SUPPRESSOR_BYTES
        noisy = self._numpy.frombuffer(bytes(self._to_suppress[:whole]), dtype="<i2")
        del self._to_suppress[:whole]
        self._suppressed += self._suppressor.process(noisy).astype("<i2", copy=False).tobytes()
        quiet = bytes(self._suppressed[: len(pcm)])
        del self._suppressed[: len(pcm)]
        return quiet

    def _next_far(self) -> bytes:
        """The piece that was played longest ago; silence where none has come, and then all later ones wait longer."""
        self._fewest = min(self._fewest, len(self._waiting))
        self._looked += 1
        if self._looked == _LOOKED_AT:
            # In all of the last second so many were too many.
            for _ in range(self._fewest - _LEAST_KEPT - 1):
                self._waiting.popleft()
                self.realigned += 1
            self._looked, self._fewest = 0, _MOST_WAITING
        if not self._waiting:
            self.realigned += 1
            return _SILENCE
        return self._waiting.popleft()


class HalfDuplex:
    """Silence instead of the microphone while the other side is audible, and a little longer. Nobody can interrupt by
    voice then, and no echo comes through: for loudspeakers where no canceller is installed.

    tail_ms: how long a room goes on sounding. threshold_dbfs: what is quieter is not audible.
    """

    def __init__(self, *, tail_ms: float = 250, threshold_dbfs: float = -55) -> None:
        self._latencies = _Latencies()
        self._tail_ms = tail_ms
        self._threshold = threshold_dbfs
        self._closed_for = 0  # pieces of 10 ms

    @property
    def is_closed(self) -> bool:
        return self._closed_for > 0

    def latency(self, *, capture_ms: float | None = None, playout_ms: float | None = None) -> None:
        self._latencies.learn(capture_ms, playout_ms)

    def played(self, pcm: bytes) -> None:
        if rms_dbfs(pcm) > self._threshold:
            self._closed_for = max(1, round((self._latencies.total_ms + self._tail_ms) / PIECE_MS))

    def process(self, pcm: bytes) -> bytes:
        if self._closed_for <= 0:
            return pcm
        self._closed_for -= 1
        return bytes(len(pcm))


def open_echo_control(mode: EchoMode) -> EchoControl | None:
    """What `mode` asks for; None for OFF. Raises AudioUnavailable for CANCEL where the canceller is not installed."""
    if mode is EchoMode.CANCEL:
        return EchoCanceller()
    return HalfDuplex() if mode is EchoMode.HALF_DUPLEX else None


def _libraries() -> tuple[Any, Any]:
    try:
        import numpy as np  # noqa: PLC0415 -- only those who cancel an echo need it
        import pywebrtc_audio  # noqa: PLC0415
    except ImportError as error:
        raise AudioUnavailable(
            f"Cancelling the echo needs the Python package {error.name}: install antiphon with its [audio] extra. "
            "Where there is no wheel of it, use half duplex, or headphones and no cancelling."
        ) from error
    return np, pywebrtc_audio
