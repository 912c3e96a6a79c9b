"""Voice detectors: 24 kHz PCM in, a probability of voice for every 32 ms out. When a turn begins or ends is not decided
here.
"""

from antiphon.engine.stages import StageOptions
from antiphon.engine.vad.pysilero import open_detector as open_pysilero
from antiphon.engine.vad.silero import open_detector as open_silero
from antiphon.engine.vad.windows import WindowDetector, WindowStream
from antiphon.errors import StageUnavailable

__all__ = ["WindowDetector", "WindowStream", "open_best_detector", "open_pysilero", "open_silero"]


def open_best_detector(options: StageOptions) -> WindowDetector:
    """The cheaper detector where its model and onnxruntime are installed, else the one that is always there.

    Both are the same family of network; `describe()` says which it is. With options.path only the first will do, as
    asked for. Raises StageUnavailable when neither can be had.
    """
    try:
        return open_silero(options)
    except StageUnavailable:
        if options.path is not None:
            raise
        return open_pysilero(options)
