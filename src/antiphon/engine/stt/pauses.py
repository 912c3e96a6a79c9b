"""Pauses made short before a recognizer hears them: a decoder works on silence too, and finds words in it.

Also the pauses in front and behind, so that the text is ready as soon as it is asked for. Pure; numpy is handed in.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

FRAME_MS: Final = 20
# Quiet is this far below the loudest frame of the utterance so far, and never above an absolute level: in a noisy room
# nothing is quiet, and nothing is cut.
_BELOW_LOUDEST_DB: Final = 32.0
_NEVER_ABOVE_DBFS: Final = -45.0
# What stays of a pause: so much after the last sound, and so much before the next, where soft consonants hide.
_AFTER_FRAMES: Final = 10
_BEFORE_FRAMES: Final = 10


class PauseShortener:
    """One utterance's audio on its way to the recognizer. One task uses it."""

    def __init__(self, numpy: Any, rate: int) -> None:
        self._np = numpy
        self._frame = rate * FRAME_MS // 1000
        self._held: deque[Any] = deque(maxlen=_BEFORE_FRAMES)
        self._quiet = _AFTER_FRAMES  # before the first sound there is nothing to stay after
        self._loudest = 0.0
        self._most = 32768.0**2 * 10 ** (_NEVER_ABOVE_DBFS / 10)
        self._ratio = 10 ** (-_BELOW_LOUDEST_DB / 10)

    @property
    def in_pause(self) -> bool:
        """Whether what comes is being held back: the pause is longer than what stays of it."""
        return self._quiet >= _AFTER_FRAMES

    def feed(self, samples: Any) -> Any:
        """samples: float32, a whole number of 20 ms frames. Returns those that are to be heard, perhaps none."""
        heard: list[Any] = []
        for start in range(0, len(samples), self._frame):
            frame = samples[start : start + self._frame]
            power = float(frame.dot(frame)) / len(frame)
            self._loudest = max(self._loudest, power)
            if power >= min(self._most, self._loudest * self._ratio) and power > 1.0:
                heard += [*self._held, frame]
                self._held.clear()
                self._quiet = 0
            elif self._quiet < _AFTER_FRAMES:
                self._quiet += 1
                heard.append(frame)
            else:
                self._held.append(frame)
        return self._np.concatenate(heard) if heard else self._np.empty(0, self._np.float32)
